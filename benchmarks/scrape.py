"""1000 metrics pages on loopback, one in twenty hung: how long until all healthy ones are collected and parsed.

``python -m benchmarks.scrape`` prints Holdfast's source against what a user would write first: aiohttp as it
comes (100 connections, a total timeout) with prometheus_client parsing every whole page. Both in one run, the
servers in a process of their own; a cycle has 30 s, the target is 4 s (aim: 2.5 s).
"""

import argparse
import asyncio
import gzip
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from holdfast.metrics.targets import Target
from resources.sources.prometheus import PrometheusSource, allow_files

TIMEOUT_S = 2.0
HUNG_EVERY = 20
REAL_PAGE_BYTES = 57_680  # a node_exporter 1.5 on a small virtual machine: 1078 lines, 507 samples


def main() -> None:
    """Measure both ways and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--targets", type=int, default=1000)
    arguments.add_argument("--passes", type=int, default=3)
    asked = arguments.parse_args()
    allow_files(asked.targets + 256)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(asked.targets, theirs), daemon=True)
    server.start()
    try:
        targets = [Target(f"server-{i}", f"http://127.0.0.1:{port}/metrics") for i, port in enumerate(ours.recv())]
        healthy = asked.targets - len(range(0, asked.targets, HUNG_EVERY))
        print(f"{asked.targets} targets, {healthy} healthy, the others hung; timeout {TIMEOUT_S:g} s")
        print(f"{'way':<34}{'pass':>5}{'seconds':>9}{'cpu s':>8}{'healthy collected':>19}")
        asyncio.run(_compare(targets, asked.passes))
    finally:
        server.terminate()


async def _compare(targets: list[Target], passes: int) -> None:
    source = PrometheusSource(targets, timeout_s=TIMEOUT_S)
    for number in range(1, passes + 1):
        await _measured("holdfast", number, partial(_with_holdfast, source))
    await source.close()
    await _measured("aiohttp, whole pages parsed", 1, partial(_with_aiohttp, targets, 100))
    await _measured("the same without connection limit", 1, partial(_with_aiohttp, targets, 0))


async def _measured(way: str, number: int, collect: Callable[[], Awaitable[int]]) -> None:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    collected = await collect()
    took_s, used_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    print(f"{way:<34}{number:>5}{took_s:>9.2f}{used_s:>8.2f}{collected:>19}", flush=True)


async def _with_holdfast(source: PrometheusSource) -> int:
    return len((await source.read(int(time.time()))).readings)


async def _with_aiohttp(targets: list[Target], connections: int) -> int:
    connector, timeout = aiohttp.TCPConnector(limit=connections), aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        return sum(await asyncio.gather(*(_one(session, target.url) for target in targets)))


async def _one(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return bool(list(text_string_to_metric_families(await response.text())))
    except (TimeoutError, aiohttp.ClientError):
        return False


def page() -> str:
    """A page in the words, number of lines and bytes of a real node_exporter."""
    lines = [
        *(f'node_cpu_seconds_total{{cpu="{c}",mode="{m}"}} {1178.33 + c}' for c in range(2) for m in _MODES),
        *(f'node_network_{way}_bytes_total{{device="eth{i}"}} 4.50556827e+08' for way in _WAYS for i in range(3)),
        *(f'node_filesystem_{s}_bytes{{device="/dev/vda",fstype="ext4",mountpoint="/"}} 8.3e+10' for s in _SIZES),
        "node_memory_MemAvailable_bytes 2.47555072e+10",
        "node_memory_MemTotal_bytes 2.5276510208e+10",
        "node_load1 0.25",
        f"node_boot_time_seconds {time.time() - 86400}",
        f"node_time_seconds {time.time()}",
    ]
    family = 0
    while sum(map(len, lines)) + len(lines) < REAL_PAGE_BYTES:
        name = f"node_netstat_family_{family}_total"
        lines += [f"# HELP {name} Statistic number {family} of the kernel's network stack.", f"# TYPE {name} counter"]
        lines += [f'{name}{{device="eth{i}"}} {family * 1000 + i}' for i in range(2)]
        family += 1
    return "\n".join(lines) + "\n"


_MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
_WAYS = ("receive", "transmit")
_SIZES = ("size", "free", "avail")


def serve(count: int, ready: Connection) -> None:
    """Serve ``count`` targets on ports of their own; send the ports when all listen."""
    allow_files(3 * count + 256)
    asyncio.run(_serve(count, ready))


async def _serve(count: int, ready: Connection) -> None:
    body = page().encode()
    answers = (_answer(body, ""), _answer(gzip.compress(body), "Content-Encoding: gzip\r\n"))
    loop = asyncio.get_running_loop()
    ports = []
    for number in range(count):
        protocol = partial(_Exporter, answers, is_hung=number % HUNG_EVERY == 0)
        server = await loop.create_server(protocol, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    ready.send(ports)
    await asyncio.Event().wait()


def _answer(body: bytes, header: str) -> bytes:
    kind = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
    return f"HTTP/1.1 200 OK\r\n{kind}{header}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Exporter(asyncio.Protocol):
    """One connection: answers every request with a ready page, as node_exporter does gzipped if asked; or hangs."""

    def __init__(self, answers: tuple[bytes, bytes], *, is_hung: bool) -> None:
        self._answers = answers
        self._is_hung = is_hung
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer; a small request arrives in one piece."""
        if not self._is_hung and self._transport is not None:
            self._transport.write(self._answers[b"gzip" in data])


if __name__ == "__main__":
    main()
