"""Uploads into the fake Drive: in one call, and resumable with every rule of it."""

import hashlib
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.drive_errors import refusal
from tests.fakes.drive_faults import Fault
from tests.fakes.drive_files import File, RefusedError
from tests.fakes.drive_http import BLOCK_BYTES, GoneError, Request, Response
from tests.fakes.drive_world import World, new_id

GRAIN = 262_144
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Sink:
    """Takes the bytes of one file, hashes them, and keeps them where they are wanted."""

    def __init__(self, keep: "Path | bool") -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._parts: list[bytes] = []
        self._keep = keep
        self._path = keep / secrets.token_hex(16) if isinstance(keep, Path) else None

    def write(self, view: memoryview) -> None:
        self.md5.update(view)
        self.sha256.update(view)
        self.size += len(view)
        if self._path:
            with self._path.open("ab") as file:
                file.write(view)
        elif self._keep:
            self._parts.append(bytes(view))

    def into(self, file: File) -> File:
        file.size, file.md5, file.sha256 = self.size, self.md5.hexdigest(), self.sha256.hexdigest()
        if self._path:
            self._path.touch()
        file.content = self._path or (self._parts if self._keep else None)
        return file


@dataclass
class Session:
    """One resumable upload."""

    id: str
    principal: str
    parent: File
    metadata: dict[str, Any]
    query: dict[str, str]
    mime: str
    total: int | None
    sink: Sink
    lock: threading.Lock = field(default_factory=threading.Lock)
    file: File | None = None


class Uploads:
    """Everything below ``/upload``. What is answered for a finished file is the caller's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: dict[str, Session] = {}
        self.keep: Path | bool = True
        self.violations: list[str] = []
        # A session that is lost answers this: 404 or 410.
        self.lost_status = 404

    def _made(self, session_or_request: "Session | Request", parent: File, metadata: dict[str, Any], mime: str) -> File:
        file_id = metadata.get("id") or new_id()
        return File(
            file_id,
            metadata.get("name", "Untitled"),
            metadata.get("mimeType") or mime,
            parent.id,
            session_or_request.principal,
            drive=parent.drive,
            app_properties=metadata.get("appProperties", {}),
        )

    def _checked(self, request: Request, metadata: dict[str, Any], size: int) -> File:
        check_properties(metadata)
        parent = self._world.parent_for(request.principal, metadata, request.query)
        if metadata.get("id"):
            self._world.check_id(metadata["id"])
        self._world.check_room(request.principal, parent, size)
        return parent

    def multipart(self, request: Request, fault: Fault | None) -> File:
        """Metadata and content in one body."""
        metadata, mime, content = split(request)
        parent = self._checked(request, metadata, len(content))
        sink = Sink(self.keep)
        sink.write(damaged(content) if fault and fault.kind == "corrupt" else content)
        made = sink.into(self._made(request, parent, metadata, mime))
        return self._world.add(request.principal, parent, metadata, made)

    def media(self, request: Request) -> File:
        """Content alone."""
        metadata: dict[str, Any] = {}
        content = request.body.read_all()
        parent = self._checked(request, metadata, len(content))
        sink = Sink(self.keep)
        sink.write(content)
        mime = request.headers.get("content-type", "application/octet-stream")
        made = sink.into(self._made(request, parent, metadata, mime))
        return self._world.add(request.principal, parent, metadata, made)

    def start(self, request: Request) -> Response:
        """Open a session."""
        metadata = json.loads(bytes(request.body.read_all()) or b"{}")
        length = request.headers.get("x-upload-content-length")
        parent = self._checked(request, metadata, int(length or 0))
        mime = request.headers.get("x-upload-content-type", "application/octet-stream")
        session = Session(
            f"AFwd{secrets.token_urlsafe(60)}",
            request.principal,
            parent,
            metadata,
            request.query,
            mime,
            int(length) if length else None,
            Sink(self.keep),
        )
        self.sessions[session.id] = session
        location = f"{request.base_url}/upload/drive/v3/files?uploadType=resumable"
        if "fields" in request.query:
            location += f"&fields={request.query['fields']}"
        return Response(200, headers={"Location": f"{location}&upload_id={session.id}", "X-GUploader-UploadID": "x"})

    def chunk(self, request: Request, fault: Fault | None) -> "File | Response":
        """A part of the file, or the question how much is there."""
        session = self.sessions.get(request.query["upload_id"])
        if session is None or (fault and fault.kind == "lost"):
            self.sessions.pop(request.query["upload_id"], None)
            raise RefusedError(refusal(self.lost_status, "notFound", "Upload not found."))
        # A line that died may still be read from: its bytes count until it is known to be dead.
        if not session.lock.acquire(timeout=5):
            raise RefusedError(refusal(503, "backendError"))
        try:
            return self._chunk(session, request, fault)
        finally:
            session.lock.release()

    def cancel(self, request: Request) -> Response:
        """Forget a session."""
        gone = self.sessions.pop(request.query["upload_id"], None)
        return Response(499 if gone else 404)

    def _chunk(self, session: Session, request: Request, fault: Fault | None) -> "File | Response":
        if session.file:
            request.body.drain()
            return session.file
        said = request.headers.get("content-range")
        found = RANGE.fullmatch(said) if said else None
        if said and not found:
            raise RefusedError(self._violated(f"Content-Range {said!r}"))
        if found is None:
            length = request.body.length
            first, last, total = (0, length - 1, length) if length else (None, None, None)
        else:
            first, last = (int(found[1]), int(found[2])) if found[1] else (None, None)
            total = None if found[3] == "*" else int(found[3])
        if first is not None and last is not None:
            self._check(session, request, first, last, total)
            self._receive(session, request, fault, is_last=total is not None and last + 1 == total)
        elif total is not None and total != (session.total or total):
            raise RefusedError(self._violated(f"asked about {total} bytes, announced were {session.total}"))
        if total is not None and session.sink.size == total:
            return self._finish(session)
        return self._so_far(session)

    def _check(self, session: Session, request: Request, first: int, last: int, total: int | None) -> None:
        have = session.sink.size
        if first != have:
            raise RefusedError(self._violated(f"bytes from {first} on, but {have} are here", 503))
        if request.body.length != last - first + 1:
            raise RefusedError(self._violated(f"{request.body.length} bytes in a range of {last - first + 1}"))
        if total is not None and (last >= total or (session.total is not None and total != session.total)):
            raise RefusedError(self._violated(f"{first}-{last} of {total}, announced were {session.total}"))
        if (total is None or last + 1 < total) and (last - first + 1) % GRAIN:
            raise RefusedError(self._violated(f"{last - first + 1} bytes are no multiple of 256 KiB"))

    def _receive(self, session: Session, request: Request, fault: Fault | None, *, is_last: bool) -> None:
        kind = fault.kind if fault else ""
        left = request.body.length
        keep = left
        if fault and kind in ("reset_mid", "partial"):
            keep = min(fault.keep_bytes, (left - 1) // GRAIN * GRAIN)
        block = memoryview(bytearray(min(left, BLOCK_BYTES)))
        while left:
            view = block[: min(left, BLOCK_BYTES)]
            # Where the line breaks, the blocks that came whole stay.
            request.body.readinto(view)
            left -= len(view)
            if kind == "corrupt":
                view, kind = damaged(view), ""
            if keep:
                session.sink.write(view[:keep])
                keep -= min(keep, len(view))
            elif kind == "reset_mid":
                raise GoneError

    def _finish(self, session: Session) -> File:
        made = self._made(session, session.parent, session.metadata, session.mime)
        if self._world.files.get(session.parent.id) is None:
            raise RefusedError(refusal(404, "notFound", f"File not found: {session.parent.id}."))
        self._world.check_room(session.principal, session.parent, session.sink.size)
        file = self._world.add(session.principal, session.parent, session.metadata, session.sink.into(made))
        session.file = file
        return file

    def _so_far(self, session: Session) -> Response:
        size = session.sink.size
        return Response(308, headers={"Range": f"bytes=0-{size - 1}"} if size else {})

    def _violated(self, what: str, status: int = 400) -> Response:
        self.violations.append(what)
        return refusal(status, "badRequest", "Failed to parse Content-Range header.")


def damaged(view: memoryview) -> memoryview:
    """The same bytes but one."""
    changed = bytearray(view)
    if changed:
        changed[len(changed) // 2] ^= 1
    return memoryview(changed)


def split(request: Request) -> tuple[dict[str, Any], str, memoryview]:
    """``multipart/related``: metadata, the content's type, the content."""
    found = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    body = request.body.read_all()
    if not found:
        raise RefusedError(refusal(400, "badContent", "Missing multipart boundary."))
    mark = b"--" + found[1].encode()
    # Google's own client ends its lines with a line feed alone, everybody else as the standard has it.
    whole = body.obj
    second = whole.find(b"\n" + mark, len(mark))
    head, metadata = _parted(body, 0, second)
    mime_head, content = _parted(body, second + 1, whole.rfind(b"\n" + mark + b"--"))
    if second < 0 or b"json" not in head.lower():
        raise RefusedError(refusal(400, "badContent", "Malformed multipart body."))
    mime = re.search(rb"(?im)^content-type: *([^\r\n]+)", mime_head)
    return json.loads(bytes(metadata)), mime[1].decode() if mime else "application/octet-stream", content


def _parted(body: memoryview, begin: int, end: int) -> tuple[bytes, memoryview]:
    """Headers and content of one part."""
    start = bytes(body[begin : begin + 2000])
    found = re.search(rb"\r?\n\r?\n", start)
    if not found or end < begin:
        raise RefusedError(refusal(400, "badContent", "Malformed multipart body."))
    if body[end - 1] == 0x0D:
        end -= 1
    return start[: found.start()], body[begin + found.end() : end]


def check_properties(metadata: dict[str, Any]) -> None:
    """At most 30, at most 124 bytes each.

    Raises:
        RefusedError: there are more, or one is longer.
    """
    properties = metadata.get("appProperties", {})
    longest = max((len(f"{key}{value}".encode()) for key, value in properties.items()), default=0)
    if longest > 124 or len(properties) > 30:
        raise RefusedError(refusal(400, "invalid", "A property exceeds 124 bytes, or there are more than 30."))
