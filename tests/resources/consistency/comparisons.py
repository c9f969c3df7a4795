"""Comparisons as the engine makes them, and reports stored of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.consistency.reports import (
    KINDS,
    Comparison,
    Coverage,
    Difference,
    Found,
    Kind,
    Mark,
    Mode,
    Status,
    StoreMark,
    TableReport,
    key_document,
)
from holdfast.consistency.tables import Key
from resources.consistency import Saving, save
from resources.postgres import Postgres

NOW = datetime.now(UTC).replace(microsecond=0)


def mark(verified_at: datetime = NOW, *open_keys: Key) -> Mark:
    store = StoreMark(system="7340 1", table_oid=16384, xmin=700, next_xid=705)
    return Mark(a=store, b=store, digest="d1", verified_at=verified_at, open_keys=open_keys)


def comparison(
    differences: Sequence[Difference] = (),
    *,
    table: str = "Story",
    mode: Mode = "full",
    status: Status | None = None,
    rows: int = 100,
    sampled: Mapping[Key, Mapping[str, Any]] | None = None,
    **report: Any,
) -> Comparison:
    """What a comparison of ``rows`` rows of A came to, with these differences."""
    by_kind: dict[Kind, list[Difference]] = {kind: [one for one in differences if one.kind == kind] for kind in KINDS}
    columns = [name for one in by_kind["mismatched"] for name in one.columns]
    found = {
        kind: Found(
            count=len(some),
            keys=tuple(one.key for one in some),
            sample=tuple(
                {"key": key_document(one.key), "columns": (sampled or {})[one.key]}
                for one in some
                if one.key in (sampled or {})
            ),
        )
        for kind, some in by_kind.items()
    }
    is_compared = status in (None, "ok", "differs")
    made = TableReport(
        table=table,
        mode=mode,
        status=status or ("differs" if any(by_kind[kind] for kind in KINDS[:3]) else "ok"),
        rows_a=rows if is_compared else None,
        rows_b=rows if is_compared else None,
        found=found,
        by_column={name: columns.count(name) for name in columns},
        coverage=Coverage(is_complete=is_compared, share=float(is_compared)),
        seconds=1.5,
        bytes_received=1000,
    )
    for name, value in report.items():
        object.__setattr__(made, name, value)
    return Comparison(report=made, differences=differences, mark=mark() if mode != "window" and is_compared else None)


def lost(*keys: str, **more: Any) -> list[Difference]:
    return [Difference(key=(key,), kind="only_in_a", hash_a=1, **more) for key in keys]


def changed(*keys: str, columns: tuple[str, ...] = ("title",)) -> list[Difference]:
    return [Difference(key=(key,), kind="mismatched", hash_a=1, hash_b=2, columns=columns) for key in keys]


def store(url: str, made: Comparison, *, run_id: str, ago: timedelta = timedelta(), round_: str = "full") -> int | None:
    """Store a comparison as a run of some time ago would have."""
    ended_at = NOW - ago
    started_at = ended_at - timedelta(seconds=2)
    saving = Saving(round=round_, round_at=started_at, run_id=run_id, started_at=started_at, ended_at=ended_at)
    with Postgres(url).transaction() as db:
        return save(db, made, saving)
