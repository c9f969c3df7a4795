"""What may be unusual about a sample: several simple residuals, each in the metric's unit."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.baselines.bins import UNKNOWN
from holdfast.baselines.grid import HOUR_S, KINDS, LOOKBACK_S, Floats, Ints, slot_of_day

_MEANS_S: Final = (HOUR_S, LOOKBACK_S)
_FEW: Final = 3
# Sums are of whole numbers of 2 ** -28 units, cut at 2 ** 22 units: exact, whatever the order and the beginning.
_FRACTION_BITS: Final = 28
_CUT_BITS: Final = 50


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


def magnitudes_of(usual: Usual, at_s: Ints, values: Floats, first: int) -> Floats:
    """Magnitudes of the residuals of ``values[first:]``, in the order of ``RESIDUALS``.

    A sample's residuals follow from the samples in ``LOOKBACK_S`` up to it only, to the last bit: where the
    arrays begin, and how they are cut into calls, changes nothing.

    Args:
        usual: what is usual for the series.
        at_s: seconds since the epoch, never falling.
        values: cleaned samples, NaN where none.
        first: the first sample to give residuals of.

    Returns:
        Array (kinds, n - first), in the metric's unit; NaN where a residual cannot be told.
    """
    begins = [np.searchsorted(at_s, at_s[first:] - length, side="right") for length in _MEANS_S]
    by_slot, by_level = values - usual.centre[slot_of_day(at_s)], values - usual.level
    found = np.empty((KINDS, len(values) - first))
    found[0], found[1] = by_slot[first:], by_level[first:]
    sums = [_Sums(x, usual.unit_exponent) for x in (by_slot, by_level)]
    found[2] = sums[0].means(begins[0], first)
    found[3] = sums[1].means(begins[0], first)
    found[4] = sums[0].means(begins[1], first)
    found[5] = _ranges(values, _no_fewer(begins, first), first)
    # A residual belongs to a sample: where there is none, the hour before has been judged already.
    found[:, np.isnan(values[first:])] = np.nan
    magnitudes = np.abs(found)
    magnitudes[magnitudes <= usual.floor] = 0.0
    return magnitudes


def _no_fewer(begins: list[Ints], first: int) -> Ints:
    """Where an hour begins, but no later than the third sample back, and no earlier than the lookback."""
    third = np.arange(first, first + len(begins[0])) - (_FEW - 1)
    return np.maximum(np.minimum(begins[0], third), begins[1])


def _ranges(values: Floats, begin: Ints, first: int) -> Floats:
    if not len(begin):
        return np.zeros(0)
    ends = np.arange(first + 1, first + len(begin) + 1)
    pairs = np.stack([begin, ends], axis=1).ravel()
    padded = np.append(values, np.nan)
    return np.asarray(np.fmax.reduceat(padded, pairs)[::2] - np.fmin.reduceat(padded, pairs)[::2])


class _Sums:
    """Running sums of whole numbers, so that a window's mean depends on nothing but the window."""

    def __init__(self, values: Floats, unit_exponent: int) -> None:
        self._scale = _FRACTION_BITS - (0 if unit_exponent == UNKNOWN else unit_exponent)
        known = np.isfinite(values)
        cut = np.clip(np.ldexp(np.where(known, values, 0.0), self._scale), -(2.0**_CUT_BITS), 2.0**_CUT_BITS)
        self._sums = np.concatenate([[0], np.cumsum(np.rint(cut).astype(np.int64))])
        self._counts = np.concatenate([[0], np.cumsum(known)])

    def means(self, begin: Ints, first: int) -> Floats:
        """The mean from ``begin[i]`` to sample ``first + i``, that one included; NaN where there is no value."""
        end = np.arange(first + 1, first + len(begin) + 1)
        counts = self._counts[end] - self._counts[begin]
        sums = np.ldexp((self._sums[end] - self._sums[begin]).astype(np.float64), -self._scale)
        return np.divide(sums, counts, out=np.full(len(begin), np.nan), where=counts > 0)
