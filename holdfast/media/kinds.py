"""Whether what a link gives is a whole file of the kind it should be, judged while it streams by."""

from typing import Final

from holdfast.errors import ImplausibleFileError
from holdfast.media.formats import HEAD_BYTES, drawing, walk_of
from holdfast.media.items import Kind
from holdfast.media.strangers import described, is_drawing
from holdfast.media.walker import Walker

# Enough to tell the formats apart; a text is read up to HEAD_BYTES for its first words.
MARK_BYTES: Final = 16
ADVICE: Final = (
    "Nothing of it is kept, and it is tried again later; if it stays so, open the link: it may be dead or want a login"
)
NAMES: Final = {"video": "a video", "image": "a picture", "audio": "a sound file"}


class FileCheck:
    """Reads along with one file, in blocks of any size, in constant memory and without looking at every byte.

    The content decides what it is; what the server calls it only stands in messages. What follows the end of a picture
    (PNG, JPEG, GIF) is not judged, as no program that shows pictures does.

    Args:
        kind: what it has to be.
        declared_bytes: how long it should be; None where nobody says.
        declared_type: the server's Content-Type.
    """

    def __init__(self, kind: Kind, *, declared_bytes: int | None, declared_type: str) -> None:
        self._kind = kind
        self._declared_bytes = declared_bytes
        self._declared_type = declared_type
        self._content_type: str | None = None
        self._head = bytearray()
        self._walker: Walker | None = None
        self._seen_bytes = 0

    @property
    def content_type(self) -> str | None:
        """Such as ``video/mp4``, by the file's own first bytes; None until they were seen."""
        return self._content_type

    def feed(self, block: memoryview) -> None:
        """The next bytes of the file.

        Raises:
            ImplausibleFileError: it is clear already that this is not a whole file of its kind.
        """
        self._seen_bytes += len(block)
        if self._declared_bytes is not None and self._seen_bytes > self._declared_bytes:
            raise self._error(f"more bytes came than the {self._declared_bytes:,} that were announced")
        if self._walker is None:
            room = HEAD_BYTES - len(self._head)
            self._head += block[:room]
            block = block[room:]
            self._begin(is_all=len(self._head) == HEAD_BYTES)
        self._go_on(block)

    def finish(self) -> str:
        """The content type of a file that has ended.

        Raises:
            ImplausibleFileError: it is empty, cut off, shorter or longer than announced, or of another kind.
        """
        if not self._seen_bytes:
            raise self._error("the link gave no bytes at all")
        if self._declared_bytes is not None and self._seen_bytes < self._declared_bytes:
            raise self._error(f"{self._seen_bytes:,} bytes came of {self._declared_bytes:,} that were announced")
        if self._walker is None:
            self._begin(is_all=True)
        try:
            if self._walker:
                self._walker.end()
        except ImplausibleFileError as error:
            raise self._error(f"after {self._seen_bytes:,} bytes {error}") from None
        if self._content_type is None:
            raise self._error(f"it is cut off after {self._seen_bytes:,} bytes")
        return self._content_type

    def _begin(self, *, is_all: bool) -> None:
        """Recognise the format as soon as enough of it was seen, and walk over that."""
        if len(self._head) < MARK_BYTES and not is_all:
            return
        head = bytes(self._head)
        walk = walk_of(head)
        if walk is None and is_all:
            if not is_drawing(head):
                raise self._error(f"expected {NAMES[self._kind]}, found {described(head)}")
            walk = drawing()
        if walk is not None:
            self._walker = Walker(walk, self._is_of)
            self._head.clear()
            self._go_on(memoryview(head))

    def _go_on(self, block: memoryview) -> None:
        if self._walker is None:
            return
        try:
            self._walker.feed(block)
        except ImplausibleFileError as error:
            raise self._error(str(error)) from None
        self._check_kind()
        if self._declared_bytes is not None and self._walker.reaches > self._declared_bytes:
            raise self._error(
                f"it is cut off: by its own account it has {self._walker.reaches:,} bytes or more, "
                f"{self._declared_bytes:,} were announced"
            )

    def _is_of(self, content_type: str) -> None:
        self._content_type = content_type

    def _check_kind(self) -> None:
        found = (self._content_type or self._kind).partition("/")[0]
        if found != self._kind:
            raise self._error(f"expected {NAMES[self._kind]}, found {NAMES[found]} ({self._content_type})")

    def _error(self, problem: str) -> ImplausibleFileError:
        declared = "".join(letter for letter in self._declared_type if letter.isprintable())[:60]
        called = f" (the server calls it {declared})" if declared else ""
        return ImplausibleFileError(f"{problem}{called}. {ADVICE}")
