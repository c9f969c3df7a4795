"""Learning in the database: one new day of 1000 series against all of their 28 days again.

84 servers with 12 metrics each, a sample every 5 minutes, 29 days, packed as nightly. Each way is the whole of
``learn_due`` or ``relearn``: reading the history, folding, and writing memories and baselines.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, database_option, options, version
from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.metrics.cycles import Reading
from resources.baselines.learner import learn_due, relearn
from resources.baselines.slots import LATE
from resources.metrics.compaction import compact_day
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres

FIRST = datetime(2026, 10, 5, tzinfo=UTC)
DAYS = 28
DAY = timedelta(days=1)
LOG = logging.getLogger("benchmarks.learning")


def main() -> None:
    asked = database_option(options(__doc__)).parse_args()
    servers = 9 if asked.quick else 84
    with database(asked.database_url) as url:
        _measure(Postgres(url), servers, version(url))


def _measure(postgres: Postgres, servers: int, server: str) -> None:
    for number in range(DAYS + 1):
        _store_day(postgres, FIRST + number * DAY, servers, number)
    full_at = FIRST + DAYS * DAY + LATE
    say("learning the first 28 days, as on a first installation")
    first_s = _seconds(lambda: learn_due(postgres, full_at, log=LOG).folded_blocks)
    say("one new day")
    day_s = _seconds(lambda: learn_due(postgres, full_at + DAY, log=LOG).folded_blocks)
    again_s = _seconds(lambda: learn_due(postgres, full_at + DAY, log=LOG).folded_blocks)
    say("all of it again")
    full_s = _seconds(lambda: relearn(postgres, full_at + DAY, server_id=None, metric=None, log=LOG).folded_blocks)
    series = servers * len(METRIC_NAMES)
    lines = [
        Line(
            f"one new day of {series} series ÷ 28 days again, s",
            f"{day_s:.1f}",
            f"{full_s:.1f}",
            f"{day_s / full_s:.3f}",
            "0.1",
            "0.05",
        ),
        Line("a second run, nothing new, s", f"{again_s:.2f}"),
        Line("the first 28 days of an installation, s", f"{first_s:.1f}"),
        *_sizes(postgres, series),
    ]
    show(
        f"learning: {servers} servers x {len(METRIC_NAMES)} metrics x 5 min x {DAYS + 1} days; {server}; {processor()}",
        lines,
    )


def _store_day(postgres: Postgres, day: datetime, servers: int, seed: int) -> None:
    """One day of busy servers: a daily rhythm, noise, and a level of its own for every series."""
    say(f"storing {day.date()}")
    rng, at_s = np.random.default_rng([20261120, seed]), int(day.timestamp())
    levels = np.random.default_rng(20261120).integers(500, 4_000, (servers, len(METRIC_NAMES)))
    readings = []
    for second in range(0, 86_400, 300):
        rhythm = 1 + 0.4 * np.sin(2 * np.pi * second / 86_400)
        codes = np.rint(levels * rhythm * (1 + 0.1 * rng.standard_normal(levels.shape))).astype(int).clip(0)
        readings += [
            Reading(f"server{number:03}", at_s + second, dict(zip(METRIC_NAMES, row, strict=True)))
            for number, row in enumerate(codes.tolist())
        ]
    with postgres.transaction() as db:
        merge_readings(db, readings)
    compact_day(postgres, day.date())


def _seconds(work: Callable[[], int]) -> float:
    began_s = time.perf_counter()
    say(f"{work()} blocks folded")
    return time.perf_counter() - began_s


def _sizes(postgres: Postgres, series: int) -> list[Line]:
    asked = {
        "a memory": "select sum(pg_column_size(t.state)) from holdfast.baseline_memories t",
        "eight versions of a baseline": "select sum(pg_column_size(t.*)) from holdfast.baseline_versions t",
        "both tables on disk, dead rows included": "select pg_total_relation_size('holdfast.baseline_memories')"
        " + pg_total_relation_size('holdfast.baseline_versions')",
    }
    with postgres.autocommit() as connection:
        sizes = {name: connection.execute(text.encode()).fetchone() for name, text in asked.items()}
    return [
        Line(f"{name}, kB per series", f"{float(size[0]) / series / 1e3:.1f}") for name, size in sizes.items() if size
    ]


if __name__ == "__main__":
    main()
