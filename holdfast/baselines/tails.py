"""How rare a magnitude is: the upper tail of a histogram, continued by a power law.

Beyond the magnitude u that a share of 0.005 exceeds, P(more than m) = 0.005 (m / u) ** (-1 / shape), a Pareto tail;
its shape is the mean of log(m / u) over what exceeds u (B. M. Hill, "A Simple General Approach to Inference About the
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
    tables = np.full((len(histograms), WIDTH), np.nan)
    used = np.flatnonzero(histograms.any(axis=0))
    if not len(used):
        return tables
    # From the first bin in use, which all exceed, to the end of the last, which none does.
    low, high = int(used[0]), int(used[-1]) + 1
    above = np.zeros((len(histograms), high - low + 1))
    above[:, :-1] = histograms[:, low:high][:, ::-1].cumsum(axis=1)[:, ::-1] / np.maximum(totals, 1)[:, None]
    edges = LOG_EDGES[low : high + 1] + (0 if unit_exponent == UNKNOWN else unit_exponent)
    tables[:, :SHAPE], tables[:, SHAPE] = _knots_and_shapes(above, edges)
    # Where nothing ever differed there is no tail to continue: no rarer than one in all samples.
    is_flat = histograms[:, 0] == totals
    tables[:, LIMIT] = np.where(is_flat, np.log10(np.maximum(totals, 1)), _DEEPEST)
    tables[totals == 0] = np.nan
    return tables


def _knots_and_shapes(above: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """Where each share is exceeded, and the mean of log(m / u) beyond the last: the area under the tail."""
    rows = np.arange(len(above))[:, None]
    # The first edge that no more than the share exceeds; linear between it and the one before.
    right = np.maximum((above[:, None, :] > SHARES[:, None]).sum(axis=2), 1)
    before, after = above[rows, right - 1], above[rows, right]
    part = np.divide(before - SHARES, before - after, out=np.zeros_like(before), where=before > after)
    knots = edges[right - 1] + part * (edges[right] - edges[right - 1])
    areas = np.zeros_like(above)
    areas[:, :-1] = (above[:, :-1] + above[:, 1:]) / 2 * (edges[1:] - edges[:-1])
    last, beyond = right[:, -1], areas[:, ::-1].cumsum(axis=1)[:, ::-1]
    first = (SHARES[-1] + after[:, -1]) / 2 * (edges[last] - knots[:, -1])
    shapes = (beyond[rows[:, 0], last] + first) / SHARES[-1] * np.log(2)
    return knots, np.clip(shapes, *_SHAPES)


def depths_of(tables: Floats, magnitudes: Floats) -> Floats:
    """-log10 of the share of learned residuals that exceed each magnitude.

    Args:
        tables: of ``tails_of``, shape (kinds, ``WIDTH``).
        magnitudes: 0 or more, shape (kinds, n).

    Returns:
        Array (kinds, n), 0 or more; 0 where the magnitude or its table is NaN.
    """
    with np.errstate(divide="ignore"):
        logs = np.log2(magnitudes)
    # Steps make knots equal; apart by less than any bin they stay in order.
    knots = np.maximum.accumulate(tables[:, :SHAPE], axis=1) + np.arange(SHAPE) * 1e-9
    slopes = np.empty_like(knots)
    slopes[:, :-1] = (_DEPTHS[1:] - _DEPTHS[:-1]) / (knots[:, 1:] - knots[:, :-1])
    slopes[:, -1] = np.log10(2) / tables[:, SHAPE]
    place = (knots[:, :, None] <= logs[:, None, :]).sum(axis=1) - 1
    rows = np.arange(len(tables))[:, None]
    depths = _DEPTHS[place] + slopes[rows, place] * (logs - knots[rows, place])
    depths = np.minimum(depths, tables[:, LIMIT, None])
    # Also where the table or the magnitude is NaN.
    return np.where((place >= 0) & (depths > 0), depths, 0.0)
