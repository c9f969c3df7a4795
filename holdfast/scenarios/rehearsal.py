"""The whole chain without a server: simulated slots are learned and watched, block by block, as a deployment does it.

``resources.scenarios.drill`` plays the same through real stores, and comes to the same incidents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from holdfast.anomalies import watching
from holdfast.anomalies.grouping import Standing
from holdfast.anomalies.incidents import Incident
from holdfast.baselines import BLOCK_S, LOOKBACK_S, Baseline, Memory, baseline_of, learn
from holdfast.baselines.lending import in_force
from holdfast.scenarios.chance import DAY_S
from holdfast.scenarios.declared import Scenario
from holdfast.scenarios.fleet import Fleet, topology_of
from holdfast.scenarios.outcome import Found, Outcome, Truth, outcome_of
from holdfast.scenarios.placing import place
from holdfast.scenarios.play import START_S, Slots, World, world_slots

Key = tuple[str, str]
# What is judged at once: everything that is in force stays in force for a block.
STEP_S: Final = BLOCK_S


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
    learner = Learner(slots, play.fleet)
    for from_s in range(play.start_s, play.live_s, BLOCK_S):
        learner.fold(from_s)
    watcher = Watcher(slots, play.fleet, learner)
    for from_s in range(play.live_s, play.until_s, STEP_S):
        watcher.watch(from_s, min(from_s + STEP_S, play.until_s))
        learner.fold(from_s)
    return play.outcome(watcher.found())


class Learner:
    """The memories and baselines of a fleet's series."""

    def __init__(self, slots: Slots, fleet: Fleet) -> None:
        self._slots = slots
        self._fleet = fleet
        self._memories: dict[Key, Memory] = {}
        self._own: dict[Key, tuple[Baseline, int]] = {}

    def fold(self, from_s: int) -> None:
        """Learn the block that begins at ``from_s``."""
        for key, (at_s, values) in self._slots.items():
            begin, first, end = np.searchsorted(at_s, [from_s - LOOKBACK_S, from_s, from_s + BLOCK_S])
            memory = self._memories.get(key) or Memory.empty()
            baseline = self._own[key][0] if key in self._own else baseline_of(memory)
            memory = learn(memory, baseline, at_s[begin:end], values[begin:end], int(first - begin))
            self._memories[key] = memory
            self._own[key] = baseline_of(memory), memory.version

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
        """Judge the slots of a range, all by the baselines that are in force now."""
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
    paged: dict[int, set[int]] = {}
    for at_s, number in pages:
        paged.setdefault(_stayed(incidents, number), set()).add(at_s)
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


def _stayed(incidents: Mapping[int, Incident], number: int) -> int:
    into = incidents[number].merged_into
    return number if into is None else _stayed(incidents, into)


def _between(slots: Slots, from_s: int, until_s: int) -> Slots:
    found: Slots = {}
    for key, (at_s, values) in slots.items():
        begin, end = np.searchsorted(at_s, [from_s, until_s])
        found[key] = at_s[begin:end], values[begin:end]
    return found


__all__ = ["Learner", "Play", "Watcher", "found_of", "play_of", "rehearse"]
