"""A fleet with failures in it: what every server reports at any instant, as samples and as 5-minute slots.

The value of a series at an instant follows from the fleet, the seed and the failures alone, however it is asked for.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Final

import numpy as np

from holdfast.metrics.catalog import BY_NAME, CODE_LIMIT
from holdfast.scenarios.chance import DAY_S, Floats, Instants
from holdfast.scenarios.failures import CASCADE, Effect, Failure, effects_of, possible
from holdfast.scenarios.fleet import Fleet, cascade_of
from holdfast.scenarios.profiles import healthy, metrics_of
from holdfast.servers.template import ServerTemplate

Slots = dict[tuple[str, str], tuple[Instants, Floats]]

# Monday 2026-01-05, 00:00 UTC: virtual time begins here unless something else is asked for.
START_S: Final = 1_767_571_200
SLOT_S: Final = 300
_SPREAD_DAYS: Final = 7
# Of a normal distribution: standard deviation over median absolute deviation.
_NORMAL: Final = 1.4826


class World:
    """A fleet, a seed, and what breaks."""

    def __init__(self, fleet: Fleet, seed: int, failures: Sequence[Failure] = (), *, start_s: int = START_S) -> None:
        """Make a fleet break.

        Args:
            fleet: templates of its servers.
            seed: another seed is another week of the same fleet.
            failures: what breaks; of several that meet in one series the earlier ones come first.
            start_s: midnight from which a healthy week is taken to see what is usual.

        Raises:
            ValueError: a failure names a server the fleet does not have, or a metric that server does not report.
        """
        self.servers: Mapping[str, ServerTemplate] = {one.server_id: one for one in fleet}
        self.measured = {one.server_id: metrics_of(one.kind) for one in fleet}
        self.seed = seed
        self.failures = tuple(sorted(failures, key=lambda one: (one.start_s, one.server_id, one.kind)))
        self._start_s = start_s
        self._spreads: dict[str, dict[str, float]] = {}
        self._effects: dict[str, dict[str, list[Effect]]] = {}
        for failure in self.failures:
            self._add(failure)

    def values(self, server_id: str, at_s: Instants) -> dict[str, Floats]:
        """What a server measures at some instants: metric to values, rounded to what is stored."""
        codes = self.codes(server_id, at_s)
        return {name: _value(name, of_metric) for name, of_metric in codes.items()}

    def codes(self, server_id: str, at_s: Instants) -> dict[str, Instants]:
        """The same as whole quanta of the catalogue of metrics."""
        at_s = np.asarray(at_s, dtype=np.int64)
        found = healthy(self.servers[server_id], self.seed, at_s)
        for metric, effects in self._effects.get(server_id, {}).items():
            found[metric] = self._broken(server_id, metric, effects, found[metric], at_s)
        limits = self.servers[server_id].capacity
        of_connections = {"db_connections": limits.get("db_connections")}
        return {name: _code(name, possible(name, one, of_connections.get(name))) for name, one in found.items()}

    def spread(self, server_id: str, metric: str) -> float:
        """The healthy spread of a series in its unit: how far values are from the usual one at that time of day.

        1.4826 times the median distance, over a healthy week at 5 minutes; one quantum where that is less.
        """
        if server_id not in self._spreads:
            at_s = self._start_s + np.arange(0, _SPREAD_DAYS * DAY_S, SLOT_S)
            week = healthy(self.servers[server_id], self.seed, at_s)
            self._spreads[server_id] = {name: _spread(name, values) for name, values in week.items()}
        return self._spreads[server_id][metric]

    @cached_property
    def reached(self) -> Mapping[Failure, Mapping[str, int]]:
        """The servers that show each failure, where it begins first, to the dependencies that lie between."""
        fleet = tuple(self.servers.values())
        return {
            one: cascade_of(fleet, one.server_id) if one.kind == CASCADE else {one.server_id: 0}
            for one in self.failures
        }

    def _broken(self, server_id: str, metric: str, effects: Sequence[Effect], values: Floats, at_s: Instants) -> Floats:
        for number, effect in enumerate(effects):
            if effect.touches(at_s):
                at_start = partial(self._at_start, server_id, metric, effect, effects[:number])
                values = effect.apply(values, at_s, self.spread(server_id, metric), at_start)
        return values

    def _at_start(self, server_id: str, metric: str, effect: Effect, before: Sequence[Effect]) -> float:
        first = np.array([effect.failure.start_s], dtype=np.int64)
        usual = healthy(self.servers[server_id], self.seed, first)[metric]
        return float(self._broken(server_id, metric, before, usual, first)[0])

    def _add(self, failure: Failure) -> None:
        for server_id in self.reached[failure]:
            if server_id not in self.servers:
                raise ValueError(f"{failure.kind}: the fleet has no server {server_id}: {', '.join(self.servers)}")
        for effect in effects_of(failure, self.reached[failure], self.measured, self.seed):
            server_id = effect.failure.server_id
            if effect.metric not in self.measured[server_id]:
                known = ", ".join(self.measured[server_id])
                raise ValueError(f"{failure.kind} of {server_id}: it does not report {effect.metric}, but {known}")
            self._effects.setdefault(server_id, {}).setdefault(effect.metric, []).append(effect)


def simulate_slots(
    fleet: Fleet,
    seed: int,
    days: int,
    failures: Sequence[Failure] = (),
    *,
    start_s: int = START_S,
    every_s: int = SLOT_S,
) -> Slots:
    """What the slots of a fleet would hold after some days of collecting.

    Args:
        fleet: templates of its servers (``holdfast.scenarios.fleet.LARGER_FLEET`` has ten).
        seed: of the simulation.
        days: how many, failures included.
        failures: what breaks, by absolute instants (``start_s`` + …).
        start_s: first midnight, seconds since the epoch.
        every_s: distance of samples; a slot holds the lower median of those in it, as the database takes it.

    Returns:
        per server and metric the slot starts (int64[n]) and the medians (float64[n], in the metric's unit).
    """
    world = World(fleet, seed, failures, start_s=start_s)
    return world_slots(world, start_s, start_s + days * DAY_S, every_s)


def world_slots(world: World, from_s: int, until_s: int, every_s: int = SLOT_S) -> Slots:
    """The slots of a world in [from_s, until_s), both whole slots; ``every_s`` divides a slot."""
    if SLOT_S % every_s or (until_s - from_s) % SLOT_S:
        raise ValueError(f"samples every {every_s} s do not fill slots of {SLOT_S} s, or the range is no whole slots")
    at_s = np.arange(from_s, until_s, every_s, dtype=np.int64)
    starts = at_s[:: SLOT_S // every_s]
    found: Slots = {}
    for server_id in world.servers:
        for metric, codes in world.codes(server_id, at_s).items():
            ordered = np.sort(codes.reshape(len(starts), -1), axis=1)
            found[server_id, metric] = starts, _value(metric, ordered[:, (ordered.shape[1] - 1) // 2])
    return found


def _spread(metric: str, values: Floats) -> float:
    by_day = values.reshape(_SPREAD_DAYS, -1)
    distances = np.abs(by_day - np.median(by_day, axis=0))
    return max(_NORMAL * float(np.median(distances)), BY_NAME[metric].value(1))


def _code(metric: str, values: Floats) -> Instants:
    of = BY_NAME[metric]
    return np.rint(np.minimum(values * of.per_unit / of.units_per_quantum, CODE_LIMIT)).astype(np.int64)


def _value(metric: str, codes: Instants) -> Floats:
    of = BY_NAME[metric]
    return np.asarray(codes.astype(np.float64) * of.units_per_quantum / of.per_unit)
