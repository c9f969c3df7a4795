"""Scenarios as they are declared: all mistakes at once, and the seed makes them definite."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ScenarioError
from holdfast.scenarios.declared import Scenario, parse_scenario
from holdfast.scenarios.failures import CASCADE
from holdfast.scenarios.fleet import LARGER_FLEET, SAMPLE_FLEET, cascade_of, topology_of
from holdfast.scenarios.placing import REST_S, place
from holdfast.scenarios.play import World
from holdfast.scenarios.profiles import metrics_of

LIVE_S = 1_767_571_200
HEAD = 'description = "a test"\nlearning = "3d"\nplays = "12h"\n'
GOOD = """
[[failure]]
kind = "spike"
server = "web1"
metrics = ["cpu_pct", "load_1m"]
starts_after = "90m"
lasts = "15m"
spreads = 5
ramp = "30s"
recovery = "1.5m"
"""


def parse(*entries: str, head: str = HEAD) -> Scenario:
    return parse_scenario(head + "\n".join(entries), "test")


def mistakes(*entries: str, head: str = HEAD) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse(*entries, head=head)
    return caught.value.problems


def test_a_good_file_says_what_breaks() -> None:
    scenario = parse(GOOD)
    (declared,) = scenario.failures
    assert (scenario.learning_s, scenario.plays_s, scenario.every_s) == (3 * 86_400, 12 * 3600, 300)
    assert (declared.starts_after_s, declared.lasts_s, declared.ramp_s, declared.recovery_s) == (5400, 900, 30, 90)
    (failure,) = place(scenario, SAMPLE_FLEET, 1, LIVE_S)
    assert (failure.server_id, failure.start_s, failure.size, failure.unit) == ("web1", LIVE_S + 5400, 5.0, "spreads")


def test_all_mistakes_are_told_at_once_each_with_its_entry_what_was_expected_found_and_what_to_do() -> None:
    found = mistakes(
        '[[failure]]\nkind = "spyke"\nserver = "@dbs"\nmetrics = ["cpu"]\nlasts = "-5m"\nspreads = 5',
        '[[failure]]\nkind = "drop"\nserver = "web1"\nmetrics = ["cpu_pct"]\nlasts = "5m"\nspreads = 3\nlag = "1m"',
        '[[failure]]\nkind = "cascade"\nserver = "db1"\nmetrics = ["cpu_pct"]\nlasts = "20h"\nabsolute = 0',
        '[[failure]]\nkind = "shift"\nserver = ""\nlasts = "5m"\nsized = 3\ntimes = 0',
        head='description = "a test"\nlearning = "3h"\nplays = "12h"\nevery = "7s"\nspeed = 3\n',
    )
    assert found == (
        "expected one of description, learning, plays, every, failure, found 'speed'; correct it or take it out",
        "learning: expected whole days, as \"3d\", found '3h'; learning has days",
        "every: expected one of 30s, 60s, 100s, 150s, 300s, found '7s'; a slot must hold whole cycles",
        "failure 1: kind: expected one of spike, burst, shift, leak, drop, flat-line, noise, cascade, found 'spyke'; "
        "did you mean 'spike'?",
        "failure 1: server: expected one of @web, @api, @db, @cache, @worker, @host, @any, found '@dbs'; "
        "did you mean '@db'?",
        "failure 1: metrics: expected metrics of the catalogue, found 'cpu'; did you mean 'cpu_pct'?",
        'failure 1: lasts: expected a duration as "90s", "15m", "6h" or "2d", not negative, found \'-5m\'; correct it',
        "failure 2 (drop): lag: only a cascade has one, found it with kind 'drop'; take it out",
        "failure 2 (drop): spreads: a drop has no size, found 3; take it out",
        "failure 3 (cascade): metrics: a cascade has none, its servers' kinds say what it shows in; take it out",
        "failure 3 (cascade): expected it to be over within the 12 h that the scenario plays, found it ends after "
        "20 h; raise plays, or let it begin earlier",
        "failure 3 (cascade): absolute: expected a number other than 0, or [lowest, highest], found 0; correct it",
        "failure 4 (shift): expected one of kind, server, metrics, one_of, starts_after, lasts, ramp, recovery, lag, "
        "spreads, absolute, times, found 'sized'; correct it or take it out",
        'failure 4 (shift): server: expected a server\'s id, "@db" (any of a kind), "@any", or a list of which the '
        "first that is there counts, found ''; name one",
        "failure 4 (shift): expected either metrics (all of them) or one_of (one is drawn), found none; leave one",
        "failure 4 (shift): expected either spreads (healthy spreads) or absolute (the metric's unit), found none; "
        "give one",
        "failure 4 (shift): times: expected a whole number from 1 to 100, found 0; correct it",
    )


def test_what_is_no_toml_or_has_no_failures_is_told_too() -> None:
    assert "not TOML" in mistakes("[[failure")[0]
    assert "failure: expected [[failure]] entries, found none" in mistakes()[0]
    with pytest.raises(ScenarioError, match="scenario test: 1 mistake; nothing was played"):
        parse()


def test_what_the_fleet_lacks_is_told_for_every_entry() -> None:
    scenario = parse(
        '[[failure]]\nkind = "drop"\nserver = "db9"\nmetrics = ["cpu_pct"]\nlasts = "5m"',
        '[[failure]]\nkind = "drop"\nserver = "@cache"\nmetrics = ["active_users"]\nlasts = "5m"',
        '[[failure]]\nkind = "cascade"\nserver = "web1"\nlasts = "5m"\nspreads = 8',
        '[[failure]]\nkind = "drop"\nserver = "web1"\nmetrics = ["cpu_pct"]\nlasts = "5h"\ntimes = 9',
    )
    with pytest.raises(ScenarioError) as caught:
        place(scenario, SAMPLE_FLEET, 1, LIVE_S)
    lacks_server, lacks_metric, lacks_dependents, lacks_room = caught.value.problems
    assert "failure 1 (drop): server: expected db9, found a fleet of api1 (api)" in lacks_server
    assert "failure 2 (drop): metrics: expected a server that reports active_users" in lacks_metric
    assert "failure 3 (cascade): server: expected one that others depend on, found web1 alone" in lacks_dependents
    assert "failure 4 (drop): expected room for all 9" in lacks_room


def test_of_several_servers_the_first_that_the_fleet_has_is_meant() -> None:
    for fleet, expected in ((SAMPLE_FLEET, "worker1"), ([one for one in SAMPLE_FLEET if one.kind == "web"], "web1")):
        scenario = parse(GOOD.replace('"web1"', '["@worker", "@any"]'))
        assert [one.server_id for one in place(scenario, fleet, 1, LIVE_S)] == [expected]
    assert "found '@workers'; did you mean '@worker'?" in mistakes(GOOD.replace('"web1"', '["@workers", "@any"]'))[0]


DRAWN = parse(
    """
    [[failure]]
    kind = "spike"
    server = "@any"
    one_of = ["cpu_pct", "response_ms"]
    lasts = "15m"
    spreads = [4, 6]
    times = 4
    [[failure]]
    kind = "leak"
    server = "@any"
    one_of = ["memory_pct"]
    lasts = "12h"
    absolute = [20, 30]
    times = 2
    [[failure]]
    kind = "cascade"
    server = "@db"
    lasts = "1h"
    lag = "5m"
    spreads = 8
    times = 2
    """,
    head='description = "a test"\nlearning = "3d"\nplays = "10d"\n',
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_the_seed_makes_it_definite_with_rest_between_related_servers(seed: int) -> None:
    placed = place(DRAWN, LARGER_FLEET, seed, LIVE_S)
    assert placed == place(DRAWN, LARGER_FLEET, seed, LIVE_S)
    assert [sum(one.kind == kind for one in placed) for kind in ("spike", "leak", CASCADE)] == [4, 2, 2]
    kinds = {one.server_id: one.kind for one in LARGER_FLEET}
    for one in placed:
        assert one.start_s >= LIVE_S
        assert one.gone_s <= LIVE_S + 10 * 86_400
        assert set(one.metrics) <= set(metrics_of(kinds[one.server_id]))
        low, high = {"spike": (4, 6), "leak": (20, 30), CASCADE: (8, 8)}[one.kind]
        assert low <= one.size <= high
        if one.kind == CASCADE:
            assert len(cascade_of(LARGER_FLEET, one.server_id)) == 6
    topology = topology_of(LARGER_FLEET)
    for n, one in enumerate(placed):
        for other in placed[n + 1 :]:
            if topology.are_related(one.server_id, other.server_id):
                assert other.start_s >= one.gone_s + REST_S
    World(LARGER_FLEET, seed, placed)


def test_another_seed_breaks_other_things() -> None:
    assert len({place(DRAWN, LARGER_FLEET, seed, LIVE_S) for seed in range(10)}) == 10


values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["spike", "cascade", "@db", "web1", "15m", "9999999d", "x", "", "cpu_pct", "[]"])
    | st.integers(-5, 5)
    | st.floats(allow_nan=True)
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = (
    "kind",
    "server",
    "metrics",
    "one_of",
    "starts_after",
    "lasts",
    "ramp",
    "lag",
    "spreads",
    "absolute",
    "times",
    "typo",
)


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), values), st.dictionaries(st.sampled_from(["plays", "every", "typo"]), values)
)
def test_whatever_is_written_is_a_scenario_or_a_list_of_mistakes(entry: dict[str, Any], top: dict[str, Any]) -> None:
    head = {"description": "a test", "learning": "3d", "plays": "12h"} | top
    text = "\n".join(f"{key} = {toml(value)}" for key, value in head.items())
    text += "\n[[failure]]\n" + "\n".join(f"{key} = {toml(value)}" for key, value in entry.items())
    with suppress(ScenarioError):
        assert parse_scenario(text, "fuzz").failures
