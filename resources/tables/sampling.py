"""How a table's keys are cut into buckets: from a sample of its keys."""

import uuid
from typing import Final

from psycopg import sql

from holdfast.consistency.layouts import Layout, bits_for, hashed, is_stepped, ranged, stepped
from holdfast.consistency.pairing import Pairing
from holdfast.consistency.tables import Side
from resources.postgres import Transaction
from resources.queries import template
from resources.tables.hashing import relation

_FIRST_SAMPLE: Final = 2_000
_PER_BUCKET: Final = 8
# A page of the table holds about so many rows where nobody has counted them yet.
_ROWS_PER_BLOCK: Final = 20


def estimated_rows(pairing: Pairing) -> int:
    """How many rows the fuller table has, as far as the planner or the number of pages tells."""
    return max(t.estimated_rows or t.block_count * _ROWS_PER_BLOCK for t in (pairing.a, pairing.b))


def layout_of(db: Transaction, pairing: Pairing, side: Side, ends: list[tuple[int, int]]) -> Layout:
    """Buckets for both tables, from the keys of one.

    ``ends`` are the smallest and the largest key of each store that holds rows, where keys are integers.
    """
    rows = estimated_rows(pairing)
    form = pairing.range_form
    if form is None:
        return hashed(rows)
    sample = _sample(db, pairing, side, _FIRST_SAMPLE, rows)
    if form == "integer":
        if not ends:
            return ranged(rows, [], is_uuid=False)
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if is_stepped(sample, low, high):
            return stepped(rows, low, high)
    layout = ranged(rows, sample, is_uuid=form == "uuid")
    if layout.kind == "prefix":
        return layout
    return ranged(rows, _sample(db, pairing, side, _PER_BUCKET << bits_for(rows), rows), is_uuid=form == "uuid")


def ends_of(db: Transaction, pairing: Pairing, side: Side) -> tuple[int, int] | None:
    """Smallest and largest key of a table whose keys are integers; None where it has no row."""
    statement = sql.SQL(template("comparing/ends")).format(
        table=relation(pairing.of(side).name), key=sql.Identifier(pairing.key[0].name)
    )
    ((low, high),) = db.composed_rows(statement)
    return None if low is None else (low, high)


def _sample(db: Transaction, pairing: Pairing, side: Side, wanted: int, rows: int) -> list[int]:
    share_pct = min(100.0, 100.0 * 2 * wanted / max(rows, 1))
    statement = sql.SQL(template("comparing/sample")).format(
        table=relation(pairing.of(side).name), key=sql.Identifier(pairing.key[0].name)
    )
    found = db.composed_rows(statement, share_pct=share_pct, most=4 * wanted)
    is_uuid = pairing.range_form == "uuid"
    return [uuid.UUID(text).int if is_uuid else int(text) for (text,) in found if text is not None]
