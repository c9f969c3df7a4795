"""What is stored of baselines: memories, the baselines that sum them up, and which one judges a series."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from holdfast.baselines.baseline import Baseline, baseline_of
from holdfast.baselines.lending import LEARNING, OWN, InForce, SeriesKey, in_force
from holdfast.baselines.memory import Memory
from holdfast.baselines.status import coverage_of, status_of
from holdfast.errors import BaselineVersionError, DamagedBaselineError
from resources.postgres import Transaction
from resources.servers import read_templates

_LOG: Final = logging.getLogger("holdfast")

# Series that a line in the log names.
_NAMED: Final = 5

Unit = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMemory:
    """One series' memory as a row.

    Attributes:
        server_id: the server.
        metric: the metric.
        version: only ever rises: with every block folded, and when the memory is set aside and begun anew.
        unit: the metric's resolution it was learned with: quanta in a unit, units in a quantum.
        memory: what was learned.
        inherited_from: the server's former id, whose memory this was.
    """

    server_id: str
    metric: str
    version: int
    unit: Unit
    memory: Memory
    inherited_from: str | None = None

    @property
    def key(self) -> SeriesKey:
        """Server and metric."""
        return self.server_id, self.metric

    def grown(self, memory: Memory) -> "StoredMemory":
        """The same series with more learned."""
        return replace(self, memory=memory, version=self.version + memory.version - self.memory.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableMemory:
    """A row whose memory cannot be read.

    Attributes:
        server_id: the server.
        metric: the metric.
        version: the row's.
        inherited_from: the server's former id, whose memory this was.
        reason: what is wrong with its bytes.
    """

    server_id: str
    metric: str
    version: int
    inherited_from: str | None
    reason: str

    @property
    def key(self) -> SeriesKey:
        """Server and metric."""
        return self.server_id, self.metric


def read_memories(
    db: Transaction, server_ids: Iterable[str] | None = None
) -> tuple[list[StoredMemory], list[UnreadableMemory]]:
    """Memories of some servers, or of all, and the rows that cannot be read."""
    whole: list[StoredMemory] = []
    broken: list[UnreadableMemory] = []
    ids = None if server_ids is None else list(server_ids)
    for server_id, metric, version, per_unit, units, inherited_from, state in db.rows(
        "baselines/memories", server_ids=ids
    ):
        row = {"server_id": server_id, "metric": metric, "version": version, "inherited_from": inherited_from}
        try:
            whole.append(StoredMemory(**row, unit=(per_unit, units), memory=Memory.from_bytes(state)))
        except (DamagedBaselineError, BaselineVersionError) as error:
            broken.append(UnreadableMemory(**row, reason=str(error)))
    return whole, broken


def read_units(db: Transaction) -> dict[str, Unit]:
    """The resolution of every metric, as the catalogue in the database says it."""
    return {metric: (per_unit, units) for metric, per_unit, units in db.rows("baselines/units")}


def save(db: Transaction, memories: Sequence[StoredMemory]) -> None:
    """Write memories in place, each with the baseline that sums it up; old versions go."""
    rows = [_row(stored) for stored in memories]
    db.execute_many("baselines/save_memory", rows)
    db.execute_many("baselines/save_version", rows)
    db.execute("baselines/prune_versions", server_ids=sorted({stored.server_id for stored in memories}))


def set_aside(db: Transaction, server_id: str, metric: str, reason: str) -> None:
    """Keep a series' memory, as it is, with its newest version; to be called before another is saved."""
    db.execute("baselines/set_aside", server_id=server_id, metric=metric, status=f"reset: {reason}")


def begin_anew(db: Transaction, stored: StoredMemory | UnreadableMemory, unit: Unit, reason: str) -> StoredMemory:
    """Set a series' memory aside and put an empty one in its place, one version later."""
    set_aside(db, stored.server_id, stored.metric, reason)
    empty = StoredMemory(
        server_id=stored.server_id,
        metric=stored.metric,
        version=stored.version + 1,
        unit=unit,
        memory=Memory.empty(),
        inherited_from=stored.inherited_from,
    )
    save(db, [empty])
    return empty


def baselines_in_force(db: Transaction, log: logging.Logger = _LOG) -> dict[SeriesKey, InForce]:
    """The baseline that judges each series, by server id and metric: its own, or while it is learning its kind's.

    Reads the compact baselines only. A series that has none and cannot borrow one is absent; one whose baseline cannot
    be read is too, with a warning, until the next learning writes it anew.
    """
    own, unreadable = _read_own(db)
    if unreadable:
        log.warning(
            "baselines: %s not judged by its own baseline until it is learned anew, which the next learning does: %s",
            named(unreadable), next(iter(unreadable.values())),
        )  # fmt: skip
    return _in_force(db, own)


def named(series: Iterable[SeriesKey]) -> str:
    """Some series by name, and how many more: one line in a log, however many they are."""
    names = [f"{metric} of {server_id}" for server_id, metric in series]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def settle_origins(db: Transaction) -> None:
    """Make baselines that cannot be read anew from their memories, and write down whose band judges each series."""
    own, unreadable = _read_own(db)
    if unreadable:
        stored, _ = read_memories(db, {server_id for server_id, _ in unreadable})
        save(db, [one for one in stored if one.key in unreadable])
        own, _ = _read_own(db)
    now = _in_force(db, own)
    changed = [
        {"server_id": key[0], "metric": key[1], "version": version, "origin": now[key].origin}
        for key, (_, version, origin) in own.items()
        if now[key].origin != origin
    ]
    db.execute_many("baselines/set_origin", changed)


Own = dict[SeriesKey, tuple[Baseline, int, str]]


def _read_own(db: Transaction) -> tuple[Own, dict[SeriesKey, str]]:
    """Every series' own baseline with its version and origin, and why others cannot be read."""
    own: Own = {}
    unreadable: dict[SeriesKey, str] = {}
    for server_id, metric, version, origin, state in db.rows_in_binary("baselines/newest_baselines"):
        try:
            own[server_id, metric] = Baseline.from_bytes(state), version, origin
        except (DamagedBaselineError, BaselineVersionError) as error:
            unreadable[server_id, metric] = str(error)
    return own, unreadable


def _in_force(db: Transaction, own: Own) -> dict[SeriesKey, InForce]:
    servers = [one.template for one in read_templates(db).values() if one.retired_at is None]
    return in_force({key: (baseline, version) for key, (baseline, version, _) in own.items()}, servers)


def _row(stored: StoredMemory) -> dict[str, Any]:
    baseline = baseline_of(stored.memory)
    profile = baseline.profile()
    return {
        "server_id": stored.server_id,
        "metric": stored.metric,
        "version": stored.version,
        "per_unit": stored.unit[0],
        "units_per_quantum": stored.unit[1],
        "inherited_from": stored.inherited_from,
        "learned_from": instant(stored.memory.learned_from_s),
        "learned_until": instant(stored.memory.learned_until_s),
        "state": stored.memory.to_bytes(),
        "status": status_of(baseline),
        "is_learning": baseline.is_learning,
        "origin": LEARNING if baseline.is_learning else OWN,
        "window_from": instant(max(baseline.learned_from_s, stored.memory.learned_from_s)),
        "coverage": coverage_of(baseline, stored.memory.learned_from_s),
        "slot_s": profile.slot_s,
        "centre": _numbers(profile.centre),
        "spread": _numbers(profile.spread),
        "slot_coverage": _numbers(profile.coverage),
        "baseline": baseline.to_bytes(),
    }


def instant(at_s: int) -> datetime | None:
    """Seconds since the epoch as an instant; below 0 is none."""
    return None if at_s < 0 else datetime.fromtimestamp(at_s, UTC)


def _numbers(values: Any) -> list[float | None]:
    return [value if value == value else None for value in values.tolist()]
