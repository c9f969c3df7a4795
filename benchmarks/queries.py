"""Two questions an analyst asks: history and rollup against a narrow table of the same 16.1 million samples.

``python -m benchmarks.queries`` asks (a) for 24 h of one server with all its metrics, through the view
``server_metrics_history`` and through ``metrics_between``, and (b) for the hourly average of one metric of 100
servers over 7 days, from ``server_metrics_hourly``. The peer is a narrow table with its primary key, vacuumed: filled
in order of arrival, and at its best (numbers for names, sorted by its key). Client time is connect-free psycopg with
``fetchall``, server time ``explain (analyze, timing off)``; warm cache, in turns. The ratio is of client times. In (a)
the peer answers with one row per sample, as it holds them; pivoted to one row per instant, as the view answers, it is
shown beside.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, LiteralString

import psycopg

from benchmarks import workload
from benchmarks.peers import load_history, load_narrow, load_short
from benchmarks.report import Line, Timing, in_turns, processor, say, show
from benchmarks.stack import database, database_option, options, version

_PIVOT: Final[LiteralString] = """
    max(value) filter (where metric = 'cpu_pct'), max(value) filter (where metric = 'memory_pct'),
    max(value) filter (where metric = 'disk_pct'), max(value) filter (where metric = 'network_in_bytes_s'),
    max(value) filter (where metric = 'network_out_bytes_s'), max(value) filter (where metric = 'response_ms'),
    max(value) filter (where metric = 'throughput_rps'), max(value) filter (where metric = 'active_users')
"""
QUESTIONS: Final[Mapping[str, LiteralString]] = {
    "day, view": "select * from holdfast.server_metrics_history where server_id = %(server)s and day = %(day)s",
    "day, function": "select * from holdfast.metrics_between(%(server)s, %(from_at)s, %(until_at)s)",
    "day, narrow": "select server, metric, sampled_at, value from narrow "
    "where server = %(server)s and sampled_at >= %(from_at)s and sampled_at < %(until_at)s",
    "day, narrow pivoted": "select sampled_at, " + _PIVOT + " from narrow "
    "where server = %(server)s and sampled_at >= %(from_at)s and sampled_at < %(until_at)s group by sampled_at",
    "day, narrow*": "select server_no, metric_no, sampled_at, value from narrow_short "
    "where server_no = %(server_no)s and sampled_at >= %(from_at)s and sampled_at < %(until_at)s",
    "week, rollup": "select server_id, bucket_at, avg from holdfast.server_metrics_hourly where metric = 'cpu_pct'",
    "week, narrow": "select server, date_trunc('hour', sampled_at), avg(value) from narrow "
    "where metric = 'cpu_pct' group by 1, 2",
    "week, narrow*": "select server_no, date_trunc('hour', sampled_at), avg(value) from narrow_short "
    "where metric_no = 0 group by 1, 2",
}


def main() -> None:
    parser = workload.add_options(database_option(options(__doc__)))
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    work = workload.asked_for(asked)
    say(str(work))
    with database(asked.database_url) as url:
        load_history(url, work)
        load_short(url, work)
        load_narrow(url, work)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")
            day = work.days[len(work.days) // 2]
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            number = len(work.servers) // 2
            lines = _lines(
                connection,
                asked.rounds,
                {
                    "server": work.servers[number],
                    "server_no": number,
                    "day": day,
                    "from_at": midnight,
                    "until_at": midnight + timedelta(days=1),
                },
            )
        title = f"queries: {work}; {version(url)}; {processor()}; median of {asked.rounds} rounds (least-most)"
    show(title, lines, ["client time is with fetchall; server time is explain (analyze, timing off)"])


def _lines(connection: psycopg.Connection[Any], rounds: int, parameters: Mapping[str, Any]) -> list[Line]:
    ways = {name: partial(_client_s, connection, question, parameters) for name, question in QUESTIONS.items()}
    on_server = {name: partial(_server_s, connection, question, parameters) for name, question in QUESTIONS.items()}
    client, server = in_turns(ways, rounds), in_turns(on_server, rounds)

    def against(measure: str, ours: str, peer: str, took: Mapping[str, Timing], *limits: str) -> Line:
        ratio = took[ours].median_s / took[peer].median_s
        return Line(measure, str(took[ours]), f"{peer.split(', ')[1]} {took[peer]}", f"{ratio:.2g}", *limits)

    return [
        against("1 server 24 h, day = …", "day, view", "day, narrow", client, "0.5", "0.25"),
        against("1 server 24 h, metrics_between", "day, function", "day, narrow", client, "0.5", "0.25"),
        against("  day = …; peer pivoted", "day, view", "day, narrow pivoted", client),
        against("  day = …; peer at its best", "day, view", "day, narrow*", client),
        against("  day = …, server time", "day, view", "day, narrow", server),
        against("  metrics_between, server time", "day, function", "day, narrow", server),
        against("hourly avg, 100 servers 7 days", "week, rollup", "week, narrow", client, "0.02", "0.005"),
        against("  peer at its best", "week, rollup", "week, narrow*", client),
        against("  server time", "week, rollup", "week, narrow", server),
        against("  server time, peer at its best", "week, rollup", "week, narrow*", server),
    ]


def _client_s(connection: psycopg.Connection[Any], question: LiteralString, parameters: Mapping[str, Any]) -> float:
    began_s = time.perf_counter()
    connection.execute(question, parameters).fetchall()
    return time.perf_counter() - began_s


def _server_s(connection: psycopg.Connection[Any], question: LiteralString, parameters: Mapping[str, Any]) -> float:
    plan = connection.execute("explain (analyze, timing off) " + question, parameters).fetchall()
    found = re.findall(r"(?:Planning|Execution) Time: ([\d.]+) ms", "\n".join(row[0] for row in plan))
    return sum(map(float, found)) / 1000


if __name__ == "__main__":
    main()
