"""Keys of tables: what a foreign key can point at, under one name for who needs it and who has it."""

from collections.abc import Iterable

from holdfast.consistency.tables import TableName
from holdfast.schema.model import ConstraintSchema, Need, TableSchema


def key_need(table: TableName, columns: Iterable[str]) -> Need:
    """A key as something that a foreign key needs; the order of its columns means nothing."""
    return "key", f"{table} ({', '.join(sorted(columns))})"


def is_key(constraint: ConstraintSchema) -> bool:
    """Whether foreign keys can point at what a constraint keeps unique."""
    return constraint.kind in ("primary key", "unique") and " DEFERRABLE" not in constraint.definition


def keys_of(table: TableSchema) -> dict[str, tuple[str, ...]]:
    """All keys of a table: the columns of each by its name."""
    found = [one.columns for one in table.constraints if is_key(one)]
    for index in table.indexes:
        columns = [column for column in index.columns if column is not None]
        if index.is_unique and index.is_valid and not index.is_partial and len(columns) == len(index.columns):
            found.append(tuple(columns))
    return {key_need(table.name, columns)[1]: tuple(columns) for columns in found}
