"""From settings to the objects that do the work, for everything that runs outside Dagster."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

from holdfast.errors import PermanentError, SettingsError
from holdfast.metrics.buffer import START, CycleBuffer
from holdfast.metrics.cycles import aligned
from orchestration.runs import alive
from orchestration.settings import Settings, dagster_url, variables
from resources.asking import FIRST_WINDOW_S
from resources.collector import Collector
from resources.cycles import PostgresCycles
from resources.live import CollectorResource
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from resources.spool import Spool

_COLLECTORS: Final = 8
_LOG: Final = logging.getLogger("holdfast")


def connected(settings: Settings) -> Settings:
    """The settings, with what is not configured taken from the run that is alive in the state folder."""
    run = alive(settings.state)
    return filled(settings, run.environment) if run else settings


def filled(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings, with what they leave out taken from ``environment``."""
    names = variables()
    found = {names[name]: SecretStr(value) for name, value in environment.items() if name in names}
    update: dict[str, object] = {field: v for field, v in found.items() if getattr(settings, field) is None}
    # Only a run whose stores are all its own has a word on this, for the samples' origin; it holds the setting's too.
    hosts = environment.get("MEDIA_ALLOWED_HOSTS")
    if hosts and settings.is_all_embedded:
        update["media_allowed_hosts"] = hosts
    return settings.model_copy(update=update)


def database_url(settings: Settings) -> str:
    """Where the primary is.

    Raises:
        SettingsError: it is not configured, and no embedded one runs.
    """
    return _needed(settings.database_url, "DATABASE_URL", settings)


def storage_url(settings: Settings) -> str:
    """Where Dagster keeps its own, always in the form of the one driver it works with."""
    if settings.dagster_database_url is None:
        return dagster_url(database_url(settings))
    _, rest = settings.dagster_database_url.get_secret_value().split("://", 1)
    return f"postgresql+psycopg2://{rest}"


def open_postgres(settings: Settings) -> Postgres:
    """The primary."""
    return Postgres(database_url(settings))


def open_buffer(settings: Settings) -> CycleBuffer:
    """Where cycles wait for the move into the history."""
    if not settings.redis_enabled:
        return PostgresCycles(open_postgres(settings))
    return RedisCycles(RedisClient(_needed(settings.redis_url, "REDIS_URL", settings)), capacity=settings.buffer_cycles)


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


def _needed(value: SecretStr | None, name: str, settings: Settings) -> str:
    if value is None:
        raise SettingsError(
            f"{name} is not set and no embedded stack runs in {settings.state}; "
            "start one (make run) in another terminal, or set it"
        )
    return value.get_secret_value()
