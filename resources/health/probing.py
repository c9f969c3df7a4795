"""One store, asked how it is: a few round trips on a fresh connection, then what it says of itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from holdfast.consistency.tables import TableName
from holdfast.errors import BreakerOpenError, HoldfastError
from holdfast.health.stores import PRIMARY, SECONDARY, Answer, PairHealth, StoreHealth
from holdfast.retries import Backoff
from resources.guards.breakers import Breakers
from resources.guards.deadline import deadline
from resources.postgres import Postgres, Transaction

ROUND_TRIPS: Final = 5
_ONCE: Final = Backoff(attempts=1)
# A frozen server takes the connection and never answers: each of the two is bounded.
_CONNECT_S: Final = 5
_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where a store is, and what it may hold.

    Attributes:
        budget_bytes: size it may have; None where nothing is configured.
    """

    name: str
    dsn: str
    budget_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says about itself in one round trip."""

    version: str
    is_standby: bool
    is_read_only: bool
    backend_pid: int
    size_bytes: int
    has_all_connections: bool
    connections_used: int
    connections_max: int
    standbys: int


def configured(
    primary_url: str, secondary_url: str | None, primary_budget_mb: int | None, secondary_budget_mb: int | None
) -> tuple[Store, ...]:
    """The stores that are configured, the primary first."""
    primary = Store(name=PRIMARY, dsn=primary_url, budget_bytes=_bytes(primary_budget_mb))
    if not secondary_url:
        return (primary,)
    return primary, Store(name=SECONDARY, dsn=secondary_url, budget_bytes=_bytes(secondary_budget_mb))


def examine(
    stores: Sequence[Store], breakers: Breakers, tables: Sequence[TableName], probed_at: datetime
) -> PairHealth:
    """How the stores are, one after the other: two at once on one processor would measure each other."""
    return PairHealth(probed_at=probed_at, stores=tuple(probe(store, breakers, tables) for store in stores))


def probe(store: Store, breakers: Breakers, tables: Sequence[TableName]) -> StoreHealth:
    """Ask a store how it is, within 15 seconds whatever it does; a store that is left alone is asked all the same.

    Its breaker learns from the answer, and a probe that is due is this one.
    """
    breakers.carry_over(store.name)
    answer, problem = None, ""
    try:
        with breakers.guard(store.name):
            answer = ask(store.dsn, tables)
    except BreakerOpenError:
        answer, problem = _ask_anyway(store.dsn, tables)
    except HoldfastError as error:
        problem = _said(error)
    look = breakers.glance(store.name)
    return StoreHealth(
        store=store.name,
        answer=answer,
        problem=problem,
        breaker=look.breaker,
        breaker_state=look.state,
        tier=look.tier,
        budget_bytes=store.budget_bytes,
    )


def ask(dsn: str, tables: Sequence[TableName]) -> Answer:
    """What a store says.

    Raises:
        TransientError: it is away, or took the connection and did not answer.
        PermanentError: it refused the login.
    """
    postgres = Postgres(dsn, connect_timeout_s=_CONNECT_S)
    began_s = time.perf_counter()
    with postgres.autocommit(backoff=_ONCE) as line:
        connect_ms = _ms_since(began_s)
        with deadline(line, _ANSWER_S), line.transaction():
            db = Transaction(line)
            db.execute("session/begin", timeout_ms=int(_ANSWER_S * 1000))
            # Not counted: the first question of a session pays for what later ones find ready.
            db.value("doctor/ping")
            latencies_ms = tuple(_round_trip_ms(db) for _ in range(ROUND_TRIPS))
            (facts,) = db.fetch("health/facts", Facts)
            schemas, names = [one.schema for one in tables], [one.name for one in tables]
            declared = db.rows("health/declared", schemas=schemas, names=names)
            # A pooler makes up the process that it tells clients of.
            is_pooled = facts.backend_pid != line.info.backend_pid
    return _answer(connect_ms, latencies_ms, facts, declared, is_pooled=is_pooled)


def _answer(
    connect_ms: float,
    latencies_ms: tuple[float, ...],
    facts: Facts,
    declared: list[tuple[Any, ...]],
    *,
    is_pooled: bool,
) -> Answer:
    named = [(str(TableName(schema, name)), is_there, where) for schema, name, is_there, where in declared]
    return Answer(
        connect_ms=connect_ms,
        latencies_ms=latencies_ms,
        version=facts.version.split(" ")[0],
        is_standby=facts.is_standby,
        is_read_only=facts.is_read_only,
        connections_used=facts.connections_used,
        connections_max=facts.connections_max,
        has_all_connections=facts.has_all_connections,
        is_pooled=is_pooled,
        size_bytes=facts.size_bytes,
        standbys=facts.standbys,
        missing_tables=tuple(name for name, is_there, _ in named if not is_there),
        replicated_tables={name: where for name, _, where in named if where},
    )


def _ask_anyway(dsn: str, tables: Sequence[TableName]) -> tuple[Answer | None, str]:
    try:
        return ask(dsn, tables), ""
    except HoldfastError as error:
        return None, _said(error)


def _round_trip_ms(db: Transaction) -> float:
    began_s = time.perf_counter()
    db.value("doctor/ping")
    return _ms_since(began_s)


def _ms_since(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1000


def _said(error: HoldfastError) -> str:
    """What the driver said where it did: ours adds what becomes of a transaction, and here is none."""
    said = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    return " ".join(str(said).split()) or type(said).__name__


def _bytes(megabytes: int | None) -> int | None:
    return None if megabytes is None else megabytes * 1_000_000
