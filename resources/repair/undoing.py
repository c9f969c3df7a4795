"""Take a repair back: a row becomes what it was before, where it still is what the repair made of it."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from holdfast.consistency.journals import Entry, Header, Image, Journal
from holdfast.consistency.plan_rows import Verb
from holdfast.consistency.repairs import Repair
from holdfast.consistency.tables import LABELS, Side, TableName
from holdfast.errors import PermanentError, PlanError, TransientError
from resources.postgres import Transaction
from resources.repair import writing
from resources.repair.batching import MOST_ROWS
from resources.repair.journaling import open_journal
from resources.repair.log import UNDO, RepairLog, is_image
from resources.repair.looking import identities
from resources.repair.recording import Recorder, Say
from resources.repair.rows import images
from resources.repair.shapes import Needs, Shape, read_shapes
from resources.repair.writes import Failed, Failure, Write
from resources.stores import Stores
from resources.tables.reading import read_tables

_INVERSE: dict[Verb, Verb] = {"insert": "delete", "update": "update", "delete": "insert"}
Batch = tuple[Side, list[Entry]]


def undo_journal(stores: Stores, journal: Journal, *, into: Path | None, say: Say = lambda _: None) -> Repair:
    """Take back the repair that a journal is of. Taken back again, it writes nothing.

    Args:
        stores: that the repair was of.
        journal: as it was read.
        into: file that gets every row before it is committed: undoing that one does the repair again.
        say: gets a line per batch.

    Raises:
        PlanError: the journal is of other databases.
        PermanentError: a store may not be written by this role.
        TransientError: a store is away; undoing again goes on.
    """
    found = identities(stores)
    for side, expected in journal.header.stores.items():
        if found[side] != expected:
            raise PlanError(
                f"the journal is of another {LABELS[side]}: expected {expected}, found {found[side]}; nothing was "
                "changed. Check --a and --b (DATABASE_URL, SUPABASE_DB_URL)"
            )
    log = RepairLog.of(stores)
    for side in found:
        if log:
            log.settle(stores.of(side))
    return _undo(stores, journal.header.repair_id, _batches(reversed(journal.entries)), log, into, found, say)


def undo_logged(stores: Stores, repair_id: str, *, say: Say = lambda _: None) -> Repair:
    """Take back a repair by what the primary's log says of it. Taken back again, it writes nothing.

    Raises:
        PlanError: the log has no such repair.
        PermanentError: the primary has no log, or a store may not be written by this role.
        TransientError: a store is away; undoing again goes on.
    """
    log = _log_with(stores, repair_id)
    for side in ("a", "b"):
        log.settle(stores.of(side))
    return _undo(stores, repair_id, _batches(_logged(log, repair_id)), log, None, identities(stores), say)


def look_at_undo(stores: Stores, repair_id: str) -> str:
    """What taking a repair back would come to, in a sentence. Errors as of ``undo_logged``."""
    standing = _log_with(stores, repair_id).count_standing(repair_id)
    rows = "1 row stands" if standing == 1 else f"{standing} rows stand"
    return f"repair {repair_id}: {rows}. Nothing was changed. To take it back: `undo: {repair_id}`, `apply: true`"


def _log_with(stores: Stores, repair_id: str) -> RepairLog:
    log = RepairLog.of(stores)
    if log is None:
        raise PermanentError("the primary has no holdfast.repair_log that this role may write; nothing was changed")
    if not log.has(repair_id):
        newest = ", ".join(log.repairs()) or "none"
        raise PlanError(f"the log has no repair {repair_id}; nothing was changed. The newest: {newest}")
    return log


def _logged(log: RepairLog, repair_id: str) -> Iterator[Entry]:
    """Rows of a repair that stand, the newest first, a page at a time."""
    before_id = sys.maxsize
    while found := log.standing(repair_id, before_id, MOST_ROWS):
        before_id = found[-1][0]
        for _, entry in found:
            yield entry


def _batches(entries: Iterator[Entry]) -> Iterator[Batch]:
    """What one transaction wrote is taken back by one."""
    for (side, _), some in groupby(entries, key=lambda one: (one.side, one.batch)):
        yield side, list(some)


def _undo(
    stores: Stores,
    repair_id: str,
    batches: Iterator[Batch],
    log: RepairLog | None,
    into: Path | None,
    found: dict[Side, str],
    say: Say,
) -> Repair:
    began_s = time.monotonic()
    repair = Repair(repair_id=repair_id + UNDO)
    with ExitStack() as stack:
        header = Header(repair_id=repair.repair_id, stores=found, began_at=datetime.now(UTC).isoformat())
        file = stack.enter_context(open_journal(into, header)) if into else None
        undoing = _Undoing(stores, Recorder(repair, file, log), say)
        try:
            for side, entries in batches:
                undoing.batch(side, entries)
        except TransientError as error:
            raise TransientError(
                f"{error} The undo stopped after {repair.written_count} rows: these are committed and journalled; "
                "undo again to go on"
            ) from error
    if log:
        log.note_undone(repair.repair_id)
    repair.seconds = time.monotonic() - began_s
    return repair


@dataclass(slots=True)
class _Undoing:
    stores: Stores
    recorder: Recorder
    say: Callable[[str], None]
    shapes: dict[Side, dict[TableName, Shape]] = field(default_factory=lambda: {"a": {}, "b": {}})

    def batch(self, side: Side, entries: Sequence[Entry]) -> None:
        """Take back what one transaction wrote."""
        done: list[Write] = []
        with self.stores.of(side).writing() as db:
            shapes = self._shapes(db, side, entries)
            is_cyclic = len({one.table for one in entries}) > 1 or any(shape.is_cyclic for shape in shapes.values())
            mode = writing.begin(db, shapes.values(), is_cyclic=is_cyclic)
            writes = self._ready(db, shapes, entries)
            if writes:
                written = writing.write(db, writes, mode, _verify)
                self.recorder.skip(written.failed)
                done = written.done
            if done:
                self.recorder.before_commit(db, side, done)
        if done:
            self.recorder.after_commit(side, done)
        repair = self.recorder.repair
        self.say(f"{entries[0].table}: {repair.written_count} rows taken back, {len(repair.skipped)} left as they are")

    def _shapes(self, db: Transaction, side: Side, entries: Sequence[Entry]) -> dict[TableName, Shape]:
        known, needs = self.shapes[side], Needs()
        for one in entries:
            needs.add(TableName.parse(one.table), _INVERSE[one.verb])
        names = sorted(needs.verbs)
        if any(name not in known for name in names):
            tables = read_tables(db, names)
            if missing := [name for name in names if name not in tables]:
                raise PermanentError(
                    f"{missing[0]}: the {LABELS[side]} has no such table any more; nothing was changed"
                )
            known |= read_shapes(db, side, tables.values(), needs)
        return {name: known[name] for name in names}

    def _ready(self, db: Transaction, shapes: dict[TableName, Shape], entries: Sequence[Entry]) -> list[Write]:
        ready: list[Write] = []
        # A batch that was cut off before its commit is in the journal twice.
        entries = list({(one.table, one.key): one for one in reversed(entries)}.values())[::-1]
        for (table, verb, _), run in groupby(entries, key=lambda one: (one.table, one.verb, one.key_columns)):
            some = list(run)
            writes = [_write(shapes[TableName.parse(table)], one) for one in some]
            name = "lock_to_delete" if verb == "insert" else "lock"
            at, columns, shape = [one.at for one in writes], writes[0].key_columns, writes[0].shape
            locked = images(db, shape, name, columns, at)
            busy = images(db, shape, "read", columns, at) if len(locked) < len(at) else {}
            for number, (one, write) in enumerate(zip(some, writes, strict=True)):
                self._take(ready, one, write, locked.get(number), is_busy=number in busy and number not in locked)
        return ready

    def _take(self, ready: list[Write], entry: Entry, write: Write, now: Image | None, *, is_busy: bool) -> None:
        if is_busy:
            self.recorder.skip([(write, Failure("skipped_busy", ""))])
        elif is_image(now, entry.before):
            self.recorder.repair.already += 1
        elif is_image(now, entry.after):
            write.before = now
            ready.append(write)
        else:
            self.recorder.skip([(write, Failure("skipped_stale", f"it was changed in {entry.side} since the repair"))])


def _write(shape: Shape, entry: Entry) -> Write:
    whole = entry.after or entry.before or {}
    stored = {column.name for column in shape.stored}
    values = None if entry.before is None else {k: v for k, v in entry.before.items() if k in stored}
    return Write(
        shape=shape,
        verb=_INVERSE[entry.verb],
        key=entry.key,
        key_columns=entry.key_columns,
        at=tuple(whole.get(name) or "" for name in entry.key_columns),
        before=entry.after,
        values=values,
        reason="taken back",
    )


def _verify(db: Transaction, done: Sequence[Write]) -> Failed:
    """Rows that did not become what they were, although the server took them."""
    failed: Failed = []
    for (name, _), run in groupby(done, key=lambda one: (one.shape.name, one.key_columns)):
        some = list(run)
        now = images(db, some[0].shape, "read", some[0].key_columns, [one.at for one in some])
        for number, one in enumerate(some):
            one.after = now.get(number)
            if not is_image(one.after, one.values):
                code = "trigger_rewrites" if one.shape.has_triggers else "refused"
                failed.append((one, Failure(code, f"{name}: it would not be what it was")))  # type: ignore[arg-type]
    return failed
