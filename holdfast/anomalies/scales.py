"""Evidence at every scale: how rare a slot is as itself, as an hour, as six hours, as a step, as restlessness.

A fault shows at the scale of its length only, and a mean over scales dilutes it: a spike of 15 min is nothing to the
mean of six hours, a shift is nothing to the step of one slot. So the rarest scale counts. ``Judged.score``
is a mean: it is for a series alone.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import DAY_S, RESIDUALS

Floats = npt.NDArray[np.float64]

_SPANS_S: Final[Mapping[str, int]] = {
    "slot": 3600,
    "slot_1h": 3600,
    "slot_6h": 21_600,
    "step": 3600,
    "rough": 7200,
    "jolt": 3600,
}
SCALES: Final = tuple(_SPANS_S)
_ROWS: Final = [RESIDUALS.index(name) for name in SCALES]
_SLOT: Final = SCALES.index("slot")
LEVEL: Final = RESIDUALS.index("level")
_SPANS: Final = np.array([[_SPANS_S[name]] for name in SCALES], np.float64)
_HOUR: Final = SCALES.index("slot_1h")
_SIX_HOURS: Final = SCALES.index("slot_6h")
_ROUGH: Final = SCALES.index("rough")
_JOLT: Final = SCALES.index("jolt")
# Means stay rare for hours after all is well again. A mean of an hour counts while the slot and the one before are
# further from the usual value than two in three; one of six hours while the hour is further than nine in ten; both
# while three in four slots (of the hour, of three hours) are on one side: a short spike makes no long shift. And
# restlessness of two hours while the last half hour has most of it.
OFF_DEPTH: Final = 0.5
HOUR_OFF_DEPTH: Final = 1.0
# One of the slots of a jolt is further than 99 in 100: outside of the band that people are shown.
JOLT_OFF_DEPTH: Final = 2.0
ONE_SIDED: Final = 0.5
_SIDE_SLOTS: Final = (12, 36)
STILL_RESTLESS: Final = 0.7
_HALF_HOUR: Final = 6
# After a gap a mean of six hours is one of few slots, and those vary more than what was learned: two thirds have to be
# there. A step reaches over fifteen slots, a slot is itself.
_SLOTS: Final = {"slot": 1, "slot_1h": 12, "slot_6h": 72, "step": 15, "rough": 24, "jolt": 4}
_KNOWN: Final = 2 / 3
# Slots follow each other: a week holds 28 means of six hours that are independent, and the rarest of 28 tells little
# of a tail. Depths count by how many there were: in full of many, half of this many.
HALF_OF: Final = 4.0
# The rarest of a few days is rare by chance, and what was learned of one day is that day: half of two days, in full of
# many. Without it a fleet has a false page per server on each of its first days, with it one in ten.
HALF_OF_DAYS: Final = 2.0
# After two weeks a rarity of 1 in 13 000 slots pages, after four of 1 in 7 000. On simulated fleets that is one false
# page per server in a week; 0.3 more or less change the recall of failures by a hundredth.
PAGING_DEPTH: Final = 3.6
# In company it is 1 in 8 000, and 1 in 4 000.
WEAK_DEPTH: Final = 3.4

# Below these deviations nobody acts, however rare they are: half a point of disk, a quarter point of errors.
MATERIAL_SHARE: Final = 0.03
MATERIAL: Final = {"cpu_pct": 1.0, "memory_pct": 1.0, "disk_pct": 1.0, "error_pct": 0.25}
# What counts is the distance from the ideal.
FROM_100: Final = frozenset({"cache_hit_pct"})


def is_told(values: Floats, deviations: Floats, first: int) -> npt.NDArray[np.bool_]:
    """Whether each scale can be told, (scales, slots), for each slot from ``first`` on.

    Args:
        values: slots, NaN where there is none; at least six hours before ``first``.
        deviations: the same less the usual values.
        first: the first slot to tell of.
    """
    known = np.isfinite(values).astype(np.float64)
    told = np.stack([_sums(known, slots) >= _KNOWN * slots for slots in _SLOTS.values()])
    sides = np.sign(np.nan_to_num(deviations))
    for scale, slots in zip((_HOUR, _SIX_HOURS), _SIDE_SLOTS, strict=True):
        told[scale] &= np.abs(_sums(sides, slots)) >= ONE_SIDED * _sums(known, slots)
    steps = np.abs(np.diff(values, prepend=np.nan))
    told[_ROUGH] &= _mean(steps, _HALF_HOUR) >= STILL_RESTLESS * _mean(steps, _SLOTS["rough"])
    return np.asarray(told[:, first:])


def _sums(values: Floats, slots: int) -> Floats:
    """The sum of up to so many slots, each one and those before it."""
    totals = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    return np.asarray(totals[ends] - totals[np.maximum(ends - slots, 0)])


def _mean(values: Floats, slots: int) -> Floats:
    return _sums(np.nan_to_num(values), slots) / np.maximum(_sums(np.isfinite(values).astype(np.float64), slots), 1)


def evidence_of(
    depths: Floats, deviations: Floats, told: npt.NDArray[np.bool_], learned_s: float
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The depth of the rarest scale of each slot but the first, and which it is.

    One slot by itself is soon out of the ordinary, as twelve metrics have 3456 a day: the slot before it has to be as
    well, and on the same side.

    Args:
        depths: (kinds of residuals, slots): -log10 of how rare each is; 0 where there is none.
        deviations: values less the usual ones; NaN where there is none.
        told: which scales have enough values, as ``is_told`` says.
        learned_s: how much was learned, seconds.
    """
    seen, days = learned_s / _SPANS, learned_s / DAY_S
    trust = seen / (seen + HALF_OF) * (days / (days + HALF_OF_DAYS))
    depths = np.where(told, depths[_ROWS] * trust, 0.0)
    found = depths[:, 1:].copy()
    is_same_side = np.sign(deviations[1:]) == np.sign(deviations[:-1])
    both = np.minimum(depths[_SLOT, 1:], depths[_SLOT, :-1])
    found[_SLOT] = np.where(is_same_side, both, 0.0)
    found[_SIX_HOURS] = np.where(found[_HOUR] >= HOUR_OFF_DEPTH, found[_SIX_HOURS], 0.0)
    found[_HOUR] = np.where(found[_SLOT] >= OFF_DEPTH, found[_HOUR], 0.0)
    # A jolt within what is usual is the noise of a quiet series.
    before = np.concatenate([[0.0], depths[_SLOT, :-2]]) if depths.shape[1] > 1 else depths[_SLOT, 1:]
    furthest = np.maximum(np.maximum(depths[_SLOT, 1:], depths[_SLOT, :-1]), before)
    found[_JOLT] = np.where(furthest >= JOLT_OFF_DEPTH, found[_JOLT], 0.0)
    leading = np.argmax(found, axis=0)
    return np.take_along_axis(found, leading[None, :], axis=0)[0], leading


def score_of(depth: float) -> float:
    """Depth as a score of 0 to 1: 0.5 pages."""
    return depth / (depth + PAGING_DEPTH)


def is_material(metric: str, deviations: Floats, centre: Floats) -> npt.NDArray[np.bool_]:
    """Whether anybody would act on a deviation of this size."""
    size = 100.0 - centre if metric in FROM_100 else np.abs(centre)
    least = np.maximum(MATERIAL_SHARE * size, MATERIAL.get(metric, 0.0))
    return np.asarray(~(np.abs(deviations) < least))
