"""Asking all sources for one cycle: at once, each for as long as the cycle allows, none in another's way."""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from holdfast.metrics.cycles import Collected, Cycle, Reading, Source, aligned
from holdfast.metrics.moving import combine
from resources.sources.surprises import Log, Surprises

# Share of a cycle that the sources have; the rest is for getting it away.
SOURCES_SHARE: Final = 0.65
# Long enough for a rate that means something, short enough for somebody who waits.
FIRST_WINDOW_S: Final = 1.0


class Asking:
    """All sources of one collector, and what is known of their failures."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        every_s: int,
        name: str | None = None,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask ``sources``, every ``every_s`` seconds, as the collector ``name`` (default: this host)."""
        self._sources = tuple(sources)
        self._every_s = every_s
        self._name = name or socket.gethostname()
        self._log = log or logging.getLogger(__name__)
        self._clock = clock
        self._reading: dict[int, asyncio.Task[Collected]] = {}
        self._early: list[Reading] = []
        self._failures = Surprises(self._log, "metrics")
        self._merges = Surprises(self._log, "metrics")

    async def prime(self) -> None:
        """Ask all sources once so that the next cycle has rates.

        Readings of this very instant are dropped, as they lack every rate. Those that carry an instant of their own
        (from a service that keeps history) lack nothing and are kept for the next cycle.
        """
        at_s = aligned(self._clock(), self._every_s)
        collected = await self._collect(at_s)
        self._early = [reading for one in collected for reading in one.readings if reading.at_s != at_s]

    async def first(self) -> Cycle:
        """Prime, wait a second, and make the cycle we are in, so that nobody waits for the next."""
        await self.prime()
        await asyncio.sleep(FIRST_WINDOW_S)
        return await self.cycle(aligned(self._clock(), self._every_s))

    async def cycle(self, at_s: int) -> Cycle:
        """Make the cycle of ``at_s``, within the sources' share of ``every_s``; never raises for a source."""
        collected = [Collected(self._early), *await self._collect(at_s)]
        self._early = []
        readings = [reading for one in collected for reading in one.readings]
        failed = {name: reason for one in collected for name, reason in one.failed.items()}
        self._failures.are_now(failed)
        self._merges.are_now(_doubles(readings))
        merged = [Reading(server_id, at, codes) for (server_id, at), codes in combine(readings).items()]
        return Cycle(at_s, self._every_s, self._name, self._clock(), merged, failed)

    async def close(self) -> None:
        """Close the sources. May be called twice."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*(source.close() for source in self._sources), return_exceptions=True)

    async def _collect(self, at_s: int) -> list[Collected]:
        """What every source brought before the deadline, in the sources' order."""
        busy = frozenset(self._reading)
        new = [number for number in range(len(self._sources)) if number not in busy]
        for number in new:
            self._reading[number] = asyncio.create_task(self._sources[number].read(at_s))
        if new:
            # Not wait_for: it would wait for a source that is deaf to its cancellation.
            await asyncio.wait([self._reading[n] for n in new], timeout=self._every_s * SOURCES_SHARE)
        return [self._outcome(number, is_late=number in busy) for number in range(len(self._sources))]

    def _outcome(self, number: int, *, is_late: bool) -> Collected:
        name, task = self._sources[number].name, self._reading[number]
        if not task.done():
            task.cancel()
            limit_s = self._every_s * SOURCES_SHARE
            return Collected((), {name: f"no answer within {limit_s:g} s; the other sources went on without it"})
        del self._reading[number]
        if is_late or task.cancelled():
            return Collected((), {name: "was still busy with an earlier cycle"})
        error = task.exception()
        if error is not None:
            self._log.error("collector: source %s broke", name, exc_info=error)
            return Collected((), {name: f"broke: {type(error).__name__}; see the collector's log"})
        return task.result()


def _doubles(readings: Sequence[Reading]) -> dict[str, str]:
    """A note per server that comes twice for one instant."""
    times = Counter((reading.server_id, reading.at_s) for reading in readings)
    return {
        server_id: "two sources name this server; the first one's values win"
        for (server_id, _), count in times.items()
        if count > 1
    }
