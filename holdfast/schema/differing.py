"""What differs between the schemas of two stores, seen from both sides."""

from collections.abc import Sequence

from holdfast.consistency.tables import TableName
from holdfast.schema.findings import Finding
from holdfast.schema.model import StoreSchema
from holdfast.schema.planning import unblocked
from holdfast.schema.sides import Pair
from holdfast.schema.tables import compare_tables
from holdfast.schema.types import compare_types
from holdfast.schema.wishes import SchemaWish


def diff(
    a: StoreSchema, b: StoreSchema, names: Sequence[TableName], wishes: Sequence[SchemaWish] = ()
) -> list[Finding]:
    """All that either store lacks or has otherwise than the other; each difference once.

    Args:
        a: the primary, as far as its tables are among ``names``.
        b: the secondary, likewise.
        names: the declared tables: one that is in neither store is told as well.
        wishes: what both must have, whatever the other has.
    """
    absent = [name for name in names if name not in a.tables and name not in b.tables]
    forth = lacking(Pair(a, b), wishes)
    told = {(one.kind, one.table, one.name) for one in forth if one.side is None}
    back = [
        one
        for one in lacking(Pair(b, a), wishes)
        if one.side is not None or (one.kind, one.table, one.name) not in told
    ]
    return [*map(_absent, absent), *forth, *back]


def lacking(pair: Pair, wishes: Sequence[SchemaWish]) -> list[Finding]:
    """What the target lacks or has otherwise than the model, with the steps that would add it."""
    by_table = {wish.table: wish for wish in wishes}
    return unblocked(pair, [*compare_types(pair), *compare_tables(pair, by_table)])


def _absent(name: TableName) -> Finding:
    return Finding(
        kind="table",
        table=str(name),
        name=name.name,
        sentence=f"{name} is declared and in neither store",
        left="make it, correct its name in assets/catalog.py, or take it out there",
    )
