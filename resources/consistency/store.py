"""Reports, findings and marks as they are stored in the primary."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Any, Final

from holdfast.consistency.reports import (
    KINDS,
    MISMATCHES,
    Comparison,
    Difference,
    Kind,
    Mark,
    Mode,
    Severity,
    Status,
    TableReport,
    key_document,
)
from holdfast.consistency.tables import Key
from resources.postgres import Transaction

# Findings of one report that are stored; its counts are exact whatever is stored.
MOST_FINDINGS: Final = 1000
# All findings of one table: some 10 MB.
MOST_OF_TABLE: Final = 20_000
KEEP_REPORTS: Final = timedelta(days=400)
KEEP_FINDINGS: Final = timedelta(days=90)
# A window is compared every hour and finds most of what the last one found.
KEEP_OF_WINDOWS: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """What comparing one table came to; columns of ``holdfast.consistency_reports``, which explain themselves."""

    report_id: int
    run_id: str
    round: str
    round_at: datetime
    table_name: str
    mode: Mode
    status: Status
    reason: str
    started_at: datetime
    ended_at: datetime
    rows_a: int | None
    rows_b: int | None
    only_in_a: int
    only_in_b: int
    mismatched: int
    form_only: int
    in_flux: int
    by_column: Mapping[str, int]
    rate: float | None
    severity: Severity
    is_complete: bool
    share: float
    since: datetime | None
    notes: Sequence[str]
    seconds: float
    bytes_received: int
    finding_count: int
    is_truncated: bool

    @property
    def mismatch_count(self) -> int:
        """Rows that are missing on a side or differ."""
        return self.only_in_a + self.only_in_b + self.mismatched

    @property
    def union_rows(self) -> int:
        """Rows that at least one store has; 0 where they were not counted."""
        return 0 if self.rows_a is None else self.rows_a + self.only_in_b

    @property
    def is_compared(self) -> bool:
        """Whether both stores were read and the counts mean something."""
        return self.rate is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFinding:
    """One mismatch that is open; columns of ``holdfast.consistency_open``, which explain themselves."""

    table_name: str
    key: str
    kind: Kind
    columns: Sequence[str]
    values_a: Mapping[str, str | None] | None
    values_b: Mapping[str, str | None] | None
    cause: str | None
    first_seen_at: datetime
    seen_at: datetime
    mode: Mode
    report_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCheck:
    """When a table was first tried, and last compared exactly (in full or by increments) and in full; None: never."""

    table_name: str
    first_at: datetime
    exact_at: datetime | None
    full_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a report is part of, and when it was made.

    Attributes:
        round: name of the round.
        round_at: when that began.
        run_id: the run that compared; a second report of a run for the same table is not stored.
    """

    round: str
    round_at: datetime
    run_id: str
    started_at: datetime
    ended_at: datetime


def save(db: Transaction, comparison: Comparison, saving: Saving, *, most_findings: int = MOST_FINDINGS) -> int | None:
    """Store a report with its findings and its mark, forget how far it was, and drop what is too old.

    All of it in the caller's transaction. A report that is stored already (same run and table) changes nothing.

    Args:
        db: the transaction, of the primary.
        comparison: what was found.
        saving: what it is part of.
        most_findings: how many of its findings are stored.

    Returns:
        The number of the report; None where it was stored before.
    """
    table = comparison.report.table
    chosen = choose(comparison.differences, most_findings)
    report_id: int | None = db.value("consistency/insert_report", **_report_row(comparison, saving, len(chosen)))
    if report_id is None:
        return None
    if chosen:
        findings = _finding_rows(comparison.report, chosen)
        keys = {"report_id": report_id, "table_name": table, "seen_at": saving.ended_at}
        db.execute("consistency/insert_findings", findings=json.dumps(findings), **keys)
    if comparison.mark is not None:
        save_mark(db, table, comparison.mark, run_id=saving.run_id)
    db.execute("consistency/end_table", round=saving.round, table_name=table)
    prune(db, table, saving.ended_at)
    return report_id


def save_mark(db: Transaction, table: str, mark: Mark, *, run_id: str) -> None:
    """Remember what the next exact comparison starts from, unless a newer one is there."""
    db.execute(
        "consistency/save_mark",
        table_name=table,
        mark=json.dumps(mark.to_document()),
        verified_at=mark.verified_at,
        run_id=run_id,
    )


def prune(db: Transaction, table: str, now: datetime) -> None:
    """Drop reports and findings that are too old or too many; the newest findings always stay."""
    db.execute("consistency/prune_reports", now=now, keep=KEEP_REPORTS)
    db.execute(
        "consistency/prune_findings",
        table_name=table,
        now=now,
        keep_window=KEEP_OF_WINDOWS,
        keep_exact=KEEP_FINDINGS,
        most=MOST_OF_TABLE,
    )


def read_mark(db: Transaction, table: str) -> Mark | None:
    """What the next exact comparison of a table starts from; None where there is nothing that can be read."""
    document = db.value("consistency/mark", table_name=table)
    # One that another version of Holdfast left: everything is compared in full once more.
    with suppress(KeyError, ValueError, TypeError):
        return None if document is None else Mark.from_document(document)
    return None


def newest_reports(db: Transaction) -> dict[str, StoredReport]:
    """The newest report of every table by its name, whatever its status."""
    return {one.table_name: one for one in db.fetch("consistency/newest_reports", StoredReport)}


def standing_reports(db: Transaction) -> list[StoredReport]:
    """What is known of every table: its newest exact report that was compared, and the newest window since."""
    return db.fetch("consistency/standing_reports", StoredReport)


def exact_checks(db: Transaction) -> dict[str, ExactCheck]:
    """When every table was last compared exactly, by its name."""
    return {one.table_name: one for one in db.fetch("consistency/exact_checks", ExactCheck)}


def open_findings(db: Transaction, table: str | None = None, *, limit: int = 1000) -> list[OpenFinding]:
    """Mismatches that are open, of one table or of all, those known longest first."""
    return db.fetch("consistency/open_findings", OpenFinding, table_name=table, most=limit)


def rates(db: Transaction, asked: Sequence[Mode], since: datetime) -> dict[str, list[tuple[datetime, float | None]]]:
    """Share of mismatches over time by table, of rounds of these modes; None where a table was not compared."""
    found: dict[str, list[tuple[datetime, float | None]]] = {}
    for table, round_at, rate in db.rows("consistency/rates", asked=list(asked), since=since):
        found.setdefault(table, []).append((round_at, rate))
    return found


def choose(differences: Sequence[Difference], most: int) -> list[Difference]:
    """The differences that are stored, in the order of their keys: every kind has its share, mismatches come first."""
    by_kind: dict[Kind, list[Difference]] = {kind: [] for kind in KINDS}
    for one in differences:
        by_kind[one.kind].append(one)
    chosen: list[Difference] = []
    for kinds in (MISMATCHES, tuple(kind for kind in KINDS if kind not in MISMATCHES)):
        in_turn = chain.from_iterable(zip_longest(*(by_kind[kind] for kind in kinds)))
        chosen += [one for one in in_turn if one is not None][: most - len(chosen)]
    return sorted(chosen, key=lambda one: one.key)


def _report_row(comparison: Comparison, saving: Saving, finding_count: int) -> dict[str, Any]:
    report = comparison.report
    counts: dict[str, int] = {kind: report.of(kind).count for kind in KINDS}
    return {
        **counts,
        "run_id": saving.run_id,
        "round": saving.round,
        "round_at": saving.round_at,
        "table_name": report.table,
        "mode": report.mode,
        "status": report.status,
        "reason": _text(report.reason),
        "started_at": saving.started_at,
        # The clock of a machine may be set back while it compares.
        "ended_at": max(saving.started_at, saving.ended_at),
        "rows_a": report.rows_a,
        "rows_b": report.rows_b,
        "by_column": json.dumps(dict(report.by_column)),
        "rate": None if report.rate is None else min(report.rate, 1.0),
        "severity": report.severity,
        "is_complete": report.coverage.is_complete,
        "share": min(max(report.coverage.share, 0.0), 1.0),
        "since": report.coverage.since,
        "notes": [_text(note) for note in report.notes],
        "seconds": report.seconds,
        "bytes_received": report.bytes_received,
        "finding_count": finding_count,
        "is_truncated": sum(counts.values()) > finding_count,
    }


def _finding_rows(report: TableReport, chosen: Sequence[Difference]) -> list[dict[str, Any]]:
    sampled = {(kind, _sample_key(one)): one["columns"] for kind in KINDS for one in report.of(kind).sample}
    return [
        {
            "finding_no": number,
            "kind": one.kind,
            "key": _key_text(one.key),
            "key_parts": list(one.key),
            "columns": list(one.columns),
            "values_a": _values(sampled.get((one.kind, one.key)), 0, is_there=one.kind != "only_in_b"),
            "values_b": _values(sampled.get((one.kind, one.key)), 1, is_there=one.kind != "only_in_a"),
            "cause": one.cause,
        }
        for number, one in enumerate(chosen, 1)
    ]


def _sample_key(sample: Mapping[str, Any]) -> Key:
    key = sample["key"]
    return (key,) if isinstance(key, str) else tuple(key)


def _key_text(key: Key) -> str:
    document = key_document(key)
    return document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)


def _values(columns: Mapping[str, Sequence[Any]] | None, side: int, *, is_there: bool) -> dict[str, Any] | None:
    return {name: pair[side] for name, pair in columns.items()} if columns is not None and is_there else None


def _text(sentence: str) -> str:
    """What an error says, as text that Postgres takes."""
    return sentence.replace("\x00", "")
