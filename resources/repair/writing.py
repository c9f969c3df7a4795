"""Write the rows of one transaction: what fails, or does not become what it should, is undone alone and told."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from psycopg import errors

from holdfast.consistency.repairs import Code
from resources.postgres import Transaction
from resources.repair.circles import complete, detach, late_columns
from resources.repair.references import orphans, referenced
from resources.repair.setwise import delete, failure, insert, split, update
from resources.repair.shapes import Shape
from resources.repair.writes import Failed, Mode, Verify, Write, Written, without

# More sets of columns than this in one batch are written as one.
_MOST_SETS: Final = 8
_LATE: Final[frozenset[Code]] = frozenset({"foreign_key", "referenced"})


class _AgainError(Exception):
    """The transaction is taken back to before the writes, to be done again without some."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed


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
            pending = without(pending, again.failed)
        else:
            return Written(written.done, failed + written.failed)
    return Written([], failed)


def _verified(db: Transaction, writes: Sequence[Write], mode: Mode, verify: Verify) -> Written:
    bad = detach(db, writes, mode)
    if bad:
        raise _AgainError(bad)
    written = _in_passes(db, writes, mode)
    bad = complete(db, written.done, mode) or verify(db, written.done) or orphans(db, written.done, mode)
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
        raise _AgainError([(one, failure(error)) for one in written.done] + written.failed) from error


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
        late = [one for one, why in failed if why.code in _LATE]
        if not (mode.is_cyclic and done and late):
            written.failed += failed
            break
        written.failed += [pair for pair in failed if pair[1].code not in _LATE]
        pending = late
    return written


def _run(db: Transaction, writes: list[Write], going: Sequence[Write], mode: Mode) -> Failed:
    """Write rows of one table and verb."""
    shape, verb = writes[0].shape, writes[0].verb
    failed = referenced(db, shape, writes, going)
    left = without(writes, failed)
    if not left:
        return failed
    if verb == "insert":
        return failed + _inserted(db, shape, left, mode)
    if verb == "delete":
        return failed + split(db, left, lambda some: delete(db, some))
    return failed + _updated(db, left)


def _inserted(db: Transaction, shape: Shape, writes: list[Write], mode: Mode) -> Failed:
    late = late_columns(shape) if mode.is_cyclic and not mode.is_silent else frozenset()
    failed: Failed = []
    for columns, some in _by_columns(writes, lambda one: tuple(one.values or ())):
        failed += split(db, some, lambda rows, names=columns: insert(db, rows, names, late))  # type: ignore[misc]
    return failed


def _updated(db: Transaction, writes: list[Write]) -> Failed:
    failed: Failed = []
    for columns, some in _by_columns(writes, Write.changes):
        if columns:
            failed += split(db, some, lambda rows, names=columns: update(db, rows, names))  # type: ignore[misc]
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
