"""The whole chain without a server: simulated slots are learned and watched, block by block, as a deployment does it.

``resources.scenarios.drill`` plays the same through real stores, and comes to the same incidents.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from holdfast.anomalies import watching
from holdfast.anomalies.grouping import Standing
from holdfast.anomalies.incidents import Incident
from holdfast.baselines import BLOCK_S, LOOKBACK_S, Baseline, Memory, baseline_of
from holdfast.baselines.folding import block_start, fold
from holdfast.baselines.lending import in_force
from holdfast.scenarios.chance import DAY_S
from holdfast.scenarios.declared import Scenario
from holdfast.scenarios.fleet import Fleet, topology_of
from holdfast.scenarios.outcome import Found, Outcome, Truth, outcome_of
from holdfast.scenarios.placing import place
from holdfast.scenarios.play import START_S, Slots, World, world_slots

Key = tuple[str, str]
# A block is learned once it is over for so long.
LATE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario made definite: on a fleet, by a seed.

    Attributes:
        scenario: what was declared.
        fleet: the servers.
        world: what they report.
        start_s: when learning begins, a midnight, seconds since the epoch.
    """

    scenario: Scenario
    fleet: Fleet
    world: World
    start_s: int

    @property
    def live_s(self) -> int:
        """When learning is over and things may break."""
        return self.start_s + self.scenario.learning_s

    @property
    def until_s(self) -> int:
        """When the play ends."""
        return self.live_s + self.scenario.plays_s

    @property
    def steps(self) -> Sequence[tuple[int, int]]:
        """The ranges of the play in which the same baselines are in force, in order."""
        first = block_start(self.live_s) + LATE_S
        cuts = [cut for cut in range(first, self.until_s, BLOCK_S) if cut > self.live_s]
        return list(zip([self.live_s, *cuts], [*cuts, self.until_s], strict=True))

    @property
    def truths(self) -> tuple[Truth, ...]:
        """What breaks."""
        return tuple(Truth(one, self.world.reached[one]) for one in self.world.failures)

    def outcome(self, incidents: Iterable[Found]) -> Outcome:
        """What became of it."""
        server_days = len(self.fleet) * self.scenario.plays_s / DAY_S
        return outcome_of(self.truths, incidents, server_days=server_days)


def play_of(scenario: Scenario, fleet: Fleet, seed: int, *, start_s: int = START_S) -> Play:
    """Make a scenario definite.

    Raises:
        ScenarioError: the fleet lacks what it needs, or there is no room for all of it.
    """
    failures = place(scenario, fleet, seed, start_s + scenario.learning_s)
    return Play(scenario, fleet, World(fleet, seed, failures, start_s=start_s), start_s)


def rehearse(play: Play) -> Outcome:
    """Play it without any server."""
    slots = world_slots(play.world, play.start_s, play.until_s, play.scenario.every_s)
    learner = Learner(slots, play.fleet, play.start_s)
    watcher = Watcher(slots, play.fleet, learner)
    for from_s, until_s in play.steps:
        learner.learn(from_s)
        watcher.watch(from_s, until_s)
    return play.outcome(watcher.found())


class Learner:
    """The memories and baselines of a fleet's series."""

    def __init__(self, slots: Slots, fleet: Fleet, start_s: int) -> None:
        self._slots = slots
        self._fleet = fleet
        self._learned_s = start_s
        self._memories = dict.fromkeys(slots, Memory.empty())
        self._own: dict[Key, tuple[Baseline, int]] = {}

    def learn(self, now_s: int) -> None:
        """Learn what is closed at ``now_s``."""
        closed_s = block_start(now_s - LATE_S)
        for key, (at_s, values) in self._slots.items():
            begin, end = np.searchsorted(at_s, [self._learned_s - LOOKBACK_S, closed_s])
            memory = fold(self._memories[key], at_s[begin:end], values[begin:end], self._learned_s, closed_s)
            if memory is not self._memories[key]:
                self._memories[key] = memory
                self._own[key] = baseline_of(memory), memory.version
        self._learned_s = max(self._learned_s, closed_s)

    def in_force(self) -> Mapping[Key, Baseline]:
        """The baseline that judges each series."""
        return {key: one.baseline for key, one in in_force(self._own, self._fleet).items()}


@dataclass(slots=True)
class Watcher:
    """The incidents of a fleet, and when each called for attention."""

    slots: Slots
    fleet: Fleet
    learner: Learner
    _standing: Standing = field(default_factory=Standing)
    _incidents: dict[int, Incident] = field(default_factory=dict)
    _pages: list[tuple[int, int]] = field(default_factory=list)

    def watch(self, from_s: int, until_s: int) -> None:
        """Judge the slots of a range by what is in force now."""
        found = watching.watch(
            self._standing,
            _between(self.slots, from_s - watching.LOOKBACK_S, until_s),
            self.learner.in_force(),
            watching.Fleet(
                last_seen_s={one.server_id: until_s for one in self.fleet},
                topology=topology_of(self.fleet),
                capacities={one.server_id: one.capacity for one in self.fleet},
            ),
            from_s=from_s,
            until_s=until_s,
        ).advanced
        self._standing = found.standing
        self._incidents |= found.changed
        self._pages += found.paged

    def found(self) -> list[Found]:
        """The incidents as they are now; the pages of merged ones are those of the incident that stayed."""
        return found_of(self._incidents, self._pages)


def found_of(incidents: Mapping[int, Incident], pages: Iterable[tuple[int, int]]) -> list[Found]:
    """Incidents as matching sees them.

    Args:
        incidents: by number, merged ones included.
        pages: slot and number, each time one called for attention.
    """
    paged = pages_by_incident({number: one.merged_into for number, one in incidents.items()}, pages)
    return [
        Found(
            incident_id=number,
            root=incidents[number].root[0],
            servers=frozenset(incidents[number].servers),
            pages_s=tuple(sorted(at_s)),
            closed_s=incidents[number].closed_s,
            sentence=incidents[number].sentence,
        )
        for number, at_s in sorted(paged.items())
    ]


def pages_by_incident(
    merged_into: Mapping[int, int | None], pages: Iterable[tuple[int, int]]
) -> Mapping[int, Collection[int]]:
    """The slots in which each incident called for attention; those of a merged one are the other's.

    Args:
        merged_into: every incident's number to that of the incident it became a part of, None where it did not.
        pages: slot and number.
    """
    found: dict[int, set[int]] = {}
    for at_s, number in pages:
        stays = number
        while (into := merged_into[stays]) is not None:
            stays = into
        found.setdefault(stays, set()).add(at_s)
    return found


def _between(slots: Slots, from_s: int, until_s: int) -> Slots:
    found: Slots = {}
    for key, (at_s, values) in slots.items():
        begin, end = np.searchsorted(at_s, [from_s, until_s])
        found[key] = at_s[begin:end], values[begin:end]
    return found
