"""The backup's columns on the applications' table, added so that nobody who uses it has to wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from holdfast.errors import HoldfastError, StatementTimeoutError
from holdfast.retries import Backoff
from resources.media.shapes import BACKUP_COLUMNS, BACKUP_TABLE, Shape, composed, read_shape
from resources.postgres import Postgres

# While the statement waits for the table, everybody else waits behind it: never for longer than this.
_LOCK_TIMEOUT_MS: Final = 2000
PATIENCE: Final = Backoff(attempts=4, first_s=3.0, most_s=15.0)


@dataclass(frozen=True, slots=True)
class Columns:
    """What became of the columns in one store.

    Attributes:
        has_table: whether the application's table is there.
        added: columns that were missing and are there now.
        problem: why some are still missing; empty where none is.
    """

    has_table: bool
    added: tuple[str, ...] = ()
    problem: str = ""


def ensure_columns(
    postgres: Postgres, *, backoff: Backoff = PATIENCE, wait: Callable[[float], None] = time.sleep
) -> Columns:
    """Add the columns that ``gen_videos`` lacks; nothing is rewritten, and its lock is waited for 2 seconds at a time.

    Args:
        postgres: the store.
        backoff: how often it is tried while somebody holds the table, and how long the table is left alone between.
        wait: lets time pass.

    Returns:
        What was done. That it could not be done is told, not raised: the books do not need these columns.
    """
    try:
        shape = _shape(postgres)
        if shape is None:
            return Columns(has_table=False)
        missing = tuple(name for name in BACKUP_COLUMNS if name not in shape.types)
        if missing:
            _add(postgres, shape, missing, backoff, wait)
    except HoldfastError as error:
        return Columns(has_table=True, problem=f"{BACKUP_TABLE}: its backup columns are not all there: {error}")
    return Columns(has_table=True, added=missing)


def _shape(postgres: Postgres) -> Shape | None:
    with postgres.transaction() as db:
        return read_shape(db, BACKUP_TABLE)


def _add(
    postgres: Postgres, shape: Shape, missing: tuple[str, ...], backoff: Backoff, wait: Callable[[float], None]
) -> None:
    pieces = [
        composed("add_column", column=sql.Identifier(name), type=sql.SQL(BACKUP_COLUMNS[name])) for name in missing
    ]
    statement = composed("add_columns", table=shape.identifier, columns=sql.SQL(", ").join(pieces))
    delays_s = backoff.delays_s()
    while True:
        try:
            with postgres.transaction() as db:
                db.rows("media_books/wait_shortly", timeout_ms=_LOCK_TIMEOUT_MS)
                db.composed_execute(statement)
                return
        except StatementTimeoutError:
            holders = _holders(postgres, shape)
            wait_s = next(delays_s, None)
            if wait_s is None:
                raise StatementTimeoutError(
                    f"{shape.table} was in use each of the {backoff.attempts} times it was asked for, 2 s each; "
                    f"nothing was changed. Held by: {holders}. End that, or let the next inventory try again"
                ) from None
            wait(wait_s)


def _holders(postgres: Postgres, shape: Shape) -> str:
    """Who holds the table, without what they say: a statement may hold secrets."""
    with postgres.transaction() as db:
        rows = db.rows("media_books/holders", table=shape.identifier.as_string())
    told = [
        f"pid {pid} ({name or 'no name'}, {state}, transaction open for {age_s:.0f} s)"
        for pid, name, state, age_s in rows
    ]
    return ", ".join(told) or "nobody any more"
