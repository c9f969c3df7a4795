"""Foreign keys, looked at by ourselves: where the server is silent, or would take children along with their parent."""

from collections.abc import Sequence
from itertools import groupby

from holdfast.consistency.tables import LABELS
from resources.postgres import Transaction
from resources.repair import statements
from resources.repair.setwise import keys
from resources.repair.shapes import ForeignKey, Shape
from resources.repair.writes import Failed, Failure, Mode, Write


def orphans(db: Transaction, done: Sequence[Write], mode: Mode) -> Failed:
    """Written rows whose parent is missing, where the server does not look, or looks too late to say which."""
    if not (mode.is_silent or mode.is_cyclic):
        return []
    failed: dict[int, tuple[Write, Failure]] = {}
    present = sorted((one for one in done if one.verb != "delete"), key=lambda one: one.shape.name)
    for _, run in groupby(present, key=lambda one: one.shape.name):
        rows = list(run)
        for key in rows[0].shape.parents:
            statement = statements.orphans(rows[0].shape, key, rows[0].key_columns)
            for (number,) in db.composed_rows(statement, **keys(rows)):
                one = rows[number - 1]
                failed[id(one)] = (one, Failure("foreign_key", _missing(one, key)))
    return list(failed.values())


def _missing(one: Write, key: ForeignKey) -> str:
    row = one.values or one.before or {}
    values = ", ".join(str(row.get(name)) for name in key.columns)
    where = LABELS[one.shape.side]
    return f"{', '.join(key.columns)} = {values}: the {where} has no such row in {key.parent} ({key.name})"


def referenced(db: Transaction, shape: Shape, writes: Sequence[Write], going: Sequence[Write]) -> Failed:
    """Rows that others refer to, by values that would go: children are neither deleted, changed nor left alone."""
    failed: dict[int, tuple[Write, Failure]] = {}
    for key in shape.children:
        rows = [one for one in writes if one.verb == "delete" or set(one.changes()) & set(key.referenced)]
        if writes[0].verb == "insert" or not rows:
            continue
        others = [one for one in going if one.shape.name == key.child]
        parameters = keys(rows)
        if others:
            parameters |= statements.key_parameters([one.at for one in others], len(others[0].key_columns), "o")
        of_others = (others[0].shape, others[0].key_columns) if others else None
        statement = statements.children(shape, key, rows[0].key_columns, of_others)
        for (number,) in db.composed_rows(statement, **parameters):
            one = rows[number - 1]
            detail = f"rows of {key.child} refer to it in the {LABELS[shape.side]} ({key.name})"
            failed[id(one)] = (one, Failure("referenced", detail))
    return list(failed.values())
