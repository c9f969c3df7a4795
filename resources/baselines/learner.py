"""Learning: closed blocks of the history, folded into memories; killed anywhere, the next run goes on."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from holdfast.baselines import BLOCK_S, DAYS, LOOKBACK_S, Memory
from holdfast.baselines.folding import block_start, fold
from holdfast.baselines.lending import SeriesKey
from resources.baselines.inheriting import inherit
from resources.baselines.slots import LATE, history_slots
from resources.baselines.store import (
    StoredMemory,
    Unit,
    UnreadableMemory,
    begin_anew,
    named,
    read_memories,
    read_units,
    save,
    settle_origins,
)
from resources.postgres import Postgres, Transaction

# Bounds one transaction and its memory: 20 servers and 4 days are 0.3 million medians.
SERVERS_AT_ONCE: Final = 20
RANGE_S: Final = 4 * 86_400
_WINDOW_S: Final = DAYS * 86_400
# Slots that wait for judging are judged by what was known before them: learned first, a fault would be usual. If
# nothing judges for a day, learning goes on without.
WAITS_S: Final = 86_400


@dataclass(slots=True)
class Learned:
    """What one run of learning did.

    Attributes:
        until_at: end of the newest block that is learned; whatever is older and not learned yet has no samples.
        folded_blocks: blocks of one series each that were folded.
        changed_series: series whose memory grew.
        new_series: series that began to be learned.
        inherited_series: series that a renamed server took over.
        set_aside: series whose memory was set aside and is learned anew, and why.
    """

    until_at: datetime
    folded_blocks: int = 0
    changed_series: set[SeriesKey] = field(default_factory=set)
    new_series: set[SeriesKey] = field(default_factory=set)
    inherited_series: set[SeriesKey] = field(default_factory=set)
    set_aside: dict[SeriesKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DueServer:
    """A server whose history goes on behind what is learned of it."""

    server_no: int
    server_id: str
    folded_until: datetime | None
    first_sampled_at: datetime

    def from_s(self, until_s: int) -> int:
        """Start of the first block to look at, in seconds since the epoch: at most 28 days back."""
        begins_at = self.folded_until or self.first_sampled_at
        return block_start(max(int(begins_at.timestamp()), until_s - _WINDOW_S))


def closed_until_s(now: datetime) -> int:
    """End of the newest block that is over for long enough to be learned, in seconds since the epoch."""
    return block_start(int((now - LATE).timestamp()))


def learn_due(postgres: Postgres, now: datetime, *, log: logging.Logger) -> Learned:
    """Fold every closed block that is not learned yet into the memory of its series.

    A block is closed an hour after it is over, and once its slots are judged (for which learning waits a day at most);
    samples later than that are learned by ``relearn`` only. Memories and
    how far they are learned commit together, some servers and days at a time: killed anywhere, the next run goes on
    from the last commit, and the memories are the same to the last bit. A second run changes nothing.

    Raises:
        TransientError: Postgres is away; what was committed stays.
        PermanentError: it refused.
    """
    with postgres.transaction() as db:
        db.execute("baselines/lock")
        until_s = _judged_until_s(db, closed_until_s(now))
        learned = Learned(_at(until_s))
        learned.inherited_series |= inherit(db, log)
        db.execute("baselines/settle_silent", until_at=_at(until_s))
    while _learn_some(postgres, until_s, learned, log):
        pass
    with postgres.transaction() as db:
        db.execute("baselines/lock")
        _begin_new(db, now, learned)
        settle_origins(db)
    return learned


def _judged_until_s(db: Transaction, closed_s: int) -> int:
    """End of the newest closed block whose slots are judged; of the newest closed one where nothing judges."""
    judged_at: datetime | None = db.value("baselines/judged_until")
    if judged_at is None:
        return closed_s
    return min(closed_s, block_start(max(int(judged_at.timestamp()), closed_s - WAITS_S)))


def relearn(
    postgres: Postgres, now: datetime, *, server_id: str | None, metric: str | None, log: logging.Logger
) -> Learned:
    """Set memories aside and learn them anew from the history, up to 28 days of it.

    Args:
        postgres: the primary.
        now: blocks that are closed by now are learned.
        server_id: only this server; None: all.
        metric: only this metric; None: all.
        log: told about surprises.
    """
    with postgres.transaction() as db:
        db.execute("baselines/lock")
        whole, broken = read_memories(db, None if server_id is None else [server_id])
        stored: list[StoredMemory | UnreadableMemory] = [*whole, *broken]
        chosen = [one for one in stored if metric in (None, one.metric)]
        _learn_anew(db, chosen, "relearned on demand", closed_until_s(now))
    learned = learn_due(postgres, now, log=log)
    learned.set_aside |= {one.key: "relearned on demand" for one in chosen}
    return learned


def _learn_some(postgres: Postgres, until_s: int, learned: Learned, log: logging.Logger) -> bool:
    """Some servers and days, in one transaction; whether there may be more."""
    with postgres.transaction() as db:
        db.execute("baselines/lock")
        due = db.fetch("baselines/due_servers", DueServer, until_at=_at(until_s), server_limit=SERVERS_AT_ONCE)
        if not due:
            return False
        from_s = min(server.from_s(until_s) for server in due)
        to_s = min(from_s + RANGE_S, until_s)
        batch = [server for server in due if server.from_s(until_s) < to_s]
        units = read_units(db)
        whole, broken = read_memories(db, [server.server_id for server in batch])
        if broken:
            _mend(db, broken, until_s, learned, log)
            return True
        memories = {one.key: _in_unit(db, one, units, learned, log) for one in whole}
        grown = _folded(db, batch, memories, units, (from_s, to_s, until_s), learned)
        save(db, grown)
        db.execute("baselines/move_progress", server_ids=[server.server_id for server in batch], until_at=_at(to_s))
    return True


def _folded(
    db: Transaction,
    batch: Sequence[DueServer],
    memories: Mapping[SeriesKey, StoredMemory],
    units: Mapping[str, Unit],
    range_s: tuple[int, int, int],
    learned: Learned,
) -> list[StoredMemory]:
    from_s, to_s, until_s = range_s
    froms_s = {server.server_id: server.from_s(until_s) for server in batch}
    slots = history_slots(db, _at(from_s - LOOKBACK_S), _at(to_s), [server.server_no for server in batch])
    grown: list[StoredMemory] = []
    for key, (at_s, values) in slots.items():
        server_id, metric = key
        stored = memories.get(key) or StoredMemory(
            server_id=server_id, metric=metric, version=0, unit=units[metric], memory=Memory.empty()
        )
        memory = fold(stored.memory, at_s, values, froms_s[server_id], to_s)
        blocks = memory.version - stored.memory.version
        if blocks:
            learned.folded_blocks += blocks
            learned.changed_series.add(key)
            if key not in memories:
                learned.new_series.add(key)
            grown.append(stored.grown(memory))
    return grown


def _mend(
    db: Transaction, broken: Sequence[UnreadableMemory], until_s: int, learned: Learned, log: logging.Logger
) -> None:
    log.warning(
        "baselines: the memory of %s cannot be read; it is kept in holdfast.baseline_versions and learned anew from up "
        "to %d days of history. To have what was learned before that, import the vault's newest export: %s",
        named(one.key for one in broken), DAYS, broken[0].reason,
    )  # fmt: skip
    learned.set_aside |= {one.key: "unreadable" for one in broken}
    _learn_anew(db, broken, "unreadable", until_s)


def _learn_anew(db: Transaction, stored: Sequence[StoredMemory | UnreadableMemory], reason: str, until_s: int) -> None:
    units = read_units(db)
    for one in stored:
        begin_anew(db, one, units.get(one.metric, (1, 1)), reason)
    for server_id in sorted({one.server_id for one in stored}):
        db.execute("baselines/rewind_progress", server_id=server_id, at=_at(until_s - _WINDOW_S))


def _in_unit(
    db: Transaction, stored: StoredMemory, units: Mapping[str, Unit], learned: Learned, log: logging.Logger
) -> StoredMemory:
    """The memory, or an empty one where the metric's resolution is not the one it was learned with."""
    unit = units.get(stored.metric, stored.unit)
    if stored.unit == unit:
        return stored
    learned.set_aside[stored.key] = "unit changed"
    log.warning(
        "baselines: %s of %s was learned with %d/%d quanta in a unit, now it has %d/%d; what was learned is kept in "
        "holdfast.baseline_versions and learning begins anew from here, not from the history. If the history was "
        "converted: holdfast baselines relearn --server %s --metric %s",
        stored.metric, stored.server_id, *stored.unit, *unit, stored.server_id, stored.metric,
    )  # fmt: skip
    return begin_anew(db, stored, unit, "unit changed")


def _begin_new(db: Transaction, now: datetime, learned: Learned) -> None:
    """Series that report and have no closed block yet: their state is "learning, 0 h of 24 h"."""
    units = read_units(db)
    since = now - LATE - timedelta(seconds=2 * BLOCK_S)
    found = [
        StoredMemory(server_id=server_id, metric=metric, version=0, unit=units[metric], memory=Memory.empty())
        for server_id, metric in db.rows("baselines/unlearned_series", since=since)
    ]
    learned.new_series |= {one.key for one in found}
    save(db, found)


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
