"""HTTP/1.1 for the fake Drive: a thread per connection, keep-alive, bodies read into memory that is there already.

The standard library's server reads bodies through a buffered file and copies them twice; a benchmark of a client needs
a server that costs little beside it.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_BYTES = 65_536
BLOCK_BYTES = 262_144
PHRASES = {200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 308: "Resume Incomplete"}
RESET = struct.pack("ii", 1, 0)


class GoneError(Exception):
    """The other end is not there any more, or this end is about to leave without a word."""


@dataclass
class Request:
    """One request; ``body`` is read by whoever needs it, and drained by the server otherwise."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: "Body"
    base_url: str
    principal: str = ""


@dataclass
class Response:
    """One answer. ``content`` is sent as it is, in pieces."""

    status: int = 200
    content: bytes | list[bytes | memoryview] = b""
    type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def pieces(self) -> list[bytes | memoryview]:
        return self.content if isinstance(self.content, list) else [self.content]

    @property
    def length(self) -> int:
        return sum(map(len, self.pieces))


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON."""
    return Response(status, json.dumps(document, ensure_ascii=False).encode(), headers=headers or {})


class Body:
    """The body of a request, as it comes."""

    def __init__(self, connection: "Connection", length: int, *, is_chunked: bool, wants_continue: bool) -> None:
        self._connection = connection
        self._left = length
        self._is_chunked = is_chunked
        self._wants_continue = wants_continue
        self.length = length
        self.received = 0

    def _begin(self) -> None:
        if self._wants_continue:
            self._wants_continue = False
            self._connection.send([b"HTTP/1.1 100 Continue\r\n\r\n"])

    def readinto(self, view: memoryview) -> int:
        """Fill the view as far as the body goes; fewer bytes at its end or where the client went away."""
        self._begin()
        wanted = min(len(view), self._left)
        got = self._connection.read(view[:wanted]) if wanted else 0
        self._left -= got
        self.received += got
        if got < wanted:
            raise ShortError(got)
        return got

    def read_all(self) -> memoryview:
        """The whole body in one piece."""
        self._begin()
        if self._is_chunked:
            content = self._dechunked()
            self.received += len(content)
            return memoryview(content)
        whole = memoryview(bytearray(self._left))
        self.readinto(whole)
        return whole

    def _dechunked(self) -> bytearray:
        content = bytearray()
        while size := int(self._connection.line().split(b";")[0], 16):
            chunk = memoryview(bytearray(size))
            if self._connection.read(chunk) < size:
                raise GoneError
            content += chunk
            self._connection.line()
        while self._connection.line():
            pass
        self._is_chunked = False
        return content

    def drain(self) -> None:
        """Read what nobody wanted, so that the next request is found."""
        if self._is_chunked:
            self.read_all()
        block = self._connection.block
        while self._left:
            self.readinto(block)


class ShortError(GoneError):
    """The client went away in the middle of a block.

    Attributes:
        got: bytes of that block that came.
    """

    def __init__(self, got: int) -> None:
        self.got = got
        super().__init__(got)


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._head = memoryview(bytearray(HEAD_BYTES))
        self._from = self._to = 0
        self.block = memoryview(bytearray(BLOCK_BYTES))

    def head(self, base_url: str) -> Request | None:
        """The next request; None when the client has left."""
        raw = self._until(b"\r\n\r\n")
        if raw is None:
            return None
        first, *lines = raw.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = Body(
            self,
            int(headers.get("content-length", 0)),
            is_chunked=headers.get("transfer-encoding", "").lower() == "chunked",
            wants_continue=headers.get("expect", "").lower() == "100-continue",
        )
        return Request(method, unquote(parts.path), query, headers, body, base_url)

    def line(self) -> bytes:
        """One line, without its end."""
        raw = self._until(b"\r\n")
        if raw is None:
            raise GoneError
        return raw

    def _until(self, mark: bytes) -> bytes | None:
        while True:
            have = bytes(self._head[self._from : self._to])
            end = have.find(mark)
            if end >= 0:
                self._from += end + len(mark)
                return have[:end]
            if self._from:
                self._head[: len(have)] = have
                self._from, self._to = 0, len(have)
            got = self.socket.recv_into(self._head[self._to :])
            if not got:
                return None
            self._to += got

    def read(self, view: memoryview) -> int:
        """Fill the view; fewer bytes only where the client went away."""
        have = min(self._to - self._from, len(view))
        if have:
            view[:have] = self._head[self._from : self._from + have]
            self._from += have
        while have < len(view):
            try:
                if self._is_tls:
                    got = self.socket.recv_into(view[have:])
                else:
                    got = self.socket.recv_into(view[have:], 0, socket.MSG_WAITALL)
            except OSError:
                return have
            if not got:
                return have
            have += got
        return have

    def send(self, pieces: list[bytes | memoryview]) -> None:
        """Everything, in as few calls as that takes."""
        if len(pieces) > 1 and sum(map(len, pieces)) < HEAD_BYTES:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self, response: Response) -> None:
        """Send an answer; the line stays open."""
        phrase = PHRASES.get(response.status, "Status")
        lines = [f"HTTP/1.1 {response.status} {phrase}", f"Content-Length: {response.length}"]
        if response.length:
            lines.append(f"Content-Type: {response.type}")
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        self.send([("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), *response.pieces])

    def reset(self) -> None:
        """Leave without a word: the client sees a connection reset."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.socket.close()


class Server:
    """Listens on a port and hands every request to one function, which answers, or raises ``GoneError`` to reset."""

    def __init__(
        self, handle: Callable[[Request], Response], *, port: int = 0, tls: tuple[str, str] | None = None
    ) -> None:
        self._handle = handle
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{self.port}"
        self._open: set[Connection] = set()
        self._lock = threading.Lock()
        self.accepted = 0

    def start(self) -> None:
        """Serve from now on, in threads."""
        threading.Thread(target=self._accept, name="fake-drive", daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop every line."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_lines()

    def drop_lines(self) -> None:
        """Close every open line, as a server that restarts does."""
        with self._lock:
            lines = list(self._open)
        for line in lines:
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection: Connection | None = None
        try:
            connection = Connection(self._context.wrap_socket(sock, server_side=True) if self._context else sock)
            with self._lock:
                self._open.add(connection)
            while request := connection.head(self.url):
                response = self._handle(request)
                request.body.drain()
                connection.answer(response)
                if request.headers.get("connection", "").lower() == "close":
                    return
        except GoneError:
            if connection:
                connection.reset()
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                (connection.socket if connection else sock).close()
