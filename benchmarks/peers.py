"""What people store metrics in otherwise: a narrow table (as it is, and at its best) and a wide one; and ours."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString

import numpy as np
import psycopg

from benchmarks.report import say
from benchmarks.workload import Workload
from resources.metrics.compaction import compact_day
from resources.metrics.merge import merge_readings
from resources.metrics.rollups import roll_up
from resources.postgres import Postgres

NARROW: Final[LiteralString] = (
    "create table narrow (server text, metric text, sampled_at timestamptz, value real, "
    "primary key (server, metric, sampled_at))"
)
SHORT: Final[LiteralString] = (
    "create table narrow_short (server_no integer, metric_no smallint, sampled_at timestamptz, value real, "
    "primary key (server_no, metric_no, sampled_at))"
)
WIDE: Final[LiteralString] = (
    "create table wide (server text, sampled_at timestamptz, cpu_pct real, memory_pct real, disk_pct real, "
    "network_in_bytes_s real, network_out_bytes_s real, response_ms real, throughput_rps real, active_users real, "
    "primary key (server, sampled_at))"
)
_EPOCH_2000_S: Final = 946_684_800
_SERVERS_AT_ONCE: Final = 20
_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"


def load_history(url: str, work: Workload) -> float:
    """Store the samples the way the mover, the nightly compaction and the rollups do; seconds of compaction."""
    postgres = Postgres(url, statement_timeout_s=3600)
    compacting_s = 0.0
    for day in work.days:
        for start in range(0, len(work.servers), _SERVERS_AT_ONCE):
            some = range(start, min(start + _SERVERS_AT_ONCE, len(work.servers)))
            with postgres.transaction() as db:
                merge_readings(db, work.readings(day, some))
        began_s = time.perf_counter()
        compact_day(postgres, day)
        compacting_s += time.perf_counter() - began_s
        now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        roll_up(postgres, "hourly", day, now)
        roll_up(postgres, "daily", day, now)
        say(f"history: {day} merged, compacted and rolled up")
    return compacting_s


def load_narrow(url: str, work: Workload) -> None:
    """Fill the narrow table in the order in which samples arrive, then vacuum and analyze it."""
    one = [
        ("fields", ">i2"),
        ("server_bytes", ">i4"),
        ("server", f"S{len(work.servers[0])}"),
        ("metric_bytes", ">i4"),
        ("metric", ""),
        ("at_bytes", ">i4"),
        ("at", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">f4"),
    ]
    record = np.dtype(
        [(m, np.dtype([(n, f"S{len(m)}" if n == "metric" else kind) for n, kind in one])) for m in work.codes]
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(NARROW)
        with connection.cursor().copy("copy narrow from stdin (format binary)") as copy:
            copy.write(_HEADER)
            for day in work.days:
                cells = _cells(work, day, record)
                for metric, codes in work.of_day(day).items():
                    cell = cells[metric]
                    cell["fields"], cell["metric"], cell["metric_bytes"] = 4, metric.encode(), len(metric)
                    cell["server_bytes"], cell["at_bytes"], cell["value_bytes"] = len(work.servers[0]), 8, 4
                    cell["server"] = np.array(work.servers, dtype="S")
                    cell["at"] = _microseconds(work, day)[:, None]
                    cell["value"] = work.values(metric, codes).T
                copy.write(cells.tobytes())
                say(f"narrow: {day} sent")
            copy.write(_TRAILER)
        connection.execute("vacuum (analyze) narrow")
    say("narrow: vacuumed and analyzed")


def load_short(url: str, work: Workload) -> None:
    """Fill the narrow table at its best: numbers for names, sorted by its key, so that heap and index are dense."""
    record = np.dtype(
        [
            ("fields", ">i2"),
            ("server_bytes", ">i4"),
            ("server", ">i4"),
            ("metric_bytes", ">i4"),
            ("metric", ">i2"),
            ("at_bytes", ">i4"),
            ("at", ">i8"),
            ("value_bytes", ">i4"),
            ("value", ">f4"),
        ]
    )
    at = np.concatenate([_microseconds(work, day) for day in work.days])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHORT)
        with connection.cursor().copy("copy narrow_short from stdin (format binary)") as copy:
            copy.write(_HEADER)
            for server in range(len(work.servers)):
                cells = np.zeros((len(work.codes), len(at)), dtype=record)
                cells["fields"], cells["server_bytes"], cells["metric_bytes"] = 4, 4, 2
                cells["at_bytes"], cells["value_bytes"], cells["server"], cells["at"] = 8, 4, server, at
                for number, (metric, codes) in enumerate(work.codes.items()):
                    cells["metric"][number] = number
                    cells["value"][number] = work.values(metric, codes[server])
                copy.write(cells.tobytes())
            copy.write(_TRAILER)
        connection.execute("vacuum (analyze) narrow_short")
    say("narrow, short keys: loaded, vacuumed and analyzed")


def load_wide(url: str, work: Workload) -> None:
    """Fill the wide table in the order in which samples arrive, then vacuum and analyze it."""
    record = np.dtype(
        [
            ("fields", ">i2"),
            ("server_bytes", ">i4"),
            ("server", f"S{len(work.servers[0])}"),
            ("at_bytes", ">i4"),
            ("at", ">i8"),
            *((name, kind) for metric in work.codes for name, kind in ((f"{metric}_bytes", ">i4"), (metric, ">f4"))),
        ]
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WIDE)
        with connection.cursor().copy("copy wide from stdin (format binary)") as copy:
            copy.write(_HEADER)
            for day in work.days:
                cells = _cells(work, day, record)
                cells["fields"], cells["server_bytes"], cells["at_bytes"] = 2 + len(work.codes), len(work.servers[0]), 8
                cells["server"] = np.array(work.servers, dtype="S")
                cells["at"] = _microseconds(work, day)[:, None]
                for metric, codes in work.of_day(day).items():
                    cells[f"{metric}_bytes"] = 4
                    cells[metric] = work.values(metric, codes).T
                copy.write(cells.tobytes())
            copy.write(_TRAILER)
        connection.execute("vacuum (analyze) wide")
    say("wide: loaded, vacuumed and analyzed")


def _cells(work: Workload, day: date, record: np.dtype[Any]) -> Any:
    return np.zeros((len(work.instants_s(day)), len(work.servers)), dtype=record)


def _microseconds(work: Workload, day: date) -> Any:
    return (np.array(work.instants_s(day)) - _EPOCH_2000_S) * 1_000_000
