"""Reading a file once from its beginning, over as many lines as that takes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, Self

from holdfast.errors import ChangedError, StoppedError, ThrottledError, TransientError
from holdfast.media.items import MediaItem, printable_url
from holdfast.media.vaults import Content, MediaVault
from holdfast.media.work import Elsewhere
from holdfast.retries import Backoff
from resources.web.origin import Origin

_BACKOFF: Final = Backoff(attempts=5, first_s=0.5, most_s=16)
# A link that gives less than this in a minute keeps a worker from others: it is left for later.
_SLOW_BYTES: Final = 64 * 1024
_SLOW_S: Final = 60.0


class Answer(Protocol):
    """A file that begins to arrive."""

    offset: int
    length: int | None
    etag: str
    content_type: str

    def readinto(self, buffer: memoryview) -> int:
        """What has come; 0 at the end."""


# Opens the file from an offset on, where it still is the one of the etag.
Open = Callable[[int, str], AbstractContextManager[Answer]]


class Reading:
    """One file, from its first byte to its last.

    Attributes:
        length: bytes; None where nobody says.
        etag, content_type: as the origin says.
    """

    def __init__(
        self,
        open_at: Open,
        name: str,
        *,
        stop: threading.Event,
        backoff: Backoff = _BACKOFF,
        slow_after_s: float = _SLOW_S,
    ) -> None:
        """Opens nothing yet.

        Args:
            open_at: opens the file from an offset on.
            name: of the file, for messages.
            stop: set when the run ends.
            backoff: how often a line that breaks is opened anew.
            slow_after_s: a link that gives less than 64 KiB in so many seconds is too slow.
        """
        self._open_at = open_at
        self._slow_after_s = slow_after_s
        self._name = name
        self._stop = stop
        self._backoff = backoff
        self._offset = 0
        self._stack = ExitStack()
        self._answer: Answer | None = None
        self._waited_s, self._since_slow = 0.0, 0
        self.length: int | None = None
        self.etag = ""
        self.content_type = ""

    def __enter__(self) -> Self:
        self._answer = answer = self._stack.enter_context(self._open_at(0, ""))
        self.length, self.etag, self.content_type = answer.length, answer.etag, answer.content_type
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def fill(self, buffer: memoryview) -> int:
        """Fill the buffer, or as much of it as the file still has; how many bytes.

        Raises:
            TransientError: the line broke again and again, or the file changed while it was read.
            StoppedError: the run ends.
        """
        filled = 0
        delays_s = self._backoff.delays_s()
        while filled < len(buffer):
            try:
                count = self._read(buffer[filled:])
            except TransientError as error:
                wait_s = next(delays_s, None)
                if wait_s is None or self._offset == 0:
                    raise
                self._pause(max(wait_s, error.wait_s or 0.0) if isinstance(error, ThrottledError) else wait_s)
                self._reopen(error)
                continue
            if not count:
                break
            filled += count
            self._offset += count
        return filled

    def _read(self, buffer: memoryview) -> int:
        if self._stop.is_set():
            raise StoppedError(f"{self._name}: the run ends")
        if self._answer is None:
            raise TransientError(f"{self._name}: the line is closed")
        began_s = time.monotonic()
        count = self._answer.readinto(buffer)
        self._waited_s += time.monotonic() - began_s
        self._since_slow += count
        if self._waited_s > self._slow_after_s:
            if self._since_slow < _SLOW_BYTES:
                raise TransientError(f"{self._name}: only {self._since_slow:,} bytes came in {self._waited_s:.0f} s")
            self._waited_s, self._since_slow = 0.0, 0
        return count

    def _reopen(self, broken: TransientError) -> None:
        self._stack.close()
        self._answer = None
        self._waited_s, self._since_slow = 0.0, 0
        try:
            answer = self._stack.enter_context(self._open_at(self._offset, self.etag))
        except TransientError:
            # The next read finds no line, and another try is made.
            return
        if (answer.etag, answer.length) != (self.etag, self.length) or (
            answer.offset and answer.offset != self._offset
        ):
            raise ChangedError(f"{self._name}: the file changed while it was read") from broken
        if not answer.offset:
            self._skip(answer, broken)
        self._answer = answer

    def _skip(self, answer: Answer, broken: TransientError) -> None:
        """Read past what we have; only where the origin vouches that it is the same file."""
        if not self.etag:
            raise ChangedError(
                f"{self._name}: the line broke, and the origin can neither go on nor say whether it is the same file"
            ) from broken
        left, buffer = self._offset, memoryview(bytearray(1 << 20))
        while left:
            count = answer.readinto(buffer[: min(left, len(buffer))])
            if not count:
                raise ChangedError(f"{self._name}: the file is shorter than it was") from broken
            left -= count

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError(f"{self._name}: the run ends")


@dataclass(slots=True)
class _FromVault:
    """A copy in a vault as an answer."""

    content: Content
    offset: int
    length: int | None
    etag: str
    content_type: str

    def readinto(self, buffer: memoryview) -> int:
        """What has come; 0 at the end."""
        return self.content.readinto(buffer)


def read_link(origin: Origin, item: MediaItem, stop: threading.Event) -> Reading:
    """An item from its link."""
    return Reading(
        lambda offset, etag: origin.open(item.url, offset=offset, etag=etag), printable_url(item.url), stop=stop
    )


def read_copy(vault: MediaVault, copy: Elsewhere, item: MediaItem, stop: threading.Event) -> Reading:
    """An item from a verified copy in another vault."""

    @contextmanager
    def open_at(offset: int, etag: str) -> Iterator[Answer]:
        with vault.read(copy.remote_id, offset=offset) as content:
            yield _FromVault(content, offset, item.size_bytes, etag or "a verified copy", "")

    return Reading(open_at, f"the copy of item {item.item_id} in {vault.label}", stop=stop)
