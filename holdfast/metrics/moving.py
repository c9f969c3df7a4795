"""What may be stored of the cycles that were read: which instants can be, whose clock is wrong, one row per instant."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from holdfast.metrics.cycles import Cycle, Reading

# Beyond these a clock is wrong, not late; such readings are set aside, not stored.
MOST_LATE: Final = timedelta(days=35)
MOST_EARLY: Final = timedelta(hours=1)
CLOCK_TOLERANCE_S: Final = 60.0
# A collector of simulated servers is called this and its seed. What it collects has no place in a real history.
SIMULATOR: Final = "simulator:"


def is_simulated(cycle: Cycle) -> bool:
    """Whether a cycle holds simulated servers."""
    return cycle.collector.startswith(SIMULATOR)


def combine(readings: Iterable[Reading]) -> dict[tuple[str, int], Mapping[str, int]]:
    """One set of codes per server and instant; of two values for one metric the first wins."""
    combined: dict[tuple[str, int], Mapping[str, int]] = {}
    for reading in readings:
        key = reading.server_id, reading.at_s
        former = combined.get(key)
        combined[key] = reading.codes if former is None else {**reading.codes, **former}
    return combined


def possible(readings: Iterable[Reading], now: datetime) -> list[Reading]:
    """The readings whose instant is neither more than 35 days old nor more than an hour ahead."""
    earliest_s, latest_s = (now - MOST_LATE).timestamp(), (now + MOST_EARLY).timestamp()
    return [reading for reading in readings if earliest_s < reading.at_s < latest_s]


def skews_s(arrivals: Iterable[tuple[Cycle, float]]) -> dict[str, float]:
    """Collectors whose clock is more than 60 s off the buffer's: how far ahead of it, in seconds.

    A spooled entry arrives late with a right clock, so of each collector the entry that arrived fastest tells.

    Args:
        arrivals: cycles with the buffer's clock at their arrival, in seconds since the epoch.
    """
    ahead_s: dict[str, float] = {}
    for cycle, arrived_s in arrivals:
        off_s = cycle.sent_s - arrived_s
        if abs(off_s) < abs(ahead_s.get(cycle.collector, float("inf"))):
            ahead_s[cycle.collector] = off_s
    return {name: round(off_s, 1) for name, off_s in ahead_s.items() if abs(off_s) > CLOCK_TOLERANCE_S}
