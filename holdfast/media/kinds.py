"""Whether what a link gives is a whole file of the kind it should be, judged while it streams by."""

import re
from typing import Final

from holdfast.errors import ImplausibleFileError
from holdfast.media.formats import HEAD_BYTES, Ask, Find, Is, Rest, Skip, Take, Walk, walk_of
from holdfast.media.items import Kind
from holdfast.media.strangers import described, is_drawing

# Enough to tell the formats apart; a text is read further for its first words.
MARK_BYTES: Final = 16
ADVICE: Final = "Nothing was kept; it is tried again later. If it stays so, open the link: it may want a login or be dead"


class FileCheck:
    """Reads along with one file, in blocks of any size, in constant memory and without looking at every byte.

    The content decides; what the server calls it is only told.

    Args:
        kind: what it has to be.
        declared_bytes: how long it should be; None where nobody says.
        declared_type: the server's Content-Type, for messages.
    """

    def __init__(self, kind: Kind, *, declared_bytes: int | None, declared_type: str) -> None:
        self._kind = kind
        self._declared_bytes = declared_bytes
        self._declared_type = declared_type
        self._content_type: str | None = None
        self._head = bytearray()
        self._walk: Walk | None = None
        self._ask: Ask | None = None
        self._taken = bytearray()
        self._left = 0
        self._at = 0
        self._seen_bytes = 0

    @property
    def content_type(self) -> str | None:
        """Such as ``video/mp4``, from the file's own first bytes; None until they were seen."""
        return self._content_type

    def feed(self, block: memoryview) -> None:
        """The next bytes of the file.

        Raises:
            ImplausibleFileError: it is already clear that this is not a whole file of its kind.
        """
        self._seen_bytes += len(block)
        if self._declared_bytes is not None and self._seen_bytes > self._declared_bytes:
            raise self._error(f"more bytes came than the {self._declared_bytes:,} that were announced")
        if self._walk is None:
            block = self._recognise(block, is_end=False)
        self._go_on(block)

    def finish(self) -> str:
        """The content type of a file that has ended.

        Raises:
            ImplausibleFileError: it is empty, cut off, longer or shorter than announced, or of another kind.
        """
        if not self._seen_bytes:
            raise self._error("the link gave no bytes at all")
        if self._declared_bytes is not None and self._seen_bytes < self._declared_bytes:
            raise self._error(f"{self._seen_bytes:,} bytes came of {self._declared_bytes:,} that were announced")
        if self._walk is None:
            self._go_on(self._recognise(memoryview(b""), is_end=True))
        self._end()
        if self._content_type is None:
            raise self._error(f"it is cut off after {self._seen_bytes:,} bytes")
        return self._content_type

    def _recognise(self, block: memoryview, *, is_end: bool) -> memoryview:
        """Collect the beginning until it says which format this is; what is to be walked over then."""
        self._head += block[: HEAD_BYTES - len(self._head)]
        if len(self._head) < MARK_BYTES and not is_end:
            return memoryview(b"")
        self._walk = walk_of(bytes(self._head[:MARK_BYTES]))
        if self._walk is None and (is_end or len(self._head) == HEAD_BYTES):
            self._walk = self._drawing()
        if self._walk is None:
            return memoryview(b"")
        known = len(self._head)
        self._advance(None)
        taken = memoryview(bytes(self._head))
        self._head.clear()
        self._go_on(taken)
        return block[len(block) - (self._seen_bytes - known) :]
