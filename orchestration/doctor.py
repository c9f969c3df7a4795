"""``holdfast doctor``: every dependency, whether it works, and what to do where it does not."""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Final

import click
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from holdfast.errors import HoldfastError
from holdfast.metrics.cycles import Collected, Source
from holdfast.metrics.targets import Target
from orchestration import local, wiring
from orchestration.doctor_breakers import breakers
from orchestration.doctor_files import servers_file, vault
from orchestration.doctor_rows import Row
from orchestration.doctor_store_vaults import media_folder_row, s3_row
from orchestration.doctor_vaults import drive_row
from orchestration.ports import holder
from orchestration.runs import Run, alive
from orchestration.settings import Settings
from resources import doctor as ask
from resources.sources import read_targets
from resources.sources.cloud_monitoring import CloudMonitoringSource
from resources.sources.prometheus import NOTHING_YET, PrometheusSource

_LEAST_FREE_BYTES: Final = 1_000_000_000
_GB: Final = 1_000_000_000
_WIDEST: Final = 100
_SECOND_LOOK_S: Final = 1.0
_GOOGLE_TIMEOUT_S: Final = 8.0
_GOOGLE_AWAY: Final = (
    "see that this machine reaches monitoring.googleapis.com (or GOOGLE_MONITORING_API_ENDPOINT); "
    "the collector asks again every cycle and misses nothing of the last day"
)


_IDLE: Final = "not running"
Probe = Callable[[], Row]


def examine(settings: Settings) -> list[Row]:
    """Ask everything at once; the answers in a fixed order.

    Raises:
        SettingsError: METRICS_TARGETS cannot be understood.
    """
    run = alive(settings.state)
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(lambda probe: probe(), _probes(settings, wiring.connected(settings), run)))


def _probes(given: Settings, found: Settings, run: Run | None) -> Iterator[Probe]:
    budget = given.database_budget_mb * 1_000_000
    has_pair = given.is_embedded
    yield _store("primary Postgres", "DATABASE_URL", given.database_url, found.database_url, is_embedded=has_pair)(
        lambda url, name: ask.examine_primary(url, name, budget)
    )
    yield _store(
        "secondary Postgres", "SUPABASE_DB_URL", given.supabase_db_url, found.supabase_db_url, is_embedded=has_pair
    )(ask.examine_secondary)
    storage = SecretStr(wiring.storage_url(found)) if found.database_url or found.dagster_database_url else None
    configured = given.dagster_database_url or (storage if given.database_url else None)
    variable = "DAGSTER_DATABASE_URL" if given.dagster_database_url else "DATABASE_URL"
    yield _store("Dagster storage", variable, configured, storage, is_embedded=has_pair)(ask.examine_storage)
    is_embedded = local.has_redis(given)
    redis = (given.redis_url, found.redis_url) if given.redis_enabled else (None, None)
    yield _store("Redis", "REDIS_URL", *redis, is_embedded=is_embedded)(ask.examine_redis)
    yield from _targets(given)
    yield lambda: _google(given)
    yield lambda: _ui(given, run)
    yield lambda: _collector(found, run)
    yield lambda: _disk(given)
    yield lambda: vault(given)
    yield lambda: drive_row(given)
    yield lambda: s3_row(given)
    yield lambda: media_folder_row(given)
    yield lambda: servers_file(given, found)
    yield lambda: breakers(found)


def _store(
    dependency: str, variable: str, given: SecretStr | None, found: SecretStr | None, *, is_embedded: bool
) -> Callable[[Callable[[str, str], ask.Finding]], Probe]:
    def probe(examine: Callable[[str, str], ask.Finding]) -> Row:
        configured = variable if given else "embedded" if is_embedded else "off"
        if found is None:
            reachable = _IDLE if configured == "embedded" else ""
            return Row(dependency=dependency, configured=configured, ok=None, reachable=reachable)
        finding = examine(found.get_secret_value(), variable if given else "HOLDFAST_HOME")
        return Row(
            dependency=dependency,
            configured=configured,
            ok=finding.problem is None,
            reachable="yes" if finding.is_reachable else "no",
            version=finding.version,
            latency_ms=None if finding.latency_ms is None else round(finding.latency_ms, 1),
            migrations=finding.migrations,
            quota=finding.quota,
            problem=finding.problem,
            remedy=finding.remedy,
        )

    return lambda examine: lambda: probe(examine)


def _targets(settings: Settings) -> Iterator[Probe]:
    targets = read_targets(settings.metrics_targets)
    configured = "METRICS_TARGETS" if settings.metrics_targets else "embedded"
    if targets.is_local:
        yield lambda: Row(dependency="metrics: this machine", configured=configured, ok=True, reachable="yes")
    for target in targets.endpoints:
        yield partial(_target, target, settings)


def _target(target: Target, settings: Settings) -> Row:
    async def read() -> tuple[str | None, float]:
        source = PrometheusSource([target], timeout_s=settings.scrape_timeout_s)
        try:
            collected, latency_ms = await _timed_read(source)
            if collected.failed.get(target.server_id) == NOTHING_YET:
                await asyncio.sleep(_SECOND_LOOK_S)
                collected, latency_ms = await _timed_read(source)
            return collected.failed.get(target.server_id), latency_ms
        finally:
            await source.close()

    problem, latency_ms = asyncio.run(read())
    return Row(
        dependency=f"metrics: {target.server_id}",
        configured="METRICS_TARGETS",
        ok=problem is None,
        reachable="no" if problem else "yes",
        latency_ms=None if problem else round(latency_ms, 1),
        problem=problem,
        remedy="see that its exporter runs and its address is right in METRICS_TARGETS" if problem else None,
    )


async def _timed_read(source: Source) -> tuple[Collected, float]:
    began_s = time.perf_counter()
    collected = await source.read(int(time.time()))
    return collected, (time.perf_counter() - began_s) * 1000


def _google(settings: Settings) -> Row:
    name, project = "Google Cloud Monitoring", settings.gcp_project_id
    if project is None:
        return Row(dependency=name, configured="off", ok=None)

    async def read() -> tuple[Collected, float]:
        endpoint = settings.google_monitoring_api_endpoint
        source = CloudMonitoringSource(project, endpoint=endpoint, timeout_s=_GOOGLE_TIMEOUT_S)
        try:
            return await _timed_read(source)
        finally:
            await source.close()

    collected, latency_ms = asyncio.run(read())
    machines = len({reading.server_id for reading in collected.readings})
    reasons = sorted(set(collected.failed.values()))
    # A reason that names its way out does so behind a colon.
    problem, _, remedy = reasons[0].partition(": ") if reasons else (None, "", None)
    if problem is not None and problem.startswith(("not reachable", "timed out", "answered")):
        problem, remedy = "; ".join(reasons), _GOOGLE_AWAY
    return Row(
        dependency=name,
        configured="GCP_PROJECT_ID",
        ok=problem is None,
        reachable="no" if problem else f"yes, {machines} machines in the last hour",
        latency_ms=None if problem else round(latency_ms, 1),
        problem=problem,
        remedy=remedy,
    )


def _ui(settings: Settings, run: Run | None) -> Row:
    name = f"UI, port {run.port if run and run.port else settings.port}"
    if run and run.port:
        return Row(dependency=name, configured="HOLDFAST_PORT", ok=True, reachable=f"yes, pid {run.pid}")
    other = holder(settings.port)
    if other is None:
        return Row(dependency=name, configured="HOLDFAST_PORT", ok=None, reachable=_IDLE)
    return Row(
        dependency=name,
        configured="HOLDFAST_PORT",
        ok=False,
        reachable="taken",
        problem=f"the port is in use{other}",
        remedy="stop that process, or set HOLDFAST_PORT to another port",
    )


def _collector(settings: Settings, run: Run | None) -> Row:
    name, configured = "collector", "embedded"
    is_here = run is not None and any(child.name == "collector" and child.process() for child in run.children)
    age_s: float | None = None
    with contextlib.suppress(HoldfastError):
        last_ms = wiring.newest_cycle_ms(wiring.open_buffer(settings))
        age_s = None if last_ms is None else time.time() - last_ms / 1000
    said = "no cycle yet" if age_s is None else f"last cycle {age_s:.0f} s ago"
    if not is_here and (age_s is None or age_s > settings.stale_after_s):
        return Row(dependency=name, configured=configured, ok=None, reachable=_IDLE, quota=None)
    if age_s is not None and age_s > settings.stale_after_s:
        remedy = f"read {settings.state / 'logs' / 'collector.log'}"
        return Row(dependency=name, configured=configured, ok=False, reachable=said, problem=said, remedy=remedy)
    return Row(dependency=name, configured=configured, ok=True, reachable=said)


def _disk(settings: Settings) -> Row:
    place = settings.state
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    is_low = usage.free < _LEAST_FREE_BYTES
    return Row(
        dependency="disk of HOLDFAST_HOME",
        configured="HOLDFAST_HOME",
        ok=not is_low,
        reachable="yes",
        quota=f"{usage.free / _GB:.0f} of {usage.total / _GB:.0f} GB free",
        problem=f"only {usage.free / _GB:.2f} GB are free in {place}" if is_low else None,
        remedy="make room, or set HOLDFAST_HOME to another disk" if is_low else None,
    )


def report(rows: list[Row], *, as_json: bool) -> None:
    """Print the rows: a table with the remedies below it, or JSON."""
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    console = Console()
    if not console.is_terminal or console.width > _WIDEST:
        console = Console(width=_WIDEST)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "dependency", "configured", "reachable", "version", "ms", "migrations", "quota"):
        is_fixed = title not in ("reachable", "quota")
        table.add_column(title, overflow="fold", justify="right" if title == "ms" else "left", no_wrap=is_fixed)
    for row in rows:
        ms = "" if row.latency_ms is None else f"{row.latency_ms:.1f}"
        cells = [_mark(row), row.dependency, row.configured, row.reachable, row.version, ms, row.migrations, row.quota]
        table.add_row(*(cell or "" for cell in cells))
    console.print(table)
    if any(row.reachable == _IDLE for row in rows):
        console.print("\nWhat is not running now is started by: make run", highlight=False)
    for row in rows:
        if row.remedy:
            console.print(f"\n{row.dependency}: {row.problem or 'works'}", markup=False, highlight=False)
            console.print(f"  to do: {row.remedy}", markup=False, highlight=False)


def _mark(row: Row) -> str:
    return {True: "[green]ok[/]", False: "[red]no[/]", None: "-"}[row.ok]
