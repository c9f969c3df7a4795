"""Whether baselines cover the fleet, and the words for how far a series is."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.baselines import baseline_of
from holdfast.baselines.covering import FleetServer, SeriesState, cover
from holdfast.baselines.memory import Memory
from holdfast.baselines.status import coverage_of, status_of
from tests.holdfast.baselines.series import memory_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=9)


def server(server_id: str, kind: str = "web", *, since: datetime = LONG_AGO, seen: bool = True) -> FleetServer:
    return FleetServer(server_id, kind, "declared", since, NOW if seen else None)


def state(metric: str, status: str | None = "learned", *, hours: int = 99, server_id: str = "a") -> SeriesState:
    return SeriesState(server_id, metric, status, status != "learned", NOW - timedelta(hours=hours))


def test_a_learned_fleet_is_covered() -> None:
    found = cover([server("a")], [state("cpu_pct"), state("load_1m")], NOW)
    assert found.is_whole
    assert (found.series, found.learned_series) == (2, 2)
    assert "response_ms" in found.silent_metrics["a"]


def test_a_young_series_is_learning_and_an_old_one_is_left_out() -> None:
    states = [state("cpu_pct", "learning, 9 h of 24 h", hours=12), state("load_1m", "learning, 20 h of 24 h", hours=40)]
    found = cover([server("a")], states, NOW)
    assert found.learning == {"cpu_pct of a": "learning, 9 h of 24 h"}
    assert found.uncovered == {"load_1m of a": "learning, 20 h of 24 h"}
    assert not found.is_whole


def test_a_series_without_any_baseline_is_told() -> None:
    assert cover([server("a")], [state("cpu_pct", None)], NOW).uncovered == {"cpu_pct of a": "no baseline"}


def test_only_what_a_kind_expects_counts_and_of_a_host_everything() -> None:
    states = [state("db_connections", None)]
    assert cover([server("a", "web")], states, NOW).series == 0
    assert cover([server("a", "db")], states, NOW).series == 1
    assert cover([server("a", "host")], states, NOW).series == 1
    assert cover([], states, NOW).is_whole


def test_a_declared_server_that_never_came_is_named_after_an_hour() -> None:
    servers = [server("late", seen=False), server("fresh", since=NOW - timedelta(minutes=30), seen=False)]
    assert cover(servers, [], NOW).never_seen == ["late"]


@pytest.mark.parametrize(
    ("hours", "said"), [(0, "learning, 0 h of 24 h"), (12, "learning, 12 h of 24 h"), (24, "learned"), (48, "learned")]
)
def test_a_series_says_how_far_it_is_learned(hours: int, said: str) -> None:
    assert status_of(baseline_of(memory_of(hours) if hours else Memory.empty())) == said


def test_coverage_is_the_share_of_the_window_that_has_samples() -> None:
    memory = memory_of(48)
    assert coverage_of(baseline_of(memory), memory.learned_from_s) == pytest.approx(1.0, abs=0.02)
    assert coverage_of(baseline_of(memory), memory.learned_from_s - 10**9) <= 1
    assert coverage_of(baseline_of(Memory.empty()), -1) == 0
