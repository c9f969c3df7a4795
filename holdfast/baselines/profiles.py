"""What is usual per slot of the day: centre and spread."""

from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import PROFILE_SLOTS, Floats
from holdfast.baselines.tails import SHARES

# The magnitude that a third of the residuals exceeds: one standard deviation, were they normal.
_USUAL: Final = int(np.flatnonzero(SHARES == 0.32)[0])
# Slots to either side whose spread is averaged, days' worth of the series' mean spread that steady it, and how far
# a slot's spread may be from that mean.
_SIDES: Final = 2
_PRIOR_DAYS: Final = 3.0
_RATIOS: Final = (1 / 3, 3.0)
_NEAR: Final = (np.arange(PROFILE_SLOTS)[:, None] + np.arange(-_SIDES, _SIDES + 1)) % PROFILE_SLOTS


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
    return centre, np.exp2(table[_USUAL]) * _ratios(medians, centre) + 0 * centre


def _medians(rows: Floats) -> Floats:
    """``numpy.nanmedian`` along the first axis, without its detours."""
    ordered = np.sort(rows, axis=0)
    counts = len(rows) - np.isnan(rows).sum(axis=0)
    columns = np.arange(rows.shape[1])
    # NaN is sorted last, so the middle of none is NaN.
    upper = np.minimum(counts // 2, len(rows) - 1)
    return np.asarray((ordered[np.maximum(counts - 1, 0) // 2, columns] + ordered[upper, columns]) / 2)


def _ratios(medians: npt.NDArray[np.float32], centre: Floats) -> Floats:
    """How much more days differ in a slot, its neighbours counted in, than in all slots."""
    far = np.abs(medians - centre)
    is_known = ~np.isnan(far)
    counts, sums = is_known.sum(axis=0), np.where(is_known, far, 0.0).sum(axis=0)
    total = sums.sum()
    if total == 0:
        return np.ones(len(centre))
    mean = total / counts.sum()
    near = (sums[_NEAR].sum(axis=1) + _PRIOR_DAYS * mean) / (counts[_NEAR].sum(axis=1) + _PRIOR_DAYS)
    return np.asarray(np.clip(near / mean, *_RATIOS))
