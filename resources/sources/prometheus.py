"""Prometheus and OpenMetrics endpoints: all of them at once, none of them able to hold up the others."""

import asyncio
import logging
import os
import resource
import ssl
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from holdfast.errors import TargetError
from holdfast.metrics import node
from holdfast.metrics.cycles import Collected, Reading
from holdfast.metrics.exposition import parse_page
from holdfast.metrics.rates import Rates
from holdfast.metrics.targets import Target
from resources.sources.clock import steady_s
from resources.sources.names import Names
from resources.sources.surprises import Log, Surprises

# The reason of a target whose page is good but holds counters only: no fault, and gone with the next pass.
NOTHING_YET: Final = "nothing measured yet: its rates need a second pass"

_TICK_S: Final = 0.02
_HEADERS: Final = {
    # Text 0.0.4 first: on OpenMetrics pages, Go's client library renames counters.
    "Accept": "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "holdfast",
}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_LIMIT: Final = 3
# Sockets and files that are not a target's connection.
_OTHER_FILES: Final = 256


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes
    content_type: str
    encoding: str
    clock_s: float


@dataclass(slots=True)
class _Pass:
    """What one pass has so far: answers not parsed yet, results, and reasons."""

    waiting: dict[str, _Answer] = field(default_factory=dict)
    measured: dict[str, node.Measured] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class PrometheusSource:
    """Many metrics pages, each read over a connection of its own.

    All targets are asked at once and have the same time. Their pages are parsed while nothing arrives, and time
    in which this process is too busy to listen is not counted against them: a timeout means that the server was
    slow. An answer is bounded in bytes, also after decompression.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        timeout_s: float = 2.0,
        limit_bytes: int = 8_000_000,
        log: Log | None = None,
    ) -> None:
        self._targets = tuple(targets)
        self._timeout_s = timeout_s
        self._limit_bytes = limit_bytes
        self._rates = Rates()
        self._notes = Surprises(log or logging.getLogger(__name__), "metrics")
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """What to call this source in messages."""
        return "prometheus"

    async def read(self, at_s: int) -> Collected:
        """Read every target once, in about ``timeout_s`` at most. Reasons of those without a reading in words."""
        one_pass = _Pass()
        session = self._open()
        tasks = {asyncio.create_task(self._fetch(session, target, one_pass)): target for target in self._targets}
        try:
            await self._listen(set(tasks), one_pass)
        finally:
            for task, target in tasks.items():
                if not task.done():
                    task.cancel()
                    one_pass.failed[target.server_id] = f"timed out after {self._timeout_s:g} s"
            await asyncio.gather(*tasks, return_exceptions=True)
        while one_pass.waiting:
            self._parse_some(one_pass)
            await asyncio.sleep(0)
        return self._collected(one_pass, at_s)

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _listen(self, tasks: set[asyncio.Task[None]], one_pass: _Pass) -> None:
        """Wait until all have answered or the time is over; parse when a tick brought no answer."""
        left_s, before = self._timeout_s, time.monotonic()
        outstanding = len(tasks)
        while outstanding and left_s > 0:
            await asyncio.sleep(min(_TICK_S, left_s))
            tasks = {task for task in tasks if not task.done()}
            if len(tasks) == outstanding:
                self._parse_some(one_pass)
            outstanding = len(tasks)
            now = time.monotonic()
            # A tick that took longer was our own work: the answers may lie unread in their sockets.
            left_s -= min(now - before, 2 * _TICK_S)
            before = now

    async def _fetch(self, session: aiohttp.ClientSession, target: Target, one_pass: _Pass) -> None:
        try:
            one_pass.waiting[target.server_id] = await self._get(session, URL(target.url))
        except TargetError as error:
            one_pass.failed[target.server_id] = str(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            one_pass.failed[target.server_id] = _in_words(error)

    async def _get(self, session: aiohttp.ClientSession, url: URL) -> _Answer:
        for _ in range(_REDIRECTS_LIMIT + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    url = _same_host(url, response.headers.get("Location", ""))
                    continue
                if response.status != 200:
                    raise TargetError(f"answered {response.status} {response.reason or ''}".rstrip())
                return await self._body(response)
        raise TargetError(f"redirects more than {_REDIRECTS_LIMIT} times")

    async def _body(self, response: aiohttp.ClientResponse) -> _Answer:
        chunks, size_bytes = [], response.content_length or 0
        if size_bytes <= self._limit_bytes:
            size_bytes = 0
            async for chunk in response.content.iter_any():
                chunks.append(chunk)
                size_bytes += len(chunk)
                if size_bytes > self._limit_bytes:
                    break
        if size_bytes > self._limit_bytes:
            # The rest of the page is still on its way: this connection cannot be used again.
            response.close()
            raise TargetError(f"page larger than {self._limit_bytes} bytes")
        headers = response.headers
        return _Answer(
            b"".join(chunks),
            headers.get("Content-Type", ""),
            headers.get("Content-Encoding", "").lower(),
            steady_s(),
        )

    def _parse_some(self, one_pass: _Pass) -> None:
        """Parse waiting pages for one tick, small ones first: a huge page costs its own server the wait."""
        until = time.monotonic() + _TICK_S / 2
        for server_id in sorted(one_pass.waiting, key=lambda name: len(one_pass.waiting[name].body)):
            answer = one_pass.waiting.pop(server_id)
            try:
                one_pass.measured[server_id] = self._measure(server_id, answer)
            except TargetError as error:
                one_pass.failed[server_id] = str(error)
            if time.monotonic() > until:
                return

    def _measure(self, server_id: str, answer: _Answer) -> node.Measured:
        page = parse_page(_decompressed(answer, self._limit_bytes), answer.content_type, node.FAMILIES)
        if not page.samples and not page.notes:
            raise TargetError("its page has no metric that Holdfast knows (node_*, http_requests_*, active_users, …)")
        measured = node.measure(server_id, page.samples, self._rates, now_s=time.time(), clock_s=answer.clock_s)
        notes = (*page.notes, *measured.notes)
        if not measured.codes:
            raise TargetError("; ".join(notes) or NOTHING_YET)
        return node.Measured(measured.codes, notes)

    def _collected(self, one_pass: _Pass, at_s: int) -> Collected:
        self._notes.are_now({name: "; ".join(m.notes) for name, m in one_pass.measured.items() if m.notes})
        order = [target.server_id for target in self._targets]
        return Collected(
            [Reading(name, at_s, one_pass.measured[name].codes) for name in order if name in one_pass.measured],
            {name: one_pass.failed[name] for name in order if name in one_pass.failed},
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            allow_files(len(self._targets) + _OTHER_FILES)
            # No limit: behind a limit, healthy targets would queue for connections that hung ones hold.
            connector = aiohttp.TCPConnector(limit=0, resolver=Names(), ttl_dns_cache=300, keepalive_timeout=120)
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _decompressed(answer: _Answer, limit_bytes: int) -> bytes:
    """The page itself; decompression stops at the limit, however small the bomb.

    Raises:
        TargetError: it is larger than the limit, cut, damaged, or compressed in an unknown way.
    """
    if answer.encoding in ("", "identity"):
        return answer.body
    if answer.encoding not in ("gzip", "x-gzip"):
        raise TargetError(f"answered with Content-Encoding {answer.encoding[:40]!r}, only gzip was offered")
    inflate = zlib.decompressobj(wbits=31)
    try:
        page = inflate.decompress(answer.body, limit_bytes + 1)
    except zlib.error as error:
        raise TargetError(f"its gzip is damaged: {error}") from error
    if len(page) > limit_bytes:
        raise TargetError(f"page larger than {limit_bytes} bytes (after decompression)")
    if not inflate.eof:
        raise TargetError("sent half a page: its gzip ends early")
    return page


def _same_host(url: URL, location: str) -> URL:
    """Where a redirect leads, if it stays: another host is not the server that was named."""
    to = url.join(URL(location))
    if not location or to.origin() != url.origin():
        raise TargetError(f"redirects to another host ({to.host}:{to.port}); name that one as the target")
    return to.with_user(url.user).with_password(url.password)


def _in_words(error: Exception) -> str:
    """A driver's error as a sentence; the driver's own text may hold the URL and its login."""
    for kinds, words in _WORDS.items():
        if isinstance(error, kinds):
            return words
    if isinstance(error, OSError) and error.errno:
        return f"connection failed: {os.strerror(error.errno).lower()}"
    return f"connection failed ({type(error).__name__})"


# The first that fits counts: aiohttp's errors inherit from one another.
_WORDS: Final[Mapping[type[Exception], str]] = {
    aiohttp.ClientConnectorDNSError: "its host name was not found",
    aiohttp.ClientConnectorCertificateError: "its TLS certificate is not trusted",
    aiohttp.ClientSSLError: "TLS failed",
    ssl.SSLError: "TLS failed",
    aiohttp.ServerDisconnectedError: "closed the connection without an answer",
    aiohttp.ClientPayloadError: "sent half a page: the connection ended early",
    aiohttp.InvalidURL: "its address is not a URL",
    aiohttp.ClientResponseError: "answered something that is not HTTP",
}


def allow_files(needed: int) -> None:
    """Raise the soft limit of open files towards the hard one, if the targets need it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
