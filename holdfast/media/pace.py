"""How fast a service may be asked, and when its patience for the day is used up; never the waiting."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# This share of a minute's allowance may be used at once; what is left of it then flows. Together they never exceed it.
_AT_ONCE: Final = 0.4
# A throttle halves the flow, at most this often; every such while without one doubles it again.
_MOST_HALVINGS: Final = 6
_RECOVERS_S: Final = 30.0


class QuotaBucket:
    """Units of a quota per minute, handed out to any number of callers.

    Whatever the callers do, no 60 seconds see more than ``units_per_minute``, except for one call that costs more than
    all of it. Not safe for threads by itself. All instants are seconds of one clock that never goes back.
    """

    def __init__(self, units_per_minute: float, now_s: float) -> None:
        self._burst = units_per_minute * _AT_ONCE
        self._flow_per_s = units_per_minute * (1 - _AT_ONCE) / 60
        self._units = self._burst
        self._at_s = now_s
        self._not_before_s = now_s
        self._halvings = 0
        self._halved_at_s = now_s

    def take(self, units: float, now_s: float) -> float:
        """Reserve units for one call: after how many seconds it may be made."""
        self._refill(now_s)
        self._units -= units
        owed_s = max(-self._units, 0.0) / self._flow(now_s)
        return max(owed_s, self._not_before_s - now_s, 0.0)

    def give_back(self, units: float) -> None:
        """A reserved call is not made after all."""
        self._units = min(self._units + units, self._burst)

    def throttled(self, now_s: float, wait_s: float) -> None:
        """The service asked for patience: nobody calls for ``wait_s``, and then at half the pace."""
        self._refill(now_s)
        self._units = min(self._units, 0.0)
        # Calls that were under way when the first of them was throttled say nothing new.
        if now_s >= self._not_before_s:
            self._halvings = min(self._halvings_left(now_s) + 1, _MOST_HALVINGS)
            self._halved_at_s = now_s
        self._not_before_s = max(self._not_before_s, now_s + wait_s)

    def _refill(self, now_s: float) -> None:
        passed_s = max(now_s - self._at_s, 0.0)
        self._units = min(self._units + passed_s * self._flow(now_s), self._burst)
        self._at_s = max(self._at_s, now_s)

    def _flow(self, now_s: float) -> float:
        return float(self._flow_per_s / 2 ** self._halvings_left(now_s))

    def _halvings_left(self, now_s: float) -> int:
        return max(self._halvings - int((now_s - self._halved_at_s) / _RECOVERS_S), 0)


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
