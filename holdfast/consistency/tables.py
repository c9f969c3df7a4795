"""A table: what its catalogue says of it, and what a deployment declares about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self

# The stores of a comparison: "a" is the primary, "b" the secondary.
Side = Literal["a", "b"]
OTHER: Final[Mapping[Side, Side]] = {"a": "b", "b": "a"}
LABELS: Final[Mapping[Side, str]] = {"a": "primary", "b": "secondary"}

# The key of a row: the text of each key column, in the order of the key.
Key = tuple[str, ...]

Authority = Literal["report", "a", "b", "newest"]
# What to make of values that mean the same in another form (1.0 and 1.00, -0 and 0, json with other blanks):
# "form" counts their rows apart, "same" does not look at the form, "different" makes them a mismatch.
Meaning = Literal["form", "same", "different"]


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's schema and name, as they are written in the catalogue: no quotes, no folding."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``Story``, ``"Story"`` or ``public."Story"``.

        Raises:
            ValueError: it is empty, or has more than two parts.
        """
        parts = _split(text.strip())
        if not 1 <= len(parts) <= 2 or not all(parts):
            raise ValueError(f"{text!r} is no table: expected a name, or schema.name; quote a name that holds a dot")
        return cls(*(["public", *parts][-2:]))

    def __str__(self) -> str:
        """The name alone where the schema is public."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


def _split(text: str) -> list[str]:
    """Parts between dots; a double quote opens and closes a part, doubled inside it stands for itself."""
    parts, current, is_quoted, was_quote = [""], "", False, False
    for letter in text:
        if letter == '"':
            current += '"' if was_quote and not is_quoted else ""
            was_quote, is_quoted = is_quoted, not is_quoted
        elif letter == "." and not is_quoted:
            parts[-1] = current
            parts.append("")
            current, was_quote = "", False
        else:
            current, was_quote = current + letter, False
    parts[-1] = current
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column as the catalogue has it.

    Attributes:
        type: as ``format_type`` writes it, e.g. ``numeric(10,2)``.
        base: name of the type below domains, e.g. ``int8``, ``timestamptz``; of an array that of its elements.
        kind: what the base is.
        generated: ``s`` stored, ``v`` virtual, empty where it is a plain column.
        identity: ``a`` always, ``d`` by default, empty where it is none.
        is_readable: whether this role may select it.
    """

    name: str
    type: str
    base: str
    kind: Literal["base", "enum", "array", "composite", "range"] = "base"
    is_not_null: bool = False
    default: str | None = None
    generated: str = ""
    identity: str = ""
    is_readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of one store as its catalogue has it.

    Attributes:
        kind: ``table``, ``partitioned``, or what else it is (``view``, ``foreign table``, …).
        columns: in the order of the table.
        key: columns that identify a row: the primary key, else a unique index over columns that are not null.
        key_source: ``primary key``, the name of that index, or empty.
        estimated_rows: what the planner believes.
        block_count: pages of 8 kB of the table, or of its largest partition.
        is_row_security_active: whether policies hide rows from this role.
    """

    name: TableName
    kind: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    key_source: str = ""
    estimated_rows: int = 0
    block_count: int = 0
    oid: int = 0
    is_row_security_active: bool = False

    def column(self, name: str) -> Column | None:
        """The column of this name."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTable:
    """What a deployment declares about a table that both stores hold.

    Attributes:
        name: ``Story`` or ``schema.name``, as written in the catalogue.
        key: columns that identify a row, where it is not the primary key.
        ignore: columns that are not compared; reports say so.
        updated_at: column that every write sets; None where there is none. Windows and "newest" need it.
        meanings: what to make of another form of the same value, by column; "form" where nothing is said.
        zone: time zone of timestamps without one, where the other store has timestamps with one.
        authority: whose rows win in a repair; "report" repairs nothing.
        may_delete: whether a repair may delete rows that the authority does not have.
    """

    name: str
    key: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    updated_at: str | None = "updated_at"
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    zone: str = "UTC"
    authority: Authority = "report"
    may_delete: bool = False

    @property
    def table(self) -> TableName:
        """Its name, split."""
        return TableName.parse(self.name)
