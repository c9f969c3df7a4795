"""From settings to the objects that do the work, for everything that runs outside Dagster."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from datetime import UTC, datetime
from typing import Final

from holdfast.errors import PermanentError
from holdfast.metrics.buffer import START, CycleBuffer
from holdfast.metrics.cycles import aligned
from orchestration.reaching import connected, database_url, filled, needed, open_postgres, storage_url
from orchestration.settings import Settings
from resources.asking import FIRST_WINDOW_S
from resources.collector import Collector
from resources.cycles import PostgresCycles
from resources.live import CollectorResource
from resources.redis import RedisClient, RedisCycles
from resources.spool import Spool

__all__ = [
    "collect",
    "collector",
    "connected",
    "database_url",
    "filled",
    "newest_cycle_ms",
    "open_buffer",
    "open_postgres",
    "open_spool",
    "storage_url",
]

_COLLECTORS: Final = 8
_LOG: Final = logging.getLogger("holdfast")


def open_buffer(settings: Settings) -> CycleBuffer:
    """Where cycles wait for the move into the history."""
    if not settings.redis_enabled:
        return PostgresCycles(open_postgres(settings))
    return RedisCycles(RedisClient(needed(settings.redis_url, "REDIS_URL", settings)), capacity=settings.buffer_cycles)


def collector(settings: Settings, targets: str | None = None) -> CollectorResource:
    """What is collected from, and how often; ``targets`` stands in for the setting, which may hold a login."""
    return CollectorResource(
        targets=targets or settings.metrics_targets or "",
        gcp_project_id=settings.gcp_project_id or "",
        gcp_endpoint=settings.google_monitoring_api_endpoint or "",
        every_s=settings.collect_every_s,
        timeout_s=settings.scrape_timeout_s,
        limit_bytes=settings.scrape_limit_bytes,
    )


def open_spool(settings: Settings) -> Spool:
    """Where cycles wait while the buffer is away: one folder per collector of this state folder.

    Raises:
        PermanentError: none can be used.
    """
    folders = [settings.state / "spool" / str(number) for number in range(1, _COLLECTORS + 1)]
    for folder in folders[:-1]:
        with contextlib.suppress(PermanentError):
            return Spool(folder)
    return Spool(folders[-1])


async def collect(settings: Settings, *, once: bool) -> None:
    """Collect: one cycle, or the first at once and then every cycle until SIGINT or SIGTERM."""
    every_s = settings.collect_every_s
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    resident = Collector(
        collector(settings).sources(settings.state),
        open_buffer(settings),
        open_spool(settings),
        every_s=every_s,
        name=socket.gethostname(),
    )
    try:
        await resident.prime()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), FIRST_WINDOW_S)
        # The cycle we are in, so that nobody waits for the next: a server's second row for it is not stored.
        cycle = await resident.once(aligned(time.time(), every_s))
        at = datetime.fromtimestamp(cycle.at_s, UTC).isoformat()
        _LOG.info("collector: cycle %s, %d readings, %d failed", at, len(cycle.readings), len(cycle.failed))
        if not once:
            await resident.run(stop)
    finally:
        await resident.close()


def newest_cycle_ms(buffer: CycleBuffer) -> int | None:
    """When the newest cycle entered the buffer, in milliseconds since 1970; None: the buffer is empty."""
    position = START
    while entries := buffer.read_after(position, 1000).entries:
        position = entries[-1].position
    return None if position == START else int(position.partition("-")[0])
