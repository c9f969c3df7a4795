"""How rare a magnitude is: tables of a histogram's upper tail, continued by a power law."""

from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.bins import BINS, lower_edges
from holdfast.baselines.grid import Floats

# Shares of the residuals that are larger than the magnitude in the table.
SHARES: Final = np.array([0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001])
KNOTS: Final = len(SHARES)


def tail_of(counts: npt.NDArray[np.int64], unit_exponent: int) -> Floats:
    """Log2 magnitudes exceeded by ``SHARES`` of the samples in a histogram; NaN where it is empty."""
    total = int(counts.sum())
    if not total:
        return np.full(KNOTS, np.nan)
    above = np.concatenate([np.cumsum(counts[::-1])[::-1], [0]]) / total
    edges = np.concatenate([lower_edges(unit_exponent), [np.inf]])
    edges[0], edges[-1] = edges[1] / 2, edges[-2] * 2
    return np.interp(SHARES[::-1], above[::-1], np.log2(edges)[::-1])[::-1]


def log_shares(table: Floats, magnitudes: Floats) -> Floats:
    """-log10 of the share of learned residuals that are larger than each magnitude."""
    with np.errstate(divide="ignore"):
        logs = np.log2(magnitudes)
    knots = np.maximum.accumulate(table) + np.arange(KNOTS) * 1e-9
    depth = -np.log10(SHARES)
    place = np.clip(np.searchsorted(knots, logs, side="right") - 1, 0, KNOTS - 2)
    slope = (depth[1:] - depth[:-1]) / np.maximum(knots[1:] - knots[:-1], 1e-3)
    return np.maximum(depth[place] + slope[place] * (logs - knots[place]), 0.0)


assert BINS > KNOTS  # noqa: S101
