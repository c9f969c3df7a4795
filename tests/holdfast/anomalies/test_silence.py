"""Silence of a server, of a metric, of a fleet."""

import math

import numpy as np

from holdfast.anomalies.findings import Finding
from holdfast.anomalies.silence import silences
from tests.holdfast.anomalies.fleets import HOUR, LIVE_S, MONDAY_S, Floats, grid, live, usual

GONE = (math.nan,) * 3 * HOUR


def found(series: dict[tuple[str, str], Floats], *, not_expected: str = "") -> list[Finding]:
    servers = {server for server, _ in series} - {not_expected}
    return list(silences(grid(series, with_baselines=False), dict.fromkeys(servers, MONDAY_S)))


def fleet(servers: int, *silent: str) -> dict[tuple[str, str], Floats]:
    names = [f"web{n}" for n in range(1, servers + 1)]
    return {(n, "cpu_pct"): live(usual(), 9, *GONE) if n in silent else usual() for n in names}


def test_a_silent_server_is_a_warning_after_10_minutes_and_critical_after_15() -> None:
    findings = found(fleet(4, "web1"))
    assert [f.severity for f in findings[:3]] == ["warning", "critical", "critical"]
    assert {(f.server_id, f.metric) for f in findings} == {("web1", "*")}
    assert findings[0].at_s == LIVE_S + 9 * 3600 + 300
    assert findings[0].sentence == "web1 silent for 10 min: no metric since 2026-01-13 09:00 UTC"
    assert len(findings) == 3 * HOUR - 1


def test_one_lost_slot_is_no_silence() -> None:
    series = fleet(4) | {("web1", "cpu_pct"): live(usual(), 9, math.nan)}
    assert found(series) == []


def test_a_retired_server_is_not_missed() -> None:
    assert found(fleet(4, "web1"), not_expected="web1") == []


def test_a_server_that_was_gone_before_is_still_missed_for_a_week() -> None:
    laid = grid(fleet(3), with_baselines=False)
    seen = {"web1": MONDAY_S, "web2": MONDAY_S, "web3": MONDAY_S}
    silent = list(silences(laid, seen | {"old": LIVE_S - 86_400, "older": LIVE_S - 9 * 86_400}))
    assert {f.server_id for f in silent} == {"old"}
    assert len(silent) == 288


def test_a_fleet_that_falls_silent_at_once_is_one_finding_about_the_collector() -> None:
    findings = found(fleet(4, "web1", "web2", "web3"))
    assert {(f.server_id, f.metric, f.rule) for f in findings} == {("*", "*", "stale")}
    assert findings[0].sentence.startswith(
        "3 of 4 servers silent for 10 min, since 2026-01-13 09:00 UTC: look at the coll"
    )


def test_all_of_a_small_fleet_silent_is_the_collector_too() -> None:
    assert {f.server_id for f in found(fleet(2, "web1", "web2"))} == {"*"}


def test_servers_that_fall_silent_one_after_the_other_are_each_found() -> None:
    series = {
        (f"web{n}", "cpu_pct"): live(usual(), 9 + n / 2, *[math.nan] * int((15 - n / 2) * HOUR)) for n in range(1, 5)
    } | {("api1", "cpu_pct"): usual()}
    assert {f.server_id for f in found(series)} == {"web1", "web2", "web3", "web4"}


def test_a_metric_that_is_gone_while_its_server_answers_is_a_warning() -> None:
    series = {("web1", "cpu_pct"): usual(), ("web1", "response_ms"): live(usual("response_ms"), 9, *GONE)}
    findings = found(series)
    assert {(f.server_id, f.metric, f.severity) for f in findings} == {("web1", "response_ms", "warning")}
    assert findings[0].at_s == LIVE_S + 9 * 3600 + 600
    assert findings[0].sentence == "response time missing for 15 min while web1 still reports"


def test_a_metric_that_comes_and_goes_is_not_missed() -> None:
    seldom = usual("response_ms")
    seldom[np.arange(len(seldom)) % 7 < 2] = math.nan
    series = {("web1", "cpu_pct"): usual(), ("web1", "response_ms"): live(seldom, 9, *GONE)}
    assert found(series) == []
