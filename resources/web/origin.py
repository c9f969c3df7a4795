"""Origins: where media is until its links die."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urljoin

from holdfast.errors import (
    HoldfastError,
    ImplausibleFileError,
    OriginGoneError,
    RefusedAddressError,
    ThrottledError,
    TransientError,
)
from holdfast.media.addresses import AllowedHosts, Place
from holdfast.media.items import printable_url
from resources.web.lines import Lines

TIMEOUT_S: Final = 30.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
# A signed link that has run out says 403, and some say 401.
_GONE: Final = frozenset({401, 403, 404, 410})
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "holdfast"}
_PIECE: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a link says of itself.

    Attributes:
        state: ``answers``; ``gone``: its server says that there is nothing; ``unclear``: nobody can say.
        problem: why it does not answer; empty where it does.
    """

    state: Literal["answers", "gone", "unclear"]
    problem: str = ""


class Received:
    """An answer with a file in it, read once from its beginning.

    Attributes:
        offset: which byte of the file it begins with: the one that was asked for, or 0 where the origin gives all.
        length: bytes of the whole file; None where the origin does not say.
        etag: strong identity of the content, or the time of its last change; empty where there is neither.
        content_type: as the origin calls it.
    """

    def __init__(self, url: str, response: http.client.HTTPResponse) -> None:
        self._url = url
        self._response = response
        self.offset, self.length = _extent(response)
        self.etag = _identity(response)
        self.content_type = response.getheader("Content-Type", "")
        # None: by chunks, or until the line is closed.
        self._left = None if self.length is None else self.length - self.offset
        self._is_chunked = response.chunked
        self.is_whole = False

    def readinto(self, buffer: memoryview) -> int:
        """What has come, at most as much as fits; 0 at the end of the file.

        Raises:
            TransientError: the line broke, was silent, or ended early.
        """
        try:
            count = self._read(buffer)
        except (OSError, http.client.HTTPException) as error:
            silent = isinstance(error, TimeoutError)
            why = f"nothing came for {TIMEOUT_S:g} s" if silent else f"the line broke ({type(error).__name__})"
            raise TransientError(f"{printable_url(self._url)}: {why} in the middle of the file") from error
        if self._left is not None:
            self._left -= count
        if count == 0 and self._left:
            raise TransientError(
                f"{printable_url(self._url)}: the file was cut off {self._left:,} bytes before its end of "
                f"{self.length:,} bytes"
            )
        self.is_whole = self.is_whole or self._left == 0 or (count == 0 and len(buffer) > 0)
        return count

    def _read(self, buffer: memoryview) -> int:
        if self._left == 0:
            return 0
        if self._is_chunked or self._left is None:
            piece = self._response.read1(min(len(buffer), _PIECE))
            buffer[: len(piece)] = piece
            return len(piece)
        # One read of the line: a slow origin must not hold us until a whole buffer is full.
        count: int = self._response.fp.readinto1(buffer[: self._left])
        return count


class Origin:
    """Files behind links. Safe to use from several threads."""

    def __init__(self, allowed: AllowedHosts, *, timeout_s: float = TIMEOUT_S) -> None:
        """Opens nothing yet.

        Args:
            allowed: where files may be fetched from.
            timeout_s: longest silence, in seconds.
        """
        self._allowed = allowed
        self._lines = Lines(allowed, timeout_s)

    @contextmanager
    def open(self, url: str, *, offset: int = 0, etag: str = "") -> Iterator[Received]:
        """Ask for the file, from ``offset`` on where its origin can and it still is the one of ``etag``.

        Raises:
            RefusedAddressError: it may not be fetched from there.
            OriginGoneError: it is not there.
            ThrottledError: the origin asks for patience.
            ImplausibleFileError: it was packed although that was not asked for.
            TransientError: anything else that may pass.
        """
        asked = {**_HEADERS, "Range": f"bytes={offset}-"} if offset else dict(_HEADERS)
        if offset and etag.startswith('"'):
            asked["If-Range"] = etag
        place, response = self._follow(url, "GET", asked)
        received = None
        try:
            _check_status(url, response)
            if response.getheader("Content-Encoding", "identity") != "identity":
                raise ImplausibleFileError(
                    f"{printable_url(url)}: expected the file as it is, found it packed as "
                    f"{response.getheader('Content-Encoding')}"
                )
            received = Received(url, response)
            yield received
        finally:
            if received is not None and received.is_whole:
                self._lines.give_back(place, response)
            else:
                self._lines.drop(response)

    def probe(self, url: str) -> Probed:
        """Whether a link answers, without fetching the file: HEAD, or one byte where that is not allowed."""
        try:
            place, response = self._follow(url, "HEAD", dict(_HEADERS))
            if response.status in _GONE or response.status in (405, 501):
                self._lines.drop(response)
                place, response = self._follow(url, "GET", {**_HEADERS, "Range": "bytes=0-0"})
                self._lines.drop(response)
            else:
                self._lines.give_back(place, response)
            _check_status(url, response)
        except (OriginGoneError, RefusedAddressError) as error:
            return Probed(state="gone" if isinstance(error, OriginGoneError) else "unclear", problem=str(error))
        except HoldfastError as error:
            return Probed(state="unclear", problem=str(error))
        if response.getheader("Content-Type", "").startswith("text/html"):
            return Probed(state="unclear", problem=f"{printable_url(url)}: a page instead of a file")
        return Probed(state="answers")

    def close(self) -> None:
        """Close every line; nobody may be reading now."""
        self._lines.close()

    def _follow(self, url: str, method: str, headers: dict[str, str]) -> tuple[Place, http.client.HTTPResponse]:
        """The answer at the end of at most three redirects, each of them checked like the first."""
        here = url
        for _ in range(_MOST_REDIRECTS + 1):
            place = self._allowed.place(here)
            response = self._lines.request(here, place, method, headers)
            to = response.getheader("Location")
            if response.status not in _REDIRECTS or not to:
                return place, response
            self._lines.drop(response)
            here = urljoin(here, to)
        raise TransientError(f"{printable_url(url)}: it redirects more than {_MOST_REDIRECTS} times; nothing was read")


def _check_status(url: str, response: http.client.HTTPResponse) -> None:
    status = response.status
    if status in (200, 206):
        return
    said = f"{printable_url(url)}: its server answers {status} {response.reason}".rstrip()
    if status in _GONE:
        raise OriginGoneError(f"{said}: the link is dead")
    if status == 429:
        raise ThrottledError(f"{said}: too many requests", wait_s=_seconds(response.getheader("Retry-After")))
    raise TransientError(said)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """The first byte's place in the file, and the length of the file."""
    if response.status == 206:
        unit, _, rest = (response.getheader("Content-Range") or "").partition(" ")
        first, _, total = rest.partition("/")
        begin = first.partition("-")[0]
        if unit == "bytes" and begin.isdigit():
            return int(begin), int(total) if total.isdigit() else None
        raise TransientError("a part of the file came without saying which (206 without Content-Range)")
    return 0, response.length


def _identity(response: http.client.HTTPResponse) -> str:
    etag = response.getheader("ETag", "")
    return etag if etag.startswith('"') else response.getheader("Last-Modified", "")
