"""Moving cycles from the buffer into the history, losslessly."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from holdfast.errors import MalformedEntryError
from holdfast.metrics.buffer import START, Batch, CycleBuffer, Entry
from holdfast.metrics.cycles import Cycle, Reading, unpack
from holdfast.metrics.moving import MOST_EARLY, MOST_LATE, is_simulated, possible, skews_s
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres, Transaction


@dataclass(slots=True)
class Moved:
    """What a move did, in all its batches; ``read = stored + duplicate + rejected``.

    Attributes:
        cycles: entries read.
        read_rows: readings in them.
        stored_rows: readings that were new, or filled a missing metric.
        duplicate_rows: readings that were stored already.
        rejected_rows: readings set aside because their instant is impossible.
        rejected_entries: entries set aside because they cannot be read.
        servers: servers that answered at least once.
        failed: server to the reason it gave last, for those that failed at least once.
        gaps: data-loss events noticed.
        skews_s: collector to how far its clock is off the buffer's, where that is too far, in seconds.
        position: watermark afterwards.
        newest_at: newest instant of a reading, None where there was none.
    """

    cycles: int = 0
    read_rows: int = 0
    stored_rows: int = 0
    duplicate_rows: int = 0
    rejected_rows: int = 0
    rejected_entries: int = 0
    servers: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    gaps: int = 0
    skews_s: dict[str, float] = field(default_factory=dict)
    position: str = START
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the history has read; ``now`` is the database's clock."""

    position: str
    covers_until: datetime | None
    now: datetime


def move(postgres: Postgres, buffer: CycleBuffer, *, batch_cycles: int, log: logging.Logger) -> Moved:
    """Move everything the buffer holds behind the watermark into the history.

    Rows and watermark commit together, batch by batch; the buffer is told after the commit. Killed anywhere,
    the next move goes on from the last commit, and what it reads twice it stores once.

    Raises:
        TransientError: Postgres or the buffer is away; what was committed stays.
        PermanentError: one of them refused.
    """
    moved = Moved()
    while True:
        with postgres.transaction() as db:
            before, batch = _move_batch(db, buffer, batch_cycles, moved, log)
        # Once an hour: every command is billed, and an hour of entries behind the watermark costs little.
        if _hour(before.position) != _hour(moved.position):
            buffer.acknowledge(moved.position)
        if len(batch.entries) < batch_cycles:
            return moved
        log.info("metrics: moved %d cycles, %d rows so far", moved.cycles, moved.stored_rows)


def _move_batch(
    db: Transaction, buffer: CycleBuffer, batch_cycles: int, moved: Moved, log: logging.Logger
) -> tuple[Watermark, Batch]:
    db.execute("metrics_moving/lock")
    found = db.fetch("metrics_moving/watermark", Watermark)
    before = found[0] if found else Watermark(START, None, datetime.now(UTC))
    drill_now = db.value("scenarios/drill_now")
    if drill_now is not None:
        before = replace(before, now=drill_now)
    # The buffer is read while the watermark is locked: that is what makes two movers safe.
    batch = buffer.read_after(before.position, batch_cycles)
    moved.position = batch.entries[-1].position if batch.entries else before.position
    read = _unpack(db, batch.entries, moved, log, is_drill=drill_now is not None)
    cycles = [cycle for _, cycle in read]
    if batch.is_cut:
        _record_gap(db, before, cycles, moved, log)
    accepted = [reading for pair in read for reading in _accepted(db, *pair, before.now, log)]
    _count(moved, cycles, accepted, merge_readings(db, accepted))
    if batch.entries or batch.is_cut:
        position = START if batch.is_cut and not batch.entries else moved.position
        db.execute("metrics_moving/move_watermark", position=position, covers_until=moved.newest_at)
    return before, batch


def _hour(position: str) -> int:
    return int(position.partition("-")[0]) // 3_600_000


def _unpack(
    db: Transaction, entries: Sequence[Entry], moved: Moved, log: logging.Logger, *, is_drill: bool
) -> list[tuple[Entry, Cycle]]:
    read: list[tuple[Entry, Cycle]] = []
    for entry in entries:
        try:
            cycle = _storable(unpack(entry.packed), is_drill=is_drill)
        except MalformedEntryError as error:
            moved.rejected_entries += 1
            db.execute("metrics_moving/reject", position=entry.position, reason=str(error), packed=entry.packed)
            log.warning("metrics: entry %s set aside in holdfast.metrics_rejected: %s", entry.position, error)
            continue
        read.append((entry, cycle))
    # A simulator's clock is virtual, and says so.
    real = ((entry, cycle) for entry, cycle in read if not is_simulated(cycle))
    arrivals = ((cycle, int(entry.position.partition("-")[0]) / 1000) for entry, cycle in real)
    for collector, ahead_s in skews_s(arrivals).items():
        moved.skews_s[collector] = ahead_s
        log.warning(
            "metrics: the clock of collector %s is %.0f s %s the buffer's; its samples stand at its own time. "
            "Set that clock (NTP).",
            collector,
            abs(ahead_s),
            "ahead of" if ahead_s > 0 else "behind",
        )
    return read


def _storable(cycle: Cycle, *, is_drill: bool) -> Cycle:
    if is_simulated(cycle) and not is_drill:
        raise MalformedEntryError(
            f"simulated samples of {cycle.collector} have no place in a real history; expected a drill's database, "
            "found another; none of them was stored. A play has a buffer of its own: holdfast scenarios run"
        )
    return cycle


def _record_gap(db: Transaction, before: Watermark, cycles: Sequence[Cycle], moved: Moved, log: logging.Logger) -> None:
    moved.gaps += 1
    lost_from = before.covers_until or before.now
    lost_until = min((cycle.at for cycle in cycles), default=None)
    reason = f"the buffer no longer holds entry {before.position}, the last one that was read"
    db.execute("metrics_moving/record_gap", lost_from=lost_from, lost_until=lost_until, reason=reason)
    log.error(
        "metrics: DATA LOSS: cycles after %s%s may be lost: %s. The buffer was trimmed or emptied before it was read: "
        "move more often, or raise its capacity.",
        lost_from.isoformat(),
        f" and before {lost_until.isoformat()}" if lost_until else "",
        reason,
    )


def _accepted(db: Transaction, entry: Entry, cycle: Cycle, now: datetime, log: logging.Logger) -> list[Reading]:
    """The readings whose instant can be; an entry with others is set aside whole, beside what is stored of it."""
    accepted = possible(cycle.readings, now)
    if len(accepted) < len(cycle.readings):
        kept = {id(reading) for reading in accepted}
        servers = sorted({reading.server_id for reading in cycle.readings if id(reading) not in kept})
        reason = f"instants more than {MOST_LATE.days} days old or {MOST_EARLY} ahead, of: {', '.join(servers[:20])}"
        db.execute("metrics_moving/reject", position=entry.position, reason=reason, packed=entry.packed)
        log.error("metrics: entry %s set aside in holdfast.metrics_rejected: %s", entry.position, reason)
    return accepted


def _count(moved: Moved, cycles: Sequence[Cycle], accepted: Sequence[Reading], stored_rows: int) -> None:
    read_rows = sum(len(cycle.readings) for cycle in cycles)
    moved.cycles += len(cycles)
    moved.read_rows += read_rows
    moved.stored_rows += stored_rows
    moved.rejected_rows += read_rows - len(accepted)
    moved.duplicate_rows += len(accepted) - stored_rows
    moved.servers.update(reading.server_id for reading in accepted)
    for cycle in cycles:
        moved.failed.update(cycle.failed)
    if accepted:
        newest_at = datetime.fromtimestamp(max(reading.at_s for reading in accepted), UTC)
        moved.newest_at = max(newest_at, moved.newest_at or newest_at)
