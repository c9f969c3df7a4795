"""What is to be done to one store, as data: which statement, about what. How it is written is not known here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.schema.model import Needs


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier, with or without its schema; whoever writes it quotes it."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """A piece of SQL as a server wrote it: a type, an expression, a definition."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """A text that is a literal."""

    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, or a piece of one.

    Attributes:
        template: its name in ``resources/sql/templates/schema_changes.sql``.
        parts: what its places hold; several are separated by commas, None leaves the place empty.
    """

    template: str
    parts: Mapping[str, "Part"]


Part = Name | Raw | Value | Statement | tuple["Part", ...] | None

# In the order in which they are done. Labels are a transaction of their own, as a new one cannot be used before it is
# committed; objects one for everything that is quick; an index is built outside of transactions, without locking
# writes out; constraints use such an index; validation reads every row, without locking writes out.
Stage = Literal["labels", "objects", "indexes", "constraints", "validation"]
STAGES: Final[tuple[Stage, ...]] = ("labels", "objects", "indexes", "constraints", "validation")

# Within a stage: what others need comes first, and rows are hidden last of all that hides them.
_ORDER: Final = (
    "schema",
    "enum",
    "label",
    "label_before",
    "label_after",
    "domain",
    "sequence",
    "table",
    "partition",
    "add_column",
    "own_sequence",
    "sequence_position",
    "set_default",
    "index",
    "index_concurrently",
    "unique_by_index",
    "primary_by_index",
    "constraint",
    "constraint_not_valid",
    "validate",
    "policy",
    "enable_row_security",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement of a plan.

    Attributes:
        note: what it costs while it runs, where that is more than a moment.
        provides: what later steps may need.
    """

    stage: Stage
    statement: Statement
    note: str = ""
    needs: Needs = frozenset()
    provides: Needs = frozenset()

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Its place among the steps of a store; foreign keys come after the keys they point at."""
        name = self.statement.template
        is_foreign = isinstance(self.statement.parts.get("references"), Raw)
        # Labels stay as they come: each is put beside one that came before it.
        order = 0 if self.stage == "labels" else _ORDER.index(name)
        return STAGES.index(self.stage), order, is_foreign
