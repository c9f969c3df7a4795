"""Write many rows by one statement; where that fails, by halves, until those that cannot be written are found."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg import errors

from holdfast.consistency.repairs import Code
from holdfast.consistency.tables import Column
from resources.postgres import Transaction
from resources.repair import statements
from resources.repair.shapes import Shape
from resources.repair.writes import Failed, Failure, Write

# What no row is to blame for: the line, the role, the statement, the server. All else is told of the row.
# Source: PostgreSQL manual, appendix A, "Error Codes".
_FATAL_CLASSES: Final = frozenset({"08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "XX"})
# Of these classes: an identity that is always generated, a lock that another transaction holds.
_ROW_CODES: Final = frozenset({"428C9", "55P03"})


class _ShortError(Exception):
    """A statement did not write all its rows."""


def split(db: Transaction, writes: Sequence[Write], statement: Callable[[Sequence[Write]], int]) -> Failed:
    """Run a statement over rows; where it fails, over each half."""
    try:
        with db.savepoint():
            _demand(statement(writes), len(writes))
    except _ShortError:
        if len(writes) == 1:
            return [(writes[0], Failure("refused", "the server wrote nothing: a trigger or a rule refuses"))]
    except psycopg.Error as error:
        if not _is_of_row(error):
            raise
        if len(writes) == 1:
            return [(writes[0], failure(error))]
        if isinstance(error, errors.LockNotAvailable):
            # Each of the halves would wait as long again.
            db.execute("repairs/hurry")
    else:
        return []
    middle = len(writes) // 2
    return split(db, writes[:middle], statement) + split(db, writes[middle:], statement)


def _demand(count: int, expected: int) -> None:
    if count != expected:
        raise _ShortError


def _is_of_row(error: psycopg.Error) -> bool:
    code = error.sqlstate or "08"
    return code[:2] not in _FATAL_CLASSES or code in _ROW_CODES


def failure(error: psycopg.Error) -> Failure:
    """Why a row was not written, in the server's own words."""
    diagnosis = error.diag
    said = " ".join(part for part in (diagnosis.message_primary, diagnosis.message_detail) if part)
    code: Code = "refused"
    if isinstance(error, errors.UniqueViolation | errors.ExclusionViolation):
        code = "unique_conflict"
    elif isinstance(error, errors.ForeignKeyViolation):
        code = "foreign_key"
    elif isinstance(error, errors.LockNotAvailable):
        code = "skipped_busy"
    return Failure(code, said[:300])


def insert(db: Transaction, rows: Sequence[Write], names: Sequence[str], late: frozenset[str]) -> int:
    """Insert rows of these columns, ``late`` ones as null; how many went in. Of one row the error says what it met."""
    shape = rows[0].shape
    statement = statements.insert(shape, _columns(shape, names), tells=len(rows) == 1)
    return db.composed_execute(statement, **_values(rows, names, late))


def update(db: Transaction, rows: Sequence[Write], names: Sequence[str], none: frozenset[str] = frozenset()) -> int:
    """Set these columns of rows, ``none`` ones to null; how many were there."""
    shape, key = rows[0].shape, rows[0].key_columns
    statement = statements.update(shape, _columns(shape, names), key)
    return db.composed_execute(statement, **keys(rows), **_values(rows, names, none))


def delete(db: Transaction, rows: Sequence[Write]) -> int:
    """Delete rows; how many were there."""
    return db.composed_execute(statements.delete(rows[0].shape, rows[0].key_columns), **keys(rows))


def _columns(shape: Shape, names: Sequence[str]) -> list[Column]:
    return [shape.column(name) for name in names]


def _values(rows: Sequence[Write], names: Sequence[str], late: frozenset[str]) -> dict[str, Any]:
    return {
        f"c{number}": [None if name in late else _value(one, name) for one in rows] for number, name in enumerate(names)
    }


def _value(one: Write, name: str) -> str | None:
    values = one.values or {}
    return values[name] if name in values else (one.before or {}).get(name)


def keys(rows: Sequence[Write]) -> dict[str, Any]:
    """Their keys as the parameters of a statement."""
    return statements.key_parameters([one.at for one in rows], len(rows[0].key_columns))
