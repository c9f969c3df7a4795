"""Rows that refer to each other in circles: what the server checks at once is set last, and taken out first."""

from collections.abc import Sequence
from itertools import groupby

from resources.postgres import Transaction
from resources.repair.setwise import split, update
from resources.repair.shapes import Shape
from resources.repair.writes import Failed, Mode, Write


def complete(db: Transaction, writes: Sequence[Write], mode: Mode) -> Failed:
    """Set the references that were left out when rows in circles were inserted."""
    if mode.is_silent or not mode.is_cyclic:
        return []
    failed: Failed = []
    for _, run in groupby((one for one in writes if one.verb == "insert"), key=lambda one: one.shape.name):
        rows = list(run)
        names = tuple(
            name for name in sorted(late_columns(rows[0].shape)) if any((one.values or {}).get(name) for one in rows)
        )
        if names:
            failed += split(db, rows, lambda some, names=names: update(db, some, names))  # type: ignore[misc]
    return failed


def detach(db: Transaction, writes: Sequence[Write], mode: Mode) -> Failed:
    """Take out the references between rows in circles that are about to go."""
    if mode.is_silent or not mode.is_cyclic:
        return []
    failed: Failed = []
    for _, run in groupby((one for one in writes if one.verb == "delete"), key=lambda one: one.shape.name):
        rows = list(run)
        names = tuple(sorted(late_columns(rows[0].shape)))
        if names:
            none = frozenset(names)
            failed += split(db, rows, lambda some, names=names, none=none: update(db, some, names, none))  # type: ignore[misc]
    return failed


def late_columns(shape: Shape) -> frozenset[str]:
    """Columns that may be null at first: references that the server checks at once."""
    return frozenset(
        name for key in shape.parents if not key.is_deferrable for name in key.nullable if name not in shape.table.key
    )
