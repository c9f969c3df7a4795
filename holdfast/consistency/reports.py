"""What a comparison of one table came to. A is the primary, B the secondary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from holdfast.consistency.tables import Key

Mode = Literal["full", "window", "incremental"]
Status = Literal[
    "ok",
    "differs",
    "missing_in_a",
    "missing_in_b",
    "schema",
    "rls",
    "not_comparable",
    "incomplete",
    "error",
]
Severity = Literal["ok", "warning", "critical"]
Kind = Literal["only_in_a", "only_in_b", "mismatched", "form_only", "in_flux"]
KINDS: Final[tuple[Kind, ...]] = ("only_in_a", "only_in_b", "mismatched", "form_only", "in_flux")
# What counts as a mismatch: a row that differs in form only, or that is being written, does not.
MISMATCHES: Final[tuple[Kind, ...]] = ("only_in_a", "only_in_b", "mismatched")
# Source: the seed's daily checks: below 1 % over 24 h, critical above 5 %; its KPI is 0.01 %.
WARNING_RATE: Final = 0.01
CRITICAL_RATE: Final = 0.05
KPI_RATE: Final = 0.0001


class Difference(NamedTuple):
    """One row that is not the same in both stores.

    Attributes:
        hash_a: row hash in A under the comparison's seed, None where A lacks the row.
        columns: those that differ, where both have the row.
        cause: ``never_arrived`` or ``deleted`` in the store that lacks it, where an earlier exact check proves it.
    """

    key: Key
    kind: Kind
    hash_a: int | None = None
    hash_b: int | None = None
    columns: tuple[str, ...] = ()
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows of one kind: the exact count, and as many keys and samples as are kept.

    Attributes:
        sample: rows with both values of what differs: ``{key, columns: {name: [a, b]}}``; values cut at 200 characters.
        is_truncated: whether there are more rows than ``keys``.
    """

    count: int = 0
    keys: tuple[Key, ...] = ()
    sample: tuple[Mapping[str, Any], ...] = ()
    is_truncated: bool = False

    def to_document(self) -> dict[str, Any]:
        """For programs; the key of one column is its text, of several a list."""
        keys = [key_document(key) for key in self.keys]
        return {"count": self.count, "keys": keys, "sample": list(self.sample), "truncated": self.is_truncated}


def key_document(key: Key) -> str | list[str]:
    """A key for programs: its text, or a list where it has several columns."""
    return key[0] if len(key) == 1 else list(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What part of the table was compared.

    Attributes:
        share: of the rows, 0 to 1.
        since: instant from which rows were compared, None for all.
    """

    is_complete: bool = True
    share: float = 1.0
    since: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """For programs."""
        since = self.since.isoformat() if self.since else None
        return {"complete": self.is_complete, "share": round(self.share, 6), "since": since}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What the comparison of one table came to.

    Attributes:
        reason: one sentence where the status is neither ok nor differs, or where something was left out.
        rows_a: rows of A that were compared, None where they could not be counted.
        found: rows by kind.
        by_column: number of mismatched rows by column.
        notes: sentences: columns that were not compared, types that differ, an empty side.
        seconds: wall time.
    """

    table: str
    mode: Mode
    status: Status
    reason: str = ""
    rows_a: int | None = None
    rows_b: int | None = None
    found: Mapping[Kind, Found] = field(default_factory=dict)
    by_column: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0
    bytes_received: int = 0

    def of(self, kind: Kind) -> Found:
        """Rows of one kind."""
        return self.found.get(kind, Found())

    @property
    def mismatch_count(self) -> int:
        """Rows that are missing on a side or differ."""
        return sum(self.of(kind).count for kind in MISMATCHES)

    @property
    def union_rows(self) -> int | None:
        """Rows that at least one store has."""
        return None if self.rows_a is None else self.rows_a + self.of("only_in_b").count

    @property
    def rate(self) -> float | None:
        """Mismatches ÷ rows in the union, 0 to 1; None unless the status is ok or differs."""
        if self.status not in ("ok", "differs") or self.union_rows is None:
            return None
        return self.mismatch_count / self.union_rows if self.union_rows else 0.0

    @property
    def severity(self) -> Severity:
        """By the rate; what could not be compared is at least a warning, a table that one store lacks is critical."""
        if self.status in ("missing_in_a", "missing_in_b"):
            return "critical"
        if self.rate is None:
            return "warning"
        if self.rate > CRITICAL_RATE:
            return "critical"
        return "warning" if self.rate >= WARNING_RATE else "ok"

    def to_document(self) -> dict[str, Any]:
        """For programs: the fields of the contract."""
        mismatched = self.of("mismatched").to_document() | {"by_column": dict(self.by_column)}
        kinds = {kind: self.of(kind).to_document() for kind in KINDS} | {"mismatched": mismatched}
        return {
            "table": self.table,
            "mode": self.mode,
            "status": self.status,
            "reason": self.reason,
            "rows_a": self.rows_a,
            "rows_b": self.rows_b,
            **kinds,
            "rate": self.rate,
            "severity": self.severity,
            "coverage": self.coverage.to_document(),
            "notes": list(self.notes),
            "cost": {"seconds": round(self.seconds, 3), "bytes_received": self.bytes_received},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A report and, for a repair, every difference it counted (as far as they were kept).

    Attributes:
        seed: that row hashes depend on; the same seed and the same ``Pairing`` give the same hash again.
        differences: of all kinds, in the order of their keys; cut at the limit of the comparison.
        mark: what the next incremental comparison starts from; None where this one is no base for it.
    """

    report: TableReport
    seed: int = 0
    differences: Sequence[Difference] = ()
    mark: "Mark | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMark:
    """A moment of one store up to which its rows are verified.

    Attributes:
        system: identity of the server and its timeline, as far as this role may know it.
        table_oid: of the table; another one is another table.
        xmin: oldest transaction that was running then: every row written since has this or a newer one.
        next_xid: first transaction that had not begun.
    """

    system: str
    table_oid: int
    xmin: int
    next_xid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What an exact check of one table leaves for the next.

    Attributes:
        digest: of what was compared (columns, types, key, meanings): another one needs a full comparison.
        open_keys: rows that differed or were being written: they are compared again whatever their transactions say.
    """

    a: StoreMark
    b: StoreMark
    digest: str
    verified_at: datetime
    open_keys: tuple[Key, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """For storage as JSON."""
        stores = {
            name: {"system": s.system, "table_oid": s.table_oid, "xmin": s.xmin, "next_xid": s.next_xid}
            for name, s in (("a", self.a), ("b", self.b))
        }
        at = self.verified_at.isoformat()
        return {**stores, "digest": self.digest, "verified_at": at, "open_keys": [list(k) for k in self.open_keys]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Mark":
        """The reverse of ``to_document``."""
        return cls(
            a=StoreMark(**document["a"]),
            b=StoreMark(**document["b"]),
            digest=document["digest"],
            verified_at=datetime.fromisoformat(document["verified_at"]),
            open_keys=tuple(tuple(key) for key in document["open_keys"]),
        )
