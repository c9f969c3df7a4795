"""Cycles for tests, and a look at what is stored."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from holdfast.metrics.cycles import Cycle, Reading, pack

MIDNIGHT_S = int(time.time()) // 86_400 * 86_400


def cycle(at_s: int, servers: Iterable[str] = ("web1",), *, sent_s: float | None = None, **codes: int) -> Cycle:
    codes = codes or {"cpu_pct": at_s % 10_000, "memory_pct": 5_000}
    readings = [Reading(server, at_s, codes) for server in servers]
    return Cycle(at_s, 30, "test", time.time() if sent_s is None else sent_s, readings, {})


def packed(at_s: Sequence[int], servers: Iterable[str] = ("web1",)) -> list[bytes]:
    servers = list(servers)
    return [pack(cycle(each, servers)) for each in at_s]


def rows(url: str, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        return connection.execute(statement, parameters).fetchall()


def stored(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "select * from holdfast.server_metrics_history order by server_id, sampled_at")


def instants(url: str) -> list[int]:
    found = rows(url, "select extract(epoch from sampled_at)::bigint from holdfast.server_metrics_history order by 1")
    return [row[0] for row in found]


def at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
