"""What is usual per slot of the day: centre and spread."""

from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import Floats
from holdfast.baselines.tails import SHARES

# The magnitude that a third of the residuals exceeds: one standard deviation, were they normal.
_USUAL: Final = int(np.flatnonzero(SHARES == 0.32)[0])
# Slots to either side whose spread is averaged, days' worth of the series' mean spread that steady it, and how far
# a slot's spread may be from that mean.
_SIDES: Final = 2
_PRIOR_DAYS: Final = 3.0
_RATIOS: Final = (1 / 3, 3.0)


def profile_of(medians: npt.NDArray[np.float32], table: Floats) -> tuple[Floats, Floats]:
    """Centre and spread per slot of the day.

    Args:
        medians: per day and slot, the median of its samples; NaN where none.
        table: the tail of the residuals from the centre (see ``tails``).

    Returns:
        The median over days, and how far a sample usually is from it, in the metric's unit: the series' usual
        residual, wider in slots whose days differ more. NaN where unknown.
    """
    centre = _medians(medians.astype(np.float64))
    return centre, np.where(np.isnan(centre), np.nan, np.exp2(table[_USUAL]) * _ratios(medians, centre))


def _medians(rows: Floats) -> Floats:
    """``numpy.nanmedian`` along the first axis, without its detours."""
    ordered = np.sort(rows, axis=0)
    counts = np.isfinite(rows).sum(axis=0)
    columns = np.arange(rows.shape[1])
    lower, upper = np.maximum(counts - 1, 0) // 2, counts // 2
    upper = np.minimum(upper, len(rows) - 1)
    return np.where(counts > 0, (ordered[lower, columns] + ordered[upper, columns]) / 2, np.nan)


def _ratios(medians: npt.NDArray[np.float32], centre: Floats) -> Floats:
    """How much more days differ in a slot, its neighbours counted in, than in all slots."""
    far = np.abs(medians - centre)
    counts = np.isfinite(far).sum(axis=0).astype(np.float64)
    sums = np.nan_to_num(far, nan=0.0).sum(axis=0)
    if not sums.any():
        return np.ones(len(centre))
    mean = sums.sum() / counts.sum()
    turns = range(-_SIDES, _SIDES + 1)
    near = sum(np.roll(sums, turn) for turn in turns) + _PRIOR_DAYS * mean
    return np.clip(near / (sum(np.roll(counts, turn) for turn in turns) + _PRIOR_DAYS) / mean, *_RATIOS)
