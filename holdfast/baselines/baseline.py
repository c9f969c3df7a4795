"""The summary of a memory that judging needs: about a kilobyte per series."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.baselines import encoding
from holdfast.baselines.grid import DAY_S, NEEDED_S, PROFILE_SLOT_S, Floats
from holdfast.baselines.memory import Memory
from holdfast.baselines.profiles import profile_of
from holdfast.baselines.residuals import Usual
from holdfast.baselines.tails import tails_of


@dataclass(frozen=True, slots=True)
class Profile:
    """What is usual over a day.

    Attributes:
        centre: usual value per slot of the day, in the metric's unit; NaN where nothing is known.
        spread: usual distance from the centre (half of the samples are nearer), in the metric's unit.
        coverage: share of the remembered days that have samples in the slot, 0 to 1.
        slot_s: seconds of a slot.
    """

    centre: Floats
    spread: Floats
    coverage: Floats
    slot_s: int


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is usual for one series, at a version of its memory.

    Attributes:
        version: the memory's.
        learned_from_s: first day remembered, in seconds since the epoch; -1 where nothing is.
        learned_until_s: end of what was learned, exclusive, in seconds since the epoch; -1 where nothing was.
        learned_s: time covered by samples in the days remembered, seconds.
        sample_count: samples in the days remembered.
        unit_exponent: exponent of the series' typical magnitude.
        quantum: smallest step between samples; infinity where the series never changed.
        zero_share: share of samples that were exactly zero, 0 to 1.
        longest_constant_s: the longest time without any change, seconds.
        low: the lowest usual value (the second lowest day's lowest); NaN where unknown.
        high: the highest usual value; NaN where unknown.
        level: the usual value at any time of the day; NaN where unknown.
        centre: per slot of the day, the usual value; NaN where unknown.
        spread: per slot of the day, the usual distance from it; NaN where unknown.
        coverage: per slot of the day, the share of remembered days that have samples.
        tails: per residual of ``RESIDUALS``, the table of its upper tail (see ``tails``).
    """

    version: int
    learned_from_s: int
    learned_until_s: int
    learned_s: int
    sample_count: int
    unit_exponent: int
    quantum: float
    zero_share: float
    longest_constant_s: int
    low: float
    high: float
    level: float
    centre: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.float32]
    tails: npt.NDArray[np.float32]

    @property
    def needed_s(self) -> int:
        """Covered time that ends learning, seconds: "learning, 14 h of 24 h"."""
        return NEEDED_S

    @property
    def is_learning(self) -> bool:
        """Whether there is too little history to judge by."""
        return self.learned_s < NEEDED_S

    @property
    def is_constant(self) -> bool:
        """Whether the series never changed while it was learned."""
        return bool(np.isinf(self.quantum))

    @property
    def floor(self) -> float:
        """A difference up to this is none, in the metric's unit: two of the smallest steps ever seen.

        Of a series that never changed, whose steps are unknown, a hundredth of its level.
        """
        return 0.01 * abs(self.level) if self.is_constant else 2.0 * self.quantum

    def usual(self) -> Usual:
        """What residuals are taken from; a slot that was never seen is as usual as the level."""
        centre = self.centre.astype(np.float64)
        if not self.is_learning:
            centre[np.isnan(centre)] = self.level
        return Usual(centre, self.level, 0.0 if np.isnan(self.floor) else self.floor, self.unit_exponent)

    def profile(self) -> Profile:
        """What is usual over a day."""
        centre, spread, coverage = (x.astype(np.float64) for x in (self.centre, self.spread, self.coverage))
        return Profile(centre, spread, coverage, PROFILE_SLOT_S)

    def to_bytes(self) -> bytes:
        """Canonical bytes: the same baseline gives the same bytes."""
        return encoding.to_bytes(self, "baseline")

    @classmethod
    def from_bytes(cls, data: bytes) -> "Baseline":
        """Read what ``to_bytes`` wrote.

        Raises:
            DamagedBaselineError: the bytes are not whole.
            BaselineVersionError: the bytes were written in another format.
        """
        return encoding.from_bytes(_EMPTY, data, "baseline")

    def to_document(self) -> dict[str, Any]:
        """The baseline as JSON's types; ``from_document`` gives back the very same baseline."""
        return encoding.to_document(self, "baseline")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Baseline":
        """Read what ``to_document`` made.

        Raises:
            DamagedBaselineError: something is missing or of another shape.
            BaselineVersionError: the document was made in another format.
        """
        return encoding.from_document(_EMPTY, document, "baseline")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and encoding.payload(self) == encoding.payload(other)

    def __hash__(self) -> int:
        return hash((self.version, self.learned_until_s, self.sample_count))


def baseline_of(memory: Memory) -> Baseline:
    """Summarise a memory; one of nothing gives a baseline that is learning and knows nothing."""
    known = memory.days >= 0
    total = memory.sample_count
    histograms = memory.histograms.sum(axis=0, dtype=np.uint32).astype(np.int64)
    tails = tails_of(histograms, memory.unit_exponent)
    tails[_is_young(histograms.sum(axis=1), memory)] = np.nan
    centre, spread = profile_of(memory.medians, tails[0])
    return Baseline(
        version=memory.version,
        learned_from_s=int(memory.days[known].min()) * DAY_S if known.any() else -1,
        learned_until_s=memory.learned_until_s,
        learned_s=memory.learned_s,
        sample_count=total,
        unit_exponent=memory.unit_exponent,
        quantum=float(memory.quantum.min()),
        zero_share=int(memory.zeros.sum()) / total if total else 0.0,
        longest_constant_s=int(memory.constant_s.max()),
        low=_second(memory.minimum),
        high=-_second(-memory.maximum),
        level=_middle(centre),
        centre=centre.astype(np.float32),
        spread=spread.astype(np.float32),
        coverage=((memory.counts > 0).sum(axis=0) / max(int(known.sum()), 1)).astype(np.float32),
        tails=tails.astype(np.float32),
    )


def _is_young(totals: npt.NDArray[np.int64], memory: Memory) -> npt.NDArray[np.bool_]:
    """Residuals learned for less than half of what ends learning: their rarest sample says too little."""
    return totals * memory.learned_s < NEEDED_S / 2 * max(memory.sample_count, 1)


def _second(days: Floats) -> float:
    """The second lowest day's value, so that one bad day does not make all usual; of one day, its value."""
    known = np.sort(days[np.isfinite(days)])
    return float(known[min(1, len(known) - 1)]) if len(known) else np.nan


def _middle(centre: Floats) -> float:
    known = np.sort(centre[np.isfinite(centre)])
    return float(known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2 if len(known) else np.nan


_EMPTY = baseline_of(Memory.empty())
