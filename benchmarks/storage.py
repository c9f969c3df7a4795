"""Bytes per stored sample, all-in: day chunks against a narrow and a wide table of the same samples.

``python -m benchmarks.storage`` stores 7 days of 100 servers the way the mover, the compaction and the rollups do,
and in the tables (values as ``real``, vacuumed), in one database. Bytes are heap, TOAST and
indexes (``pg_total_relation_size``). Then every value is read back through the view: count and exact sum per metric
and day must be what went in.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from benchmarks import workload
from benchmarks.peers import load_history, load_narrow, load_short, load_wide
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, database_option, options, version
from benchmarks.workload import Workload
from holdfast.metrics.catalog import BY_NAME

FREE_TIER_BYTES = 450e6  # of 500 MB: where Holdfast starts to thin

NOTES = (
    "narrow: text names, rows in order of arrival; wide: a column per metric, likewise",
    "narrow*: the narrow table at its best: numbers for names, loaded in the order of its key",
)


@dataclass(frozen=True, slots=True)
class _Size:
    """Bytes of a table with all its partitions."""

    total: int
    indexes: int


def main() -> None:
    asked = workload.add_options(database_option(options(__doc__))).parse_args()
    work = workload.asked_for(asked)
    say(str(work))
    with database(asked.database_url) as url:
        compacting_s = load_history(url, work)
        wrong = differences(url, work)
        say(f"read back through the view: {wrong} differences")
        load_wide(url, work)
        load_short(url, work)
        load_narrow(url, work)
        title = f"storage: {work}; {version(url)}; {processor()}"
        show(title, _lines(url, work, compacting_s, wrong), NOTES)


def _lines(url: str, work: Workload, compacting_s: float, wrong: int) -> list[Line]:
    chunks, hours, days, short, narrow, wide = (
        _size(url, table)
        for table in (
            "holdfast.server_metrics_chunk",
            "holdfast.metrics_rollup_hours",
            "holdfast.metrics_rollup_days",
            "narrow_short",
            "narrow",
            "wide",
        )
    )
    all_in = chunks.total + hours.total + days.total
    server_days = len(work.servers) * len(work.days)

    def per_sample(count: float) -> str:
        return f"{count / work.samples:.3f}"

    def against(name: str, ours: int, measure: str, peer: _Size, *limits: str) -> Line:
        told = f"{name} {peer.total / work.samples:.2f}"
        return Line(measure, per_sample(ours), told, f"{peer.total / ours:.1f}x smaller", *limits)

    return [
        against("narrow*", chunks.total, "chunks, B/sample", short, "1.75", "1.3"),
        against("narrow", chunks.total, "chunks, B/sample", narrow),
        against("wide", chunks.total, "chunks, B/sample", wide),
        Line("  of that indexes", per_sample(chunks.indexes), f"narrow* {short.indexes / work.samples:.2f}"),
        Line("hourly rollups, B/sample", per_sample(hours.total)),
        Line("daily rollups, B/sample", per_sample(days.total)),
        against("narrow*", all_in, "chunks and rollups, B/sample", short),
        Line(
            "server-days in 450 MB, with rollups",
            f"{FREE_TIER_BYTES / all_in * server_days:.0f}",
            f"narrow* {FREE_TIER_BYTES / short.total * server_days:.0f}",
        ),
        Line("compaction, s per 100 server-days", f"{compacting_s * 100 / server_days:.1f}"),
        Line("metric-days that read back differently", str(wrong), must="0", aim="0"),
    ]


def differences(url: str, work: Workload) -> int:
    """Metric-days whose count or sum of codes through the view is not what was stored."""
    found = 0
    columns = sql.SQL(", ").join(
        sql.SQL("count({0}), sum(round({0} * {1} / {2}))").format(
            sql.Identifier(metric), BY_NAME[metric].per_unit, BY_NAME[metric].units_per_quantum
        )
        for metric in work.codes
    )
    statement = sql.SQL("select {} from holdfast.server_metrics_history where day = {}")
    with psycopg.connect(url) as connection:
        for day in work.days:
            row = connection.execute(statement.format(columns, day)).fetchone() or ()
            stored = list(zip(row[::2], row[1::2], strict=True))
            given = [(codes.size, float(codes.sum())) for codes in work.of_day(day).values()]
            found += sum(ours != theirs for ours, theirs in zip(stored, given, strict=True))
    return found


def _size(url: str, table: str) -> _Size:
    statement = """
        select sum(pg_total_relation_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
        from pg_class as c
        where c.oid = %(table)s::regclass
            or c.oid in (select p.relid from pg_partition_tree(%(table)s::regclass) as p)
    """
    with psycopg.connect(url) as connection:
        total, indexes = connection.execute(statement, {"table": table}).fetchone() or (0, 0)
    return _Size(int(total), int(indexes))


if __name__ == "__main__":
    main()
