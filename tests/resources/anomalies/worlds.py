"""A small fleet in a database: a week learned, a day of slots, and whatever breaks in it."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from holdfast.servers.declared import parse_templates
from resources import servers
from resources.anomalies.judging import Judging, judge_due
from resources.baselines.store import StoredMemory, save
from resources.postgres import Postgres
from tests.holdfast.anomalies.fleets import DAY_SLOTS, HOUR, LEARNED_DAYS, LIVE_S, Floats, live, remembered, usual
from tests.resources.metrics.cycles import rows

LOG = logging.getLogger("test")
Key = tuple[str, str]

CHAIN = """
[[server]]
id = "web1"
kind = "web"
upstream = ["api1"]
[[server]]
id = "api1"
kind = "api"
upstream = ["db1"]
[[server]]
id = "db1"
kind = "db"
"""


def at(hour: float) -> datetime:
    """An hour of the live day."""
    return datetime.fromtimestamp(LIVE_S, UTC) + timedelta(hours=hour)


def usual_fleet(*broken: tuple[Key, Floats]) -> dict[Key, Floats]:
    """Three servers that depend on each other, each with two metrics, and series that replace theirs."""
    names = [(server, metric) for server in ("web1", "api1", "db1") for metric in ("cpu_pct", "memory_pct")]
    return {key: usual(key[1], seed=number) for number, key in enumerate(names)} | dict(broken)


def high(server: str, hour: float, hours: float = 0.5, metric: str = "cpu_pct") -> tuple[Key, Floats]:
    """A server whose metric goes far beyond what was ever seen, for a while."""
    seed = [(s, m) for s in ("web1", "api1", "db1") for m in ("cpu_pct", "memory_pct")].index((server, metric))
    values = usual(metric, seed=seed)
    return (server, metric), live(values, hour, *[70.0 + n / 10 for n in range(int(hours * HOUR))])


def install(url: str, series: Mapping[Key, Floats], *, until_hour: float = 24, templates: str = CHAIN) -> Postgres:
    """Store what was learned of the series, their templates, and the slots of the live day (half a day before)."""
    postgres = Postgres(url)
    with psycopg.connect(url) as connection:
        for server in sorted({server for server, _ in series}):
            connection.execute(
                "insert into holdfast.servers (server_id, first_sampled_at, last_sampled_at) values (%s, %s, %s)",
                (server, at(-24 * LEARNED_DAYS), at(until_hour)),
            )
    if templates:
        servers.apply(postgres, parse_templates(templates), at(-24 * LEARNED_DAYS))
    with postgres.transaction() as db:
        save(db, [_stored(key, values) for key, values in series.items()])
    add_slots(url, series, -13, until_hour)
    return postgres


def add_slots(url: str, series: Mapping[Key, Floats], from_hour: float, until_hour: float) -> None:
    """Store slots as a roll does, and where it stands."""
    of_servers: dict[str, dict[str, Floats]] = {}
    for (server, metric), values in series.items():
        of_servers.setdefault(server, {})[metric] = values
    first, last = (LEARNED_DAYS * DAY_SLOTS + round(hour * HOUR) for hour in (from_hour, until_hour))
    with psycopg.connect(url) as connection:
        for server, metrics in of_servers.items():
            found = [_row(at((n - LEARNED_DAYS * DAY_SLOTS) / HOUR), metrics, n) for n in range(first, last)]
            columns = ", ".join(metrics)
            with connection.cursor() as cursor:
                statement = (
                    f"insert into holdfast.metrics_slots (slot_at, server_no, sample_count, {columns}) "
                    f"select %s, server_no, 10{', %s' * len(metrics)} from holdfast.servers "
                    f"where server_id = '{server}' on conflict do nothing"
                )
                known = [row for row in found if any(value is not None for value in row[1:])]
                cursor.executemany(statement, known)  # type: ignore[arg-type]
        connection.execute(
            "insert into holdfast.watermarks (name, position, covers_until) values ('metrics_slots', '', %s) "
            "on conflict (name) do update set covers_until = excluded.covers_until",
            (at(until_hour),),
        )
        connection.execute(
            "update holdfast.servers set last_sampled_at = greatest(last_sampled_at, %s)", (at(until_hour),)
        )


def run(postgres: Postgres, hour: float, **more: Any) -> Judging:
    """Judge what is due at an hour of the live day."""
    return judge_due(postgres, at(hour) + timedelta(minutes=2), LOG, **more)


def incidents(url: str) -> list[tuple[Any, ...]]:
    """Everything that judging wrote."""
    found = rows(url, "select * from holdfast.incidents order by incident_id")
    series = rows(url, "select * from holdfast.metric_anomalies order by incident_id, server_id, metric")
    return [*found, *series, *rows(url, "select * from holdfast.judged_slots order by slot_at")]


def listed(url: str) -> list[tuple[Any, ...]]:
    """The incidents that stand for themselves: number, root server, severity, is it open."""
    return rows(
        url,
        "select incident_id, root_server_id, severity, closed_at is null from holdfast.incidents "
        "where merged_into is null order by 1",
    )


def _stored(key: Key, values: Floats) -> StoredMemory:
    memory = remembered(values)
    return StoredMemory(server_id=key[0], metric=key[1], version=memory.version, unit=(100, 1), memory=memory)


def _row(slot_at: datetime, metrics: Mapping[str, Floats], number: int) -> list[Any]:
    values = [float(series[number]) for series in metrics.values()]
    return [slot_at, *(None if np.isnan(value) else round(value * 100) for value in values)]
