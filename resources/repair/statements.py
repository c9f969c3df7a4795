"""Statements that read and write rows of a table known only when they run. The table is called t."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from psycopg import sql

from holdfast.consistency.pairing import PairedColumn, Pairing
from holdfast.consistency.tables import Column, Side, Table
from resources.queries import template
from resources.repair.shapes import ForeignKey, Shape
from resources.tables import hashing

Pieces = dict[str, sql.Composable]
# A table that rows go from, and the columns that tell which.
Going = tuple[Shape, Sequence[str]]
_COMMA: Final = sql.SQL(", ")
_AND: Final = sql.SQL(" and ")


def composed(name: str, **pieces: sql.Composable) -> sql.Composed:
    """The statement of this name with its pieces."""
    return sql.SQL(template(f"repairing/{name}")).format(**pieces)


def by_key(shape_table: Table, key: Sequence[str]) -> Pieces:
    """Pieces that find rows by the text of key columns as this store writes them; parameters are k0, k1 and so on."""
    names = [f"k{number}" for number in range(len(key))]
    columns = [shape_table.column(name) for name in key]
    matches = [
        sql.SQL("{} = {}").format(hashing.cell(column.name), _cast(sql.Identifier("wanted", name), column))
        for name, column in zip(names, columns, strict=True)
        if column is not None
    ]
    return {**_arrays(names), "matches": _AND.join(matches)}


def key_parameters(keys: Sequence[Sequence[str]], width: int, letter: str = "k") -> dict[str, Any]:
    """The parameters of ``by_key``."""
    return {f"{letter}{number}": [key[number] for key in keys] for number in range(width)}


def image(columns: Sequence[Column]) -> sql.Composed:
    """A row as an array of texts."""
    return _array(_text(column.name) for column in columns)


def source_image(pairing: Pairing, into: Side, columns: Sequence[Column]) -> sql.Composed:
    """A row of the other store as texts that the columns of ``into`` read as the same."""
    paired = {column.name: column for column in pairing.columns}
    return _array(_carried(paired.get(column.name), column.name, into) for column in columns)


def hashes(pairing: Pairing, side: Side, seed: int) -> sql.Composed:
    """A row's two hashes: of its values as written, and of what they mean."""
    exact = hashing.row_hash(pairing, side, seed)
    meant = hashing.row_hash(pairing, side, seed, meant=True) if pairing.has_forms else exact
    return _COMMA.join([exact, meant])


def sizes(columns: Sequence[Column]) -> sql.Composed:
    """About how many bytes a row is; large values are not fetched for it."""
    parts = [_size(column) for column in columns]
    return sql.SQL("({})::bigint").format(sql.SQL(" + ").join(parts))


def read(name: str, table: Table, outputs: sql.Composable, pieces: Pieces) -> sql.Composed:
    """``read``, ``lock`` or ``lock_to_delete``."""
    return composed(name, table=hashing.relation(table.name), outputs=outputs, **pieces)


def insert(shape: Shape, columns: Sequence[Column], *, tells: bool) -> sql.Composed:
    """Insert rows; parameters are c0, c1 and so on."""
    names = [f"c{number}" for number in range(len(columns))]
    values = [_cast(sql.Identifier("wanted", name), column) for name, column in zip(names, columns, strict=True)]
    return composed(
        "insert_or_tell" if tells else "insert",
        table=hashing.relation(shape.name),
        columns=_COMMA.join(sql.Identifier(column.name) for column in columns),
        values=_COMMA.join(values),
        **_arrays(names),
    )


def update(shape: Shape, columns: Sequence[Column], key: Sequence[str]) -> sql.Composed:
    """Set columns of rows; parameters are k0 and so on, c0 and so on."""
    pieces = by_key(shape.table, key)
    names = [f"k{number}" for number in range(len(key))] + [f"c{number}" for number in range(len(columns))]
    assignments = [
        sql.SQL("{} = {}").format(sql.Identifier(column.name), _cast(sql.Identifier("wanted", f"c{number}"), column))
        for number, column in enumerate(columns)
    ]
    return composed(
        "update",
        table=hashing.relation(shape.name),
        assignments=_COMMA.join(assignments),
        matches=pieces["matches"],
        **_arrays(names),
    )


def delete(shape: Shape, key: Sequence[str]) -> sql.Composed:
    """Delete rows; parameters are k0, k1 and so on."""
    return composed("delete", table=hashing.relation(shape.name), **by_key(shape.table, key))


def orphans(shape: Shape, foreign: ForeignKey, key: Sequence[str]) -> sql.Composed:
    """Rows whose parent is missing."""
    is_set = [sql.SQL("{} is not null").format(hashing.cell(name)) for name in foreign.columns]
    refers = [
        sql.SQL("{} = {}").format(sql.Identifier("p", theirs), hashing.cell(ours))
        for ours, theirs in zip(foreign.columns, foreign.referenced, strict=True)
    ]
    return composed(
        "orphans",
        table=hashing.relation(shape.name),
        parent=hashing.relation(foreign.parent),
        is_set=_AND.join(is_set),
        refers=_AND.join(refers),
        **by_key(shape.table, key),
    )


def children(shape: Shape, foreign: ForeignKey, key: Sequence[str], going: Going | None) -> sql.Composed:
    """Rows that others refer to; those that go as well do not count, their keys are the parameters o0 and so on."""
    refers = [
        sql.SQL("{} = {}").format(sql.Identifier("c", theirs), hashing.cell(ours))
        for theirs, ours in zip(foreign.columns, foreign.referenced, strict=True)
    ]
    return composed(
        "children",
        table=hashing.relation(shape.name),
        child=hashing.relation(foreign.child),
        refers=_AND.join(refers),
        is_going=_is_going(*going) if going else sql.SQL("false"),
        **by_key(shape.table, key),
    )


def _is_going(shape: Shape, key: Sequence[str]) -> sql.Composed:
    names = [f"o{number}" for number in range(len(key))]
    matches = [
        sql.SQL("{} = {}").format(
            sql.Identifier("c", name), _cast(sql.Identifier("other", parameter), shape.column(name))
        )
        for parameter, name in zip(names, key, strict=True)
    ]
    return composed("is_going", matches=_AND.join(matches), **_arrays(names))


def _arrays(names: Sequence[str]) -> Pieces:
    arrays = [sql.SQL("{}::text[]").format(sql.Placeholder(name)) for name in names]
    return {"arrays": _COMMA.join(arrays), "names": _COMMA.join(map(sql.Identifier, names))}


def _array(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL("array[{}]::text[]").format(_COMMA.join(parts))


def _text(name: str) -> sql.Composed:
    return sql.SQL("{}::text").format(hashing.cell(name))


def _carried(paired: PairedColumn | None, name: str, into: Side) -> sql.Composed:
    """A value's text; a timestamp without a zone changes with its zone where the other store's has one."""
    if paired is None or paired.form != "instant" or paired.a.base == paired.b.base:
        return _text(name)
    value = hashing.cell(name)
    zone = sql.Literal(paired.zone)
    if paired.of(into).base == "timestamptz":
        return sql.SQL("({}::timestamp at time zone {})::text").format(value, zone)
    return sql.SQL("({} at time zone {})::text").format(value, zone)


def _cast(value: sql.Composable, column: Column) -> sql.Composed:
    # The catalogue's own words for the type, quoted where they need to be; a single % would begin a parameter.
    return sql.SQL("{}::{}").format(value, sql.SQL(column.type.replace("%", "%%")))


def _size(column: Column) -> sql.Composed:
    if column.kind == "base" and column.base in ("bytea", "text", "varchar"):
        # Known without fetching the value. As hexadecimal digits bytes become twice as many.
        twice = 2 if column.base == "bytea" else 1
        plain = "bytea" if column.base == "bytea" else "text"
        return sql.SQL("coalesce({} * octet_length({}::{}), 0)").format(
            sql.SQL(str(twice)), hashing.cell(column.name), sql.SQL(plain)
        )
    # What is stored may be compressed.
    return sql.SQL("coalesce(4 * pg_column_size({}), 0)").format(hashing.cell(column.name))
