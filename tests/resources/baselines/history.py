"""A history to learn from: smooth days with noise, in rows of 5 minutes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from holdfast.baselines import BLOCK_S
from holdfast.baselines.lending import SeriesKey
from holdfast.metrics.cycles import Reading
from resources.baselines.store import read_memories
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres
from tests.resources.metrics.cycles import rows

# A moment two hours into a block, so that the block before it is closed.
END_S = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
NOW = datetime.fromtimestamp(END_S, UTC) + timedelta(hours=2)
DAY_S = 86_400
STEP_S = 300
assert END_S % BLOCK_S == 0


def readings(
    server: str, from_s: int, until_s: int, *, level: int = 4000, metrics: Iterable[str] = ("cpu_pct",)
) -> list[Reading]:
    """One reading per 5 minutes whose values depend on the server and the instant alone, in codes."""
    found = []
    for at_s in range(from_s, until_s, STEP_S):
        daily = np.sin(2 * np.pi * (at_s % DAY_S) / DAY_S)
        noise = np.random.default_rng((sum(server.encode()), at_s)).normal()
        code = max(0, int(level * (1 + 0.5 * daily) + 80 * noise))
        found.append(Reading(server, at_s, {metric: code + 10 * n for n, metric in enumerate(metrics)}))
    return found


def store_history(
    url: str, servers: Sequence[str], days: float, *, until_s: int = END_S, metrics: Iterable[str] = ("cpu_pct",)
) -> None:
    """Put that many days of history, up to an instant, into the database."""
    postgres = Postgres(url)
    metrics = list(metrics)
    for server in servers:
        with postgres.transaction() as db:
            merge_readings(db, readings(server, until_s - int(days * DAY_S), until_s, metrics=metrics))


def memories(url: str) -> dict[SeriesKey, bytes]:
    """Every memory that can be read, as its bytes."""
    with Postgres(url).transaction() as db:
        whole, _ = read_memories(db)
    return {one.key: one.memory.to_bytes() for one in whole}


def learned(url: str) -> dict[SeriesKey, tuple[str, int]]:
    """Status and version of every series."""
    found = rows(url, "select server_id, metric, status, version from holdfast.baseline_templates")
    return {(server_id, metric): (status, version) for server_id, metric, status, version in found}


def everything(url: str) -> list[list[tuple[Any, ...]]]:
    """Every row of the baselines."""
    tables = ("baseline_memories", "baseline_versions", "baseline_progress")
    return [rows(url, f"select * from holdfast.{table} as t order by t::text") for table in tables]
