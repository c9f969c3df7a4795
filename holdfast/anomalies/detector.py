"""A series judged as it comes: block by block, first judged by what was learned before, then learned."""

import struct
from dataclasses import astuple
from itertools import pairwise
from typing import Final, Self

import numpy as np

from holdfast.anomalies.judging import scores_of
from holdfast.anomalies.paging import Pager
from holdfast.baselines import encoding
from holdfast.baselines.baseline import baseline_of
from holdfast.baselines.grid import BLOCK_S, DAY_S, DAYS, KINDS, LOOKBACK_S, Floats, Ints, cleaned
from holdfast.baselines.learning import learn
from holdfast.baselines.memory import Memory
from holdfast.baselines.residuals import magnitudes_of
from holdfast.errors import DamagedBaselineError

_HEAD: Final = struct.Struct("<qqqdqdq")
_FORGOTTEN_S: Final = DAYS * DAY_S
# Days are counted from 1970, in 32 bits.
_LATEST_S: Final = 2**46


def detector(at_s: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Judge a whole series.

    Args:
        at_s: seconds since the epoch. A stamp that repeats or goes back is taken as the latest before it.
        values: samples; what is not finite scores 0 and is not learned.

    Returns:
        Scores in 0 to 1 of how unusual each sample is, and alarm scores: the score where it pages, else 0. Both
        of a sample follow from the samples up to it; 0.5 is the one threshold for every series.
    """
    return Detector().score(at_s, values)


class Detector:
    """Judges and learns one series. How it is cut into calls, and whether it is kept as bytes between, changes nothing.

    Time does not go back here: a stamp that repeats or lies before the latest is taken as the latest, so that an
    hour that is repeated when clocks are set back is judged by the slot it begins in. One that lies more than
    28 days before the latest begins a new series, as all that was learned is from another time. What lies before
    1970 is taken as its first second.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._memory = Memory.empty()
        self._baseline = baseline_of(self._memory)
        self._pager = Pager()
        # The lookback and what came of the block that is not learned yet, which begins at ``_first``.
        self._at_s = np.zeros(0, np.int64)
        self._values = np.zeros(0)
        self._first = 0
        self._magnitudes: list[Floats] = []

    def score(self, at_s: Ints, values: Floats) -> tuple[Floats, Floats]:
        """Append samples, in the order in which they came.

        Args:
            at_s: seconds since the epoch.
            values: samples, as many.

        Returns:
            Scores and alarm scores, 0 to 1 (see ``detector``).

        Raises:
            ValueError: there are not as many instants as values.
        """
        at_s, values = np.asarray(at_s, np.int64), np.asarray(values, np.float64)
        if at_s.shape != values.shape or at_s.ndim != 1:
            raise ValueError(f"{at_s.shape} instants and {values.shape} values; nothing was judged: give one to each")
        at_s = np.clip(at_s, 0, _LATEST_S)
        parts = [(np.zeros(0), np.zeros(0))]
        while len(at_s):
            latest = np.maximum.accumulate(np.concatenate([self._at_s[-1:], at_s]))[-len(at_s) :]
            fallen = np.flatnonzero(at_s < latest - _FORGOTTEN_S)
            end = int(fallen[0]) if len(fallen) else len(at_s)
            parts.append(self._score(latest[:end], values[:end]))
            at_s, values = at_s[end:], values[end:]
            if len(at_s):
                self._begin()
        scores, alarms = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(alarms)

    def _score(self, at_s: Ints, values: Floats) -> tuple[Floats, Floats]:
        scores = np.zeros(len(values))
        blocks = at_s // BLOCK_S
        cuts = [0, *(np.flatnonzero(blocks[1:] != blocks[:-1]) + 1), len(at_s)] if len(at_s) else []
        for begin, end in pairwise(cuts):
            self._enter(int(blocks[begin]))
            self._at_s = np.concatenate([self._at_s, at_s[begin:end]])
            self._values = np.concatenate([self._values, values[begin:end]])
            first = len(self._values) - (end - begin)
            scores[begin:end] = self._judged(first)
        self._pager, alarms = self._pager.pages(at_s, scores)
        return scores, alarms

    def _judged(self, first: int) -> Floats:
        """Scores of the samples from ``first`` on, as ``judge`` gives them; what learning needs too is kept."""
        if self._baseline.is_learning:
            return np.zeros(len(self._values) - first)
        self._magnitudes.append(self._magnitudes_of(first))
        return scores_of(self._baseline, self._magnitudes[-1])[0]

    def _magnitudes_of(self, first: int) -> Floats:
        return magnitudes_of(self._baseline.usual(), self._at_s, cleaned(self._values), first, is_alone=True)

    def _enter(self, block: int) -> None:
        """Learn the block that lies behind, if a new one begins."""
        if self._first == len(self._at_s) or int(self._at_s[-1]) // BLOCK_S == block:
            return
        known = np.concatenate(self._magnitudes, axis=1) if self._magnitudes else np.zeros((KINDS, 0))
        # While learning, and after a restart in the middle of the block, some are not known: all are reckoned again.
        if known.shape[1] < len(self._at_s) - self._first:
            known = self._magnitudes_of(self._first)
        self._memory = learn(self._memory, self._baseline, self._at_s, self._values, self._first, known)
        self._baseline = baseline_of(self._memory)
        # One sample more than is looked back on, so that the latest instant is known after any gap.
        keep = min(int(np.searchsorted(self._at_s, block * BLOCK_S - LOOKBACK_S)), len(self._at_s) - 1)
        self._at_s, self._values = self._at_s[keep:], self._values[keep:]
        self._first = len(self._at_s)
        self._magnitudes = []

    def to_bytes(self) -> bytes:
        """All state; a detector made of it goes on as this one would, to the last bit."""
        memory = self._memory.to_bytes()
        head = _HEAD.pack(len(memory), len(self._at_s), self._first, *astuple(self._pager))
        body = head + memory + self._at_s.astype("<i8").tobytes() + self._values.astype("<f8").tobytes()
        return encoding.sealed(body, "detector")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            DamagedBaselineError: the bytes are not whole.
            BaselineVersionError: the bytes were written in another format.
        """
        body = encoding.opened(data, "detector")
        size, count, first, *pager = _HEAD.unpack_from(body)
        rest = body[_HEAD.size :]
        if len(rest) != size + 16 * count:
            raise DamagedBaselineError(
                f"detector: {len(rest)} bytes follow its head, which says {size + 16 * count}. Nothing was read of it: "
                "judge the series again from its history"
            )
        found = cls()
        found._memory = Memory.from_bytes(rest[:size])
        found._baseline = baseline_of(found._memory)
        found._at_s = np.frombuffer(rest, "<i8", count, size).astype(np.int64)
        found._values = np.frombuffer(rest, "<f8", count, size + 8 * count).astype(np.float64)
        found._first, found._pager = first, Pager(*pager)
        return found
