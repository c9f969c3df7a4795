"""A whole fleet watched: the same incidents however time is cut, and nothing from what comes later."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.anomalies.findings import Finding
from holdfast.anomalies.grid import grid_of
from holdfast.anomalies.grouping import Advanced, Standing
from holdfast.anomalies.mutes import Mute, unmuted
from holdfast.anomalies.watching import LOOKBACK_S, Fleet, candidates, watch
from holdfast.baselines import Baseline
from holdfast.scenarios.failures import Failure
from holdfast.scenarios.fleet import SAMPLE_FLEET, topology_of
from holdfast.scenarios.play import START_S, simulate_slots
from holdfast.scenarios.rehearsal import Learner
from tests.holdfast.anomalies.fleets import finding

DAYS = 8
LIVE_S = START_S + (DAYS - 1) * 86_400
HOURS = 8
Slots = dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]


def at(hour: float) -> int:
    return LIVE_S + int(hour * 12) * 300


@cache
def world() -> tuple[Slots, dict[tuple[str, str], Baseline]]:
    """Seven days learned, then a cascade at 2:00, and at 5:00 a server without requests and a stuck value."""
    failures = [
        Failure(kind="cascade", server_id="db1", start_s=at(2), lasts_s=2700, size=8, lag_s=300, ramp_s=300),
        Failure(kind="drop", server_id="web1", metrics=("throughput_rps",), start_s=at(5), lasts_s=1800),
        Failure(kind="flat-line", server_id="cache1", metrics=("cpu_pct",), start_s=at(5), lasts_s=10_800),
    ]
    slots = simulate_slots(SAMPLE_FLEET, 5, DAYS, failures)
    learner = Learner(slots, SAMPLE_FLEET, START_S)
    learner.learn(LIVE_S + 3600)
    return slots, dict(learner.in_force())


def fleet(mutes: tuple[Mute, ...] = ()) -> Fleet:
    return Fleet(
        last_seen_s={one.server_id: at(24) for one in SAMPLE_FLEET},
        topology=topology_of(SAMPLE_FLEET),
        capacities={one.server_id: one.capacity for one in SAMPLE_FLEET},
        mutes=mutes,
    )


def between(slots: Slots, from_s: int, until_s: int) -> Slots:
    return {key: (s[(s >= from_s) & (s < until_s)], v[(s >= from_s) & (s < until_s)]) for key, (s, v) in slots.items()}


def watched(*cuts: int, mutes: tuple[Mute, ...] = ()) -> tuple[Advanced, list[tuple[int, int]], int]:
    """The last call's incidents, every page, and how many findings were muted; cut at some slots of the live day."""
    slots, baselines = world()
    standing, paged, muted, changed = Standing(), list[tuple[int, int]](), 0, {}
    ends = [*(at(0) + cut * 300 for cut in cuts), at(HOURS)]
    for from_s, until_s in zip([at(0), *ends[:-1]], ends, strict=True):
        part = between(slots, from_s - LOOKBACK_S, until_s)
        done = watch(standing, part, baselines, fleet(mutes), from_s=from_s, until_s=until_s)
        standing, muted = done.advanced.standing, muted + sum(done.muted.values())
        paged += done.advanced.paged
        changed |= done.advanced.changed
    return Advanced(standing, changed), paged, muted


def test_what_breaks_is_found_and_the_cascade_is_one_incident_with_its_root_first() -> None:
    found = [one for one in watched()[0].changed.values() if one.merged_into is None]
    (cascade,) = [one for one in found if len(one.servers) >= 3]
    assert (cascade.root[0], cascade.severity) == ("db1", "critical")
    assert at(2) <= cascade.opened_s <= at(2) + 900
    rules = {(m.server_id, m.metric, m.rule) for one in found for m in one.members}
    assert ("web1", "throughput_rps", "hard_zero") in rules
    assert ("cache1", "cpu_pct", "flat_line") in rules


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, HOURS * 12 - 1), unique=True, max_size=5).map(sorted))
def test_however_time_is_cut_a_fleet_has_the_same_incidents(cuts: list[int]) -> None:
    whole, parts = watched(), watched(*cuts)
    assert parts[0].standing == whole[0].standing
    assert parts[1] == whole[1]


def told(until_hour: float, slots: Slots) -> list[Finding]:
    until_s = at(until_hour)
    laid = grid_of(between(slots, at(0) - LOOKBACK_S, until_s), world()[1], from_s=at(0), until_s=until_s)
    return candidates(laid, fleet())


@pytest.mark.parametrize("hour", [2.25, 3, 5.5])
def test_no_finding_depends_on_what_comes_later(hour: float) -> None:
    whole = [str(one) for one in told(HOURS, world()[0]) if one.at_s < at(hour)]
    assert [str(one) for one in told(hour, world()[0])] == whole


def test_slots_that_are_not_numbers_or_not_there_are_gaps() -> None:
    slots = dict(world()[0])
    for key, (starts, values) in list(slots.items()):
        broken = values.copy()
        broken[::7] = np.nan
        broken[3::50] = np.inf
        slots[key] = starts + 13, broken
    found = {(one.server_id, one.rule) for one in told(HOURS, slots)}
    assert ("web1", "hard_zero") in found
    assert ("cache1", "flat_line") in found


def test_a_mute_takes_away_what_it_names_and_counts_it() -> None:
    everything = Mute(None, None, at(0), at(HOURS))
    done, paged, muted = watched(mutes=(everything,))
    assert (done.standing.open, paged) == ((), [])
    assert muted > 20
    of_web = Mute("web1", None, at(0), at(HOURS))
    assert "web1" not in {s for one in watched(mutes=(of_web,))[0].changed.values() for s in one.servers}


def test_a_mute_holds_from_its_start_to_before_its_end() -> None:
    mute = Mute("web1", "cpu_pct", LIVE_S, LIVE_S + 600)
    first = finding("web1", 0).at_s
    some = [finding("web1", n) for n in range(3)] + [finding("web2"), finding("web1", metric="load_1m")]
    heard, muted = unmuted(some, [Mute(mute.server_id, mute.metric, first, first + 600)])
    assert [(one.server_id, one.metric, (one.at_s - first) // 300) for one in heard] == [
        ("web1", "cpu_pct", 2),
        ("web2", "cpu_pct", 0),
        ("web1", "load_1m", 0),
    ]
    assert len(muted) == 2
