"""Compaction: a closed day's hot rows become chunks, verified value by value before the hot rows go."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

from holdfast.errors import VerificationError
from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.metrics.chunks import Packed, make_chunk
from resources.postgres import Postgres, Transaction, register_dumper

# Bounds the memory of one step: 50 servers of 2880 cycles and 12 metrics are 1.7 million codes.
SERVERS_AT_ONCE: Final = 50
CHUNK_TYPES: Final = ["int4", "date", "int4", "int4", "int4", "varbit", "varbit[]"]


class _PackedDumper(Dumper):
    """A packed array as Postgres' ``bit varying``, in binary: its length in bits, then the bits."""

    format = Format.BINARY
    oid = 1562

    def dump(self, obj: Packed) -> bytes:
        return struct.pack("!i", obj.bit_count) + obj.data


register_dumper(Packed, _PackedDumper)


@dataclass(frozen=True, slots=True)
class Compacted:
    """One day that was compacted: its rows (samples of all servers) and chunks."""

    day: date
    rows: int
    chunks: int


def closed_days(postgres: Postgres, now: datetime) -> list[date]:
    """Hot days that are over, oldest first."""
    with postgres.transaction() as db:
        return [day for day, _ in db.rows("metrics_chunks/hot_days") if day < now.date()]


def compact_day(postgres: Postgres, day: date) -> Compacted:
    """Turn one day's hot rows into chunks, together with chunks the day already has.

    One transaction: the hot partition is dropped only if the chunks read back exactly as the rows did.

    Raises:
        VerificationError: they did not; everything is as it was.
    """
    with postgres.transaction() as db:
        db.execute("metrics_moving/lock")
        servers = [row[0] for row in db.rows("metrics_chunks/day_servers", day=day)]
        db.execute("metrics_chunks/ensure_chunk_week", day=day)
        rows = db.execute("metrics_chunks/make_former", day=day)
        for start in range(0, len(servers), SERVERS_AT_ONCE):
            _chunk_servers(db, day, servers[start : start + SERVERS_AT_ONCE])
        missing, surplus = db.rows("metrics_chunks/chunk_differences", day=day)[0]
        if missing or surplus:
            raise VerificationError(
                f"chunks of {day}: {missing} of {rows} rows read back differently, and {surplus} rows too many; "
                "nothing was changed and the day stays hot. Please report this with the Postgres version."
            )
        db.execute("metrics_chunks/drop_former")
        db.execute("metrics_chunks/drop_recent_day", day=day)
    return Compacted(day, rows, len(servers))


def _chunk_servers(db: Transaction, day: date, server_nos: Sequence[int]) -> None:
    columns = db.rows("metrics_chunks/day_columns", day=day, server_nos=list(server_nos))
    db.execute("metrics_chunks/delete_chunks", day=day, server_nos=list(server_nos))
    db.copy_in("metrics_chunks/copy_chunks", CHUNK_TYPES, (_row(day, *row) for row in columns))


def _row(day: date, server_no: int, second_of_day: list[int], *codes: list[int | None]) -> tuple[Any, ...]:
    chunk = make_chunk(second_of_day, dict(zip(METRIC_NAMES, codes, strict=True)))
    packed = [chunk.columns.get(name) for name in METRIC_NAMES]
    return (server_no, day, chunk.first_s, chunk.step_s, chunk.slot_count, chunk.present, packed)
