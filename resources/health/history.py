"""How the stores were: rows of ``holdfast.storage_health``, and what they tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from holdfast.errors import TransientError
from holdfast.health.advice import Advice, about, advise, severity
from holdfast.health.rates import Rate
from holdfast.health.stores import PRIMARY, Availability, PairHealth, StoreHealth
from resources.health.waiting import Row, Waiting
from resources.postgres import Postgres, Transaction

KEEP: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class _Counted:
    store: str
    day_probes: int
    day_answered: int
    week_probes: int
    week_answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written.

    Attributes:
        rows: of this probe.
        late_rows: of probes that had to wait for the primary.
        forgotten_rows: that were older than 400 days.
    """

    rows: int
    late_rows: int
    forgotten_rows: int


def completed(db: Transaction, pair: PairHealth) -> PairHealth:
    """With what the history and the comparisons of the newest 24 hours say."""
    counted = {one.store: one for one in db.fetch("health/availability", _Counted, at=pair.probed_at)}
    rates = tuple(db.fetch("health/rates", Rate, at=pair.probed_at))
    return replace(pair, stores=tuple(_counted(one, counted.get(one.store)) for one in pair.stores), rates=rates)


def record(postgres: Postgres, waiting: Waiting, pair: PairHealth) -> tuple[PairHealth, Recorded]:
    """Write how the stores are, after what waited; the pair with what the history says, and what was written.

    A second time with the same probe writes nothing.

    Raises:
        HoldfastError: the primary did not take it; nothing was written and what waits goes on waiting. One that did not
            answer the probe is not asked again.
    """
    keeper = pair.store(PRIMARY)
    if keeper is None or keeper.answer is None:
        raise TransientError("the primary did not answer")
    files = waiting.files()
    with postgres.transaction() as db:
        late = db.execute_many("health/insert", waiting.read(files)) if files else 0
        whole = completed(db, pair)
        written = db.execute_many("health/insert", rows_of(whole))
        forgotten = db.execute("health/forget", before=pair.probed_at - KEEP)
    waiting.drop(files)
    return whole, Recorded(rows=written, late_rows=late, forgotten_rows=forgotten)


def latencies(db: Transaction, at: datetime) -> dict[str, list[tuple[datetime, float | None]]]:
    """Median latency in ms by store over 24 hours; None where it did not answer."""
    points: dict[str, list[tuple[datetime, float | None]]] = {}
    for store, probed_at, latency_ms in db.rows("health/latencies", at=at):
        points.setdefault(store, []).append((probed_at, latency_ms))
    return points


def rows_of(pair: PairHealth) -> Sequence[Row]:
    """One row per store, as the table has it."""
    advice = advise(pair)
    return [_row(pair, one) | _told(about(advice, one.store)) for one in pair.stores]


def _told(advice: Sequence[Advice]) -> Row:
    return {"severity": severity(advice), "advice": [str(one) for one in advice]}


def _row(pair: PairHealth, one: StoreHealth) -> Row:
    return {
        "probed_at": pair.probed_at,
        "store": one.store,
        "mode": pair.mode,
        "is_available": one.answer is not None,
        "problem": one.problem,
        "budget_bytes": one.budget_bytes,
        "breaker_state": one.breaker_state,
        "breaker_is_forced": one.breaker.forced is not None,
        "breaker_failures": one.breaker.failures,
        "breaker_opened_at": one.breaker.opened_at,
        "breaker_reason": one.breaker.forced_reason if one.breaker.forced else one.breaker.reason,
        **_answer(one),
    }


def _answer(one: StoreHealth) -> Row:
    said = one.answer
    return {
        "connect_ms": said and said.connect_ms,
        "latency_p50_ms": said and said.p50_ms,
        "latency_p95_ms": said and said.p95_ms,
        "connections_used": said and said.connections_used,
        "connections_max": said and said.connections_max,
        "size_bytes": said and said.size_bytes,
        "is_read_only": said and (said.is_read_only or said.is_standby),
        "version": said and said.version,
        "missing_tables": said and list(said.missing_tables),
        "replicated_tables": said and sorted(said.replicated_tables),
    }


def _counted(one: StoreHealth, before: _Counted | None) -> StoreHealth:
    counts = Availability()
    if before is not None:
        counts = Availability(
            day_probes=before.day_probes,
            day_answered=before.day_answered,
            week_probes=before.week_probes,
            week_answered=before.week_answered,
        )
    return replace(one, availability=counts.with_probe(one.answer is not None))
