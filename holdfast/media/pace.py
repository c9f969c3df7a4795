"""How fast a service may be asked, and when its patience for the day is used up; never the waiting."""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from math import inf, isinf
from typing import Final

_MINUTE_S: Final = 60.0
# Calls that are made within so long are remembered together.
_TOGETHER_S: Final = 0.1
# A throttle halves the pace of the last so many seconds; every such while without another doubles it again. A service
# that throttles one call in fifty at random is so still asked a few dozen times a second.
_RECENT_S: Final = 2.0
# Throttles that come within so long are answers to the same pace.
_SAME_S: Final = 1.0


@dataclass(slots=True)
class _Calls:
    """Calls that were made, or may be made, at nearly the same instant."""

    first_s: float
    last_s: float
    units: float


class Pace:
    """Hands out a quota of units per minute to any number of callers.

    Whatever they do, no 60 seconds see more than ``units_per_minute``, but for one call that costs more than all of
    it. A service that throttles all the same is asked at half the pace of the last seconds, and no slower than
    ``least_units_per_s``. Not safe for threads by itself. All instants are seconds of one clock.
    """

    def __init__(self, units_per_minute: float, least_units_per_s: float) -> None:
        self._limit = units_per_minute
        self._least_per_s = least_units_per_s
        self._made: deque[_Calls] = deque()
        self._units = 0.0
        self._last_s = -inf
        self._not_before_s = -inf
        self._throttled_at_s = -inf
        self._slow_per_s = inf
        self._spaced_s = -inf

    def take(self, units: float, now_s: float, longest_wait_s: float = inf) -> float:
        """After how many seconds a call may be made; that it is, is taken for granted up to ``longest_wait_s``."""
        self._forget(now_s)
        at_s = max(now_s, self._not_before_s, self._last_s)
        if self._units + units > self._limit:
            at_s = max(at_s, self._room_at_s(units))
        slow_per_s = self._slowed_per_s(now_s)
        is_slowed = slow_per_s < self._limit / _MINUTE_S
        if is_slowed:
            at_s = max(at_s, self._spaced_s)
        if at_s - now_s <= longest_wait_s:
            self._note(at_s, units)
            if is_slowed:
                self._spaced_s = at_s + units / slow_per_s
        return at_s - now_s

    def throttled(self, now_s: float, wait_s: float) -> None:
        """The service asked for patience: nobody calls for ``wait_s``, and then at half the pace."""
        if now_s >= max(self._not_before_s, self._throttled_at_s + _SAME_S):
            recent = sum(calls.units for calls in self._made if now_s - _RECENT_S < calls.last_s <= now_s) / _RECENT_S
            pace_per_s = min(self._slowed_per_s(now_s), recent, self._limit / _MINUTE_S)
            self._slow_per_s = max(pace_per_s / 2, self._least_per_s)
            self._throttled_at_s = now_s
        self._not_before_s = max(self._not_before_s, now_s + wait_s)

    def _slowed_per_s(self, now_s: float) -> float:
        if isinf(self._slow_per_s):
            return inf
        # The exponent has a bound of its own: a pace that was slowed a year ago must not overflow.
        return self._slow_per_s * 2.0 ** min(int((now_s - self._throttled_at_s) / _RECENT_S), 64)

    def _forget(self, now_s: float) -> None:
        while self._made and self._made[0].last_s <= now_s - _MINUTE_S:
            self._units -= self._made.popleft().units

    def _room_at_s(self, units: float) -> float:
        """When so many old calls are a minute old that there is room for this one."""
        over = self._units + units - self._limit
        at_s = -inf
        for calls in self._made:
            at_s = calls.last_s + _MINUTE_S
            over -= calls.units
            if over <= 0:
                break
        return at_s

    def _note(self, at_s: float, units: float) -> None:
        if self._made and at_s - self._made[-1].first_s < _TOGETHER_S:
            self._made[-1].units += units
            self._made[-1].last_s = at_s
        else:
            self._made.append(_Calls(at_s, at_s, units))
        self._units += units
        self._last_s = at_s


@dataclass(slots=True)
class DailyCap:
    """Tells a limit on bytes per day from a short throttle, where a service gives both the same reason.

    Attributes:
        most_bytes: in 24 hours.
        persists: a throttle that lasts this long, on a day on which bytes were stored, is the limit.
        persists_worded: one that is worded as the limit is it after this long.
        stored_bytes: in the last 24 hours, as far as it is known.
        throttled_since_s: the first throttle since something was stored last.
        is_worded: whether the newest of them was worded as the limit.
    """

    most_bytes: int
    persists: timedelta = timedelta(minutes=15)
    persists_worded: timedelta = timedelta(minutes=2)
    stored_bytes: int = 0
    throttled_since_s: float | None = None
    is_worded: bool = False

    def stored(self, count_bytes: int) -> None:
        """Something was stored."""
        self.stored_bytes += count_bytes
        self.throttled_since_s = None

    def throttled(self, now_s: float, *, is_worded: bool = False) -> None:
        """Storing was throttled."""
        self.is_worded = is_worded
        if self.throttled_since_s is None:
            self.throttled_since_s = now_s

    def is_reached(self, now_s: float) -> bool:
        """Whether nothing more can be stored today."""
        if self.stored_bytes >= self.most_bytes:
            return True
        if self.throttled_since_s is None:
            return False
        lasts = timedelta(seconds=now_s - self.throttled_since_s)
        return (self.stored_bytes > 0 and lasts >= self.persists) or (self.is_worded and lasts >= self.persists_worded)
