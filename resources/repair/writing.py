"""Write rows, many at once: those that cannot be written are found by halves, undone alone, and told apart."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import psycopg
from psycopg import errors

from holdfast.consistency.journals import Image
from holdfast.consistency.plans import Action, Verb
from holdfast.consistency.repairs import Code
from holdfast.consistency.sides import Hashes
from holdfast.consistency.tables import LABELS, Column, Key
from resources.postgres import Transaction
from resources.repair import statements
from resources.repair.shapes import ForeignKey, Shape
from resources.tables import hashing

# More sets of columns than this in one batch are written as one.
_MOST_SETS: Final = 8
# What a row itself is to blame for: its values, its keys, its triggers, an identity that is always generated. All
# else ends the transaction. Source: PostgreSQL manual, appendix A, "Error Codes".
_ROW_CLASSES: Final = frozenset({"22", "23", "27", "44", "P0"})
_ROW_CODES: Final = frozenset({"428C9", "55P03"})
_LATE: Final[frozenset[Code]] = frozenset({"foreign_key", "referenced"})


@dataclass(slots=True, eq=False, kw_only=True)
class Write:
    """One row to be written.

    Attributes:
        key: as people are told it.
        key_columns: that identify the row in the store that is written.
        at: their text there.
        before: the row, whole, None where there is none.
        values: what is to be stored, None where the row goes; of a row that is there only what may change.
        action: of the plan that this carries out.
        wanted: hashes that the row must have in the end, where they are known.
        after: the row as it became, whole.
    """

    shape: Shape
    verb: Verb
    key: Key
    key_columns: tuple[str, ...]
    at: Key
    before: Image | None
    values: Image | None
    reason: str
    action: Action | None = None
    had: Hashes | None = None
    wanted: Hashes | None = None
    after: Image | None = None

    def changes(self) -> tuple[str, ...]:
        """Columns whose text is another one; the key, and what the server alone may fill, stay."""
        before, values = self.before or {}, self.values or {}
        return tuple(
            name
            for name, text in values.items()
            if before.get(name) != text and name not in self.key_columns and self.shape.column(name).identity != "a"
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row was not written."""

    code: Code
    detail: str


Failed = list[tuple[Write, Failure]]
Verify = Callable[[Transaction, Sequence[Write]], Failed]


@dataclass(frozen=True, slots=True)
class Mode:
    """How the rows of one transaction are written.

    Attributes:
        is_silent: whether triggers and foreign keys are silent: keys are looked at by ourselves.
        is_cyclic: whether rows may refer to each other in circles.
    """

    is_silent: bool = False
    is_cyclic: bool = False


@dataclass(slots=True)
class Written:
    """What became of some writes."""

    done: list[Write] = field(default_factory=list)
    failed: Failed = field(default_factory=list)


class _AgainError(Exception):
    """The transaction is taken back to before the writes, to be done again without some."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed


class _ShortError(Exception):
    """A statement did not write all its rows."""


def begin(db: Transaction, shapes: Iterable[Shape], *, is_cyclic: bool) -> Mode:
    """Settle how this transaction writes: triggers stay silent where that is needed and allowed.

    A repair restores what is true elsewhere: a trigger that stamps would make it another row, one that sends a second
    event.
    """
    known = list(shapes)
    needs_silence = is_cyclic or any(shape.has_triggers for shape in known)
    is_silent = needs_silence and not any(shape.has_late_keys for shape in known) and _silence(db)
    db.execute("repairs/check_late" if is_cyclic else "repairs/check_at_once")
    return Mode(is_silent, is_cyclic)


def _silence(db: Transaction) -> bool:
    try:
        with db.savepoint():
            db.execute("repairs/silence_triggers")
    except errors.InsufficientPrivilege:
        return False
    return True


def write(db: Transaction, writes: Sequence[Write], mode: Mode, verify: Verify) -> Written:
    """Write rows; those that fail, or do not become what they should, are as they were and told.

    Args:
        db: a transaction that writes; the rows are locked in it.
        writes: in the order in which they are written.
        mode: of this transaction.
        verify: tells which of the written rows are not what they should be, and notes what they became.
    """
    failed: Failed = []
    pending = list(writes)
    while pending:
        try:
            with db.savepoint():
                written = _verified(db, pending, mode, verify)
        except _AgainError as again:
            failed += again.failed
            pending = _without(pending, again.failed)
        else:
            return Written(written.done, failed + written.failed)
    return Written([], failed)


def _verified(db: Transaction, writes: Sequence[Write], mode: Mode, verify: Verify) -> Written:
    bad = _detach(db, writes, mode)
    if bad:
        raise _AgainError(bad)
    written = _in_passes(db, writes, mode)
    bad = _complete(db, written.done, mode) or verify(db, written.done) or _orphans(db, written.done, mode)
    # A row that was to go and stays may be what others, which are gone already, referred to.
    if bad or (mode.is_cyclic and any(one.verb == "delete" for one, _ in written.failed)):
        raise _AgainError(bad + written.failed)
    if mode.is_cyclic:
        _check_late_keys(db, written)
    return written


def _check_late_keys(db: Transaction, written: Written) -> None:
    try:
        with db.savepoint():
            db.execute("repairs/check_at_once")
    except errors.IntegrityError as error:
        failure = _failure(error)
        raise _AgainError([(one, failure) for one in written.done] + written.failed) from error


def _in_passes(db: Transaction, writes: Sequence[Write], mode: Mode) -> Written:
    """Write all; in circles what failed for want of another row is tried again as long as that helps."""
    written, pending = Written(), list(writes)
    while pending:
        failed: Failed = []
        going = [one for one in pending if one.verb == "delete"]
        for _, run in groupby(pending, key=lambda one: (one.shape.name, one.verb)):
            failed += _run(db, list(run), going, mode)
        lost = {id(one) for one, _ in failed}
        done = [one for one in pending if id(one) not in lost]
        written.done += done
        late = [one for one, failure in failed if failure.code in _LATE]
        if not (mode.is_cyclic and done and late):
            written.failed += failed
            break
        written.failed += [pair for pair in failed if pair[1].code not in _LATE]
        pending = late
    return written


def _run(db: Transaction, writes: list[Write], going: Sequence[Write], mode: Mode) -> Failed:
    """Write rows of one table and verb."""
    shape, verb = writes[0].shape, writes[0].verb
    failed = _referenced(db, shape, writes, going)
    left = _without(writes, failed)
    if not left:
        return failed
    if verb == "insert":
        return failed + _inserted(db, shape, left, mode)
    if verb == "delete":
        return failed + _split(db, left, lambda some: _delete(db, some))
    return failed + _updated(db, left)


def _inserted(db: Transaction, shape: Shape, writes: list[Write], mode: Mode) -> Failed:
    late = _late_columns(shape) if mode.is_cyclic and not mode.is_silent else frozenset()
    failed: Failed = []
    for columns, some in _by_columns(writes, lambda one: tuple(one.values or ())):
        failed += _split(db, some, lambda rows, names=columns: _insert(db, rows, names, late))  # type: ignore[misc]
    return failed


def _updated(db: Transaction, writes: list[Write]) -> Failed:
    failed: Failed = []
    for columns, some in _by_columns(writes, Write.changes):
        if columns:
            failed += _split(db, some, lambda rows, names=columns: _update(db, rows, names))  # type: ignore[misc]
    return failed


def _by_columns(
    writes: Sequence[Write], columns: Callable[[Write], tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], list[Write]]]:
    """Writes by the set of columns they set; as one set where there are many."""
    sets: dict[tuple[str, ...], list[Write]] = defaultdict(list)
    for one in writes:
        sets[columns(one)].append(one)
    if len(sets) <= _MOST_SETS:
        yield from sets.items()
        return
    yield tuple(sorted({name for names in sets for name in names})), list(writes)


def _complete(db: Transaction, writes: Sequence[Write], mode: Mode) -> Failed:
    """Set the references that were left out when rows in circles were inserted."""
    if mode.is_silent or not mode.is_cyclic:
        return []
    failed: Failed = []
    for _, run in groupby((one for one in writes if one.verb == "insert"), key=lambda one: one.shape.name):
        rows = list(run)
        names = tuple(
            name for name in sorted(_late_columns(rows[0].shape)) if any((one.values or {}).get(name) for one in rows)
        )
        if names:
            failed += _split(db, rows, lambda some, names=names: _update(db, some, names))  # type: ignore[misc]
    return failed


def _detach(db: Transaction, writes: Sequence[Write], mode: Mode) -> Failed:
    """Take out the references between rows in circles that are about to go."""
    if mode.is_silent or not mode.is_cyclic:
        return []
    failed: Failed = []
    for _, run in groupby((one for one in writes if one.verb == "delete"), key=lambda one: one.shape.name):
        rows = list(run)
        names = tuple(sorted(_late_columns(rows[0].shape)))
        if names:
            none = frozenset(names)
            failed += _split(db, rows, lambda some, names=names, none=none: _update(db, some, names, none))  # type: ignore[misc]
    return failed


def _late_columns(shape: Shape) -> frozenset[str]:
    """Columns that may be null at first: references that the server checks at once."""
    return frozenset(
        name for key in shape.parents if not key.is_deferrable for name in key.nullable if name not in shape.table.key
    )


def _split(db: Transaction, writes: Sequence[Write], statement: Callable[[Sequence[Write]], int]) -> Failed:
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
            return [(writes[0], _failure(error))]
        if isinstance(error, errors.LockNotAvailable):
            # Each of the halves would wait as long again.
            db.execute("repairs/hurry")
    else:
        return []
    middle = len(writes) // 2
    return _split(db, writes[:middle], statement) + _split(db, writes[middle:], statement)


def _demand(count: int, expected: int) -> None:
    if count != expected:
        raise _ShortError


def _is_of_row(error: psycopg.Error) -> bool:
    code = error.sqlstate or ""
    return code[:2] in _ROW_CLASSES or code in _ROW_CODES


def _failure(error: psycopg.Error) -> Failure:
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


def _insert(db: Transaction, rows: Sequence[Write], names: Sequence[str], late: frozenset[str]) -> int:
    shape = rows[0].shape
    statement = statements.insert(shape, _columns(shape, names), tells=len(rows) == 1)
    return db.composed_execute(statement, **_values(rows, names, late))


def _update(db: Transaction, rows: Sequence[Write], names: Sequence[str], none: frozenset[str] = frozenset()) -> int:
    shape, key = rows[0].shape, rows[0].key_columns
    statement = statements.update(shape, _columns(shape, names), key)
    return db.composed_execute(statement, **_keys(rows), **_values(rows, names, none))


def _delete(db: Transaction, rows: Sequence[Write]) -> int:
    return db.composed_execute(statements.delete(rows[0].shape, rows[0].key_columns), **_keys(rows))


def _columns(shape: Shape, names: Sequence[str]) -> list[Column]:
    return [shape.column(name) for name in names]


def _values(rows: Sequence[Write], names: Sequence[str], late: frozenset[str]) -> dict[str, Any]:
    return {
        f"c{number}": [None if name in late else _value(one, name) for one in rows] for number, name in enumerate(names)
    }


def _value(one: Write, name: str) -> str | None:
    values = one.values or {}
    return values[name] if name in values else (one.before or {}).get(name)


def _keys(rows: Sequence[Write]) -> dict[str, Any]:
    return statements.key_parameters([one.at for one in rows], len(rows[0].key_columns))


def _orphans(db: Transaction, done: Sequence[Write], mode: Mode) -> Failed:
    """Written rows whose parent is missing, where the server does not look, or looks too late to say which."""
    if not (mode.is_silent or mode.is_cyclic):
        return []
    failed: dict[int, tuple[Write, Failure]] = {}
    present = sorted((one for one in done if one.verb != "delete"), key=lambda one: one.shape.name)
    for _, run in groupby(present, key=lambda one: one.shape.name):
        rows = list(run)
        for key in rows[0].shape.parents:
            statement = statements.orphans(rows[0].shape, key, rows[0].key_columns)
            for (number,) in db.composed_rows(statement, **_keys(rows)):
                one = rows[number - 1]
                failed[id(one)] = (one, Failure("foreign_key", _missing(one, key)))
    return list(failed.values())


def _missing(one: Write, key: ForeignKey) -> str:
    row = one.values or one.before or {}
    values = ", ".join(str(row.get(name)) for name in key.columns)
    where = LABELS[one.shape.side]
    return f"{', '.join(key.columns)} = {values}: the {where} has no such row in {key.parent} ({key.name})"


def _referenced(db: Transaction, shape: Shape, writes: Sequence[Write], going: Sequence[Write]) -> Failed:
    """Rows that others refer to, by values that would go: children are neither deleted, changed nor left alone."""
    failed: dict[int, tuple[Write, Failure]] = {}
    for key in shape.children:
        rows = [one for one in writes if one.verb == "delete" or set(one.changes()) & set(key.referenced)]
        if writes[0].verb == "insert" or not rows:
            continue
        others = [one for one in going if one.shape.name == key.child]
        parameters = _keys(rows)
        if others:
            parameters |= statements.key_parameters([one.at for one in others], len(others[0].key_columns), "o")
        of_others = (others[0].shape, others[0].key_columns) if others else None
        statement = statements.children(shape, key, rows[0].key_columns, of_others)
        for (number,) in db.composed_rows(statement, **parameters):
            one = rows[number - 1]
            detail = f"rows of {key.child} refer to it in the {LABELS[shape.side]} ({key.name})"
            failed[id(one)] = (one, Failure("referenced", detail))
    return list(failed.values())


def _without(writes: Sequence[Write], failed: Failed) -> list[Write]:
    lost = {id(one) for one, _ in failed}
    return [one for one in writes if id(one) not in lost]


def move_sequences(db: Transaction, done: Sequence[Write]) -> list[str]:
    """Move sequences past the values that were inserted; sentences on those that this role may not move."""
    notes = []
    shapes = {one.shape.name: one.shape for one in done if one.verb == "insert"}
    for shape in shapes.values():
        rows = [one for one in done if one.verb == "insert" and one.shape.name == shape.name]
        for sequence in shape.sequences:
            values = [int(text) for one in rows if (text := (one.values or {}).get(sequence.column)) is not None]
            if not values:
                continue
            if not sequence.may_move:
                notes.append(
                    f"{sequence.name} in the {LABELS[shape.side]} was not moved past {max(values)}: this role may not; "
                    "the next insert there may meet a key that is taken"
                )
                continue
            value = max(values) if sequence.step > 0 else min(values)
            statement = statements.composed("move_sequence", sequence=hashing.relation(sequence.name))
            db.composed_rows(statement, value=value, step=sequence.step)
    return notes
