"""Each rule finds its failure, and nothing on a usual day or in a constant series."""

import math

import numpy as np
import pytest

from holdfast.anomalies.grid import Grid
from holdfast.anomalies.rules import flat_lines, hard_zeros, out_of_the_ordinary, saturations
from holdfast.anomalies.trends import rises
from tests.holdfast.anomalies.fleets import DAY_SLOTS, HOUR, LEARNED_DAYS, LIVE_S, Floats, grid, learned, live, usual

CPU = ("web1", "cpu_pct")
DISK = ("web1", "disk_pct")
CONSTANT = np.full((LEARNED_DAYS + 1) * DAY_SLOTS, 50.0)


def found(grid: Grid) -> list[str]:
    """Every rule's findings of a grid that page alone."""
    by_rule = (flat_lines(grid), hard_zeros(grid), saturations(grid), rises(grid, {}), out_of_the_ordinary(grid))
    return [finding.sentence for findings in by_rule for finding in findings if finding.pages_alone]


@pytest.mark.parametrize("metric", ["cpu_pct", "memory_pct", "disk_pct", "throughput_rps"])
@pytest.mark.parametrize("with_baselines", [True, False])
def test_a_usual_day_is_silent(metric: str, with_baselines: bool) -> None:
    assert found(grid({("web1", metric): usual(metric)}, with_baselines=with_baselines)) == []


@pytest.mark.parametrize("value", [0.0, 50.0, 97.0, 100.0])
@pytest.mark.parametrize("metric", ["cpu_pct", "memory_pct", "disk_pct", "db_connections"])
@pytest.mark.parametrize("with_baselines", [True, False])
def test_a_constant_series_never_alerts(metric: str, value: float, with_baselines: bool) -> None:
    series = {("web1", metric): np.full_like(CONSTANT, value)}
    assert found(grid(series, with_baselines=with_baselines)) == []


def test_a_series_without_any_value_is_silent() -> None:
    assert found(grid({CPU: np.full_like(CONSTANT, math.nan)}, with_baselines=False)) == []


def test_a_value_that_stands_still_is_found_after_45_minutes() -> None:
    stuck = live(usual(), 9, *[33.33] * 2 * HOUR)
    findings = list(flat_lines(grid({CPU: stuck})))
    assert findings[0].at_s == LIVE_S + 9 * 3600 + 40 * 60
    assert findings[0].severity == "warning"
    assert findings[0].sentence.startswith("CPU stuck at 33.3 % for 45 min, never longer than ")
    assert len(findings) == 2 * HOUR - 8


def test_a_gap_neither_ends_nor_lengthens_a_flat_line() -> None:
    stuck = live(usual(), 9, *[33.33] * 6, *[math.nan] * 6, *[33.33] * 6)
    findings = list(flat_lines(grid({CPU: stuck})))
    assert [f.at_s for f in findings] == [LIVE_S + 9 * 3600 + slot * 300 for slot in (14, 15, 16, 17)]


def test_a_series_that_often_stands_still_may_do_so_three_times_as_long() -> None:
    steps = np.repeat(usual()[::HOUR], HOUR)
    steps[HOUR : 2 * HOUR] = steps[0]
    assert learned(steps).longest_constant_s == 2 * 3600 - 300
    assert list(flat_lines(grid({CPU: live(steps, 9, *[33.33] * 2 * HOUR)}))) == []
    first, *_ = flat_lines(grid({CPU: live(steps, 9, *[33.33] * 6 * HOUR)}))
    assert first.at_s == LIVE_S + (9 + 6) * 3600 - 4 * 300


def test_zero_where_it_was_never_seen_is_critical_from_the_second_slot_on() -> None:
    findings = list(hard_zeros(grid({CPU: live(usual(), 9, 0, 0, 0)})))
    assert [f.severity for f in findings] == ["warning", "critical", "critical"]
    assert findings[0].sentence.startswith("CPU is exactly 0, usual at this time ")


def test_zero_is_no_news_where_it_was_seen_or_where_it_is_good() -> None:
    at_night = usual()
    at_night[np.arange(len(at_night)) % DAY_SLOTS < 2 * HOUR] = 0
    assert list(hard_zeros(grid({CPU: at_night}))) == []
    assert list(hard_zeros(grid({("web1", "error_pct"): live(usual(), 9, 0, 0, 0)}))) == []


def test_a_ceiling_is_critical_at_once_where_it_is_not_usual() -> None:
    (finding,) = saturations(grid({CPU: live(usual(), 9, 96.5)}))
    assert (finding.severity, finding.at_s) == ("critical", LIVE_S + 9 * 3600)
    assert finding.sentence.startswith("CPU 96.5 %, usual at this time ")
    assert finding.sentence.endswith(": at its ceiling for 5 min or more")
    assert list(saturations(grid({CPU: live(usual(), 9, 94.9)}))) == []
    assert list(saturations(grid({("web1", "cache_hit_pct"): live(usual(), 9, 99)}))) == []


def test_a_nightly_batch_at_the_ceiling_is_usual() -> None:
    batch = usual()
    batch[np.arange(len(batch)) % DAY_SLOTS < HOUR] = 99
    assert list(saturations(grid({CPU: batch}))) == []


def test_saturation_is_told_without_a_baseline_from_what_was_before() -> None:
    series = {CPU: live(usual(), 9, 99, 99)}
    assert len(list(saturations(grid(series, with_baselines=False)))) == 2


def filling(from_pct: float, pct_an_hour: float, hour: float = 2) -> Floats:
    slots = int((24 - hour) * HOUR)
    rise = from_pct + pct_an_hour / HOUR * np.arange(slots)
    return live(usual("disk_pct"), hour, *np.clip(rise, 0, 100))


def test_a_filling_disk_tells_when_it_is_full() -> None:
    findings = list(rises(grid({DISK: filling(45, 3)}), {}))
    assert {f.rule for f in findings} == {"disk_full"}
    assert findings[0].at_s <= LIVE_S + 8 * 3600
    assert "an hour: full in 12 h" in " ".join(f.sentence for f in findings)
    critical = next(f for f in findings if f.severity == "critical")
    left_h = (100 - critical.observed) / 3
    assert 5.4 < left_h <= 6.1


def test_the_daily_rise_of_a_disk_is_usual_and_so_is_one_that_takes_weeks() -> None:
    assert list(rises(grid({DISK: usual("disk_pct")}), {})) == []
    assert list(rises(grid({DISK: filling(45, 0.2)}), {})) == []


def test_connections_leak_only_against_a_known_ceiling() -> None:
    series = {("db1", "db_connections"): live(np.round(usual()), 2, *np.round(45 + np.arange(240) * 0.6))}
    assert list(rises(grid(series), {})) == []
    findings = list(rises(grid(series), {"db1": {"db_connections": 200.0}}))
    assert {f.rule for f in findings} == {"leak"}


def test_statistics_finds_a_level_nobody_saw_and_says_so() -> None:
    findings = [f for f in out_of_the_ordinary(grid({CPU: live(usual(), 9, 90, 90, 90)})) if f.pages_alone]
    assert {f.at_s for f in findings} >= {LIVE_S + 9 * 3600}
    assert findings[0].sentence.startswith("CPU 90 %, usual at this time 3")
    assert findings[0].sentence.endswith("of the last 8 days") or findings[0].sentence.endswith("in the last 8 days")


@pytest.mark.parametrize(
    ("metric", "value", "severity"),
    [("response_ms", 900.0, "critical"), ("throughput_rps", 900.0, "warning"), ("response_ms", 1.0, "warning")],
)
def test_only_what_users_feel_is_critical_by_statistics_alone(metric: str, value: float, severity: str) -> None:
    findings = list(out_of_the_ordinary(grid({("web1", metric): live(usual(metric), 9, *[value] * 6)})))
    inside = [f for f in findings if LIVE_S + 9 * 3600 <= f.at_s < LIVE_S + 9 * 3600 + 1800]
    assert severity in {f.severity for f in inside}
    assert ("critical" in {f.severity for f in findings}) == (severity == "critical")


@pytest.mark.parametrize("new", [(0.0,) * 12, (99.0,) * 12, (33.33,) * 24])
def test_no_rule_looks_ahead(new: tuple[float, ...]) -> None:
    whole = live(usual(), 9, *new)
    cut = live(whole, 9.5, *[math.nan] * int(14.5 * HOUR))
    upto = LIVE_S + 9 * 3600 + 1800

    def before(values: Floats) -> list[str]:
        laid = grid({CPU: values})
        every = (*flat_lines(laid), *hard_zeros(laid), *saturations(laid), *out_of_the_ordinary(laid), *rises(laid, {}))
        return [str(f) for f in every if f.at_s < upto]

    assert before(whole) == before(cut)
