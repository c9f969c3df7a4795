"""An origin of media over HTTP, with every fault a link can have; also a process: ``python -m tests.fakes.origins``."""

import argparse
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Head = tuple[str, str, dict[str, str]]


@dataclass
class Served:
    """One file, and what is wrong with it.

    Attributes:
        cut_at: the line breaks after so many bytes of the body (of a whole answer; once each in ``faults`` times).
        faults: how many requests the fault holds for; None: all.
    """

    content: bytes = b""
    path: Path | None = None
    content_type: str = "video/mp4"
    etag: str = '"1"'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    reset: bool = False
    faults: int | None = None
    drip_s: float = 0.0
    is_chunked: bool = False
    has_length: bool = True
    ranges: bool = True
    says_length: int | None = None
    head_status: int | None = None

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path else len(self.content)


class FakeOrigin:
    """Serves ``files`` by path; ``log`` holds (method, path, range)."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.files: dict[str, Served] = {}
        self.log: list[tuple[str, str, str]] = []
        self.lines = 0
        self._server = socket.create_server((host, 0), backlog=128)
        self.host, self.port = host, self._server.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def put(self, path: str, content: bytes = b"", **more: object) -> str:
        self.files[path] = Served(content, **more)  # type: ignore[arg-type]
        return self.url + path

    def serve(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            self.lines += 1
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _talk(self, line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffered = line.makefile("rb")
        with line, buffered, contextlib.suppress(OSError, ValueError):
            while head := _read_head(buffered):
                if not self._answer(line, head):
                    return

    def _answer(self, line: socket.socket, head: Head) -> bool:
        method, path, asked = head
        self.log.append((method, path, asked.get("range", "")))
        served = self.files.get(path.partition("?")[0])
        if served is None:
            line.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found" if method == "GET" else
                         b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")  # fmt: skip
            return True
        if method == "HEAD" and served.head_status:
            line.sendall(f"HTTP/1.1 {served.head_status} no\r\nContent-Length: 0\r\n\r\n".encode())
            return True
        is_faulty = served.faults is None or served.faults > 0
        if served.faults:
            served.faults -= 1
        return _send(line, served, method, asked, is_faulty=is_faulty)


def _read_head(buffered: object) -> Head | None:
    first = buffered.readline().decode("latin-1").split()  # type: ignore[attr-defined]
    if len(first) < 2:
        return None
    asked: dict[str, str] = {}
    while (text := buffered.readline().decode("latin-1").strip()):  # type: ignore[attr-defined]  # fmt: skip
        name, _, value = text.partition(":")
        asked[name.lower()] = value.strip()
    return first[0], first[1], asked


def _send(line: socket.socket, served: Served, method: str, asked: dict[str, str], *, is_faulty: bool) -> bool:
    begin = 0
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.get("range", ""))
    is_part = bool(found and served.ranges and asked.get("if-range", served.etag) == served.etag)
    end = served.size
    if found and is_part:
        begin = int(found[1])
        end = int(found[2]) + 1 if found[2] else served.size
    status = served.status if served.status != 200 and is_faulty else 206 if is_part else 200
    length = end - begin
    headers = {"Content-Type": served.content_type, "ETag": served.etag, **served.headers}
    if is_part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{served.size}"
    if served.is_chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif served.has_length:
        headers["Content-Length"] = str(length if served.says_length is None else served.says_length)
    else:
        headers["Connection"] = "close"
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    line.sendall(f"HTTP/1.1 {status} status\r\n{text}\r\n".encode("latin-1"))
    if method == "HEAD":
        return True
    return _send_body(line, served, begin, end, is_faulty=is_faulty)


def _send_body(line: socket.socket, served: Served, begin: int, end: int, *, is_faulty: bool) -> bool:
    stop = end
    if is_faulty and served.cut_at is not None:
        stop = min(end, max(served.cut_at, begin))
    if served.path:
        with served.path.open("rb") as file:
            line.sendfile(file, begin, stop - begin)
    else:
        body = memoryview(served.content)[begin:stop]
        step = 1 if served.drip_s else 65_536 if served.is_chunked else max(len(body), 1)
        for at in range(0, len(body), step):
            piece = bytes(body[at : at + step]) if served.is_chunked or served.drip_s else body[at : at + step]
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if served.is_chunked else piece)
            if served.drip_s and is_faulty:
                time.sleep(served.drip_s)
    if stop < end:
        if served.reset:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False
    if served.is_chunked:
        line.sendall(b"0\r\n\r\n")
    return served.has_length or served.is_chunked


@contextmanager
def origin(host: str = "127.0.0.1") -> Iterator[FakeOrigin]:
    """An origin in this process."""
    one = FakeOrigin(host)
    threading.Thread(target=one.serve, daemon=True).start()
    try:
        yield one
    finally:
        one.close()


def main() -> None:
    """Serve every file of a folder; small ones from memory. Prints its URL as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    one = FakeOrigin()
    contents: dict[int, bytes] = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        kind = "image/png" if path.suffix == ".png" else "video/mp4"
        served = Served(content_type=kind, etag=f'"{status.st_size}"')
        if status.st_size < 1_000_000:
            # Names of one file share its bytes.
            served.content = contents.setdefault(status.st_ino, path.read_bytes())
        else:
            served.path = path
        one.files["/" + path.relative_to(folder).as_posix()] = served
    for place in (place for place in folder.rglob("*") if place.is_dir()):
        links = "".join(f'<a href="{path.name}">{path.name}</a>\n' for path in place.iterdir())
        one.put(f"/{place.relative_to(folder).as_posix()}/", links.encode(), content_type="text/html")
    print(json.dumps({"url": one.url}), flush=True)  # noqa: T201  how the parent learns where it is
    one.serve()


if __name__ == "__main__":
    main()
