"""SQL expressions of a paired table: row hashes, keys as text, and how keys are found again. The table is called t."""

from collections.abc import Sequence
from typing import Final, LiteralString

from psycopg import sql

from holdfast.consistency.layouts import Layout
from holdfast.consistency.pairing import PairedColumn, Pairing
from holdfast.consistency.seeds import seed_for
from holdfast.consistency.tables import Key, Side, TableName
from resources.queries import template

_T: Final = sql.SQL("t")
_XOR: Final = sql.SQL(" # ")
# Numbers of seeds that belong to no column.
_ROW: Final = 1_000_000
_KEY: Final = 1_000_001
_NULLS: Final = 2_000_000
# Keys of these types are found by their own index; those of others by their text.
_FOUND_AS: Final[dict[str, LiteralString]] = {
    "uuid": "uuid",
    "int2": "bigint",
    "int4": "bigint",
    "int8": "bigint",
    "text": "text",
    "varchar": "text",
    "numeric": "numeric",
    "bool": "boolean",
}
_BYTE: Final = 8
_FOUND_FORMS: Final = frozenset({"uuid", "integer", "text", "boolean", "numeric"})


def relation(name: TableName) -> sql.Composed:
    """A table's name, quoted."""
    return sql.Composed([sql.Identifier(name.schema, name.name)])


def cell(name: str) -> sql.Composed:
    """A column of t."""
    return sql.SQL("{}.{}").format(_T, sql.Identifier(name))


def row_hash(pairing: Pairing, side: Side, seed: int, *, meant: bool = False) -> sql.Composed:
    """A row's hash: of its values as written, or of what they mean.

    Hashes of columns are combined by exclusive or and mixed once more: without the mixing, swapping one column's values
    between two rows goes unnoticed with a probability of 10^-8.
    """
    parts = [column_hash(pairing, column, side, seed, meant=meant) for column in pairing.columns]
    return sql.SQL("hashint8extended({}, {})").format(_XOR.join(parts), _number(seed_for(seed, _ROW)))


def column_hash(pairing: Pairing, column: PairedColumn, side: Side, seed: int, *, meant: bool = False) -> sql.Composed:
    """A column's hash; null has a number of its own."""
    number = pairing.columns.index(column)
    hashed = sql.SQL(template(f"hashing/{_expression(column, side, meant=meant)}")).format(
        value=cell(column.name), seed=_number(seed_for(seed, number)), zone=sql.Literal(column.zone)
    )
    if column.of(side).is_not_null:
        return hashed
    return sql.SQL("coalesce({}, {})").format(hashed, _number(seed_for(seed, _NULLS + number)))


def key_hash(pairing: Pairing, side: Side, seed: int) -> sql.Composed:
    """The hash of a row's key, by what it means."""
    parts = [column_hash(pairing, column, side, seed, meant=True) for column in pairing.key]
    if len(parts) == 1:
        return parts[0]
    return sql.SQL("hashint8extended({}, {})").format(_XOR.join(parts), _number(seed_for(seed, _KEY)))


def bucket(pairing: Pairing, side: Side, seed: int, layout: Layout) -> sql.Composed:
    """The number of a row's bucket; where it lies between bounds, they are the parameter ``bounds``."""
    if layout.kind == "hashed":
        return sql.SQL("({} & {})::integer").format(key_hash(pairing, side, seed), layout.count - 1)
    key = cell(pairing.key[0].name)
    if layout.kind == "bounds":
        of_type = sql.SQL("uuid" if layout.is_uuid else "bigint")
        return sql.SQL("width_bucket({}::{}, {}::{}[])").format(key, of_type, sql.Placeholder("bounds"), of_type)
    first = sql.SQL("get_byte(uuid_send({}), 0)").format(key)
    if layout.bits <= _BYTE:
        return sql.SQL("({} >> {})").format(first, _BYTE - layout.bits)
    second = sql.SQL("get_byte(uuid_send({}), 1)").format(key)
    return sql.SQL("(({} << {}) | ({} >> {}))").format(first, layout.bits - _BYTE, second, 2 * _BYTE - layout.bits)


def key_texts(pairing: Pairing, side: Side) -> list[sql.Composed]:
    """The text of each column of a row's key, the same for the same key in both stores."""
    return [_key_text(column, side) for column in pairing.key]


def wanted(pairing: Pairing, side: Side) -> dict[str, sql.Composable]:
    """Pieces of a statement that looks keys up: arrays, names, matches. Its parameters are k0, k1 and so on."""
    names = [f"k{number}" for number in range(len(pairing.key))]
    arrays = [
        sql.SQL("{}::{}[]").format(sql.Placeholder(name), sql.SQL(_found_as(column, side)))
        for name, column in zip(names, pairing.key, strict=True)
    ]
    matches = [
        sql.SQL("{} = {}").format(_found_by(column, side), sql.Identifier("wanted", name))
        for name, column in zip(names, pairing.key, strict=True)
    ]
    return {
        "arrays": sql.SQL(", ").join(arrays),
        "names": sql.SQL(", ").join(map(sql.Identifier, names)),
        "matches": sql.SQL(" and ").join(matches),
    }


def key_parameters(pairing: Pairing, side: Side, keys: Sequence[Key]) -> dict[str, str | list[str]]:
    """Keys as the parameters k0, k1, … of such a statement."""
    columns = enumerate(pairing.key)
    return {f"k{n}": _array([key[n] for key in keys], _found_as(column, side)) for n, column in columns}


def _array(texts: list[str], of_type: str) -> str | list[str]:
    # The driver looks at each text for what must be quoted; there is nothing in these.
    return "{" + ",".join(texts) + "}" if of_type in ("uuid", "bigint") else texts


def _expression(column: PairedColumn, side: Side, *, meant: bool) -> str:
    if column.form == "instant" and column.of(side).base != "timestamptz":
        return "instant_of_local"
    reads_meaning = (meant and column.has_forms) or column.meaning == "same"
    has_own = column.form in ("numeric", "float", "interval", "json", "numbers")
    return f"{column.form}_meant" if reads_meaning and has_own else column.form


def _key_text(column: PairedColumn, side: Side) -> sql.Composed:
    texts: dict[str, LiteralString] = {
        "uuid_text": "lower({value}::text)",
        "numeric": "trim_scale({value})::text",
        "numeric_text": "trim_scale({value}::text::numeric)::text",
        "float": "({value} + 0)::text",
        "timestamp": "{value}::timestamp::text",
        "instant": "({value} at time zone 'UTC')::text",
    }
    text = texts.get(column.form, "{value}::text")
    if column.form == "instant" and column.of(side).base != "timestamptz":
        text = "({value}::timestamp at time zone {zone} at time zone 'UTC')::text"
    return sql.SQL(text).format(value=cell(column.name), zone=sql.Literal(column.zone))


def _found_as(column: PairedColumn, side: Side) -> LiteralString:
    return _FOUND_AS.get(column.of(side).base, "text") if _is_found_directly(column, side) else "text"


def _found_by(column: PairedColumn, side: Side) -> sql.Composed:
    return cell(column.name) if _is_found_directly(column, side) else _key_text(column, side)


def _is_found_directly(column: PairedColumn, side: Side) -> bool:
    """Whether the column itself is compared, so that its index helps: every key of the other store has its type."""
    one = column.of(side)
    return one.kind == "base" and one.base in _FOUND_AS and column.form in _FOUND_FORMS


def _number(value: int) -> sql.Composed:
    return sql.SQL("{}::bigint").format(sql.Literal(str(value)))
