"""Answers what a walk over a file asks for, from blocks that are cut anywhere."""

import re
from collections.abc import Callable

from holdfast.errors import ImplausibleFileError
from holdfast.media.formats import Ask, Find, Is, Rest, Skip, Take, Walk


class Walker:
    """Leads one walk over one file.

    Args:
        walk: from ``holdfast.media.formats``.
        told: called with the content type as soon as the walk says it.
    """

    def __init__(self, walk: Walk, told: Callable[[str], None]) -> None:
        self._walk = walk
        self._told = told
        self._ask: Ask | None = None
        self._held = bytearray()
        self._left = 0
        self._at = 0
        self._proceed(None)

    @property
    def reaches(self) -> int:
        """How long the file is at least, by what was read of it, in bytes."""
        is_over = isinstance(self._ask, Take) and self._ask.may_end and not self._held
        return self._at + (0 if is_over else self._left)

    def feed(self, block: memoryview) -> None:
        """The next bytes.

        Raises:
            ImplausibleFileError: they do not fit the format.
        """
        while block and self._ask:
            block = block[self._pass(block) :]

    def end(self) -> None:
        """There are no more bytes.

        Raises:
            ImplausibleFileError: the format does not allow an end here.
        """
        while self._ask:
            is_allowed = isinstance(self._ask, Rest) or (isinstance(self._ask, Take) and self._ask.may_end)
            if not is_allowed or (isinstance(self._ask, Take) and self._held):
                raise ImplausibleFileError(f"it is cut off: it ends in the middle of {_what(self._ask)}")
            self._proceed(bytes(self._held))

    def _pass(self, block: memoryview) -> int:
        """Use some of the block for what is asked; how many bytes."""
        if isinstance(self._ask, Find):
            return self._find(block, self._ask.mark)
        if isinstance(self._ask, Rest):
            self._hold_end(block, self._ask.tail)
            return len(block)
        step = min(self._left, len(block))
        if isinstance(self._ask, Take):
            self._held += block[:step]
        self._at += step
        self._left -= step
        if not self._left:
            self._proceed(bytes(self._held))
        return step

    def _find(self, block: memoryview, mark: bytes) -> int:
        is_split = bytes(self._held) + block[:1] == mark
        found = None if is_split else re.search(re.escape(mark), block)
        step = 1 if is_split else found.end() if found else len(block)
        self._at += step
        self._held[:] = block[-1:]
        if is_split or found:
            self._proceed(b"")
        return step

    def _hold_end(self, block: memoryview, most: int) -> None:
        if most:
            self._held += block[-most:]
            del self._held[:-most]

    def _proceed(self, answer: bytes | None) -> None:
        """Give the answer, and take the next question that needs more bytes; none after the walk's end."""
        self._held.clear()
        while True:
            try:
                self._ask = self._walk.send(answer) if answer is not None else next(self._walk)
            except StopIteration:
                self._ask = None
                return
            answer = b""
            if isinstance(self._ask, Is):
                self._told(self._ask.content_type)
            else:
                self._left = self._ask.size if isinstance(self._ask, Take | Skip) else 0
                if self._left or not isinstance(self._ask, Take | Skip):
                    return


def _what(ask: Ask) -> str:
    return ask.of if isinstance(ask, Take | Skip | Find) else "its end"
