"""An HTTP server whose every path misbehaves in its own way. Raw asyncio: a web framework would not let it."""

import asyncio
import gzip
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.fakes.pages import node_page

Writer = asyncio.StreamWriter
_BOMB: Final = gzip.compress(b"node_load1 1\n" * 2_000_000, compresslevel=1)


def _reply(body: bytes, *, kind: str = "text/plain; version=0.0.4", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class HostileTargets:
    """The server; ``hits`` counts requests by path. A healthy server's counters grow by one busy second per request."""

    def __init__(self) -> None:
        self.port = 0
        self.hits: dict[str, int] = {}
        self.opened = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """One connection, with keep-alive."""
        self.opened += 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ")[1].decode().lstrip("/").partition("/")[0]
                self.hits[path] = self.hits.get(path, 0) + 1
                await self._behave(path, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _behave(self, path: str, writer: Writer) -> None:
        count = self.hits[path]
        page = node_page(busy_s=100 + count, idle_s=900 + 3 * count, received=1e6 * count)
        pages: dict[str, Callable[[], bytes]] = {
            "healthy": lambda: _reply(page.encode()),
            "gzipped": lambda: _reply(gzip.compress(page.encode()), more="Content-Encoding: gzip\r\n"),
            "html": lambda: _reply(b"<!DOCTYPE html><html>log in</html>", kind="text/html; charset=utf-8"),
            "empty": lambda: _reply(b""),
            "binary": lambda: _reply(bytes(range(256)) * 50),
            "json": lambda: _reply(b'{"status": "ok"}\n', kind="application/json"),
            "no_end": lambda: _reply(page.encode()[:-30]),
            "openmetrics_without_eof": lambda: _reply(
                page.encode(), kind="application/openmetrics-text; version=1.0.0"
            ),
            "nan": lambda: _reply(page.replace("node_load1 0.5", "node_load1 NaN").encode()),
            "duplicate": lambda: _reply((page + "node_load1 0.75\n").encode()),
            "negative": lambda: _reply(page.replace('mode="user"} ', 'mode="user"} -').encode()),
            "clock_off": lambda: _reply(node_page(clock_off_s=600).encode()),
            "error": lambda: _reply(b"out of order\n", status="500 Internal Server Error"),
            "elsewhere": lambda: _reply(
                b"", status="302 Found", more="Location: http://127.0.0.2:9/metrics?token=secret\r\n"
            ),
            "moved": lambda: _reply(b"", status="301 Moved Permanently", more="Location: /healthy\r\n"),
            "bomb": lambda: _reply(_BOMB, more="Content-Encoding: gzip\r\n"),
            "not_http": lambda: b"SSH-2.0-OpenSSH_9.2\r\n",
            "content_length_too_long": lambda: _reply(page.encode()).replace(b"Content-Length: ", b"Content-Length: 9"),
            "chunked_cut": lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nnode_load1 1\n",
            "huge": lambda: _reply(b"node_load1 1\n" * 4_000_000),
            "foreign": lambda: _reply(b"some_other_metric 1\n"),
        }
        if path in pages:
            writer.write(pages[path]())
            if path in {"content_length_too_long", "chunked_cut", "not_http"}:
                writer.close()
        else:
            await _SLOW[path](writer)


async def _hang(writer: Writer) -> None:
    await asyncio.sleep(60)


async def _drip(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(600):
        writer.write(b"node_load1 1\n")
        await writer.drain()
        await asyncio.sleep(0.1)


async def _endless(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"node_load1 1\n" * 10_000
    while True:
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()


async def _reset(writer: Writer) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def _healthy_then_closed(writer: Writer) -> None:
    """Answer as if the connection stayed open, and close it: what the next pass finds is a dead connection."""
    writer.write(_reply(node_page().encode()))
    await writer.drain()
    writer.close()


_SLOW: Final[dict[str, Callable[[Writer], Awaitable[None]]]] = {
    "hang": _hang,
    "drip": _drip,
    "endless": _endless,
    "reset": _reset,
    "closes_kept_connections": _healthy_then_closed,
}


@contextmanager
def hostile_targets() -> Iterator[HostileTargets]:
    """Serve in a thread of its own until the block ends."""
    targets, ready = HostileTargets(), threading.Event()
    loop = asyncio.new_event_loop()

    async def main(stop: asyncio.Event) -> None:
        server = await asyncio.start_server(targets.serve, "127.0.0.1", 0, backlog=1024)
        targets.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main(stop)), daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield targets
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
