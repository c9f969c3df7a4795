"""Breakers of stores, shared between runs: in Redis, else in the primary, else within this process."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Final, TypeVar

from holdfast import breaker as decide
from holdfast.breaker import Action, Breaker, BreakerStates, Permit, Policy, State
from holdfast.errors import BreakerOpenError, HoldfastError, PermanentError, TransientError
from resources.guards.changes import Change, change_in, read
from resources.guards.postgres_states import PostgresStates
from resources.guards.process_states import OF_THIS_PROCESS
from resources.guards.redis_states import TIMEOUT_S, RedisStates

T = TypeVar("T")
PRIMARY: Final = "primary"
SECONDARY: Final = "secondary"
STORES: Final = (PRIMARY, SECONDARY)

# How long what was read of a breaker is believed: within it an open one costs nothing, and neither does a closed one.
_VIEW_S: Final = 2.0
# How long a tier that was away is not asked again.
_REST_S: Final = {"redis": 5.0, "postgres": 15.0}
_LOG: Final = logging.getLogger("holdfast")


class _NoAnswerError(HoldfastError):
    """A tier is away, or was a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a breaker is at a moment.

    Attributes:
        tier: who says so: ``redis``, ``postgres`` or ``process``.
    """

    name: str
    breaker: Breaker
    at: datetime
    tier: str

    @property
    def state(self) -> State:
        """What people read."""
        return self.breaker.state(self.at)


Outcome = Callable[[Breaker, Permit, datetime], Breaker]


@dataclass(frozen=True, slots=True)
class _View:
    """What was read of a breaker, and until when that is believed.

    Attributes:
        refused_at: when a call was refused by it; None where none was.
    """

    breaker: Breaker
    tier: str
    until_s: float
    refused_at: datetime | None = None


class Breakers:
    """The breakers of all stores.

    Reading one that is closed is one Redis command, once in two seconds; its success writes nothing.
    """

    def __init__(
        self, tiers: Sequence[BreakerStates], *, policy: Policy | None = None, view_s: float = _VIEW_S
    ) -> None:
        """Opens nothing yet.

        Args:
            tiers: asked in this order; the last one is never away.
            policy: when a breaker opens, and when it may be tried again.
            view_s: how long what was read is believed, in seconds.
        """
        self._tiers = tiers
        self._policy = policy or Policy()
        self._view_s = view_s
        self._views: dict[str, _View] = {}
        self._resting_until_s: dict[str, float] = {}

    @contextmanager
    def guard(self, name: str, *, is_away: Callable[[], bool] | None = None) -> Iterator[None]:
        """Do the block only if the store's breaker lets it, and let the breaker learn from how it ends.

        A ``TransientError`` counts as a failure of the store; what is wrong with a statement or a row
        (``PermanentError``), any other error, and the open breaker of another store do not.

        Args:
            name: of the store: ``primary`` or ``secondary``.
            is_away: asked after a ``TransientError`` where the block talks to other stores as well: whether it was
                this one. Without it the error is always this store's.

        Raises:
            BreakerOpenError: the breaker is open; nothing was done.
        """
        permit, tier = self._admit(name)
        outcome: Outcome = decide.released
        try:
            yield
            outcome = decide.succeeded
        except BreakerOpenError:
            raise
        except TransientError as error:
            if is_away is None or is_away():
                outcome = partial(decide.failed, reason=str(error), policy=self._policy)
            raise
        finally:
            self._settle(name, permit, tier, outcome)

    def look(self, name: str) -> Look:
        """How a breaker is now; asks anew."""
        change = self._change(name, lambda one, _: one)
        return Look(name=name, breaker=change.after, at=change.at, tier=change.tier)

    def glance(self, name: str) -> Look:
        """The same, from what was read in the last two seconds where that says that it is closed."""
        view = self._view(name)
        if not view.breaker.is_clean:
            return self.look(name)
        return Look(name=name, breaker=view.breaker, at=datetime.now(UTC), tier=view.tier)

    def force(self, name: str, action: Action, *, by: str, reason: str) -> tuple[Look, tuple[str, ...]]:
        """Do what an operator says, in every tier that can be reached; how it is then, and which tiers know.

        Raises:
            TransientError: neither Redis nor the primary can be reached: nobody else would learn of it.
        """
        self._views.pop(name, None)
        told, said_at = [], datetime.now(UTC)

        def say(one: Breaker, now: datetime) -> Breaker:
            after = decide.forced(one, action, now, by=by, reason=reason)
            # The operator's clock: words are compared between tiers, whose clocks may differ.
            return after if after == one else replace(after, forced_at=said_at)

        for states in self._shared():
            with suppress(HoldfastError):
                change_in(states, name, say)
                told.append(states.tier)
        if not told:
            raise TransientError(
                f"breaker of {name}: neither Redis nor the primary can be reached, so nothing was changed; "
                "start one of them and say it again"
            )
        return self.look(name), tuple(told)

    def carry_over(self, name: str) -> bool:
        """Tell an operator's newest word to tiers that do not know it: a Redis lost its data; whether there was one."""
        known = []
        for states in self._shared():
            with suppress(_NoAnswerError):
                known.append((states, self._try(states, lambda one: read(one, name)[1])))
        if known:
            states, breaker = known[0]
            self._views[name] = _View(breaker, states.tier, time.monotonic() + self._view_s)
        spoken = [(one.forced_at, one) for _, one in known if one.forced_at is not None]
        if not spoken:
            return False
        newest_at, newest = max(spoken, key=itemgetter(0))
        behind = [states for states, one in known if one.forced_at != newest_at]
        for states in behind:
            self._views.pop(name, None)
            with suppress(_NoAnswerError):
                self._try(states, lambda one: change_in(one, name, lambda was, now: decide.adopted(was, newest, now)))
        return bool(behind)

    def _admit(self, name: str) -> tuple[Permit, str]:
        view = self._view(name)
        if view.breaker.is_clean:
            return Permit(generation=view.breaker.generation), view.tier
        if view.refused_at:
            raise view.breaker.refusal(name, view.refused_at)
        token = uuid.uuid4().hex
        change = self._change(name, lambda one, now: decide.admit(one, now, token, self._policy))
        permit = decide.permit(change.after, token)
        self._remember(name, change, refused_at=None if permit else change.at)
        if permit is None:
            raise change.after.refusal(name, change.at)
        return permit, change.tier

    def _settle(self, name: str, permit: Permit, tier: str, outcome: Outcome) -> None:
        view = self._views.get(name)
        knows_failures = view is not None and view.breaker.failures > 0
        is_silent = outcome is decide.released or (outcome is decide.succeeded and not knows_failures)
        if is_silent and not permit.is_probe:
            return

        def settle(states: BreakerStates) -> Change:
            def alter(one: Breaker, now: datetime) -> Breaker:
                # Another tier than the one that let it go ahead knows nothing of its generation.
                given = permit if states.tier == tier else Permit(generation=one.generation)
                return outcome(one, given, now)

            return change_in(states, name, alter)

        change = self._ask(settle)
        self._remember(name, change)
        if change.after.opened_at and not change.before.opened_at:
            _LOG.warning("breakers: %s is open after %d failures in a row", name, change.after.failures)

    def _view(self, name: str) -> _View:
        view = self._views.get(name)
        if view is not None and time.monotonic() < view.until_s:
            return view
        breaker, tier = self._ask(lambda states: (read(states, name)[1], states.tier))
        view = self._views[name] = _View(breaker, tier, time.monotonic() + self._view_s)
        return view

    def _remember(self, name: str, change: Change, *, refused_at: datetime | None = None) -> None:
        self._views[name] = _View(change.after, change.tier, time.monotonic() + self._view_s, refused_at)

    def _change(self, name: str, alter: Callable[[Breaker, datetime], Breaker]) -> Change:
        return self._ask(lambda states: change_in(states, name, alter))

    def _ask(self, question: Callable[[BreakerStates], T]) -> T:
        """The answer of the first tier that gives one."""
        for states in self._shared():
            with suppress(_NoAnswerError):
                return self._try(states, question)
        return question(self._tiers[-1])

    def _try(self, states: BreakerStates, question: Callable[[BreakerStates], T]) -> T:
        """The answer of one tier; one that is away is not asked again for a while.

        Raises:
            _NoAnswerError: it gave none.
        """
        if time.monotonic() < self._resting_until_s.get(states.tier, 0.0):
            raise _NoAnswerError
        try:
            return question(states)
        except HoldfastError as error:
            rest_s = _REST_S.get(states.tier, 0.0)
            self._resting_until_s[states.tier] = time.monotonic() + rest_s
            _LOG.warning("breakers: %s does not keep their state for the next %g s: %s", states.tier, rest_s, error)
            raise _NoAnswerError from error

    def _shared(self) -> Sequence[BreakerStates]:
        return self._tiers[:-1]


def open_breakers(
    *, redis_url: str | None, database_url: str | None, timeout_s: float = TIMEOUT_S, policy: Policy | None = None
) -> Breakers:
    """The breakers of a deployment. Opens nothing yet.

    Args:
        redis_url: None where Redis is off: no socket is opened to it.
        database_url: of the primary; None where there is none.
        timeout_s: longest wait for Redis, in seconds.
        policy: when a breaker opens, and when it may be tried again.
    """
    tiers: list[BreakerStates] = []
    if redis_url:
        # Metrics say what is wrong with it; a guard goes on without it.
        with suppress(PermanentError):
            tiers.append(RedisStates(redis_url, timeout_s=timeout_s))
    if database_url:
        tiers.append(PostgresStates(database_url))
    return Breakers([*tiers, OF_THIS_PROCESS], policy=policy)
