"""Which wish a table falls under."""

from collections.abc import Mapping

from holdfast.consistency.tables import TableName
from holdfast.schema.model import TableSchema
from holdfast.schema.wishes import SchemaWish

Wishes = Mapping[TableName, SchemaWish]


def wish_of(table: TableSchema, tables: Mapping[TableName, TableSchema], wishes: Wishes) -> SchemaWish | None:
    """The wish for a table, or for the table that it is a partition of."""
    while table.name not in wishes and table.parent is not None:
        table = tables[table.parent]
    return wishes.get(table.name)
