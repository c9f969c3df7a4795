"""What the dashboard reads, in the seed's words."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES
from holdfast.metrics.dashboard import NAMES, ServerState, hashes, snapshot

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STALE_AFTER = timedelta(minutes=5)

states = st.lists(
    st.builds(
        ServerState,
        server_id=st.text(min_size=1, max_size=10),
        last_sampled_at=st.integers(0, 900).map(lambda s: NOW - timedelta(seconds=s)),
        codes=st.dictionaries(st.sampled_from(METRIC_NAMES), st.none() | st.integers(0, CODE_LIMIT)),
    ),
    max_size=8,
    unique_by=lambda state: state.server_id,
)


def test_every_metric_has_a_name_on_the_dashboard() -> None:
    assert sorted(NAMES.values()) == sorted(METRIC_NAMES)


@given(states)
def test_the_document_is_json_and_its_counts_add_up(found: list[ServerState]) -> None:
    document = json.loads(json.dumps(snapshot(found, now=NOW, stale_after=STALE_AFTER), allow_nan=False))
    assert document["total"] == len(document["servers"]) == len(found)
    assert document["stale"] == sum(server["status"] == "stale" for server in document["servers"])


@given(states)
def test_what_was_not_measured_is_absent_and_never_zero(found: list[ServerState]) -> None:
    for state, server in zip(found, snapshot(found, now=NOW, stale_after=STALE_AFTER)["servers"], strict=True):
        measured = {short for short, name in NAMES.items() if state.codes.get(name) is not None}
        assert server["metrics"].keys() - {"network"} == measured
        assert ("network" in server["metrics"]) == ({"networkIn", "networkOut"} <= measured)


@pytest.mark.parametrize(("age_s", "status"), [(0, "online"), (300, "online"), (301, "stale"), (-60, "online")])
def test_a_server_is_stale_once_it_was_silent_longer_than_the_limit(age_s: int, status: str) -> None:
    state = ServerState("a", NOW - timedelta(seconds=age_s), {})
    assert state.status(NOW, STALE_AFTER) == status


def test_a_reader_can_tell_by_itself_when_to_distrust() -> None:
    state = ServerState("a", NOW - timedelta(seconds=60), {})
    document = snapshot([state], now=NOW, stale_after=STALE_AFTER)
    sampled_at = datetime.fromisoformat(document["servers"][0]["lastUpdated"])
    stale_at = sampled_at + timedelta(seconds=document["staleAfterS"])
    assert state.status(stale_at, STALE_AFTER) == "online"
    assert state.status(stale_at + timedelta(seconds=1), STALE_AFTER) == "stale"


def test_values_are_in_the_metrics_unit_and_network_is_both_directions() -> None:
    codes = {"cpu_pct": 8750, "network_in_bytes_s": 10, "network_out_bytes_s": 5, "load_1m": None}
    assert ServerState("a", NOW, codes).metrics() == {
        "cpu": 87.5, "networkIn": 100.0, "networkOut": 50.0, "network": 150.0,
    }  # fmt: skip


@given(states)
def test_the_hashes_say_what_the_document_says(found: list[ServerState]) -> None:
    document = snapshot(found, now=NOW, stale_after=STALE_AFTER)
    made = hashes(found, now=NOW, stale_after=STALE_AFTER)
    assert len(made) == 3 * len(found)
    for server in document["servers"]:
        metrics = made[f"metrics:{server['id']}"]
        assert {name: json.loads(value) for name, value in metrics.items() if name != "lastUpdated"} == server[
            "metrics"
        ]
        assert made[f"status:{server['id']}"]["status"] == server["status"]
        assert made[f"server:{server['id']}"]["lastUpdated"] == metrics["lastUpdated"] == server["lastUpdated"]
