"""When a store that fails is left alone, and when one call may try it again. Where the state lives is not decided here.

closed ──3 failures in a row──▶ open ──60 s──▶ half-open: one probe ──success──▶ closed
                                  ▲                    │
                                  └──failure: wait twice as long, at most 4 minutes
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol, Self

from holdfast.errors import BreakerOpenError, MalformedEntryError

State = Literal["closed", "open", "half_open"]
Forced = Literal["open", "closed"]
# What an operator may say; "auto" takes back what was forced.
Action = Literal["open", "close", "auto"]

_FORMAT: Final = 1
_REASON_LETTERS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient a breaker is.

    Attributes:
        failures: in a row that open it.
        reset: from opening to the first probe; doubled after every probe that failed.
        most_reset: longest wait. Below 5 minutes, so that every health run finds a probe due.
        lease: how long a probe may take before another call may make one: the prober may have been killed.
        forget: a failure this long after the one before begins a new count. Longer than two health runs are apart.
    """

    failures: int = 3
    reset: timedelta = timedelta(seconds=60)
    most_reset: timedelta = timedelta(seconds=240)
    lease: timedelta = timedelta(seconds=60)
    forget: timedelta = timedelta(minutes=15)

    def wait(self, failed_probes: int) -> timedelta:
        """From the newest failure to the next probe."""
        # The exponent has a bound of its own: a store that is away for a year must not overflow.
        return min(self.reset * (1 << min(failed_probes, 16)), self.most_reset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """That a call may go ahead; its result is reported with it.

    Attributes:
        generation: of the breaker when the call began: the result of a call of another generation says nothing.
    """

    generation: int
    is_probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one store's breaker.

    Attributes:
        failures: in a row.
        failed_at: the newest failure that counted.
        reason: what it said.
        opened_at: since when it is open, probes that failed included; None while it is closed.
        probe_at: from when on one call may try.
        failed_probes: since it opened.
        prober: token of the call that is trying, empty where none is.
        leased_until: when that call is given up on.
        generation: moves whenever calls that began before say nothing any more.
        forced: what an operator wants it to be, whatever happens.
        forced_at: when an operator last spoke, "auto" included.
    """

    failures: int = 0
    failed_at: datetime | None = None
    reason: str = ""
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    failed_probes: int = 0
    prober: str = ""
    leased_until: datetime | None = None
    generation: int = 0
    forced: Forced | None = None
    forced_at: datetime | None = None
    forced_by: str = ""
    forced_reason: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether every call may go ahead and a success changes nothing: then nobody needs to ask the clock."""
        return self.forced == "closed" or (self.forced is None and self.opened_at is None and self.failures == 0)

    def state(self, now: datetime) -> State:
        """What people read."""
        if self.forced:
            return self.forced
        if self.opened_at is None:
            return "closed"
        return "half_open" if self.leased_until is not None and now < self.leased_until else "open"

    def refusal(self, store: str, now: datetime) -> BreakerOpenError:
        """The error of a call that may not go ahead now."""
        forced = f"{self.forced_by or 'an operator'}: {self.forced_reason or 'no reason given'}" if self.forced else ""
        probe_at = None if self.forced else max(filter(None, (self.probe_at, self.leased_until)), default=now)
        return BreakerOpenError(
            store, since=self.opened_at or now, reason=self.reason, next_probe_at=probe_at, forced=forced
        )

    def to_document(self) -> str:
        """As JSON: what differs from a breaker that never failed."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}
        return json.dumps({"format": _FORMAT} | values, default=datetime.isoformat, sort_keys=True)

    @classmethod
    def from_document(cls, text: str) -> Self:
        """Read what ``to_document`` wrote.

        Raises:
            MalformedEntryError: it is no document of a breaker, or one of another version of Holdfast.
        """
        try:
            found: Mapping[str, Any] = json.loads(text)
            if found["format"] != _FORMAT:
                raise MalformedEntryError(f"a breaker of format {found['format']}, expected {_FORMAT}")
            return cls(**{name: _value(name, value) for name, value in found.items() if name != "format"})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MalformedEntryError(f"no document of a breaker ({error}): {text[:80]!r}") from error


class BreakerStates(Protocol):
    """Where the documents of breakers are kept, one per store. Implemented in ``resources.guards``, three times."""

    @property
    def tier(self) -> str:
        """What it is called: ``redis``, ``postgres`` or ``process``."""

    def get(self, name: str) -> str | None:
        """The document of a breaker; None where there is none.

        Raises:
            HoldfastError: nobody can say; the next tier is asked.
        """

    def now(self) -> datetime:
        """The one clock that everybody who shares these documents goes by. Errors as of ``get``."""

    def swap(self, name: str, expected: str | None, document: str, keep: timedelta) -> bool:
        """Put a document in the place of the one ``get`` gave; whether that still stood there. Errors as of ``get``.

        After ``keep`` without a change it may be forgotten.
        """


Decide = Callable[[Breaker, datetime], Breaker]


def admit(breaker: Breaker, now: datetime, token: str, policy: Policy) -> Breaker:
    """What the admission of a call makes of it; ``permit``, by the token of that call, says whether it may go ahead."""
    is_leased = breaker.leased_until is not None and now < breaker.leased_until
    is_waiting = breaker.probe_at is not None and now < breaker.probe_at
    if breaker.forced or breaker.opened_at is None or is_leased or is_waiting:
        return breaker
    return replace(breaker, prober=token, leased_until=now + policy.lease, generation=breaker.generation + 1)


def permit(breaker: Breaker, token: str) -> Permit | None:
    """The permit of the call whose admission left this; None: it may not go ahead."""
    if breaker.forced == "open":
        return None
    if breaker.forced == "closed" or breaker.opened_at is None:
        return Permit(generation=breaker.generation)
    return Permit(generation=breaker.generation, is_probe=True) if breaker.prober == token else None


def succeeded(breaker: Breaker, given: Permit, _now: datetime) -> Breaker:
    """After a call that succeeded."""
    if breaker.forced or given.generation != breaker.generation:
        return breaker
    if given.is_probe:
        return _closed(breaker)
    return breaker if breaker.opened_at or not breaker.failures else replace(breaker, failures=0)


def failed(breaker: Breaker, given: Permit, now: datetime, reason: str, policy: Policy) -> Breaker:
    """After a call that found its store away."""
    if breaker.forced or given.generation != breaker.generation or (breaker.opened_at and not given.is_probe):
        return breaker
    is_recent = breaker.failed_at is not None and now - breaker.failed_at <= policy.forget
    failures = breaker.failures + 1 if is_recent or given.is_probe else 1
    after = replace(breaker, failures=failures, failed_at=now, reason=_line(reason))
    if given.is_probe:
        probes = breaker.failed_probes + 1
        wait = policy.wait(probes)
        return replace(
            after, failed_probes=probes, probe_at=now + wait, prober="", leased_until=None, generation=_next(breaker)
        )
    if failures < policy.failures:
        return after
    return replace(after, opened_at=now, probe_at=now + policy.wait(0), failed_probes=0, generation=_next(breaker))


def released(breaker: Breaker, given: Permit, _now: datetime) -> Breaker:
    """After a call that ended without a word about its store: the next one may probe."""
    if not given.is_probe or given.generation != breaker.generation:
        return breaker
    return replace(breaker, prober="", leased_until=None, generation=_next(breaker))


def forced(breaker: Breaker, action: Action, now: datetime, *, by: str, reason: str) -> Breaker:
    """What an operator says, which holds until an operator says otherwise.

    ``auto`` after a forced open lets one call try at once; where nothing was forced it changes nothing.
    """
    if action == "auto" and breaker.forced is None:
        return breaker
    said = replace(
        breaker,
        forced=None,
        forced_at=now,
        forced_by=_line(by),
        forced_reason=_line(reason),
        generation=_next(breaker),
    )
    if action == "open":
        since = breaker.opened_at or now
        return replace(said, forced="open", opened_at=since, probe_at=now, prober="", leased_until=None)
    return replace(_closed(said), forced="closed") if action == "close" else said


def adopted(breaker: Breaker, other: Breaker, now: datetime) -> Breaker:
    """With an operator's word that was spoken elsewhere, where that is the newer one."""
    if other.forced_at is None or (breaker.forced_at is not None and breaker.forced_at >= other.forced_at):
        return breaker
    action: Action = "auto" if other.forced is None else "open" if other.forced == "open" else "close"
    after = forced(breaker, action, now, by=other.forced_by, reason=other.forced_reason)
    return replace(after, forced_at=other.forced_at)


def _closed(breaker: Breaker) -> Breaker:
    return Breaker(
        failed_at=breaker.failed_at,
        reason=breaker.reason,
        generation=_next(breaker),
        forced_at=breaker.forced_at,
        forced_by=breaker.forced_by,
        forced_reason=breaker.forced_reason,
    )


def _line(text: str) -> str:
    """One line that every store can hold."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:_REASON_LETTERS]


def _next(breaker: Breaker) -> int:
    return breaker.generation + 1


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith(("_at", "_until")) else value
