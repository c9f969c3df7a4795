"""Evidence at every scale: how rare a slot is as itself, as an hour, as six hours, as a step, as restlessness.

A fault shows at the scale of its length only, and a mean over scales dilutes it: a spike of 15 min is nothing to the
mean of six hours, a shift is nothing to the step of one slot. So the rarest scale counts. ``Judged.score``
is a mean: it is for a series alone.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import RESIDUALS

Floats = npt.NDArray[np.float64]

_SPANS_S: Final[Mapping[str, int]] = {"slot": 3600, "slot_1h": 3600, "slot_6h": 21_600, "step": 3600, "rough": 7200}
SCALES: Final = tuple(_SPANS_S)
_ROWS: Final = [RESIDUALS.index(name) for name in SCALES]
_SLOT: Final = SCALES.index("slot")
LEVEL: Final = RESIDUALS.index("level")
_SPANS: Final = np.array([[_SPANS_S[name]] for name in SCALES], np.float64)
_MEANS: Final = [SCALES.index("slot_1h"), SCALES.index("slot_6h")]
# Further from the usual value than two in three slots.
OFF_DEPTH: Final = 0.5
# Slots follow each other: a week holds 28 means of six hours that are independent, and the rarest of 28 tells little
# of a tail. Depths count by how many there were: in full of many, half of this many.
HALF_OF: Final = 4.0
# A rarity of 1 in 40 000 slots pages: once in 140 days per series and scale, did tails hold. Measured on simulated
# fleets it is one false page per server and week; 0.4 more or less change the recall of failures by a hundredth.
PAGING_DEPTH: Final = 4.2
# In company it is 1 in 16 000.
WEAK_DEPTH: Final = 3.9

# Below these deviations nobody acts, however rare they are: half a point of disk, a quarter point of errors.
MATERIAL_SHARE: Final = 0.03
MATERIAL: Final = {"cpu_pct": 1.0, "memory_pct": 1.0, "disk_pct": 1.0, "error_pct": 0.25}
# What counts is the distance from the ideal.
FROM_100: Final = frozenset({"cache_hit_pct"})


def evidence_of(depths: Floats, deviations: Floats, learned_s: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The depth of the rarest scale of each slot but the first, and which it is.

    One slot by itself is soon out of the ordinary, as twelve metrics have 3456 a day: the slot before it has to be as
    well, and on the same side.

    Args:
        depths: (kinds of residuals, slots): -log10 of how rare each is; 0 where there is none.
        deviations: values less the usual ones; NaN where there is none.
        learned_s: how much was learned, seconds.
    """
    seen = learned_s / _SPANS
    depths = depths[_ROWS] * (seen / (seen + HALF_OF))
    found = depths[:, 1:].copy()
    is_same_side = np.sign(deviations[1:]) == np.sign(deviations[:-1])
    # A mean of hours stays rare for hours after all is well again: the slot itself has to be off as well.
    found[_MEANS] = np.where(depths[_SLOT, 1:] >= OFF_DEPTH, found[_MEANS], 0.0)
    both = np.minimum(depths[_SLOT, 1:], depths[_SLOT, :-1])
    found[_SLOT] = np.where(is_same_side, both, 0.0)
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
