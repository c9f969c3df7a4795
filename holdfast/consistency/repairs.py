"""What applying a repair came to: rows written, rows that were so already, rows left and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from holdfast.consistency.plan_rows import VERBS, Verb
from holdfast.consistency.reports import key_document
from holdfast.consistency.tables import LABELS, Key, Side

Code = Literal[
    "skipped_stale",
    "skipped_busy",
    "unique_conflict",
    "foreign_key",
    "referenced",
    "trigger_rewrites",
    "does_not_fit",
    "refused",
]
MEANINGS: Final[Mapping[Code, str]] = {
    "skipped_stale": "changed since the plan",
    "skipped_busy": "being written by another transaction",
    "unique_conflict": "another row has a value that must be unique; both are kept",
    "foreign_key": "the row it refers to is missing",
    "referenced": "other rows refer to it",
    "trigger_rewrites": "a trigger of the table makes another row of it",
    "does_not_fit": "the store that is written cannot hold the value as it is",
    "refused": "the store refused it",
}
_SIDES: Final[tuple[Side, Side]] = ("a", "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row of the plan that was not written, and why. It is as it was."""

    table: str
    key: Key
    verb: Verb
    into: Side
    code: Code
    detail: str = ""

    def __str__(self) -> str:
        told = f": {self.detail}" if self.detail else ""
        key = ", ".join(self.key)
        return f"{self.table} {key}: no {self.verb} in {self.into}, {MEANINGS[self.code]} ({self.code}){told}"

    def to_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "table": self.table,
            "key": key_document(self.key),
            "action": self.verb,
            "into": self.into,
            "code": self.code,
            "detail": self.detail,
        }


@dataclass(slots=True, kw_only=True)
class Repair:
    """What applying a plan, or taking a repair back, came to.

    Attributes:
        written: rows by table, action and store.
        already: rows that were as they should be before anything was written.
        notes: sentences on what else an operator should know.
    """

    repair_id: str
    written: Counter[tuple[str, Verb, Side]] = field(default_factory=Counter)
    already: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    batches: int = 0
    seconds: float = 0.0

    @property
    def written_count(self) -> int:
        """Rows that were written."""
        return self.written.total()

    @property
    def is_whole(self) -> bool:
        """Whether no row was left."""
        return not self.skipped

    def of(self, verb: Verb, side: Side) -> int:
        """Rows of one action in one store."""
        return sum(count for (_, one, into), count in self.written.items() if (one, into) == (verb, side))

    def by_code(self) -> Mapping[Code, int]:
        """Rows that were left, by the reason."""
        return dict(sorted(Counter(one.code for one in self.skipped).items()))

    def __str__(self) -> str:
        parts = [
            f"{count} {verb}{'' if count == 1 else 's'} in the {LABELS[side]}"
            for side in _SIDES
            for verb in VERBS
            if (count := self.of(verb, side))
        ]
        parts += [f"{self.already} as they should be already"] if self.already else []
        parts += [f"{count} left: {MEANINGS[code]}" for code, count in self.by_code().items()]
        return f"repair {self.repair_id}: {', '.join(parts) or 'nothing to do'}"

    def to_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "repair_id": self.repair_id,
            "written": [
                {"table": table, "action": verb, "into": side, "rows": count}
                for (table, verb, side), count in sorted(self.written.items())
            ],
            "written_rows": self.written_count,
            "already_rows": self.already,
            "skipped": [one.to_document() for one in self.skipped],
            "notes": list(self.notes),
            "batches": self.batches,
            "seconds": round(self.seconds, 3),
        }
