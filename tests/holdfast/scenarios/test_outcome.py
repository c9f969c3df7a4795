"""What of the failures was found: against an oracle that asks every minute."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.scenarios.failures import CASCADE, Failure
from holdfast.scenarios.outcome import Found, Outcome, Truth, by_kind, outcome_of

SERVERS = ("a", "b", "c")
KINDS = ("spike", "drop")


def spike(server: str = "a", start_s: int = 6000, lasts_s: int = 900, kind: str = "spike") -> Truth:
    failure = Failure(kind=kind, server_id=server, metrics=("cpu_pct",), start_s=start_s, lasts_s=lasts_s, size=5)
    return Truth(failure, {server: 0})


def incident(number: int, *pages_s: int, servers: str = "a", root: str | None = None) -> Found:
    return Found(number, root or servers[0], frozenset(servers), pages_s, None, f"incident {number}")


def matched(truths: list[Truth], *incidents: Found) -> Outcome:
    return outcome_of(truths, incidents, server_days=3)


def test_an_incident_of_the_server_while_it_fails_is_a_detection() -> None:
    outcome = matched([spike()], incident(1, 6300))
    (result,) = outcome.results
    assert (result.detected_s, result.delay_s, result.sentence, result.is_missed) == (6600, 600, "incident 1", False)
    assert outcome.false_pages == ()


def test_half_an_hour_after_the_end_still_counts_and_later_does_not() -> None:
    assert not matched([spike()], incident(1, 8700)).results[0].is_missed
    late = matched([spike()], incident(1, 9000))
    assert late.results[0].is_missed
    assert [page.at_s for page in late.false_pages] == [9000]


def test_a_slot_that_was_over_before_the_start_knows_nothing_of_it() -> None:
    assert matched([spike(start_s=6100)], incident(1, 6000)).results[0].delay_s == 200
    assert matched([spike(start_s=6300)], incident(1, 6000)).results[0].is_missed


def test_an_incident_of_another_server_is_a_false_page() -> None:
    outcome = matched([spike()], incident(1, 6300, servers="b"))
    assert outcome.results[0].is_missed
    assert outcome.false_pages_a_server_day == 1 / 3


def test_an_older_incident_that_calls_again_counts_for_the_failure_and_its_first_page_does_not() -> None:
    outcome = matched([spike()], incident(1, 3000, 6300))
    assert outcome.results[0].delay_s == 600
    assert [page.at_s for page in outcome.false_pages] == [3000]


def test_a_cascade_is_whole_as_one_incident_with_its_root_first() -> None:
    failure = Failure(kind=CASCADE, server_id="a", start_s=6000, lasts_s=600, size=8, lag_s=300)
    truth = Truth(failure, {"a": 0, "b": 1, "c": 2})
    assert truth.end_s == 7200
    (whole,) = matched([truth], incident(1, 6300, servers="abc", root="a")).results
    (split,) = matched([truth], incident(1, 6300, servers="a"), incident(2, 6600, servers="bc", root="b")).results
    (wrong,) = matched([truth], incident(1, 6300, servers="abc", root="b")).results
    assert (whole.is_whole, split.is_whole, wrong.is_whole) == (True, False, False)
    assert (split.incidents, split.pages, wrong.is_root_right) == (2, 2, False)


def test_the_report_counts_by_kind() -> None:
    truths = [spike(), spike("b", 20_000), spike("a", 40_000, kind="drop")]
    outcome = matched(truths, incident(1, 6300), incident(2, 20_400, servers="b"))
    assert [(one.kind, one.failures, one.detected, one.recall, one.delay_s) for one in by_kind(outcome.results)] == [
        ("drop", 1, 0, 0.0, None),
        ("spike", 2, 2, 1.0, 650),
    ]
    assert outcome.detected == 2


truths = st.builds(
    spike,
    st.sampled_from(SERVERS),
    st.integers(0, 40).map(lambda n: n * 700),
    st.integers(1, 6000),
    st.sampled_from(KINDS),
)
founds = st.builds(
    lambda pages, servers: (pages, servers),
    st.lists(st.integers(0, 120).map(lambda n: n * 300), min_size=1, max_size=3, unique=True),
    st.sets(st.sampled_from(SERVERS), min_size=1),
)


@given(st.lists(truths, max_size=5), st.lists(founds, max_size=6))
def test_matching_is_what_asking_every_page_and_every_failure_says(
    known: list[Truth], pairs: list[tuple[list[int], set[str]]]
) -> None:
    incidents = [Found(n, min(s), frozenset(s), tuple(sorted(p)), None, "") for n, (p, s) in enumerate(pairs)]
    outcome = outcome_of(known, incidents, server_days=1)
    explained = 0
    for one in incidents:
        for at_s in one.pages_s:
            slot = range(at_s, at_s + 300)
            about = [
                t
                for t in known
                if t.failure.server_id in one.servers
                and slot.stop > t.failure.start_s
                and slot.start <= t.failure.start_s + t.failure.lasts_s + 1800
            ]
            explained += bool(about)
    assert len(outcome.false_pages) + explained == sum(len(one.pages_s) for one in incidents)
    assert len(outcome.results) == len(known)
    for result in outcome.results:
        hits = [
            at_s
            for one in incidents
            for at_s in one.pages_s
            if result.server in one.servers and result.started_s < at_s + 300 and at_s <= result.ended_s + 1800
        ]
        assert result.detected_s == (min(hits) + 300 if hits else None)
        assert result.pages == len(hits)
