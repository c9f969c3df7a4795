r"""Idempotent merge of 100 000 wide rows against ``psql \copy`` of the same rows.

``python -m benchmarks.merge`` measures one transaction as the mover makes it: server numbers, the day's partition,
``merge_rows`` and its commit, the connection included, from rows in memory. Against it ``psql`` copies the same rows
from a CSV that lies ready, the start of the program included: into an empty partitioned table like ours
(with its key), and into a table without any of that. Every round starts with empty tables; the merge is
also measured where all rows, or only the last one (the costliest place for it), are there already.
"""

import argparse
import csv
import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from benchmarks import workload
from benchmarks.report import Line, Timing, in_turns, processor, say, show
from benchmarks.stack import database, database_option, folder, options, version
from benchmarks.workload import Workload
from holdfast.metrics.catalog import METRIC_NAMES
from orchestration.local import binary
from resources.metrics.merge import Row, merge_rows
from resources.postgres import Postgres, Transaction

PEERS: Final[LiteralString] = """
    create table peer (like holdfast.server_metrics_recent, primary key (server_no, sampled_at))
        partition by range (sampled_at);
    create table peer_day partition of peer for values from ('2026-11-02 00:00+00') to ('2026-11-03 00:00+00');
    create table plain (like holdfast.server_metrics_recent)
"""


def main() -> None:
    parser = database_option(options(__doc__))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=workload.SEED)
    asked = parser.parse_args()
    with database(asked.database_url) as url, folder() as place:
        lines = _measured(url, place, asked)
        title = f"merge: {version(url)}; {processor()}; median of {asked.rounds} rounds (least-most)"
        show(title, lines, ["like ours: empty, partitioned by day, with the same columns and key"])


def _measured(url: str, place: Path, asked: argparse.Namespace) -> list[Line]:
    wanted = 10_000 if asked.quick else 100_000
    work = workload.generated(100, 1, asked.seed)
    rows = _rows(url, work, wanted)
    file = place / "rows.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PEERS)
    say(f"{len(rows)} rows, {file.stat().st_size / 1e6:.1f} MB of CSV")
    took = in_turns(
        {
            "ours": partial(_merge, url, work, rows, []),
            "last": partial(_merge, url, work, rows, rows[-1:]),
            "again": partial(_merge, url, work, rows, rows),
            "like ours": partial(_copy, url, file, "peer"),
            "plain": partial(_copy, url, file, "plain"),
        },
        asked.rounds,
    )

    def against(measure: str, ours: str, peer: str, *limits: str) -> Line:
        ratio = f"{took[peer].median_s / took[ours].median_s:.2f}x"
        return Line(measure, _rate(took[ours], wanted), _rate(took[peer], wanted), ratio, *limits)

    return [
        against("merge, rows/s; peer: \\copy, table like ours", "ours", "like ours", ">= 0.35x", ">= 0.8x"),
        against("merge, rows/s; peer: \\copy, plain table", "ours", "plain"),
        against("second merge, all duplicates, rows/s; peer: first \\copy", "again", "like ours"),
        against("merge, last row is there already, rows/s; peer: first \\copy", "last", "like ours"),
        Line("merge, time", str(took["ours"]), str(took["like ours"])),
        Line("second merge, time", str(took["again"])),
    ]


def _rows(url: str, work: Workload, wanted: int) -> list[Row]:
    """Rows in the order in which cycles arrive, null where a metric was not measured."""
    with Postgres(url).transaction() as db:
        numbers = _server_numbers(db, work)
    found: list[Row] = []
    for reading in work.readings(work.days[0], range(len(work.servers))):
        at = datetime.fromtimestamp(reading.at_s, UTC)
        found.append((numbers[reading.server_id], at, *(reading.codes.get(name) for name in METRIC_NAMES)))
        if len(found) == wanted:
            break
    return found


def _merge(url: str, work: Workload, rows: list[Row], former: list[Row]) -> float:
    """Seconds to merge ``rows`` into a table that holds ``former`` of them."""
    _empty(url, "holdfast.server_metrics_recent")
    if former:
        _merge_once(url, work, former)
    began_s = time.perf_counter()
    stored = _merge_once(url, work, rows)
    took_s = time.perf_counter() - began_s
    if stored != len(rows) - len(former):
        raise RuntimeError(f"{stored} of {len(rows)} rows were stored, {len(former)} were there already")
    return took_s


def _merge_once(url: str, work: Workload, rows: list[Row]) -> int:
    day = work.days[0]
    with Postgres(url).transaction() as db:
        _server_numbers(db, work)
        db.execute("metrics_moving/ensure_recent_day", day=day)
        return merge_rows(db, rows, {day})


def _copy(url: str, file: Path, table: str) -> float:
    _empty(url, table)
    began_s = time.perf_counter()
    command = [str(binary("psql")), "--no-psqlrc", "--quiet", "--command", f"\\copy {table} from '{file}' csv", url]
    subprocess.run(command, check=True)
    return time.perf_counter() - began_s


def _server_numbers(db: Transaction, work: Workload) -> dict[str, int]:
    servers = list(work.servers)
    seen = [datetime(2026, 11, 2, tzinfo=UTC)] * len(servers)
    db.execute("metrics_moving/see_servers", server_ids=servers, first_at=seen, last_at=seen)
    return dict(db.rows("metrics_moving/server_numbers", server_ids=servers))


def _empty(url: str, table: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("truncate {}").format(sql.Identifier(*table.split("."))))
        # What the rounds before have left to write is nobody's business in this one.
        connection.execute("checkpoint")


def _rate(timing: Timing, rows: int) -> str:
    return f"{rows / timing.median_s:,.0f}".replace(",", " ")


if __name__ == "__main__":
    main()
