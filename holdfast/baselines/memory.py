"""What was learned of one series: a ring of 28 days, so that the oldest day is forgotten as a new one is learned."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from holdfast.baselines import encoding
from holdfast.baselines.bins import BINS, UNKNOWN
from holdfast.baselines.grid import DAYS, KINDS, NEEDED_S, PROFILE_SLOTS


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A series' memory. Arrays have one row per day of the ring: day d since the epoch lies in row d % 28.

    Attributes:
        version: folds so far.
        learned_from_s: the first sample ever folded, in seconds since the epoch; -1 before the first.
        learned_until_s: end of the last block folded, exclusive; -1 before the first.
        unit_exponent: histograms count in units of 2 ** this, set by the first block with values that are
            not zero; ``bins.UNKNOWN`` before.
        last_value: the last value folded; NaN before the first.
        last_change_s: when the last value was first seen in its present run.
        days: day since the epoch in each row; -1 where none.
        medians: per slot of the day, the median of its samples; NaN where there was none.
        counts: per slot of the day, its samples.
        histograms: per residual and bin of its magnitude, its samples.
        covered_s: time covered by samples.
        zeros: samples that were exactly zero.
        minimum: the lowest value; NaN where none.
        maximum: the highest value; NaN where none.
        quantum: the smallest step between two samples in a row that differ; infinity where none differed.
        constant_s: the longest time without a change that ended or went on in this day.
    """

    version: int
    learned_from_s: int
    learned_until_s: int
    unit_exponent: int
    last_value: float
    last_change_s: int
    days: npt.NDArray[np.int32]
    medians: npt.NDArray[np.float32]
    counts: npt.NDArray[np.uint16]
    histograms: npt.NDArray[np.uint16]
    covered_s: npt.NDArray[np.int32]
    zeros: npt.NDArray[np.int32]
    minimum: npt.NDArray[np.float64]
    maximum: npt.NDArray[np.float64]
    quantum: npt.NDArray[np.float64]
    constant_s: npt.NDArray[np.int32]

    @classmethod
    def empty(cls) -> Self:
        """A memory of nothing."""
        return cls(
            version=0,
            learned_from_s=-1,
            learned_until_s=-1,
            unit_exponent=UNKNOWN,
            last_value=np.nan,
            last_change_s=-1,
            days=np.full(DAYS, -1, np.int32),
            medians=np.full((DAYS, PROFILE_SLOTS), np.nan, np.float32),
            counts=np.zeros((DAYS, PROFILE_SLOTS), np.uint16),
            histograms=np.zeros((DAYS, KINDS, BINS), np.uint16),
            covered_s=np.zeros(DAYS, np.int32),
            zeros=np.zeros(DAYS, np.int32),
            minimum=np.full(DAYS, np.nan),
            maximum=np.full(DAYS, np.nan),
            quantum=np.full(DAYS, np.inf),
            constant_s=np.zeros(DAYS, np.int32),
        )

    @property
    def sample_count(self) -> int:
        """Samples of the days that are remembered."""
        return int(self.counts.sum(dtype=np.int64))

    @property
    def learned_s(self) -> int:
        """Time covered by samples in the days that are remembered, in seconds."""
        return int(self.covered_s.sum(dtype=np.int64))

    @property
    def is_learning(self) -> bool:
        """Whether there is too little history to judge by."""
        return self.learned_s < NEEDED_S

    def to_bytes(self) -> bytes:
        """Canonical bytes: the same memory gives the same bytes, on every machine."""
        return encoding.to_bytes(self, "memory")

    @classmethod
    def from_bytes(cls, data: bytes) -> "Memory":
        """Read what ``to_bytes`` wrote.

        Raises:
            DamagedBaselineError: the bytes are not whole.
            BaselineVersionError: the bytes were written in another format.
        """
        return encoding.from_bytes(_EMPTY, data, "memory")

    def to_document(self) -> dict[str, Any]:
        """The memory as JSON's types; ``from_document`` gives back the very same memory."""
        return encoding.to_document(self, "memory")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Memory":
        """Read what ``to_document`` made.

        Raises:
            DamagedBaselineError: something is missing or of another shape.
            BaselineVersionError: the document was made in another format.
        """
        return encoding.from_document(_EMPTY, document, "memory")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory) and encoding.payload(self) == encoding.payload(other)

    def __hash__(self) -> int:
        return hash((self.version, self.learned_until_s, self.last_value))


_EMPTY = Memory.empty()
