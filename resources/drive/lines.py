"""Kept lines to Google: requests are sent without copying what they carry, answers are whole or an error.

Retries are not made here: what may be sent again is the caller's to know.
"""

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from holdfast.errors import TransientError, VaultClosedError
from holdfast.media.vaults import Buffer

_CONNECT_S: Final = 15.0
# A line that was quiet for longer is not used again: servers and firewalls forget them without a word.
_IDLE_S: Final = 45.0
# Below this, pieces travel in one packet.
_SMALL_BYTES: Final = 16_384
# The longest answer that is read into memory.
_MOST_ANSWER_BYTES: Final = 64_000_000
_AGENT: Final = "User-Agent: holdfast\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``header`` looks a header up, whatever its case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return self.headers.get(name) or ""


class Line:
    """One connection, used by one request at a time."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, timeout_s: float) -> None:
        scheme, host, port = origin
        self.origin = origin
        self.used_at_s = time.monotonic()
        self._plain: http.client.HTTPConnection
        if scheme == "https":
            self._plain = http.client.HTTPSConnection(host, port, timeout=_CONNECT_S, context=context)
        else:
            self._plain = http.client.HTTPConnection(host, port, timeout=_CONNECT_S)
        # http.client turns Nagle's algorithm off; buffers are left to the kernel, which sizes them to the path.
        self._plain.connect()
        self._socket: socket.socket = self._plain.sock
        self._socket.settimeout(timeout_s)
        self._is_tls = scheme == "https"

    def is_fresh(self) -> bool:
        """Whether it can be used again: quiet for a short while only, and not closed by the other end."""
        if time.monotonic() - self.used_at_s > _IDLE_S:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def send(self, head: bytes, pieces: Sequence[Buffer]) -> None:
        """Send a request; large pieces are not copied."""
        views = [memoryview(piece).cast("B") for piece in (head, *pieces) if len(piece)]
        while len(views) > 1 and self._is_tls and len(views[0]) + len(views[1]) <= _SMALL_BYTES:
            views[:2] = [memoryview(b"".join(views[:2]))]
        if self._is_tls:
            for view in views:
                self._socket.sendall(view)
            return
        while views:
            sent = self._socket.sendmsg(views)
            while views and sent >= len(views[0]):
                sent -= len(views.pop(0))
            if sent:
                views[0] = views[0][sent:]

    def response(self, method: str) -> http.client.HTTPResponse:
        """What comes back, its head read."""
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        return response

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._plain.close()


class Lines:
    """All lines of one vault. Safe to use from several threads."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Line]] = {}
        self._context: ssl.SSLContext | None = None

    def exchange(self, method: str, url: str, headers: Mapping[str, str], pieces: Sequence[Buffer] = ()) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            TransientError: the line could not be opened, broke, or was silent for too long; what was sent may have
                been stored.
            VaultClosedError: the other end does not prove that it is who it should be.
        """
        origin, target = _origin(url)
        with translated(origin):
            line = self._line(origin)
            try:
                response = self._sent(line, method, target, headers, pieces)
                body = _whole(response)
            except BaseException:
                line.close()
                raise
            if response.will_close:
                line.close()
            else:
                self.keep(line)
            return Answer(response.status, response.headers, body)

    def open(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[Line, http.client.HTTPResponse]:
        """Send a request and read the head of the answer only; the line is the caller's to ``keep`` or close.

        Raises:
            TransientError, VaultClosedError: as of ``exchange``.
        """
        origin, target = _origin(url)
        with translated(origin):
            line = self._line(origin)
            try:
                return line, self._sent(line, method, target, headers, ())
            except BaseException:
                line.close()
                raise

    def keep(self, line: Line) -> None:
        """A line that may be used again."""
        line.used_at_s = time.monotonic()
        with self._lock:
            self._idle.setdefault(line.origin, []).append(line)

    def close(self) -> None:
        """Hang up on every line that is idle."""
        with self._lock:
            lines = [line for idle in self._idle.values() for line in idle]
            self._idle.clear()
        for line in lines:
            line.close()

    def _line(self, origin: Origin) -> Line:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                line = idle.pop() if idle else None
                if line is None and origin[0] == "https" and self._context is None:
                    self._context = ssl.create_default_context()
            if line is None:
                return Line(origin, self._context, self._timeout_s)
            if line.is_fresh():
                return line
            line.close()

    def _sent(
        self, line: Line, method: str, target: str, headers: Mapping[str, str], pieces: Sequence[Buffer]
    ) -> http.client.HTTPResponse:
        scheme, host, port = line.origin
        named = host if port == (443 if scheme == "https" else 80) else f"{host}:{port}"
        said = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = sum([len(piece) for piece in pieces])
        counted = f"Content-Length: {length}\r\n" if length or method in ("POST", "PUT", "PATCH") else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: {named}\r\n{_AGENT}{said}{counted}\r\n"
        try:
            line.send(head.encode("latin-1"), pieces)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body may have said why before it hung up.
            with contextlib.suppress(OSError, http.client.HTTPException):
                return line.response(method)
            raise
        return line.response(method)


def _whole(response: http.client.HTTPResponse) -> bytes:
    """The body of an answer whose end can be told from a line that broke."""
    body = b""
    if response.length is not None or response.chunked:
        body = response.read(_MOST_ANSWER_BYTES)
    if not response.isclosed():
        raise http.client.IncompleteRead(body, response.length)
    return body


def _origin(url: str) -> tuple[Origin, str]:
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return (parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), target


@contextlib.contextmanager
def translated(origin: Origin) -> Iterator[None]:
    """What sockets raise, as errors of this project; addresses are told by host only."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise VaultClosedError(
            "drive",
            f"Google Drive: {origin[1]} does not prove that it is {origin[1]} ({error.verify_message}); nothing was "
            "sent. See that this machine's clock and root certificates are right, and what stands between",
            by="settings",
        ) from None
    except TimeoutError:
        raise TransientError(f"Google Drive: {origin[1]} was silent for too long; it is asked again later") from None
    except (OSError, http.client.HTTPException) as error:
        what = f"{type(error).__name__}: {error.strerror}" if isinstance(error, OSError) else type(error).__name__
        raise TransientError(
            f"Google Drive: the line to {origin[1]} broke or could not be opened ({what}); it is asked again later"
        ) from None
