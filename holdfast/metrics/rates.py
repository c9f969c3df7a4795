"""Counters become increases: what was counted between two looks at a server, whatever happened in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.metrics.exposition import Series

# A start instant is computed by servers from a clock that is being slewed: it moves by itself, a little.
_START_JITTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """All counters of one server at one instant.

    Attributes:
        clock_s: the reader's monotonic clock, in seconds.
        counters: each series and its count since its start.
        started_at_s: family name to the instant its counters began at zero (boot, start of the process), in
            seconds since the epoch by the server's clock; a family whose start is not known is absent.
        now_s: the server's own clock, in seconds since the epoch, where it is known; else the reader's.
    """

    clock_s: float
    counters: Mapping[Series, float]
    started_at_s: Mapping[str, float] = field(default_factory=dict)
    now_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Increases:
    """What was counted between two looks.

    Attributes:
        elapsed_s: true time between the looks, in seconds, more than 0.
        by_series: increase of each series that both looks have, 0 or more.
    """

    elapsed_s: float
    by_series: Mapping[Series, float]


class Rates:
    """Remembers the last look at each server."""

    def __init__(self) -> None:
        self._last: dict[str, Look] = {}

    def increases(self, server_id: str, look: Look) -> Increases | None:
        """What was counted since the last look; None where there is none, or no time passed since.

        A counter lower than before started again and is counted from zero, as Prometheus does. One whose
        server started again is counted from zero even if it is already higher than before.
        """
        last = self._last.get(server_id)
        elapsed_s = 0.0 if last is None else look.clock_s - last.clock_s
        if last is not None and elapsed_s <= 0:
            return None
        self._last[server_id] = look
        if last is None:
            return None
        restarted = {name for name in look.started_at_s if _has_restarted(name, last, look, elapsed_s)}
        return Increases(
            elapsed_s,
            {
                key: value if key[0] in restarted or value < last.counters[key] else value - last.counters[key]
                for key, value in look.counters.items()
                if key in last.counters
            },
        )


def _has_restarted(family: str, last: Look, look: Look, elapsed_s: float) -> bool:
    """Whether a family began at zero between the looks.

    A start that moved is not enough: it also moves when somebody sets the server's clock, and a whole life's
    count taken for the work of one cycle would be a spike in the history. A real restart left the server
    younger than the time between the looks.
    """
    before, after = last.started_at_s.get(family), look.started_at_s[family]
    return before is not None and after > before + _START_JITTER_S and look.now_s - after <= elapsed_s
