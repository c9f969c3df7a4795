"""What is weak pages in company only."""

from holdfast.anomalies.company import paging
from holdfast.servers.topology import Topology
from tests.holdfast.anomalies.fleets import LIVE_S, finding

CHAIN = Topology({"web1": ["api1"], "api1": ["db1"], "web2": ["api1"]})
ALONE = Topology({})


def paged(*findings, topology=ALONE, from_slot=0):  # type: ignore[no-untyped-def]
    found = paging(findings, topology, LIVE_S + from_slot * 300)
    return {
        (at - LIVE_S) // 300: [(f.server_id, f.metric, (f.at_s - LIVE_S) // 300) for f in fs]
        for at, fs in found.items()
    }


def test_a_strong_finding_pages_alone_and_a_weak_one_does_not() -> None:
    assert paged(finding(at=0, score=0.5), finding("db1", 1, score=0.49)) == {0: [("web1", "cpu_pct", 0)]}


def test_two_weak_metrics_of_a_server_within_ten_minutes_page_when_the_second_comes() -> None:
    first, second = finding(at=0, score=0.4), finding(at=2, score=0.4, metric="load_1m")
    assert paged(first, second) == {2: [("web1", "cpu_pct", 0), ("web1", "load_1m", 2)]}
    assert paged(first, finding(at=3, score=0.4, metric="load_1m")) == {}


def test_one_weak_metric_twice_is_no_company() -> None:
    assert paged(finding(at=0, score=0.4), finding(at=1, score=0.4)) == {}


def test_servers_that_depend_on_each_other_are_company_and_others_are_not() -> None:
    upstream, downstream = finding("db1", 0, score=0.4), finding("api1", 1, score=0.4)
    assert set(paged(upstream, downstream, topology=CHAIN)) == {1}
    assert paged(upstream, downstream) == {}
    assert paged(finding("web1", 0, score=0.4), finding("web2", 0, score=0.4), topology=CHAIN) == {}


def test_a_weak_finding_before_a_strong_one_is_taken_along() -> None:
    found = paged(finding("db1", 0, score=0.4), finding("web1", 2, score=0.9), topology=CHAIN)
    assert found == {2: [("db1", "cpu_pct", 0), ("web1", "cpu_pct", 2)]}


def test_what_is_before_the_range_gives_company_and_is_not_given_itself() -> None:
    found = paged(finding(at=0, score=0.9), finding(at=1, score=0.4, metric="load_1m"), from_slot=1)
    assert found == {1: [("web1", "cpu_pct", 0), ("web1", "load_1m", 1)]}
