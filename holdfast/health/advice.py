"""What to do about two stores, in words. Thresholds stand here, each with its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from holdfast.consistency.reports import CRITICAL_RATE, WARNING_RATE
from holdfast.health.rates import worst_rate
from holdfast.health.stores import PRIMARY, SECONDARY, Answer, PairHealth, StoreHealth

Level = Literal["look", "warning", "critical"]
Severity = Literal["ok", "look", "warning", "critical"]
RANK: Final[Mapping[Severity, int]] = {"ok": 0, "look": 1, "warning": 2, "critical": 3}
SETTINGS: Final[Mapping[str, str]] = {PRIMARY: "DATABASE_URL", SECONDARY: "SUPABASE_DB_URL"}

# Source: the seed's daily checks (100 and 200 ms), its alarms (500 ms, 5 minutes) and its indicators (99.9 %).
LOOK_MS: Final[Mapping[str, float]] = {PRIMARY: 100.0, SECONDARY: 200.0}
WARNING_MS: Final = 500.0
OPEN_FOR: Final = timedelta(minutes=5)
AVAILABILITY: Final = 0.999
CONNECTIONS_SHARE: Final = 0.8
SIZE_LOOK_SHARE: Final = 0.8
SIZE_WARNING_SHARE: Final = 0.9
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A recommendation: what is, and what to do.

    Attributes:
        store: that it is about; None: both.
    """

    level: Level
    store: str | None
    finding: str
    remedy: str

    def __str__(self) -> str:
        """As a sentence."""
        return f"{self.finding}: {self.remedy}."


def advise(pair: PairHealth) -> tuple[Advice, ...]:
    """What to do, the gravest first."""
    found = [*_of_pair(pair), *(one for store in pair.stores for one in _of_store(store, pair.probed_at))]
    return tuple(sorted(found, key=lambda one: -RANK[one.level]))


def severity(advice: Sequence[Advice]) -> Severity:
    """The gravest level; ``ok`` where there is nothing to do."""
    return max((one.level for one in advice), key=lambda level: RANK[level], default="ok")


def about(advice: Sequence[Advice], store: str) -> tuple[Advice, ...]:
    """What concerns one store, alone or with the other, in the same order."""
    return tuple(one for one in advice if one.store in (store, None))


def _of_pair(pair: PairHealth) -> Iterator[Advice]:
    if pair.is_paired and not any(one.answer for one in pair.stores):
        yield Advice(
            level="critical",
            store=None,
            finding="neither store answers",
            remedy="put the applications into maintenance, start a store or restore a backup, then compare both",
        )
    worst = worst_rate(pair.rates or ())
    if worst is not None and worst.rate >= WARNING_RATE:
        yield Advice(
            level="critical" if worst.rate > CRITICAL_RATE else "warning",
            store=None,
            finding=f"{worst.rate:.2%} of the rows of {worst.table_name} differ ({worst.mode} comparison of "
            f"{worst.ended_at:%Y-%m-%d %H:%M} UTC)",
            remedy="read consistency_report, then plan a repair with consistency_repair",
        )


def _of_store(one: StoreHealth, now: datetime) -> Iterator[Advice]:
    yield from _of_breaker(one, now)
    if one.answer is None:
        setting = SETTINGS.get(one.store, "its URL")
        yield Advice(
            level="warning",
            store=one.store,
            finding=f"the {one.store} does not answer ({one.problem.rstrip('.')})",
            remedy=f"start it or correct {setting} (holdfast doctor tells more); once it is back, compare and repair",
        )
        return
    yield from _of_latency(one.store, one.answer)
    yield from _of_room(one, one.answer)
    yield from _of_tables(one.store, one.answer)
    share = one.availability.day if one.availability else None
    if share is not None and share < AVAILABILITY:
        yield Advice(
            level="look",
            store=one.store,
            finding=f"the {one.store} answered {share:.1%} of the probes of 24 hours, {AVAILABILITY:.1%} is the goal",
            remedy="holdfast.storage_health tells when it did not and why",
        )


def _of_breaker(one: StoreHealth, now: datetime) -> Iterator[Advice]:
    breaker = one.breaker
    if one.breaker_state == "closed" or breaker.opened_at is None:
        return
    since = f"since {breaker.opened_at:%Y-%m-%d %H:%M} UTC"
    if breaker.forced:
        said = breaker.forced_reason or "no reason given"
        why, remedy = f"forced by {breaker.forced_by}: {said}", f"holdfast breakers auto {one.store} when that is over"
    else:
        why = f"after {breaker.failures} failures, the last: {breaker.reason.rstrip('.')}"
        remedy = "mend the store; a call tries it by itself every few minutes and closes the breaker"
    yield Advice(
        level="critical" if now - breaker.opened_at >= OPEN_FOR else "look",
        store=one.store,
        finding=f"the breaker of the {one.store} is open {since} ({why})",
        remedy=remedy,
    )


def _of_latency(store: str, answer: Answer) -> Iterator[Advice]:
    limit_ms = LOOK_MS.get(store, LOOK_MS[SECONDARY])
    if answer.p50_ms <= limit_ms:
        return
    is_slow = answer.p50_ms > WARNING_MS
    yield Advice(
        level="warning" if is_slow else "look",
        store=store,
        finding=f"the {store} takes {answer.p50_ms:.0f} ms for a round trip, {WARNING_MS if is_slow else limit_ms:.0f} "
        "ms is the limit",
        remedy="look at its load and connections, and whether it is in the region of the applications",
    )


def _of_room(one: StoreHealth, answer: Answer) -> Iterator[Advice]:
    if answer.connections_share > CONNECTIONS_SHARE:
        yield Advice(
            level="warning",
            store=one.store,
            finding=f"{answer.connections_used} of {answer.connections_max} connections of the {one.store} are in use",
            remedy="close idle ones, use its pooler, or lower the pool size of the applications",
        )
    share = answer.size_bytes / one.budget_bytes if one.budget_bytes else 0.0
    if share > SIZE_LOOK_SHARE:
        yield Advice(
            level="warning" if share > SIZE_WARNING_SHARE else "look",
            store=one.store,
            finding=f"the {one.store} holds {answer.size_bytes / _MB:.0f} of {(one.budget_bytes or 0) / _MB:.0f} MB "
            f"({share:.0%})",
            remedy="keep fewer days, delete what is not needed, or raise its budget: a full free tier is read-only",
        )
    if answer.is_standby or answer.is_read_only:
        yield Advice(
            level="warning",
            store=one.store,
            finding=f"the {one.store} takes no writes ({'a standby' if answer.is_standby else 'set read-only'})",
            remedy=f"point {SETTINGS.get(one.store, 'its URL')} at the server that does, or make room on it",
        )


def _of_tables(store: str, answer: Answer) -> Iterator[Advice]:
    if answer.missing_tables:
        yield Advice(
            level="warning",
            store=store,
            finding=f"the {store} lacks {', '.join(answer.missing_tables)}",
            remedy="storage_schema shows the plan that makes them; or take them out of assets/catalog.py",
        )
