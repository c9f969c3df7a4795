"""What breaks: seven kinds of failure of one server, and the cascade that one server's failure sets off.

A failure is data. Its effect on a series is a function of the healthy values, the instants and chance that repeats.
What comes out is physically possible: nothing below 0, no percentage above 100, no more connections than there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.scenarios import chance
from holdfast.scenarios.chance import Floats, Instants

Unit = Literal["spreads", "absolute"]

DROP, FLAT_LINE, CASCADE = "drop", "flat-line", "cascade"
# What each kind does to a series, in the words of a report.
KINDS: Final[Mapping[str, str]] = {
    "spike": "one short rise",
    "burst": "short rises on and off",
    "shift": "another level",
    "leak": "a slow rise to its end",
    DROP: "down to zero",
    FLAT_LINE: "the same value again and again",
    "noise": "a restless series",
    CASCADE: "a server breaks, and after it those that depend on it",
}
# Kinds that have no size: zero is zero, and the same is the same.
SIZELESS: Final = (DROP, FLAT_LINE)
# A burst is on or off for 5 minutes at a time.
_PULSE_S: Final = 300

# What a cascade does where it begins, and where it arrives: metric to its share of the cascade's size.
# The server at its root labours; those behind it wait for it, answer late or not at all, and lose their users.
_AT_ITS_ROOT: Final[Mapping[str, float]] = {
    "cpu_pct": 1.0,
    "load_1m": 1.0,
    "response_ms": 1.2,
    "db_connections": 1.0,
    "cache_hit_pct": -0.8,
}
_BEHIND_IT: Final[Mapping[str, float]] = {
    "response_ms": 1.0,
    "error_pct": 1.2,
    "throughput_rps": -0.6,
    "active_users": -0.4,
    "load_1m": 0.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that breaks.

    Attributes:
        kind: one of ``KINDS``.
        server_id: where it breaks; of a cascade, where it begins.
        metrics: the metrics that show it; of a cascade none, as they follow from its servers.
        start_s: first instant, seconds since the epoch.
        lasts_s: until it is mended; of a cascade, until its root is.
        size: how far from the healthy value; negative is below it. Without meaning for a drop and a flat line.
        unit: what ``size`` counts: healthy spreads of the series, or the metric's own unit.
        ramp_s: how long it takes to come to its size.
        recovery_s: how long it takes to go once it is mended.
        lag_s: of a cascade, how much later it comes and goes with every dependency between.
    """

    kind: str
    server_id: str
    start_s: int
    lasts_s: int
    metrics: tuple[str, ...] = ()
    size: float = 0.0
    unit: Unit = "spreads"
    ramp_s: int = 0
    recovery_s: int = 0
    lag_s: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be played."""
        if self.kind not in KINDS:
            raise ValueError(f"failure of kind {self.kind!r}; kinds are {', '.join(KINDS)}")
        if self.lasts_s <= 0 or min(self.ramp_s, self.recovery_s, self.lag_s) < 0:
            raise ValueError(f"{self.kind} of {self.server_id}: it must last, and no duration may be negative")
        if unknown := sorted(set(self.metrics) - set(METRIC_NAMES)):
            raise ValueError(f"{self.kind} of {self.server_id}: unknown metrics {', '.join(unknown)}")

    @property
    def end_s(self) -> int:
        """When it is mended."""
        return self.start_s + self.lasts_s

    @property
    def gone_s(self) -> int:
        """When nothing is left of it."""
        return self.end_s + self.recovery_s


@dataclass(frozen=True, slots=True)
class Effect:
    """What one failure does to one series.

    Attributes:
        failure: the failure as this server has it: with a cascade's lag, and its own share of the size.
        metric: the metric.
        key: names its chance.
    """

    failure: Failure
    metric: str
    key: str

    def touches(self, at_s: Instants) -> bool:
        """Whether any of the instants is between its start and the moment nothing is left of it."""
        return bool(np.any((at_s >= self.failure.start_s) & (at_s < self.failure.gone_s)))

    def apply(self, values: Floats, at_s: Instants, spread: float, at_start: Callable[[], float]) -> Floats:
        """The series with the failure in it.

        Args:
            values: as they are without it.
            at_s: their instants.
            spread: the series' healthy spread, in its unit.
            at_start: tells the value at the failure's first instant without it.
        """
        failure = self.failure
        share = _share(failure, at_s)
        if failure.kind == DROP:
            return np.asarray(values * (1.0 - share))
        if failure.kind == FLAT_LINE:
            is_stuck = (at_s >= failure.start_s) & (at_s < failure.end_s)
            return np.where(is_stuck, at_start(), values) if is_stuck.any() else values
        size = failure.size * (spread if failure.unit == "spreads" else 1.0)
        return np.asarray(values + size * share * self._course(at_s))

    def _course(self, at_s: Instants) -> Floats:
        """How the size goes over the time of the failure; 1 is all of it."""
        failure = self.failure
        if failure.kind == "leak":
            return np.asarray(np.clip((at_s - failure.start_s) / failure.lasts_s, 0.0, 1.0))
        if failure.kind == "noise":
            return chance.normal(self.key, at_s)
        if failure.kind == "burst":
            # Pulses count from the start, so that every burst begins with one.
            since_s = np.maximum(at_s - failure.start_s, 0)
            drawn = chance.even(self.key, since_s, _PULSE_S)
            is_on = (drawn < 0.5) | (since_s < _PULSE_S)
            return np.where(is_on, 0.7 + 0.6 * chance.even(f"{self.key}/heights", since_s, _PULSE_S), 0.0)
        return np.ones(len(at_s))


def effects_of(
    failure: Failure, reached: Mapping[str, int], measured: Mapping[str, tuple[str, ...]], seed: int
) -> list[Effect]:
    """What a failure does, series by series, by server.

    Args:
        failure: what breaks.
        reached: of a cascade, the servers it reaches to the dependencies between them and its root.
        measured: server to the metrics it reports.
        seed: of its chance.
    """
    if failure.kind != CASCADE:
        return [_effect(failure, metric, seed) for metric in failure.metrics]
    found = []
    for server_id, steps in reached.items():
        late = replace(failure, kind="shift", server_id=server_id, start_s=failure.start_s + steps * failure.lag_s)
        for metric, share in (_BEHIND_IT if steps else _AT_ITS_ROOT).items():
            if metric in measured[server_id]:
                found.append(_effect(replace(late, metrics=(metric,), size=failure.size * share), metric, seed))
    return found


def possible(metric: str, values: Floats, limit: float | None) -> Floats:
    """What of the values can be: nothing below 0, no percentage above 100, nothing above the server's own limit."""
    highest = 100.0 if metric.endswith("_pct") else np.inf
    return np.clip(values, 0.0, highest if limit is None else min(limit, highest))


def _effect(failure: Failure, metric: str, seed: int) -> Effect:
    return Effect(failure, metric, f"{seed}/{failure.server_id}/{metric}/{failure.kind} at {failure.start_s}")


def _share(failure: Failure, at_s: Instants) -> Floats:
    """How much of the failure is there: 0 before, rising over the ramp, 1, falling over the recovery, 0."""
    since_s = (at_s - failure.start_s).astype(np.float64)
    left_s = (failure.gone_s - at_s).astype(np.float64)
    # An instant of a ramp counts as its end would after one second: a failure shows from its first second on.
    rising = np.ones(len(at_s)) if not failure.ramp_s else np.clip((since_s + 1) / failure.ramp_s, 0.0, 1.0)
    falling = np.ones(len(at_s)) if not failure.recovery_s else np.clip(left_s / failure.recovery_s, 0.0, 1.0)
    return np.where((since_s >= 0) & (left_s > 0), np.minimum(rising, falling), 0.0)
