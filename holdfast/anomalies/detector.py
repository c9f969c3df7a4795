"""A series judged as it comes: block by block, first judged by what was learned before, then learned."""

import struct
from dataclasses import astuple
from typing import Final

import numpy as np

from holdfast.anomalies.judging import judge
from holdfast.anomalies.paging import Pager
from holdfast.baselines import encoding
from holdfast.baselines.baseline import baseline_of
from holdfast.baselines.grid import BLOCK_S, LOOKBACK_S, Floats, Ints
from holdfast.baselines.learning import learn
from holdfast.baselines.memory import Memory
from holdfast.errors import DamagedBaselineError

_HEAD: Final = struct.Struct("<qqqdqdq")


def detector(at_s: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Scores and alarm scores of a whole series, each from the samples up to it."""
    return Detector().score(at_s, values)


class Detector:
    """Judges and learns one series; how it is cut into calls changes nothing."""

    def __init__(self) -> None:
        self._memory = Memory.empty()
        self._baseline = baseline_of(self._memory)
        self._at_s = np.zeros(0, np.int64)
        self._values = np.zeros(0)
        self._first = 0
        self._pager = Pager()

    def score(self, at_s: Ints, values: Floats) -> tuple[Floats, Floats]:
        """Append samples; give their scores and alarm scores, in 0 to 1."""
        at_s, values = np.asarray(at_s, np.int64), np.asarray(values, np.float64)
        scores = np.zeros(len(values))
        if not len(values):
            return scores, scores.copy()
        before = self._at_s[-1:]
        at_s = np.maximum.accumulate(np.concatenate([before, at_s]))[len(before) :]
        blocks = at_s // BLOCK_S
        cuts = np.flatnonzero(np.diff(blocks)) + 1
        for begin, end in zip([0, *cuts], [*cuts, len(at_s)], strict=True):
            self._enter(int(blocks[begin]))
            self._at_s = np.concatenate([self._at_s, at_s[begin:end]])
            self._values = np.concatenate([self._values, values[begin:end]])
            first = len(self._values) - (end - begin)
            scores[begin:end] = judge(self._baseline, self._at_s, self._values, first).score
        self._pager, alarms = self._pager.pages(at_s, scores)
        return scores, alarms

    def _enter(self, block: int) -> None:
        """Learn the block that lies behind, if a new one begins."""
        if self._first == len(self._at_s) or int(self._at_s[-1]) // BLOCK_S == block:
            return
        self._memory = learn(self._memory, self._baseline, self._at_s, self._values, self._first)
        self._baseline = baseline_of(self._memory)
        keep = np.searchsorted(self._at_s, block * BLOCK_S - LOOKBACK_S)
        self._at_s, self._values = self._at_s[keep:], self._values[keep:]
        self._first = len(self._at_s)

    def to_bytes(self) -> bytes:
        """All state; a detector made of it goes on as this one would."""
        memory = self._memory.to_bytes()
        head = _HEAD.pack(len(memory), len(self._at_s), self._first, *astuple(self._pager))
        body = head + memory + self._at_s.astype("<i8").tobytes() + self._values.astype("<f8").tobytes()
        return encoding.sealed(body, "detector")

    @classmethod
    def from_bytes(cls, data: bytes) -> "Detector":
        """Read what ``to_bytes`` wrote.

        Raises:
            DamagedBaselineError: the bytes are not whole.
            BaselineVersionError: the bytes were written in another format.
        """
        body = encoding.opened(data, "detector")
        size, count, first, *pager = _HEAD.unpack_from(body)
        rest = body[_HEAD.size :]
        if len(rest) != size + 16 * count:
            raise DamagedBaselineError("detector: its parts do not have the length written")
        found = cls()
        found._memory = Memory.from_bytes(rest[:size])
        found._baseline = baseline_of(found._memory)
        found._at_s = np.frombuffer(rest, "<i8", count, size).astype(np.int64)
        found._values = np.frombuffer(rest, "<f8", count, size + 8 * count).astype(np.float64)
        found._first, found._pager = first, Pager(*pager)
        return found
