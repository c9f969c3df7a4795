"""What each store said, and what that makes of the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from holdfast.breaker import Breaker, State
from holdfast.health.rates import Rate

PairMode = Literal["full", "degraded", "disabled"]
PRIMARY: Final = "primary"
SECONDARY: Final = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a store said of itself.

    Attributes:
        connect_ms: to connect and log in.
        latencies_ms: of short round trips on that connection, in their order.
        connections_used: of the whole server.
        connections_max: that it gives to users who are no administrators.
        has_all_connections: whether this role may tell users' connections from the server's own workers.
        is_pooled: whether a pooler stands in between: its own limit is not known.
        standbys: servers that stream from it.
        missing_tables: declared tables that it lacks.
        replicated_tables: declared tables by the publications and subscriptions they are part of.
    """

    connect_ms: float
    latencies_ms: tuple[float, ...]
    version: str = ""
    is_standby: bool = False
    is_read_only: bool = False
    connections_used: int = 0
    connections_max: int = 0
    has_all_connections: bool = True
    is_pooled: bool = False
    size_bytes: int = 0
    standbys: int = 0
    missing_tables: tuple[str, ...] = ()
    replicated_tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def p50_ms(self) -> float:
        """Median of the round trips."""
        return quantile(self.latencies_ms, 0.5)

    @property
    def p95_ms(self) -> float:
        """95th percentile of the round trips, interpolated."""
        return quantile(self.latencies_ms, 0.95)

    @property
    def connections_share(self) -> float:
        """Connections in use of those it gives, 0 to 1 and above."""
        return self.connections_used / self.connections_max if self.connections_max > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Of how many probes how many were answered, this one included."""

    day_probes: int = 0
    day_answered: int = 0
    week_probes: int = 0
    week_answered: int = 0

    @property
    def day(self) -> float | None:
        """Share over 24 hours; None before the first probe."""
        return self.day_answered / self.day_probes if self.day_probes else None

    @property
    def week(self) -> float | None:
        """Share over 7 days; None before the first probe."""
        return self.week_answered / self.week_probes if self.week_probes else None

    def with_probe(self, is_answered: bool) -> "Availability":
        """With one probe more."""
        return Availability(
            day_probes=self.day_probes + 1,
            day_answered=self.day_answered + is_answered,
            week_probes=self.week_probes + 1,
            week_answered=self.week_answered + is_answered,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """How one store is.

    Attributes:
        answer: None where it is not available, for the reason in ``problem``.
        breaker: its breaker, after this probe.
        tier: who keeps that: ``redis``, ``postgres`` or ``process``.
        budget_bytes: size it may have; None where nothing is configured.
        availability: None where the history cannot be read.
    """

    store: str
    answer: Answer | None
    problem: str = ""
    breaker: Breaker = field(default_factory=Breaker)
    breaker_state: State = "closed"
    tier: str = "process"
    budget_bytes: int | None = None
    availability: Availability | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it answers and its breaker lets calls through."""
        return self.answer is not None and self.breaker_state == "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHealth:
    """How both stores are at a moment.

    Attributes:
        stores: those that are configured.
        rates: what comparisons of the newest 24 hours said; None where nobody can say.
    """

    probed_at: datetime
    stores: tuple[StoreHealth, ...]
    rates: tuple[Rate, ...] | None = None

    @property
    def is_paired(self) -> bool:
        """Whether there is a secondary store."""
        return len(self.stores) > 1

    @property
    def mode(self) -> PairMode:
        """``full``: both can be used. ``degraded``: one. ``disabled``: none, or there are no two to keep equal."""
        usable = sum(one.is_usable for one in self.stores)
        if not self.is_paired or not usable:
            return "disabled"
        return "full" if usable == len(self.stores) else "degraded"

    @property
    def mode_reason(self) -> str:
        """Why it is that mode."""
        if not self.is_paired:
            return "SUPABASE_DB_URL is not set: there is no secondary store"
        reasons = [_unusable(one) for one in self.stores if not one.is_usable]
        return "; ".join(reasons) or "both stores answer and their breakers are closed"

    def store(self, name: str) -> StoreHealth | None:
        """The store of that name; None where it is not configured."""
        return next((one for one in self.stores if one.store == name), None)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies, interpolated between neighbours.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("no values: a quantile needs at least one")
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)


def replication_words(answer: Answer) -> str:
    """What is known of replication, in a sentence."""
    parts = [f"{table} is in {where}" for table, where in sorted(answer.replicated_tables.items())]
    words = "; ".join(parts) or "no declared table is in a publication or a subscription"
    streams = f"{answer.standbys} server{' streams' if answer.standbys == 1 else 's stream'} from it"
    return f"{words}; {streams}" if answer.standbys else words


def connections_words(answer: Answer) -> str:
    """How many connections there are, and how far that can be known."""
    notes = [] if answer.has_all_connections else ["the server's own workers included"]
    notes += ["a pooler is in between, its own limit is not known"] if answer.is_pooled else []
    aside = f" ({'; '.join(notes)})" if notes else ""
    return f"{answer.connections_used} of {answer.connections_max}{aside}"


def server_words(answer: Answer) -> str:
    """Its version, and whether it takes writes."""
    kind = ", a standby" if answer.is_standby else ", read-only" if answer.is_read_only else ""
    return f"PostgreSQL {answer.version}{kind}"


def size_words(one: StoreHealth) -> str:
    """Its size, and of how much, where that is configured."""
    if one.answer is None:
        return ""
    budget = f" of {one.budget_bytes / 1e6:.0f}" if one.budget_bytes else ""
    return f"{one.answer.size_bytes / 1e6:.0f}{budget} MB"


def availability_words(one: StoreHealth) -> str:
    """Of the probes how many it answered."""
    counts = one.availability
    if counts is None or counts.day is None or counts.week is None:
        return "unknown"
    return f"{counts.day:.2%} of 24 h, {counts.week:.2%} of 7 d"


def breaker_words(one: StoreHealth) -> str:
    """The state of its breaker, and who keeps it."""
    return f"{one.breaker_state.replace('_', '-')}{', forced' if one.breaker.forced else ''} ({one.tier})"


def _unusable(one: StoreHealth) -> str:
    if one.answer is None:
        return f"the {one.store} does not answer"
    return f"the breaker of the {one.store} is {one.breaker_state.replace('_', '-')}"
