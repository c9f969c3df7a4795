"""An origin on 127.0.0.1 whose links die: where the sample rows' files are, on the embedded default.

A file is served while it is in ``files.json``, its time has not come and there is no ``<file>.gone`` beside it. The
list is read at each request, so that a person, or a test, can add a file or let one die.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import unquote, urlsplit

from holdfast.errors import HoldfastError
from resources.media.sample_files import LIST

PORT: Final = "port"
_TYPES: Final = {".png": "image/png", ".mp4": "video/mp4"}
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_PIECE: Final = 1 << 18


def serve(folder: Path, is_safe: Callable[[str], bool]) -> None:
    """Serve the folder until the process is told to end, on the port of the first time.

    Args:
        folder: of ``resources.media.sample_files.write_files``; the port is kept in it.
        is_safe: whether the file behind a URL has every copy it needs.
    """
    kept = folder / PORT
    port = int(kept.read_text(encoding="ascii")) if kept.exists() else 0
    with SampleOrigin(folder, port, is_safe) as server:
        fresh = folder / f"{PORT}.new"
        fresh.write_text(str(server.server_port), encoding="ascii")
        fresh.rename(kept)
        server.serve_forever()


def kept_url(folder: Path) -> str | None:
    """Where the folder is served, or was; None where it never was."""
    kept = folder / PORT
    return f"http://127.0.0.1:{kept.read_text(encoding='ascii')}" if kept.exists() else None


def is_served(folder: Path) -> bool:
    """Whether it is this folder that is served on the port that was kept."""
    kept = folder / PORT
    if not kept.exists():
        return False
    connection = HTTPConnection("127.0.0.1", int(kept.read_text(encoding="ascii")), timeout=2)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().getheader("Server") == _name(folder)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _name(folder: Path) -> str:
    """Tells an origin from another program that has its port by now."""
    return f"holdfast-samples/{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


class SampleOrigin(ThreadingHTTPServer):
    """The server; it listens as soon as it is made."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int, is_safe: Callable[[str], bool]) -> None:
        self.folder = folder
        self._is_safe = is_safe
        super().__init__(("127.0.0.1", port), _Request)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def file(self, path: str) -> tuple[HTTPStatus, Path | None]:
        """The file behind a path, or why there is none."""
        listed = json.loads((self.folder / LIST).read_text(encoding="utf-8")).get(path)
        if listed is None:
            return HTTPStatus.NOT_FOUND, None
        if self._is_dead(path, listed):
            return HTTPStatus.GONE, None
        return HTTPStatus.OK, self.folder / path

    def _is_dead(self, path: str, listed: dict[str, Any]) -> bool:
        marker = self.folder / f"{path}.gone"
        if marker.exists() or datetime.fromisoformat(listed["dies_at"]) <= datetime.now(UTC):
            return True
        if listed["dies_when_safe"] and self._has_copies(path):
            marker.touch()
            return True
        return False

    def _has_copies(self, path: str) -> bool:
        try:
            return self._is_safe(f"{self.url}/{path}")
        except HoldfastError:
            return False


class _Request(BaseHTTPRequestHandler):
    server: SampleOrigin
    protocol_version = "HTTP/1.1"

    def version_string(self) -> str:
        return _name(self.server.folder)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def _answer(self, *, has_body: bool) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        status, file = self.server.file(path)
        if file is None:
            self._refuse(status, has_body=has_body)
            return
        size = file.stat().st_size
        etag = _etag(file, file.stat().st_mtime_ns)
        span = self._span(size, etag)
        if span is None:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, has_body=has_body)
            return
        begin, end = span
        is_part = (begin, end) != (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK)
        if is_part:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.send_header("Content-Type", _TYPES.get(file.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(end - begin))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", etag)
        self.end_headers()
        if has_body:
            with file.open("rb") as opened:
                self._send(opened, begin, end)

    def _span(self, size: int, etag: str) -> tuple[int, int] | None:
        """The bytes that are asked for; None where the file has no such bytes."""
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not found or found.group(0) == "bytes=-" or self.headers.get("If-Range", etag) != etag:
            return 0, size
        first, last = found.groups()
        if not first:
            return max(size - int(last), 0), size
        end = min(int(last) + 1, size) if last else size
        return (int(first), end) if int(first) < end else None

    def _send(self, opened: BinaryIO, begin: int, end: int) -> None:
        opened.seek(begin)
        left = end - begin
        while left and (piece := opened.read(min(left, _PIECE))):
            self.wfile.write(piece)
            left -= len(piece)

    def _refuse(self, status: HTTPStatus, *, has_body: bool) -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if has_body:
            self.wfile.write(text)


@lru_cache(maxsize=64)
def _etag(file: Path, _changed_at: int) -> str:
    return f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}"'
