"""The pump: a file's bytes from one reading to its judge and into every sink, a block at a time."""

from collections.abc import Sequence

from holdfast.errors import HoldfastError, TransientError
from resources.media.blocks import Block, Buffers
from resources.media.judging import Judge
from resources.media.placing import Digests
from resources.media.reading import Reading
from resources.media.sinks import Sink

Filled = tuple[bytearray, int]


class Pump:
    """Moves one file. Its first block is judged already when it comes here."""

    def __init__(self, reading: Reading, judge: Judge, buffers: Buffers) -> None:
        self._reading, self._judge, self._buffers = reading, judge, buffers
        self._start = 0

    def run(self, first: Filled, sinks: Sequence[Sink]) -> Digests:
        """Until the end of the file, or until no sink takes anything any more; what the file is known by.

        The last block goes to the sinks only when the judge has seen the whole file: what is not whole stays half-sent,
        and a half-sent file is nobody's copy.

        Raises:
            ImplausibleFileError: it is not a whole file of its kind.
            HoldfastError: it could not be read to its end, or no vault takes it.
        """
        filled = first
        while True:
            try:
                self._judge.check()
                is_last, ahead = self._ahead(filled)
            except HoldfastError:
                self._buffers.give_back(filled[0])
                raise
            block = self._block(filled, len(sinks))
            digests = self._end(block, len(sinks)) if is_last else None
            for sink in sinks:
                sink.give(block)
            if digests:
                return digests
            if sinks and (errors := [sink.error for sink in sinks if sink.error]) and len(errors) == len(sinks):
                if ahead:
                    self._buffers.give_back(ahead[0])
                raise errors[0]
            filled = ahead or self._fill()

    def _ahead(self, filled: Filled) -> tuple[bool, Filled | None]:
        """Whether this is the last block, and the next one where it had to be read to know that."""
        length = self._reading.length
        if length is not None:
            return self._start + filled[1] >= length, None
        if filled[1] < self._buffers.size:
            return True, None
        following = self._fill()
        if following[1]:
            return False, following
        self._buffers.give_back(following[0])
        return True, None

    def _fill(self) -> Filled:
        buffer = self._buffers.take()
        try:
            count = self._reading.fill(memoryview(buffer))
        except HoldfastError:
            self._buffers.give_back(buffer)
            raise
        if not count and self._reading.length is not None:
            self._buffers.give_back(buffer)
            raise TransientError(f"the file ended after {self._start:,} of {self._reading.length:,} bytes")
        return buffer, count

    def _block(self, filled: Filled, sinks: int) -> Block:
        block = Block(self._buffers, filled[0], self._start, filled[1], sinks + 1)
        is_first = self._start == 0
        self._start = block.end
        if is_first:
            block.release()
        else:
            self._judge.give(block)
        return block

    def _end(self, block: Block, sinks: int) -> Digests:
        """Judge the whole file, and write that on its last block."""
        try:
            block.sha256, _ = self._judge.verdict()
        except HoldfastError:
            for _ in range(sinks):
                block.release()
            raise
        block.total_bytes = block.end
        return Digests(size_bytes=block.end, sha256=block.sha256, md5=self._judge.md5)
