"""How the columns of two tables are compared: by what they mean, whatever their types and their order."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.consistency.reports import Status
from holdfast.consistency.tables import LABELS, Column, ComparedTable, Meaning, Side, Table
from holdfast.errors import PermanentError

# What a value is read as, before it is hashed.
Form = Literal[
    "uuid",
    "uuid_text",
    "integer",
    "boolean",
    "text",
    "numeric",
    "numeric_text",
    "float",
    "timestamp",
    "instant",
    "interval",
    "json",
    "jsonb",
    "numbers",
    "as_text",
]
# Forms in which one value can be written in several ways.
_MANY_FORMS: Final[frozenset[Form]] = frozenset({"numeric", "float", "interval", "json", "jsonb", "numbers"})
# Two ways of writing the same that only a reader of the value can tell: the server has no normal form for them.
READ_TO_TELL: Final[frozenset[Form]] = frozenset({"jsonb", "json"})
_INTEGERS: Final = frozenset({"int2", "int4", "int8", "oid"})
_FLOATS: Final = frozenset({"float4", "float8"})
_TEXTS: Final = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_STAMPS: Final = frozenset({"timestamp", "timestamptz", "date"})
_JSONS: Final = frozenset({"json", "jsonb"})
_NUMBER_RANGES: Final = frozenset({"numrange", "nummultirange"})
_RANGED: Final = frozenset({"uuid", "int2", "int4", "int8"})
_COMPARABLE: Final = frozenset({"table", "partitioned", "materialized view"})


class NotComparableError(PermanentError):
    """Two tables cannot be compared row by row.

    Attributes:
        status: what a report says of it.
    """

    def __init__(self, status: Status, reason: str) -> None:
        self.status: Status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedColumn:
    """One column of both tables.

    Attributes:
        form: what its values are read as.
        a: the column in A.
        meaning: what another form of the same value counts as.
        zone: of timestamps without one.
    """

    name: str
    form: Form
    a: Column
    b: Column
    meaning: Meaning = "form"
    zone: str = "UTC"

    def of(self, side: Side) -> Column:
        """The column of a side."""
        return self.a if side == "a" else self.b

    @property
    def has_forms(self) -> bool:
        """Whether another form of a value is told apart from another value."""
        return self.form in _MANY_FORMS and self.meaning == "form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How two tables are compared.

    Attributes:
        key: columns that identify a row, in the order of A's key.
        columns: all that are compared, the key included, by name.
        notes: sentences on what is not compared, and on what the schemas disagree about.
    """

    a: Table
    b: Table
    key: tuple[PairedColumn, ...]
    columns: tuple[PairedColumn, ...]
    notes: tuple[str, ...] = ()

    def of(self, side: Side) -> Table:
        """The table of a side."""
        return self.a if side == "a" else self.b

    @property
    def has_forms(self) -> bool:
        """Whether rows may differ in form only."""
        return any(column.has_forms for column in self.columns)

    @property
    def range_form(self) -> Form | None:
        """The form of the key where keys can be cut into ranges that mean the same in both stores."""
        only = self.key[0] if len(self.key) == 1 else None
        is_ranged = only is not None and {only.a.base, only.b.base} <= _RANGED
        return only.form if only is not None and is_ranged else None

    @property
    def digest(self) -> str:
        """Of all that decides what is equal: another digest, and earlier results say nothing of this comparison."""
        parts = [f"{c.name}|{c.form}|{c.a.type}|{c.b.type}|{c.meaning}|{c.zone}|{c in self.key}" for c in self.columns]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def pair(a: Table, b: Table, declared: ComparedTable) -> Pairing:
    """Decide how each column is compared.

    Raises:
        NotComparableError: no key, a key that one side lacks, hidden rows, or something that is no table.
    """
    _check_rights(a, b)
    key_names, key_notes = _key(a, b, declared)
    notes, columns = list(key_notes), []
    for name in sorted({c.name for c in (*a.columns, *b.columns)}):
        found = _paired(name, a.column(name), b.column(name), declared)
        if isinstance(found, str):
            notes.append(found)
            if name in key_names:
                raise NotComparableError("schema", f"key column {found}")
        else:
            columns.append(found)
    by_name = {column.name: column for column in columns}
    if missing := [name for name in key_names if name not in by_name]:
        raise NotComparableError("schema", f"key column {missing[0]} is not in both stores; nothing was compared")
    notes += [note for c in columns if (note := _type_note(c))]
    key = tuple(by_name[name] for name in key_names)
    return Pairing(a=a, b=b, key=key, columns=tuple(columns), notes=tuple(notes))


def _check_rights(a: Table, b: Table) -> None:
    sides: tuple[tuple[Side, Table], ...] = (("a", a), ("b", b))
    for side, table in sides:
        where = f"in the {LABELS[side]} {table.name}"
        if table.kind not in _COMPARABLE:
            raise NotComparableError("not_comparable", f"{where} is a {table.kind}; only tables hold rows to compare")
        if not any(column.is_readable for column in table.columns):
            raise NotComparableError(
                "error",
                f"{where} may not be read by this role; nothing was compared. Grant it: "
                "grant select on the table, and usage on its schema.",
            )
        if table.is_row_security_active:
            raise NotComparableError(
                "rls",
                f"{where} hides rows from this role by row level security, and hidden rows would look lost; nothing "
                "was compared. Connect as a role with BYPASSRLS (on Supabase: postgres), or as the table's owner.",
            )


def _key(a: Table, b: Table, declared: ComparedTable) -> tuple[tuple[str, ...], Iterator[str]]:
    key = declared.key or a.key or b.key
    if not key:
        raise NotComparableError(
            "not_comparable",
            "neither store has a primary key, nor a unique index over columns that are not null; rows cannot be "
            f"matched. Add one, or declare key=(…) for {declared.name} in the catalogue.",
        )
    return key, _key_notes(a, b, key)


def _key_notes(a: Table, b: Table, key: tuple[str, ...]) -> Iterator[str]:
    sides: tuple[tuple[Side, Table], ...] = (("a", a), ("b", b))
    for side, table in sides:
        if set(table.key) != set(key):
            found = f"{table.key_source} ({', '.join(table.key)})" if table.key else "no key"
            yield f"rows are matched by ({', '.join(key)}); the {LABELS[side]} has {found}"


def _paired(name: str, a: Column | None, b: Column | None, declared: ComparedTable) -> PairedColumn | str:
    """How a column is compared, or the sentence that says why it is not."""
    if a is None or b is None:
        return f"{name} is not compared: the {LABELS['b' if a else 'a']} lacks it"
    if name in declared.ignore:
        return f"{name} is not compared: declared so"
    if a.generated and b.generated:
        return f"{name} is not compared: generated in both stores"
    for side, column in (("primary", a), ("secondary", b)):
        if not column.is_readable:
            return f"{name} is not compared: this role may not read it in the {side}"
    form = _form(a, b)
    if form is None:
        return f"{name} is not compared: {a.type} in the primary and {b.type} in the secondary mean different things"
    return PairedColumn(name=name, form=form, a=a, b=b, meaning=declared.meanings.get(name, "form"), zone=declared.zone)


def _type_note(column: PairedColumn) -> str | None:
    if column.a.type == column.b.type:
        return None
    return f"{column.name} is {column.a.type} in the primary and {column.b.type} in the secondary; compared by value"


def _family(column: Column) -> str:
    base = column.base
    if column.kind == "enum" or (column.kind == "base" and base in _TEXTS):
        return "text"
    if column.kind == "base":
        families: Mapping[str, frozenset[str]] = {
            "integer": _INTEGERS,
            "float": _FLOATS,
            "stamp": _STAMPS,
            "json": _JSONS,
        }
        return next((family for family, bases in families.items() if base in bases), base)
    if (column.kind == "array" and base in _FLOATS | {"numeric"}) or base in _NUMBER_RANGES:
        return "numbers"
    return f"{column.kind} {base}" if column.kind != "array" else "array"


_SAME_FAMILY: Final[Mapping[str, Form]] = {
    "uuid": "uuid",
    "integer": "integer",
    "bool": "boolean",
    "text": "text",
    "numeric": "numeric",
    "interval": "interval",
    "numbers": "numbers",
}


def _form(a: Column, b: Column) -> Form | None:
    families = {_family(a), _family(b)}
    if len(families) == 1:
        (family,) = families
        if family == "float":
            return "float" if a.base == b.base else "numeric_text"
        if family == "stamp":
            return _stamp_form(a, b)
        if family == "json":
            return "jsonb" if a.base == b.base == "jsonb" else "json"
        return _SAME_FAMILY.get(family, "as_text")
    if families <= {"integer", "numeric", "float"}:
        return "numeric_text"
    if families == {"uuid", "text"}:
        return "uuid_text"
    if families == {"array", "numbers"}:
        return "numbers"
    return "as_text" if "text" in families else None


def _stamp_form(a: Column, b: Column) -> Form:
    bases = {a.base, b.base}
    if bases == {"date"}:
        return "as_text"
    return "timestamp" if "timestamptz" not in bases else "instant"
