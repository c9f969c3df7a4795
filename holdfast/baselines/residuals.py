"""What may be unusual about a sample: several simple residuals, each in the metric's unit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.baselines.bins import UNKNOWN
from holdfast.baselines.grid import HOUR_S, KINDS, LOOKBACK_S, SCORED, Floats, Ints, slot_of_day

_FEW: Final = 3
# Sums are of whole numbers of 2 ** -28 units, cut at 2 ** 22 units: exact, whatever the order and the beginning.
_FRACTION_BITS: Final = 28
_CUT: Final = 2.0**50
# Differences from the slot and from the level, of which there are means of an hour, an hour and the lookback.
_MEANT: Final = np.array([0, 1, 0])
# Samples whose middle is now, and whose middle was before.
_NOW: Final = 3
_BEFORE: Final = 12
# Steps whose middle tells how restless a series is, and those whose mean tells that it was jolted.
_RESTLESS: Final = 24
_JOLTED: Final = 4
_NOTHING: Final = np.array([np.nan])


@dataclass(frozen=True, slots=True)
class Usual:
    """What residuals are taken from.

    Attributes:
        centre: the usual value per slot of the day, in the metric's unit; NaN where unknown.
        level: the usual value at any time; NaN where unknown.
        floor: a magnitude up to this is none, in the metric's unit.
        unit_exponent: exponent of the series' typical magnitude.
    """

    centre: Floats
    level: float
    floor: float
    unit_exponent: int


def magnitudes_of(usual: Usual, at_s: Ints, values: Floats, first: int, *, is_alone: bool = False) -> Floats:
    """Magnitudes of the residuals of ``values[first:]``, in the order of ``RESIDUALS``.

    A sample's residuals follow from the samples in ``LOOKBACK_S`` up to it only, to the last bit: where the
    arrays begin, and how they are cut into calls, changes nothing.

    Args:
        usual: what is usual for the series.
        at_s: seconds since the epoch, never falling.
        values: cleaned samples, NaN where none.
        first: the first sample to give residuals of.
        is_alone: leave out, as NaN, the residuals that only fleets are judged by.

    Returns:
        Array (kinds, n - first), in the metric's unit; NaN where a residual cannot be told.
    """
    hours, lookbacks = (np.searchsorted(at_s, at_s[first:] - length, side="right") for length in (HOUR_S, LOOKBACK_S))
    differences = np.stack([values - usual.centre[slot_of_day(at_s)], values - usual.level])
    found = np.full((KINDS, len(values) - first), np.nan)
    found[:2] = differences[:, first:]
    found[2:5] = _means(differences, usual.unit_exponent, np.stack([hours, hours, lookbacks]), first)
    found[5] = _ranges(values, _no_fewer(hours, lookbacks, first), first)
    if not is_alone:
        found[SCORED:] = _of_fleets(values, differences[0], lookbacks, first)
    # A residual belongs to a sample: where there is none, the hour before has been judged already.
    found[:, np.isnan(values[first:])] = np.nan
    magnitudes: Floats = np.abs(found)
    magnitudes[magnitudes <= usual.floor] = 0.0
    return magnitudes


def _of_fleets(values: Floats, differences: Floats, lookbacks: Ints, first: int) -> Floats:
    steps = np.abs(values - np.concatenate([_NOTHING, values[:-1]]))
    kinds = [
        _over(differences, _BEFORE + _NOW, lookbacks, first, _moved),
        # The first step of a window leads out of it, so the sample before has to be within reach as well.
        _over(steps, _RESTLESS, lookbacks + 1, first, _medians),
        _over(steps, _JOLTED, lookbacks + 1, first, _jolted),
    ]
    return np.array(kinds)


def _no_fewer(hours: Ints, lookbacks: Ints, first: int) -> Ints:
    """Where an hour begins, but no later than the third sample back, and no earlier than the lookback."""
    third = np.arange(first, first + len(hours)) - (_FEW - 1)
    return np.maximum(np.minimum(hours, third), lookbacks)


def _ranges(values: Floats, begins: Ints, first: int) -> Floats:
    if not len(begins):
        return np.zeros(0)
    pairs = np.empty(2 * len(begins), np.int64)
    pairs[::2], pairs[1::2] = begins, np.arange(first + 1, first + len(begins) + 1)
    padded = np.concatenate([values, _NOTHING])
    highest, lowest = np.fmax.reduceat(padded, pairs)[::2], np.fmin.reduceat(padded, pairs)[::2]
    return np.asarray(highest - lowest)


def _over(values: Floats, size: int, reach: Ints, first: int, reduce: Callable[[Floats], Floats]) -> Floats:
    """What becomes of each sample's last ``size`` values, itself included; NaN where they begin before ``reach``."""
    found = np.full(len(reach), np.nan)
    begins = np.arange(first, first + len(reach)) - (size - 1)
    told = np.flatnonzero(begins >= reach)
    if len(told):
        found[told] = reduce(np.lib.stride_tricks.sliding_window_view(values, size)[begins[told]])
    return found


def _moved(windows: Floats) -> Floats:
    """How far the middle of the last differences is from that of those before."""
    return np.asarray(_medians(windows[:, _BEFORE:]) - _medians(windows[:, :_BEFORE]))


def _jolted(windows: Floats) -> Floats:
    """The mean of four, added in pairs: the same for one sample as for many."""
    return np.asarray(((windows[:, 0] + windows[:, 1]) + (windows[:, 2] + windows[:, 3])) / _JOLTED)


def _medians(windows: Floats) -> Floats:
    """The median of each row; NaN where it holds one, which is sorted last."""
    ordered = np.sort(windows, axis=1)
    count = ordered.shape[1]
    return np.asarray((ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2 + 0 * ordered[:, -1])


def _means(differences: Floats, unit_exponent: int, begins: Ints, first: int) -> Floats:
    """Means of the differences ``_MEANT`` from ``begins`` to each sample, that one included; NaN where none is known.

    Of running sums of whole numbers, so that a window's mean depends on nothing but the window.
    """
    scale = 2.0 ** (_FRACTION_BITS - (0 if unit_exponent == UNKNOWN else unit_exponent))
    known = ~np.isnan(differences)
    cut = np.minimum(np.maximum(differences * scale, -_CUT), _CUT)
    sums, counts = np.zeros((2, 2, differences.shape[1] + 1), np.int64)
    np.cumsum(np.where(known, np.rint(cut), 0.0).astype(np.int64), axis=1, out=sums[:, 1:])
    np.cumsum(known, axis=1, out=counts[:, 1:])
    totals = counts[_MEANT, first + 1 :] - counts[_MEANT[:, None], begins]
    means = (sums[_MEANT, first + 1 :] - sums[_MEANT[:, None], begins]) / np.maximum(totals, 1) / scale
    means[totals == 0] = np.nan
    return np.asarray(means)
