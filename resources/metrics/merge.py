"""Merging readings into the hot rows: any number of times, in any order, with the same result."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.metrics.cycles import Reading
from holdfast.metrics.moving import combine
from resources.postgres import DuplicateRowError, Transaction

Row = tuple[int | datetime | None, ...]
ROW_TYPES: Final = ["int4", "timestamptz", *["int4"] * len(METRIC_NAMES)]


def merge_readings(db: Transaction, readings: Iterable[Reading]) -> int:
    """Store readings, one row per server and instant; the number of rows that were new or filled.

    What is stored is never overwritten.
    """
    # A reading without a single metric is no sample.
    combined = combine(reading for reading in readings if reading.codes)
    if not combined:
        return 0
    numbers = _server_numbers(db, combined)
    rows: list[Row] = [
        (numbers[server_id], datetime.fromtimestamp(at_s, UTC), *(codes.get(name) for name in METRIC_NAMES))
        for (server_id, at_s), codes in combined.items()
    ]
    days = frozenset(datetime.fromtimestamp(at_s, UTC).date() for at_s in {at_s for _, at_s in combined})
    for day in sorted(days):
        db.execute("metrics_moving/ensure_recent_day", day=day)
    stored_rows = merge_rows(db, rows, days)
    if stored_rows:
        db.execute("metrics_moving/mark_due", days=sorted(days))
    return stored_rows


def merge_rows(db: Transaction, rows: Sequence[Row], days: Collection[date]) -> int:
    """Store rows of codes, distinct in server and instant; the number that were new or filled.

    Rows are nearly always new, so they are sent straight into the table first; only where one of them is
    there already (a second collector, a replay) do they go through a staging table.
    """
    compacted = [row[0] for row in db.rows("metrics_moving/compacted_days", days=sorted(days))]
    if not compacted:
        try:
            with db.savepoint():
                return db.copy_in("metrics_moving/copy_recent", ROW_TYPES, rows)
        except DuplicateRowError:
            pass
    db.execute("metrics_moving/make_staging")
    db.copy_in("metrics_moving/copy_staging", ROW_TYPES, rows)
    stored_rows = db.execute("metrics_moving/merge_staging", compacted=compacted)
    db.execute("metrics_moving/drop_staging")
    return stored_rows


def _server_numbers(db: Transaction, combined: Iterable[tuple[str, int]]) -> dict[str, int]:
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for server_id, at_s in combined:
        first[server_id] = min(first.get(server_id, at_s), at_s)
        last[server_id] = max(last.get(server_id, at_s), at_s)
    server_ids = sorted(first)
    db.execute(
        "metrics_moving/see_servers",
        server_ids=server_ids,
        first_at=[datetime.fromtimestamp(first[server_id], UTC) for server_id in server_ids],
        last_at=[datetime.fromtimestamp(last[server_id], UTC) for server_id in server_ids],
    )
    return dict(db.rows("metrics_moving/server_numbers", server_ids=server_ids))
