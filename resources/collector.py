"""The collector: every cycle asks all sources, packs what they said, and gets it to the buffer or onto the disk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from holdfast.errors import HoldfastError, TransientError
from holdfast.metrics.buffer import CycleBuffer
from holdfast.metrics.cycles import Cycle, Source, aligned, pack
from resources.asking import Asking
from resources.sources.surprises import Log, Surprises
from resources.spool import Spool

# Share of a cycle for getting it away; what the sources and this leave is there so that the next cycle is on time.
DELIVERY_SHARE: Final = 0.25
HELD_LIMIT: Final = 2880
DRAIN_BATCH: Final = 50


class Collector:
    """Makes one entry per cycle of all sources. Nothing that one source or the buffer does delays a cycle.

    An entry goes to the buffer; while that is away, or older entries wait, to the spool behind them; and if the disk
    is full as well it is held in memory, the newest ``HELD_LIMIT`` of them.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        buffer: CycleBuffer,
        spool: Spool,
        *,
        every_s: int,
        name: str,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Collect from ``sources`` every ``every_s`` seconds, as the collector ``name``; ``clock`` is epoch seconds."""
        self._log = log or logging.getLogger(__name__)
        self._asking = Asking(sources, every_s=every_s, name=name, log=self._log, clock=clock)
        self._buffer = buffer
        self._spool = spool
        self._every_s = every_s
        self._clock = clock
        self._delivery: asyncio.Future[int] | None = None
        self._held: deque[bytes] = deque(maxlen=HELD_LIMIT)
        self._troubles = Surprises(self._log, "collector")

    async def prime(self) -> None:
        """Ask all sources once so that the next cycle has rates."""
        await self._asking.prime()

    async def once(self, at_s: int) -> Cycle:
        """Make the cycle of ``at_s`` and get it away, within ``every_s``; never raises for a source or the buffer."""
        cycle = await self._asking.cycle(at_s)
        await self._keep(pack(cycle))
        return cycle

    async def run(self, stop: asyncio.Event) -> None:
        """Prime, then make a cycle at every multiple of ``every_s`` until ``stop`` is set; then close the sources."""
        try:
            await self.prime()
            last_s = aligned(self._clock(), self._every_s)
            while not await self._stopped_before(last_s + self._every_s, stop):
                at_s = aligned(self._clock(), self._every_s)
                missed = (at_s - last_s) // self._every_s - 1
                if missed > 0:
                    self._log.warning("collector: %d cycles were missed (asleep or overloaded); going on", missed)
                last_s = at_s
                await self.once(at_s)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the sources, and put onto the disk what is only in memory. May be called twice."""
        await self._asking.close()
        self._spool_held()

    async def _stopped_before(self, instant_s: float, stop: asyncio.Event) -> bool:
        """Wait until ``instant_s``; whether ``stop`` came first."""
        # Waits are short because the clock may be set while we wait, and a laptop may sleep.
        while not stop.is_set() and (left_s := instant_s - self._clock()) > 0:
            if left_s > 2 * self._every_s:
                self._log.warning("collector: the clock was set back by about %d s; going on from there", left_s)
                return False
            try:
                await asyncio.wait_for(stop.wait(), min(left_s, 1.0))
            except TimeoutError:
                continue
        return stop.is_set()

    async def _keep(self, packed: bytes) -> None:
        """Get an entry away in order: behind what waits, if anything waits."""
        self._held.append(packed)
        if len(self._spool) == 0 and not self._is_delivering():
            entries = tuple(self._held)
            if await self._delivered(lambda: _append(self._buffer, entries)):
                self._held.clear()
                self._troubles.are_now({})
                return
            self._spool_held()
            return
        self._spool_held()
        if not self._is_delivering():
            is_empty = await self._delivered(lambda: self._spool.drain(self._buffer.append, DRAIN_BATCH))
            if is_empty and not self._held:
                self._troubles.are_now({})

    async def _delivered(self, work: Callable[[], int]) -> bool:
        """Do ``work`` in a thread for as long as the cycle allows; whether it was done."""
        self._delivery = asyncio.ensure_future(asyncio.to_thread(work))
        limit_s = self._every_s * DELIVERY_SHARE
        await asyncio.wait([self._delivery], timeout=limit_s)
        if not self._delivery.done():
            self._say("the buffer", f"has not answered within {limit_s:g} s; cycles are kept on disk meanwhile")
            return False
        error, self._delivery = self._delivery.exception(), None
        if error is None:
            return True
        if not isinstance(error, HoldfastError):
            self._log.error("collector: the buffer's client broke", exc_info=error)
        self._say("the buffer", f"{error or type(error).__name__}; cycles are kept on disk meanwhile")
        return False

    def _is_delivering(self) -> bool:
        if self._delivery is not None and self._delivery.done():
            # Its outcome is in the spool: what was sent has left it. Reading the error keeps asyncio quiet.
            self._delivery.exception()
            self._delivery = None
        return self._delivery is not None

    def _spool_held(self) -> None:
        """Move what is held in memory to the disk, oldest first, as far as the disk takes it."""
        try:
            while self._held:
                self._spool.append(self._held[0])
                self._held.popleft()
        except TransientError as error:
            lost = " and is full: the oldest is dropped for each new one" if len(self._held) == HELD_LIMIT else ""
            self._say("the spool", f"{error}; held in memory, at most {HELD_LIMIT} cycles{lost}")

    def _say(self, what: str, reason: str) -> None:
        """Log a trouble unless it is known to last."""
        self._troubles.are_now({**self._troubles.known, what: reason})


def _append(buffer: CycleBuffer, entries: Sequence[bytes]) -> int:
    buffer.append(entries)
    return len(entries)
