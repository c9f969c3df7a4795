"""What the applications' rows are told of their backup: a projection of the books, written where it differs."""

import time
from collections.abc import Sequence
from typing import Any, Final

from psycopg import sql

from holdfast.errors import PermanentError, StatementTimeoutError
from holdfast.media.items import CLASSES
from resources.media.shapes import BACKUP_COLUMNS, Shape, composed, read_shape
from resources.postgres import Postgres, Transaction, classified

_COMMA: Final = sql.SQL(", ")
# How long it is believed that a table is as it was.
_BELIEVED_S: Final = 60.0
# Rows held at once: an application that wants one of them waits for these only.
_BATCH: Final = 1000
_LOCK_TIMEOUT_MS: Final = 2000


class Projector:
    """Tells rows what came of their files. Used by one thread."""

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[float, Shape | None]] = {}
        self.problem = ""

    def tell(self, db: Transaction, item_ids: Sequence[int]) -> None:
        """Tell the rows of these files, where the application gives them room for it.

        What cannot be told now (a row or table that is locked, a right that is missing) is left: the books are right,
        the next inventory tells it. ``problem`` keeps why.
        """
        for (table,) in db.rows("media_books/tables_of", item_ids=list(item_ids)):
            shape = self._shape(db, table)
            if shape is not None and shape.is_told:
                try:
                    with db.savepoint(), classified():
                        db.rows("media_books/wait_shortly", timeout_ms=_LOCK_TIMEOUT_MS)
                        db.composed_execute(_tell(shape, "rows_of_items"), item_ids=list(item_ids), **_asked(shape))
                except (PermanentError, StatementTimeoutError) as error:
                    self.problem = str(error)
                    self._shapes.pop(table, None)

    def _shape(self, db: Transaction, table: str) -> Shape | None:
        until_s, shape = self._shapes.get(table, (0.0, None))
        if time.monotonic() > until_s:
            shape = read_shape(db, table)
            self._shapes[table] = (time.monotonic() + _BELIEVED_S, shape)
        return shape


def tell_all(postgres: Postgres, table: str) -> tuple[int, int]:
    """Tell every row of a table what the books say of it; how many were behind, and how many were told.

    Raises:
        PermanentError, TransientError: as of ``Postgres.transaction``.
    """
    with postgres.transaction() as db:
        shape = read_shape(db, table)
        if shape is None or not shape.is_told:
            return 0, 0
        db.rows("media_books/wait_shortly", timeout_ms=_LOCK_TIMEOUT_MS)
        behind = [row_id for (row_id,) in db.composed_rows(_behind(shape), **_asked(shape))]
    told = 0
    for start in range(0, len(behind), _BATCH):
        with postgres.transaction() as db:
            db.rows("media_books/wait_shortly", timeout_ms=_LOCK_TIMEOUT_MS)
            ids = behind[start : start + _BATCH]
            told += db.composed_execute(_tell(shape, "rows_by_id"), source_ids=ids, **_asked(shape))
    return len(behind), told


def carry_over(primary: Postgres, secondary: Postgres, table: str) -> int:
    """Say in the secondary what the rows of the primary say of their backup; how many rows were changed.

    Rows that only one store has are no concern of this; a row that somebody holds is left for another time.

    Raises:
        PermanentError, TransientError: as of ``Postgres.transaction``, of either store.
    """
    with primary.transaction() as a, secondary.transaction() as b:
        shape_a, shape_b = read_shape(a, table), read_shape(b, table)
        if shape_a is None or shape_b is None or not (shape_a.is_told and shape_b.is_told):
            return 0
        sums_b = dict(b.composed_rows(_sums(shape_b)))
        groups = [group for group, total in a.composed_rows(_sums(shape_a)) if sums_b.get(group) != total]
        if not groups:
            return 0
        rows = set(a.composed_rows(_said(shape_a), groups=groups)) - set(b.composed_rows(_said(shape_b), groups=groups))
    changed = 0
    ordered = sorted(rows)
    for start in range(0, len(ordered), _BATCH):
        with secondary.transaction() as b:
            b.rows("media_books/wait_shortly", timeout_ms=_LOCK_TIMEOUT_MS)
            columns = zip(*ordered[start : start + _BATCH], strict=True)
            told = {f"p{place}": list(values) for place, values in enumerate(columns)}
            changed += b.composed_execute(_copy(shape_b), **told)
    return changed


def _asked(shape: Shape) -> dict[str, Any]:
    return {"table": shape.table, "media_classes": list(CLASSES)}


def _told(shape: Shape, scope: str) -> sql.Composed:
    types = {name: shape.type_of(name) for name in BACKUP_COLUMNS}
    return composed("told", id_type=shape.type_of(shape.key), scope=composed(scope), **types)


def _pieces(shape: Shape) -> dict[str, sql.Composable]:
    """What compares and sets the columns of a row ``t`` by one of ``told``."""
    return {
        "table": shape.identifier,
        "id": sql.Identifier(shape.key),
        "theirs": _COMMA.join(sql.Identifier("t", name) for name in BACKUP_COLUMNS),
        "ours": _COMMA.join(sql.Identifier("told", name) for name in BACKUP_COLUMNS),
        "assignments": _COMMA.join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("told", name)) for name in BACKUP_COLUMNS
        ),
    }


def _behind(shape: Shape) -> sql.Composed:
    return composed("behind", told=_told(shape, "all_rows"), **_pieces(shape))


def _tell(shape: Shape, scope: str) -> sql.Composed:
    return composed("tell", told=_told(shape, scope), **_pieces(shape))


def _sums(shape: Shape) -> sql.Composed:
    texts = _COMMA.join(sql.SQL("coalesce({}::text, '-')").format(sql.Identifier("t", n)) for n in BACKUP_COLUMNS)
    return composed("sums", texts=texts, table=shape.identifier, id=sql.Identifier(shape.key))


def _said(shape: Shape) -> sql.Composed:
    texts = _COMMA.join(sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in BACKUP_COLUMNS)
    return composed("said", texts=texts, table=shape.identifier, id=sql.Identifier(shape.key))


def _copy(shape: Shape) -> sql.Composed:
    names = ["row_id", *BACKUP_COLUMNS]
    types = [shape.type_of(shape.key), *(shape.type_of(name) for name in BACKUP_COLUMNS)]
    casts = _COMMA.join(
        sql.SQL("{}::{} as {}").format(sql.Identifier("o", name), of_type, sql.Identifier(name))
        for name, of_type in zip(names, types, strict=True)
    )
    parameters = _COMMA.join(sql.SQL("{}::text[]").format(sql.Placeholder(f"p{place}")) for place in range(len(names)))
    listed = _COMMA.join(sql.Identifier(name) for name in names)
    return composed("copy", casts=casts, parameters=parameters, names=listed, **_pieces(shape))
