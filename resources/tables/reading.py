"""What a store's catalogue says of the applications' tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.consistency.pairing import NotComparableError
from holdfast.consistency.reports import Status, StoreMark
from holdfast.consistency.tables import LABELS, Column, Table, TableName
from resources.postgres import Transaction


def read_table(db: Transaction, name: TableName) -> Table | None:
    """One table, None where the store has nothing of this name."""
    return read_tables(db, [name]).get(name)


def read_tables(db: Transaction, names: Sequence[TableName]) -> dict[TableName, Table]:
    """Those of some tables that exist."""
    found = db.rows("tables/describe", schemas=[name.schema for name in names], names=[name.name for name in names])
    oids = [row[0] for row in found]
    columns: dict[int, list[Column]] = {oid: [] for oid in oids}
    for oid, *facts in db.rows("tables/columns", oids=oids):
        columns[oid].append(_column(facts))
    keys: dict[int, tuple[str, bool, list[str]]] = {}
    for oid, index, is_primary, names_of_key in db.rows("tables/keys", oids=oids):
        keys.setdefault(oid, (index, is_primary, names_of_key))
    return {table.name: table for table in _tables(found, columns, keys)}


def application_tables(db: Transaction) -> list[TableName]:
    """Every table of the store that is not the system's, Holdfast's or Dagster's."""
    return [TableName(schema, name) for schema, name in db.rows("tables/application_tables")]


def missing(name: TableName, a: Table | None, b: Table | None) -> NotComparableError:
    """What a report says of a table that a store lacks."""
    if a is None and b is None:
        return NotComparableError("error", f"neither store has a table {name}; check how it is written, and its schema")
    status: Status = "missing_in_a" if a is None else "missing_in_b"
    label = LABELS["a" if a is None else "b"]
    return NotComparableError(
        status, f"the {label} has no table {name}; nothing was compared. holdfast schema plan makes it"
    )


def read_moment(db: Transaction, table: Table) -> StoreMark:
    """This transaction's snapshot, as a mark of a table."""
    ((system, xmin, next_xid),) = db.rows("tables/moment")
    return StoreMark(system=system, table_oid=table.oid, xmin=xmin, next_xid=next_xid)


def storage_of(db: Transaction, table: Table) -> str:
    """Which files a table is in."""
    return str(db.value("tables/storage", oid=table.oid))


def _column(facts: Sequence[Any]) -> Column:
    names = ("name", "type", "base", "kind", "is_not_null", "default", "generated", "identity", "is_readable")
    return Column(**dict(zip(names, facts, strict=True)))


def _tables(
    found: Iterable[tuple[Any, ...]],
    columns: dict[int, list[Column]],
    keys: dict[int, tuple[str, bool, list[str]]],
) -> Iterable[Table]:
    for oid, schema, name, kind, estimated_rows, block_count, is_active in found:
        index, is_primary, key = keys.get(oid, ("", False, []))
        yield Table(
            name=TableName(str(schema), str(name)),
            kind=str(kind),
            columns=tuple(columns[oid]),
            key=tuple(key),
            key_source="primary key" if is_primary else index,
            estimated_rows=estimated_rows,
            block_count=block_count,
            oid=oid,
            is_row_security_active=bool(is_active),
        )
