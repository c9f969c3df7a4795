"""Findings become incidents: grouped, rooted, closed, held, merged, the same however time is cut."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from holdfast.anomalies.findings import Finding
from holdfast.anomalies.grouping import Advanced, Standing, advance
from holdfast.anomalies.incidents import Incident
from holdfast.servers.topology import Topology
from tests.holdfast.anomalies.fleets import LIVE_S, finding

CHAIN = Topology({"web1": ["api1"], "web2": ["api1"], "api1": ["db1"]})
SERVERS = ("web1", "web2", "api1", "db1", "other")


def walked(
    *findings: Finding, until: int = 300, cuts: tuple[int, ...] = (), standing: Standing | None = None
) -> Advanced:
    """All findings in one call, or in several; in the last one everything that changed in any."""
    by_slot: dict[int, list[Finding]] = {}
    for one in findings:
        by_slot.setdefault(one.at_s, []).append(one)
    standing, changed, paged = standing or Standing(), dict[int, Incident](), list[tuple[int, int]]()
    held = 0
    for begin, end in zip((0, *cuts), (*cuts, until), strict=True):
        done = advance(standing, by_slot, CHAIN, from_s=LIVE_S + begin * 300, until_s=LIVE_S + end * 300)
        standing, changed, paged, held = (
            done.standing,
            changed | dict(done.changed),
            [*paged, *done.paged],
            held + done.held,
        )
    return replace(done, changed=changed, paged=tuple(paged), held=held)


def slots(done: Advanced) -> list[tuple[int, int]]:
    return [((at_s - LIVE_S) // 300, number) for at_s, number in done.paged]


def test_one_finding_opens_an_incident_that_closes_when_it_was_quiet_for_half_an_hour() -> None:
    done = walked(finding(at=10), until=17)
    (incident,) = done.standing.open
    assert (incident.root, incident.opened_s, incident.closed_s) == (("web1", "cpu_pct"), LIVE_S + 3000, None)
    done = walked(finding(at=10), until=18)
    (incident,) = done.changed.values()
    assert incident.closed_s == incident.members[0].ended_s == LIVE_S + 3300
    assert done.closed == (1,)


def test_a_server_that_is_heard_again_is_back_at_once() -> None:
    silent = [finding(at=at, metric="*", rule="stale") for at in range(3)]
    assert walked(*silent, until=4).standing.open
    (incident,) = walked(*silent, until=5).changed.values()
    assert (incident.is_open, incident.closed_s) == (False, LIVE_S + 900)
    both = walked(*silent, finding(at=1), until=5).changed[1]
    assert (both.is_open, [member.ended_s for member in both.members]) == (True, [LIVE_S + 900, None])


def test_a_burst_with_pauses_is_one_incident_and_one_page() -> None:
    done = walked(*(finding(at=at) for at in range(0, 60, 6)), until=120)
    assert slots(done) == [(0, 1)]
    assert len(done.changed) == 1


def test_metrics_of_one_server_are_one_incident_rooted_in_the_earliest() -> None:
    done = walked(finding(at=1, metric="load_1m"), finding(at=0), finding(at=2, metric="response_ms", score=0.9))
    (incident,) = done.changed.values()
    assert [m.metric for m in incident.members] == ["cpu_pct", "load_1m", "response_ms"]
    assert incident.root == ("web1", "cpu_pct")
    assert incident.sentence == "web1: cpu_pct of web1 in slot 0; with it load, response time"


def test_a_cascade_is_one_critical_incident_rooted_upstream_whatever_is_seen_first() -> None:
    done = walked(finding("web1", 0, metric="error_pct"), finding("api1", 1), finding("db1", 2), until=5)
    (incident,) = done.standing.open
    assert incident.root == ("db1", "cpu_pct")
    assert incident.servers == ("db1", "web1", "api1")
    assert incident.severity == "critical"
    assert incident.sentence == "db1: cpu_pct of db1 in slot 2; with it web1 (errors); api1 (CPU)"
    assert slots(done) == [(0, 1), (2, 1)]


def test_servers_that_have_nothing_to_do_with_each_other_stay_apart() -> None:
    done = walked(finding("web1", 0), finding("other", 0), finding("web2", 1), until=5)
    assert [incident.servers for incident in done.standing.open] == [("other",), ("web1",), ("web2",)] or [
        incident.servers for incident in done.standing.open
    ] == [("web1",), ("other",), ("web2",)]


def test_two_incidents_that_turn_out_to_be_related_become_the_older_one() -> None:
    done = walked(finding("web1", 0), finding("web2", 1), finding("api1", 2), until=5)
    (incident,) = done.standing.open
    assert (incident.incident_id, incident.root[0]) == (1, "api1")
    assert done.changed[2].merged_into == 1
    assert done.changed[2].closed_s == LIVE_S + 600
    assert done.opened == (1,)
    assert done.closed == (2,)


def test_what_goes_on_for_long_does_not_swallow_what_begins_elsewhere_or_days_later() -> None:
    long = [finding("db1", at) for at in range(95)]
    done = walked(*long, finding("api1", 50), finding("db1", 90, metric="load_1m"), until=95)
    assert [one.servers for one in done.standing.open] == [("db1",), ("db1",)]
    assert done.changed[2].servers == ("api1",)
    assert [m.series for m in done.changed[3].members] == [("db1", "load_1m")]


def test_flapping_pages_once_in_six_hours_unless_it_is_higher() -> None:
    done = walked(finding(at=0), finding(at=20), finding(at=60), until=80)
    (incident,) = done.changed.values()
    assert slots(done) == [(0, 1)]
    assert incident.opened_s == LIVE_S
    assert slots(walked(finding(at=0), finding(at=20, score=0.75))) == [(0, 1), (20, 1)]
    assert slots(walked(finding(at=0), finding(at=20, severity="critical"))) == [(0, 1), (20, 1)]
    assert slots(walked(finding(at=0), finding(at=74))) == [(0, 1), (74, 2)]


def test_another_metric_after_an_incident_is_a_new_one() -> None:
    assert slots(walked(finding(at=0), finding(at=20, metric="load_1m"))) == [(0, 1), (20, 2)]


def test_an_incident_that_becomes_critical_pages_again_once() -> None:
    done = walked(finding(at=0), *(finding(at=at, severity="critical", score=0.9) for at in (1, 2, 3)))
    assert slots(done) == [(0, 1), (1, 1)]
    assert done.changed[1].page_count == 2


def test_what_joins_late_and_is_higher_than_all_before_pages() -> None:
    going_on = [finding(at=at, score=0.4) for at in range(20)]
    assert slots(walked(*going_on, finding(at=15, metric="load_1m", score=0.7))) == [(0, 1), (15, 1)]
    assert slots(walked(*going_on, finding(at=3, metric="load_1m", score=0.7))) == [(0, 1)]
    assert slots(walked(*going_on, finding(at=15, metric="load_1m", score=0.45))) == [(0, 1)]


def test_an_incident_closed_by_hand_stays_closed_unless_it_becomes_worse() -> None:
    before = walked(finding(at=0), until=2).standing
    closed = {n: replace(one, closed_s=LIVE_S + 600, dismissed_s=LIVE_S + 600) for n, one in before.incidents.items()}
    standing = Standing(closed, before.next_id)
    same = advance(standing, {LIVE_S + 900: [finding(at=3)]}, CHAIN, from_s=LIVE_S + 600, until_s=LIVE_S + 1200)
    assert (same.held, same.paged, [one.is_open for one in same.standing.incidents.values()]) == (1, (), [False])
    worse = {LIVE_S + 900: [finding(at=3, severity="critical")]}
    assert advance(standing, worse, CHAIN, from_s=LIVE_S + 600, until_s=LIVE_S + 1200).opened == (2,)


def test_the_peak_speaks_for_a_series_and_the_same_finding_twice_changes_nothing() -> None:
    peak = replace(finding(at=1, score=0.8), observed=99.0, sentence="the peak")
    once = walked(finding(at=0), peak, finding(at=2), until=4)
    (member,) = once.changed[1].members
    assert (member.observed, member.sentence, member.started_s, member.last_s) == (
        99.0,
        "the peak",
        LIVE_S,
        LIVE_S + 600,
    )
    assert walked(finding(at=0), peak, peak, finding(at=0), finding(at=2), until=4) == once


@st.composite
def histories(draw: st.DrawFn) -> list[Finding]:
    some = st.builds(
        finding,
        st.sampled_from(SERVERS),
        st.integers(0, 150),
        metric=st.sampled_from(["cpu_pct", "load_1m"]),
        score=st.sampled_from([0.4, 0.6, 0.95]),
        severity=st.sampled_from(["warning", "critical"]),
        rule=st.sampled_from(["statistics", "stale"]),
    )
    found = draw(st.lists(some, max_size=40))
    return sorted(found, key=lambda f: (f.at_s, f.server_id, f.metric, f.score, f.severity, f.rule))


@settings(max_examples=200, deadline=None)
@given(histories(), st.lists(st.integers(1, 179), unique=True, max_size=6))
def test_however_time_is_cut_the_incidents_are_the_same(findings: list[Finding], cuts: list[int]) -> None:
    whole = walked(*findings, until=180)
    parts = walked(*findings, until=180, cuts=tuple(sorted(cuts)))
    assert parts.standing == whole.standing
    assert parts.paged == whole.paged
    assert parts.changed == whole.changed


@settings(max_examples=200, deadline=None)
@given(histories())
def test_every_finding_is_in_one_incident_and_every_incident_holds_together(findings: list[Finding]) -> None:
    done = walked(*findings, until=180)
    alive = [one for one in done.changed.values() if one.merged_into is None]
    for one in findings:
        homes = [i for i in alive for m in i.members if m.series == one.series and m.started_s <= one.at_s <= m.last_s]
        assert len(homes) >= 1
    for incident in alive:
        assert incident.root in [m.series for m in incident.members]
        assert incident.opened_s == min(m.started_s for m in incident.members)
        assert incident.last_s == max(m.last_s for m in incident.members)
        assert incident.is_open == any(m.ended_s is None for m in incident.members)
        assert incident.page_count == sum(number == incident.incident_id for _, number in done.paged) or len(
            alive
        ) < len(done.changed)
    assert sum(one.page_count for one in alive) == len(done.paged)


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_three_servers_make_it_critical(servers: int) -> None:
    done = walked(*(finding(name, 0) for name in ("db1", "api1", "web1")[:servers]), until=3)
    assert {one.severity for one in done.standing.open} == {"critical" if servers == 3 else "warning"}
