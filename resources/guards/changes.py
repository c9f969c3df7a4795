"""Changing a breaker where it is kept: read, decide, swap if nobody else did meanwhile."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.breaker import Breaker, BreakerStates
from holdfast.errors import MalformedEntryError, TransientError

_KEEP: Final = timedelta(days=1)
# What an operator said outlives a holiday; the health run carries it over to a Redis that forgot it.
_KEEP_FORCED: Final = timedelta(days=30)
_ATTEMPTS: Final = 100
_LOG: Final = logging.getLogger("holdfast")


@dataclass(frozen=True, slots=True)
class Change:
    """A breaker before and after, by the clock of the tier that keeps it."""

    before: Breaker
    after: Breaker
    at: datetime
    tier: str


def read(states: BreakerStates, name: str) -> tuple[str | None, Breaker]:
    """A breaker and the text it is kept as; a new one where there is none, or one that cannot be read."""
    text = states.get(name)
    if text is None:
        return None, Breaker()
    try:
        return text, Breaker.from_document(text)
    except MalformedEntryError as error:
        _LOG.warning("breakers: what %s keeps of %s is taken for a closed one: %s", states.tier, name, error)
        return text, Breaker()


def change_in(states: BreakerStates, name: str, alter: Callable[[Breaker, datetime], Breaker]) -> Change:
    """Read, decide, swap; again where another process was faster."""
    for _ in range(_ATTEMPTS):
        text, before = read(states, name)
        at = states.now()
        after = alter(before, at)
        keep = _KEEP_FORCED if after.forced_at else _KEEP
        if after == before or states.swap(name, text, after.to_document(), keep):
            return Change(before, after, at, states.tier)
    raise TransientError(f"breaker of {name}: {_ATTEMPTS} attempts to change it found it changed by others meanwhile")
