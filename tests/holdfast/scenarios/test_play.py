"""Simulated servers: the same however asked, physically possible, and broken where and when it was said."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.metrics.catalog import BY_NAME, METRIC_NAMES
from holdfast.scenarios.failures import CASCADE, KINDS, SIZELESS, Failure
from holdfast.scenarios.fleet import LARGER_FLEET, SAMPLE_FLEET, cascade_of
from holdfast.scenarios.play import START_S, World, simulate_slots, world_slots
from holdfast.servers.template import ServerTemplate

DAY_S = 86_400
SERVERS = [server.server_id for server in SAMPLE_FLEET]
MEASURED = World(SAMPLE_FLEET, 1).measured
LIVE_S = START_S + 2 * DAY_S


@st.composite
def failures(draw: st.DrawFn, kinds: Sequence[str] = tuple(KINDS)) -> Failure:
    kind = draw(st.sampled_from(sorted(kinds)))
    server_id = draw(st.sampled_from(SERVERS))
    metrics = draw(st.sets(st.sampled_from(sorted(MEASURED[server_id])), min_size=1, max_size=3))
    return Failure(
        kind=kind,
        server_id=server_id,
        metrics=() if kind == CASCADE else tuple(sorted(metrics)),
        start_s=LIVE_S + draw(st.integers(0, DAY_S)),
        lasts_s=draw(st.integers(1, 6 * 3600)),
        size=draw(st.floats(-40, 40)),
        unit=draw(st.sampled_from(["spreads", "absolute"])),
        ramp_s=draw(st.integers(0, 3600)),
        recovery_s=draw(st.integers(0, 3600)),
        lag_s=draw(st.integers(0, 1200)),
    )


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**40),
    st.lists(failures(), max_size=4),
    st.sampled_from(SERVERS),
    st.lists(st.integers(LIVE_S - DAY_S, LIVE_S + 2 * DAY_S), min_size=1, max_size=40),
    st.data(),
)
def test_a_value_does_not_depend_on_how_it_is_asked_for(
    seed: int, broken: list[Failure], server_id: str, instants: list[int], data: st.DataObject
) -> None:
    whole = World(SAMPLE_FLEET, seed, broken).codes(server_id, np.array(instants))
    order = data.draw(st.permutations(range(len(instants))))
    cut = data.draw(st.integers(0, len(instants)))
    again = World(SAMPLE_FLEET, seed, broken)
    for part in (order[:cut], order[cut:]):
        found = again.codes(server_id, np.array([instants[i] for i in part], dtype=np.int64))
        for metric, codes in found.items():
            assert codes.tolist() == [whole[metric][i] for i in part], metric


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**40), st.lists(failures(), max_size=6))
def test_what_is_measured_can_be(seed: int, broken: list[Failure]) -> None:
    world = World(SAMPLE_FLEET, seed, broken)
    at_s = np.arange(LIVE_S, LIVE_S + DAY_S, 600)
    for server in SAMPLE_FLEET:
        for metric, values in world.values(server.server_id, at_s).items():
            assert metric in METRIC_NAMES
            assert np.all(np.isfinite(values))
            assert values.min() >= 0
            assert values.max() <= (100 if metric.endswith("_pct") else np.inf)
            if metric == "db_connections" and "db_connections" in server.capacity:
                assert values.max() <= server.capacity["db_connections"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**40), failures())
def test_a_failure_changes_its_own_series_while_it_lasts_and_nothing_else(seed: int, failure: Failure) -> None:
    at_s = np.arange(LIVE_S - 7200, LIVE_S + 2 * DAY_S, 300)
    broken, well = World(SAMPLE_FLEET, seed, [failure]), World(SAMPLE_FLEET, seed)
    reached = broken.reached[failure]
    for server_id in SERVERS:
        before, after = well.codes(server_id, at_s), broken.codes(server_id, at_s)
        for metric in before:
            lag_s = reached.get(server_id, 0) * failure.lag_s
            may = (at_s >= failure.start_s + lag_s) & (at_s < failure.gone_s + lag_s)
            if server_id not in reached or not (failure.kind == CASCADE or metric in failure.metrics):
                may[:] = False
            assert not np.any((before[metric] != after[metric]) & ~may), (server_id, metric)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
@settings(max_examples=10, deadline=None)
def test_a_seed_repeats_and_another_one_does_not(one: int, other: int) -> None:
    at_s = np.arange(START_S, START_S + DAY_S, 300)
    first, second = (World(SAMPLE_FLEET, seed).codes("web1", at_s) for seed in (one, other))
    is_equal = all(np.array_equal(first[metric], second[metric]) for metric in first)
    assert is_equal == (one == other)


def around(failure: Failure, *, seed: int = 3, step_s: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A series with and without the failure, in spreads, at every minute from an hour before its start."""
    at_s = np.arange(failure.start_s - 3600, failure.gone_s + 3600, step_s)
    broken, well = World(SAMPLE_FLEET, seed, [failure]), World(SAMPLE_FLEET, seed)
    (metric,) = failure.metrics
    size = broken.spread(failure.server_id, metric)
    values = [world.values(failure.server_id, at_s)[metric] for world in (well, broken)]
    return values[0], (values[1] - values[0]) / size


def cpu(kind: str, lasts_s: int, size: float = 0.0, **more: int) -> Failure:
    return Failure(
        kind=kind, server_id="api1", metrics=("cpu_pct",), start_s=LIVE_S, lasts_s=lasts_s, size=size, **more
    )


def test_a_spike_and_a_shift_are_there_at_once_and_gone_at_once() -> None:
    for kind in ("spike", "shift"):
        _, added = around(cpu(kind, 900, 5))
        assert np.allclose(added[:60], 0)
        assert np.allclose(added[60:75], 5, atol=0.01)
        assert np.allclose(added[75:], 0)


def test_a_ramp_and_a_recovery_are_straight() -> None:
    _, added = around(cpu("shift", 3600, 6, ramp_s=1200, recovery_s=600))
    assert np.all(np.diff(added[60:80]) > 0)
    assert np.allclose(added[80:120], 6, atol=0.01)
    assert np.all(np.diff(added[120:130]) < 0)
    assert np.allclose(added[130:], 0)


def test_a_burst_goes_on_and_off() -> None:
    _, added = around(cpu("burst", 7200, 5))
    pulses = added[60:180].reshape(-1, 5)
    heights = pulses.mean(axis=1)
    assert np.allclose(pulses, heights[:, None], atol=0.02)
    assert heights[0] >= 3.5
    is_on = heights > 1
    assert 6 <= is_on.sum() <= 20
    assert np.all((heights[is_on] > 3.4) & (heights[is_on] < 6.6))


def test_a_leak_rises_to_its_end_and_ends() -> None:
    failure = Failure(
        kind="leak",
        server_id="api1",
        metrics=("memory_pct",),
        start_s=LIVE_S,
        lasts_s=12 * 3600,
        size=30,
        unit="absolute",
    )
    usual, added = around(failure)
    points = added * World(SAMPLE_FLEET, 3).spread("api1", "memory_pct")
    assert np.allclose(points[60 : 60 + 720], np.arange(720) / 720 * 30, atol=0.02)
    assert np.allclose(points[60 + 720 :], 0)
    assert usual.max() + 30 < 100


def test_a_drop_is_zero_and_a_flat_line_holds_its_first_value() -> None:
    usual, added = around(cpu("drop", 1800))
    spread = World(SAMPLE_FLEET, 3).spread("api1", "cpu_pct")
    assert np.allclose((usual + added * spread)[60:90], 0, atol=0.01)
    usual, added = around(cpu("flat-line", 3 * 3600))
    shown = (usual + added * spread)[60:240]
    assert np.allclose(shown, usual[60], atol=0.01)


def test_noise_is_restless_around_the_usual_value() -> None:
    _, added = around(cpu("noise", 3 * 3600, 3))
    during = added[60:240]
    assert 2 < during.std() < 4
    assert abs(during.mean()) < 1


def test_a_cascade_goes_down_the_topology_and_recovers_in_the_same_order() -> None:
    assert cascade_of(SAMPLE_FLEET, "db1") == {"db1": 0, "api1": 1, "worker1": 1, "web1": 2}
    failure = Failure(kind=CASCADE, server_id="db1", start_s=LIVE_S, lasts_s=3600, size=8, lag_s=300)
    at_s = np.arange(LIVE_S - 3600, LIVE_S + 7200, 60)
    broken, well = World(SAMPLE_FLEET, 3, [failure]), World(SAMPLE_FLEET, 3)
    seen = {}
    for server_id in SERVERS:
        before, after = well.codes(server_id, at_s), broken.codes(server_id, at_s)
        differs = np.any([before[metric] != after[metric] for metric in before], axis=0)
        if differs.any():
            seen[server_id] = at_s[differs][0] - LIVE_S, at_s[differs][-1] + 60 - LIVE_S
    assert seen == {"db1": (0, 3600), "api1": (300, 3900), "worker1": (300, 3900), "web1": (600, 4200)}


def test_two_failures_of_one_series_add_up_in_their_order() -> None:
    both = [cpu("shift", 7200, 4), Failure(**{**as_dict(cpu("flat-line", 1800)), "start_s": LIVE_S + 3600})]
    world = World(SAMPLE_FLEET, 3, both)
    at_s = np.arange(LIVE_S, LIVE_S + 7200, 60)
    alone = World(SAMPLE_FLEET, 3, both[:1]).values("api1", at_s)["cpu_pct"]
    shown = world.values("api1", at_s)["cpu_pct"]
    assert np.array_equal(shown[:60], alone[:60])
    assert np.all(shown[60:90] == alone[60])
    assert np.array_equal(shown[90:], alone[90:])


def as_dict(failure: Failure) -> dict[str, object]:
    return {name: getattr(failure, name) for name in Failure.__dataclass_fields__}


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(kind="spike", server_id="web9", metrics=("cpu_pct",), start_s=0, lasts_s=1), "no server web9"),
        (Failure(kind="spike", server_id="db1", metrics=("active_users",), start_s=0, lasts_s=1), "active_users"),
    ],
)
def test_what_the_fleet_does_not_have_cannot_break(failure: Failure, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        World(SAMPLE_FLEET, 1, [failure])


@pytest.mark.parametrize("more", [{"kind": "typo"}, {"lasts_s": 0}, {"ramp_s": -1}, {"metrics": ("cpu",)}])
def test_a_failure_that_cannot_be_played_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"spike|typo"):
        Failure(**{**as_dict(cpu("spike", 60, 5)), **more})


def test_healthy_days_have_a_rhythm_a_week_and_requests_that_move_everything() -> None:
    slots = simulate_slots(LARGER_FLEET, 11, 14)
    at_s, requests = slots["web1", "throughput_rps"]
    by_hour = np.array([np.median(requests[(at_s % DAY_S) // 3600 == hour]) for hour in range(24)])
    assert by_hour.max() > 3 * by_hour.min()
    weekend = np.isin((at_s // DAY_S + 3) % 7, [5, 6])
    assert np.median(requests[weekend]) < 0.9 * np.median(requests[~weekend])
    for metric in ("cpu_pct", "network_in_bytes_s", "network_out_bytes_s", "response_ms", "active_users"):
        assert np.corrcoef(requests, slots["web1", metric][1])[0, 1] > 0.6, metric
    assert np.corrcoef(requests, slots["db1", "db_connections"][1])[0, 1] > 0.6
    night = (at_s % DAY_S >= 2 * 3600 + 300) & (at_s % DAY_S < 2 * 3600 + 1800)
    before = (at_s % DAY_S >= 3600) & (at_s % DAY_S < 2 * 3600 - 300)
    cpu_of_db = slots["db1", "cpu_pct"][1]
    assert np.median(cpu_of_db[night]) > np.median(cpu_of_db[before]) + 15


@given(st.sampled_from(["db", "web", "api", "host"]), st.floats(1, 1e6))
@settings(max_examples=30, deadline=None)
def test_a_servers_capacity_scales_what_it_measures(kind: str, capacity: float) -> None:
    names = {"db": "db_connections", "web": "active_users", "api": "throughput_rps", "host": "cpu_cores"}
    template = ServerTemplate(server_id="s", name="s", kind=kind, capacity={names[kind]: capacity})
    values = World([template], 1).values("s", np.arange(START_S, START_S + DAY_S, 300))
    if kind == "host":
        expected = 0.05 + 1.1 * capacity * np.median(values["cpu_pct"]) / 100
        assert np.median(values["load_1m"]) == pytest.approx(expected, rel=0.2)
    else:
        busiest = np.quantile(values[names[kind]], 0.95)
        assert 0.3 * capacity - 1 <= busiest <= capacity
        assert values[names[kind]].max() > 2 * values[names[kind]].min() or capacity < 50


def test_a_slot_holds_the_lower_median_of_its_samples() -> None:
    world = World(SAMPLE_FLEET, 5)
    fine = world_slots(world, START_S, START_S + 3600, every_s=60)
    at_s = np.arange(START_S, START_S + 3600, 60)
    values = world.values("api1", at_s)["response_ms"].reshape(12, 5)
    assert fine["api1", "response_ms"][1].tolist() == np.sort(values, axis=1)[:, 2].tolist()
    assert fine["api1", "response_ms"][0].tolist() == at_s[::5].tolist()


def test_every_value_is_one_that_is_stored() -> None:
    for (_, metric), (_, values) in simulate_slots(SAMPLE_FLEET, 2, 1).items():
        of = BY_NAME[metric]
        assert all(of.value(of.code(value)) == value for value in values.tolist())


def test_kinds_without_a_size_are_kinds() -> None:
    assert set(KINDS) > set(SIZELESS)
