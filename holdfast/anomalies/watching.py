"""Watching a fleet: slots and baselines in, incidents out. Pure: what it remembers is an argument and a result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from holdfast.anomalies import rules, silence, trends
from holdfast.anomalies.company import WINDOW_S, paging
from holdfast.anomalies.findings import Finding
from holdfast.anomalies.grid import LOOKBACK_S as GRID_LOOKBACK_S
from holdfast.anomalies.grid import Grid, Key, Slots, grid_of
from holdfast.anomalies.grouping import Advanced, Standing, advance
from holdfast.anomalies.mutes import Mute, unmuted
from holdfast.baselines import Baseline
from holdfast.servers.topology import Topology

# Slots that are needed before the first judged one: what the rules look back on, and the weak findings of a moment ago.
LOOKBACK_S: Final = GRID_LOOKBACK_S + WINDOW_S


@dataclass(frozen=True, slots=True)
class Fleet:
    """What has to be known of the servers, besides their slots.

    Attributes:
        last_seen_s: for every server that is expected to report, when it last did, seconds since the epoch.
        topology: who depends on whom.
        capacities: per server, what a metric may reach where that is no percentage.
        mutes: what is left alone.
    """

    last_seen_s: Mapping[str, int]
    topology: Topology = field(default_factory=lambda: Topology({}))
    capacities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    mutes: Sequence[Mute] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of watching some slots.

    Attributes:
        advanced: the incidents.
        series: how many series were judged.
        by_rule: findings that called for attention, by rule.
        findings: the same, by slot.
        muted: findings that would have, had they not been muted, by slot; weak ones are not counted.
    """

    advanced: Advanced
    series: int
    by_rule: Mapping[str, int]
    findings: Mapping[int, int]
    muted: Mapping[int, int]


def watch(
    standing: Standing,
    slots: Slots,
    baselines: Mapping[Key, Baseline],
    fleet: Fleet,
    *,
    from_s: int,
    until_s: int,
) -> Watched:
    """Judge the slots that start in [from_s, until_s) and let the incidents advance.

    Args:
        standing: the incidents before ``from_s``.
        slots: by series, slot starts and values, from ``LOOKBACK_S`` before ``from_s`` on.
        baselines: by series, what is in force.
        fleet: the servers.
        from_s: first slot, seconds since the epoch, a whole slot.
        until_s: end of the last.
    """
    grid = grid_of(slots, baselines, from_s=from_s - WINDOW_S, until_s=until_s)
    heard, muted = unmuted(candidates(grid, fleet), fleet.mutes)
    paged = paging(heard, fleet.topology, from_s)
    called = [one for at_s, found in paged.items() for one in found if one.at_s == at_s]
    return Watched(
        advanced=advance(standing, paged, fleet.topology, from_s=from_s, until_s=until_s),
        series=len(grid.keys),
        by_rule=Counter(one.rule for one in called),
        findings=Counter(one.at_s for one in called),
        muted=Counter(one.at_s for one in muted if one.pages_alone and one.at_s >= from_s),
    )


def candidates(grid: Grid, fleet: Fleet) -> list[Finding]:
    """Everything that is out of the ordinary in the judged slots, weak findings included, in the order of the slots."""
    found = chain(
        rules.out_of_the_ordinary(grid),
        rules.flat_lines(grid),
        rules.hard_zeros(grid),
        rules.saturations(grid),
        trends.rises(grid, fleet.capacities),
        silence.silences(grid, fleet.last_seen_s),
    )
    return sorted(found, key=lambda one: (one.at_s, one.server_id, one.metric, one.rule))
