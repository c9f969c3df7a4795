"""How rare a magnitude is: the upper tail of a histogram, continued by a power law.

Beyond the magnitude u that a share of 0.005 exceeds, P(more than m) = 0.005 (m / u) ** (-1 / shape), a Pareto tail whose
shape is the mean of log(m / u) over what exceeds u (B. M. Hill, "A Simple General Approach to Inference About the
Tail of a Distribution", Annals of Statistics 3, 1975), here of the histogram.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.bins import LOG_EDGES, UNKNOWN
from holdfast.baselines.grid import Floats

# A table holds log2 magnitudes that these shares exceed, then the tail's shape, then the greatest depth it can tell.
SHARES: Final[Floats] = np.array([0.95, 0.8, 0.5, 0.32, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
WIDTH: Final = len(SHARES) + 2
SHAPE: Final = len(SHARES)
LIMIT: Final = SHAPE + 1

_DEPTHS: Final[Floats] = -np.log10(SHARES)
# A tail that falls faster than any seen would make a unit's rounding a catastrophe; a slower one would hide any.
_SHAPES: Final = (0.05, 1.0)
_DEEPEST: Final = 8.0


def tails_of(histograms: npt.NDArray[np.int64], unit_exponent: int) -> Floats:
    """The tables of histograms.

    Args:
        histograms: counts, shape (kinds, ``BINS``).
        unit_exponent: the histograms'.

    Returns:
        Array (kinds, ``WIDTH``); NaN in the row of an empty histogram.
    """
    totals = histograms.sum(axis=1)
    above = np.zeros((len(histograms), len(LOG_EDGES)))
    above[:, :-1] = np.cumsum(histograms[:, ::-1], axis=1)[:, ::-1]
    above /= np.maximum(totals, 1)[:, None]
    edges = LOG_EDGES + (0 if unit_exponent == UNKNOWN else unit_exponent)
    tables = np.full((len(histograms), WIDTH), np.nan)
    # The first edge that a share does not exceed; linear between it and the one before.
    right = np.maximum((above[:, None, :] > SHARES[:, None]).sum(axis=2), 1)
    rows = np.arange(len(histograms))[:, None]
    before, after = above[rows, right - 1], above[rows, right]
    part = np.divide(before - SHARES, before - after, out=np.zeros_like(before), where=before > after)
    tables[:, :SHAPE] = edges[right - 1] + part * (edges[right] - edges[right - 1])
    tables[:, SHAPE] = _shapes(above, edges, right[:, -1], tables[:, SHAPE - 1])
    # Where nothing ever differed there is no tail to continue: no rarer than one in all samples.
    is_flat = histograms[:, 1:].sum(axis=1) == 0
    tables[:, LIMIT] = np.where(is_flat, np.log10(np.maximum(totals, 1)), _DEEPEST)
    tables[totals == 0] = np.nan
    return tables


def _shapes(above: Floats, edges: Floats, right: npt.NDArray[np.int64], start: Floats) -> Floats:
    """The mean of log(m / u) beyond u: the area under the tail beyond it, by trapezoids."""
    areas = np.zeros_like(above)
    areas[:, :-1] = (above[:, :-1] + above[:, 1:]) / 2 * np.diff(edges)
    beyond = np.cumsum(areas[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(len(above))
    first = (SHARES[-1] + above[rows, right]) / 2 * (edges[right] - start)
    return np.clip((beyond[rows, right] + first) / SHARES[-1] * np.log(2), *_SHAPES)


def depths_of(tables: Floats, magnitudes: Floats) -> Floats:
    """-log10 of the share of learned residuals that exceed each magnitude.

    Args:
        tables: of ``tails_of``, shape (kinds, ``WIDTH``).
        magnitudes: 0 or more, shape (kinds, n).

    Returns:
        Array (kinds, n), 0 or more; 0 where the magnitude or its table is NaN.
    """
    found = np.zeros(magnitudes.shape)
    with np.errstate(divide="ignore"):
        logs = np.log2(magnitudes)
    for row, table in enumerate(tables):
        if np.isfinite(table[LIMIT]):
            found[row] = np.minimum(_depths(table, logs[row]), table[LIMIT])
    return np.nan_to_num(found, nan=0.0)


def _depths(table: Floats, logs: Floats) -> Floats:
    # Steps make knots equal; apart by less than any bin they stay in order.
    knots = np.maximum.accumulate(table[:SHAPE]) + np.arange(SHAPE) * 1e-9
    tail = np.log10(2) / table[SHAPE]
    slopes = np.append(np.diff(_DEPTHS) / np.diff(knots), tail)
    place = np.searchsorted(knots, logs, side="right") - 1
    depths = _DEPTHS[place] + slopes[place] * (logs - knots[place])
    return np.where(place < 0, 0.0, depths)
