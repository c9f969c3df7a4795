"""Apply a repair plan: a row is looked at again right before it is written, and written down before it is committed."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from holdfast.consistency.journals import Header
from holdfast.consistency.plan_rows import Action
from holdfast.consistency.plans import RepairPlan, demand_same_stores
from holdfast.consistency.repairs import Code, Repair
from holdfast.consistency.sides import Hashes
from holdfast.consistency.tables import OTHER, Side, TableName
from holdfast.errors import PermanentError, TransientError
from resources.postgres import Transaction
from resources.repair import writing
from resources.repair.batching import Chunk, Unit, cut
from resources.repair.journaling import open_journal
from resources.repair.log import RepairLog
from resources.repair.looking import SIDES, Work, identities, is_done, is_equal, look_at
from resources.repair.recording import Recorder, Say
from resources.repair.rows import Paired, Row
from resources.repair.sequences import move_sequences
from resources.repair.shapes import Needs, Shape, read_shapes
from resources.repair.writes import Failed, Failure, Write
from resources.stores import Stores

# Reasons that another row of the same repair may have taken away.
_ONCE_MORE: Final[frozenset[Code]] = frozenset({"unique_conflict", "foreign_key", "referenced", "skipped_busy"})


def apply_plan(
    stores: Stores, plan: RepairPlan, *, journal: Path | None, say: Say = lambda _: None, needs_record: bool = True
) -> Repair:
    """Apply a plan. Applied again, it does what is left of it; when nothing is, it writes nothing.

    Args:
        stores: that the plan was made for.
        plan: that an operator confirmed.
        journal: file that gets every row before it is committed; None: the primary's log alone.
        say: gets a line per batch.
        needs_record: refuse to write where neither a journal nor a log would tell what was.

    Raises:
        PlanError: it was made for other databases, or a table is compared in another way by now.
        PermanentError: a store may not be written by this role.
        TransientError: a store is away; what was committed is journalled, and applying again goes on.
    """
    began_s = time.monotonic()
    demand_same_stores(plan, identities(stores))
    log = RepairLog.of(stores)
    if journal is None and log is None and needs_record:
        raise PermanentError(
            "the primary has no holdfast.repair_log that this role may write, and no journal is named; nothing was "
            "changed. Name a journal (--journal), or bring the primary to this version: holdfast migrate"
        )
    repair = Repair(repair_id=plan.repair_id)
    with ExitStack() as stack:
        if log:
            _settle(log, stores, say)
        work = look_at(stores, plan, repair)
        if any(work.actions.values()):
            header = Header(repair_id=plan.repair_id, stores=plan.stores, began_at=datetime.now(UTC).isoformat())
            file = stack.enter_context(open_journal(journal, header)) if journal else None
            _Applying(stores, work, Recorder(repair, file, log), say).run()
    repair.seconds = time.monotonic() - began_s
    return repair


def _settle(log: RepairLog, stores: Stores, say: Say) -> None:
    for side in SIDES:
        if count := log.settle(stores.of(side)):
            say(f"{count} rows of an earlier repair that was cut off are settled in the log")


@dataclass(slots=True)
class _Applying:
    stores: Stores
    work: Work
    recorder: Recorder
    say: Say

    def run(self) -> None:
        """Write all that is left, the primary first."""
        repair, total = self.recorder.repair, sum(len(x) for side in self.work.actions.values() for x in side.values())
        try:
            for side in SIDES:
                if self.work.actions[side]:
                    self._side(side, total)
        except TransientError as error:
            raise TransientError(
                f"{error} The repair stopped after {repair.written_count} of {total} rows: these are committed and "
                "journalled; apply the same plan again to go on"
            ) from error

    def _side(self, side: Side, total: int) -> None:
        actions = self.work.actions[side]
        needs = Needs()
        for name, some in actions.items():
            for one in some:
                needs.add(name, one.verb)
        with self.stores.of(side).writing() as db:
            shapes = read_shapes(db, side, [self.work.paired[name].pairing.of(side) for name in actions], needs)
        before = self.recorder.repair.written_count
        failed = self._round(side, actions, shapes, total)
        again = [(one, failure) for one, failure in failed if failure.code in _ONCE_MORE]
        if again and self.recorder.repair.written_count > before:
            # What was in their way may have been written meanwhile.
            left: dict[TableName, list[Action]] = defaultdict(list)
            for write, _ in again:
                if write.action:
                    left[write.shape.name].append(write.action)
            failed = [pair for pair in failed if pair[1].code not in _ONCE_MORE]
            failed += self._round(side, left, shapes, total)
        self.recorder.skip(failed)

    def _round(
        self,
        side: Side,
        actions: Mapping[TableName, Sequence[Action]],
        shapes: Mapping[TableName, Shape],
        total: int,
    ) -> Failed:
        failed: Failed = []
        for unit in cut(actions, shapes, self.work.sizes[side]):
            failed += self._unit(side, unit, shapes)
            done = self.recorder.repair.written_count
            self.say(f"{unit.chunks[0].table}: {done} of {total} rows written, {len(failed)} could not be")
        return failed

    def _unit(self, side: Side, unit: Unit, shapes: Mapping[TableName, Shape]) -> Failed:
        done: list[Write] = []
        failed: Failed = []
        with self.stores.of(side).writing() as db, self.stores.of(OTHER[side]).snapshot() as source:
            mode = writing.begin(db, [shapes[chunk.table] for chunk in unit.chunks], is_cyclic=unit.is_cyclic)
            writes = [
                one for chunk in unit.chunks for one in self._ready(db, source, shapes[chunk.table], chunk, failed)
            ]
            if writes:
                written = writing.write(db, writes, mode, self._verify)
                failed += written.failed
                done = written.done
            if done:
                self.recorder.repair.notes += move_sequences(db, done)
                self.recorder.before_commit(db, side, done)
        if done:
            self.recorder.after_commit(side, done)
        return failed

    def _ready(self, db: Transaction, source: Transaction, shape: Shape, chunk: Chunk, failed: Failed) -> list[Write]:
        """Lock the rows, read both sides' rows again, and keep those that are as the plan saw them."""
        paired = self.work.paired[chunk.table]
        keys = [one.key for one in chunk.actions]
        locked = paired.locked(db, shape, keys, deletes=chunk.verb == "delete")
        unlocked = [key for key in keys if key not in locked]
        busy = paired.hashes(db, shape.side, unlocked)
        columns = paired.inserted(shape) if chunk.verb == "insert" else paired.copied(shape)
        theirs = paired.sources(source, shape, keys, columns)
        ready = []
        for one in chunk.actions:
            write = _write(one, shape, paired, locked.get(one.key), theirs.get(one.key))
            failure = _unfit(one, locked.get(one.key), busy.get(one.key), theirs.get(one.key))
            if failure is None:
                ready.append(write)
            elif failure.code == "skipped_stale" and _is_now_done(one, locked.get(one.key), theirs.get(one.key)):
                self.recorder.repair.already += 1
            else:
                failed.append((write, failure))
        return ready

    def _verify(self, db: Transaction, done: Sequence[Write]) -> Failed:
        """Rows that did not become what the other store has, although the server took them."""
        failed: Failed = []
        by_table: dict[TableName, list[Write]] = defaultdict(list)
        for one in done:
            by_table[one.shape.name].append(one)
        for name, some in by_table.items():
            now = self.work.paired[name].again(db, some[0].shape, [one.key for one in some])
            for one in some:
                row = now.get(one.key)
                one.after = row.image if row else None
                if failure := _unlike(one, row):
                    failed.append((one, failure))
        return failed


def _write(one: Action, shape: Shape, paired: Paired, target: Row | None, source: Row | None) -> Write:
    names = tuple(column.name for column in paired.pairing.key)
    whole = target.image if target else source.image if source else {}
    return Write(
        shape=shape,
        verb=one.verb,
        key=one.key,
        key_columns=names,
        at=tuple(whole.get(name) or "" for name in names),
        before=target.image if target else None,
        values=source.image if source and one.verb != "delete" else None,
        reason=one.reason,
        action=one,
        had=target.hashes if target else None,
        wanted=source.hashes if source and one.verb != "delete" else None,
    )


def _unfit(one: Action, target: Row | None, busy: Hashes | None, source: Row | None) -> Failure | None:
    """Why a row is not written although the plan says so."""
    if busy is not None:
        return Failure("skipped_busy", "")
    if (source.hashes.exact if source else None) != one.source:
        return _stale(OTHER[one.into])
    if (target.hashes.exact if target else None) != one.expected:
        return _stale(one.into)
    return None


def _is_now_done(one: Action, target: Row | None, source: Row | None) -> bool:
    return is_done(one, target.hashes if target else None, source.hashes if source else None)


def _stale(side: Side) -> Failure:
    return Failure("skipped_stale", f"it is another row in {side} by now")


def _unlike(one: Write, row: Row | None) -> Failure | None:
    if one.wanted is None:
        return None if row is None else Failure("refused", "it is still there")
    if row is not None and is_equal(row.hashes, one.wanted):
        return None
    code: Code = "trigger_rewrites" if one.shape.has_triggers else "does_not_fit"
    values, became = one.values or {}, row.image if row else {}
    names = [name for name, text in values.items() if became.get(name) != text]
    return Failure(code, f"it would differ in {', '.join(names) or 'all columns'}")
