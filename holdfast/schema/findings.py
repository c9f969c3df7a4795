"""One difference between two schemas, and what to do about it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.consistency.tables import Side
from holdfast.schema.steps import Statement, Step

# A warning makes the stores behave differently; a note is for information.
Severity = Literal["warning", "note"]
Kind = Literal[
    "table",
    "partition",
    "kind",
    "column",
    "type",
    "not null",
    "default",
    "generated",
    "identity",
    "collation",
    "constraint",
    "validation",
    "index",
    "invalid index",
    "policy",
    "row security",
    "forced row security",
    "data type",
    "trigger",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one store lacks, or what both have otherwise.

    Attributes:
        table: that it belongs to; of a type, its name.
        name: of the column, constraint, index, …; the table's for a table.
        side: the store that lacks it; None where both have it, each in its own way.
        is_wished: whether the catalogue asks for it, whatever the other store has.
        steps: that add it; none where it is left to a person.
        left: why a person has to decide, empty where nothing is left.
        advice: statements to consider, never run.
    """

    kind: Kind
    table: str
    name: str
    sentence: str
    side: Side | None = None
    severity: Severity = "warning"
    is_wished: bool = False
    steps: tuple[Step, ...] = ()
    left: str = ""
    advice: tuple[Statement, ...] = field(default=())

    def to_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": self.kind,
            "table": self.table,
            "name": self.name,
            "store": self.side,
            "severity": self.severity,
            "sentence": self.sentence,
            "is_wished": self.is_wished,
            "can_be_added": bool(self.steps),
            "left_to_you": self.left,
        }
