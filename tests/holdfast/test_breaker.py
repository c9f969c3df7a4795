"""When a breaker opens, who may probe, and whose result counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from holdfast.breaker import (
    Action,
    Breaker,
    Permit,
    Policy,
    admit,
    adopted,
    failed,
    forced,
    permit,
    released,
    succeeded,
)
from holdfast.errors import BreakerOpenError, MalformedEntryError, TransientError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY = Policy()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def broken(failures: int = 3, breaker: Breaker | None = None, at_s: float = 0) -> Breaker:
    """After so many failures in a row."""
    one = breaker or Breaker()
    for _ in range(failures):
        one = failed(one, Permit(generation=one.generation), at(at_s), "refused", POLICY)
    return one


def probe(breaker: Breaker, at_s: float, token: str = "me") -> tuple[Breaker, Permit | None]:
    after = admit(breaker, at(at_s), token, POLICY)
    return after, permit(after, token)


def test_two_failures_are_bad_luck_and_the_third_opens() -> None:
    assert broken(2).state(NOON) == "closed"
    one = broken(3)
    assert (one.state(NOON), one.opened_at, one.probe_at) == ("open", NOON, at(60))
    assert probe(one, 59.9)[1] is None


def test_a_success_between_failures_begins_a_new_count() -> None:
    one = succeeded(broken(2), Permit(generation=0), NOON)
    assert one.failures == 0
    assert broken(2, one).state(NOON) == "closed"


def test_a_failure_long_after_the_others_begins_a_new_count() -> None:
    assert broken(1, broken(2), at_s=901).failures == 1
    assert broken(1, broken(2), at_s=899).state(at(899)) == "open"


def test_a_minute_later_one_call_may_try_and_only_one() -> None:
    one, mine = probe(broken(), 60)
    assert mine is not None
    assert mine.is_probe
    assert one.state(at(61)) == "half_open"
    other, theirs = probe(one, 61, "other")
    assert (other, theirs) == (one, None)


def test_a_probe_that_succeeds_closes_and_one_that_fails_waits_twice_as_long() -> None:
    one, mine = probe(broken(), 60)
    assert mine is not None
    assert succeeded(one, mine, at(61)).state(at(61)) == "closed"
    waits = []
    now_s = 60.0
    for _ in range(5):
        one = failed(one, mine, at(now_s), "still away", POLICY)
        assert one.opened_at == NOON
        assert one.probe_at is not None
        waits.append((one.probe_at - at(now_s)).total_seconds())
        now_s += waits[-1]
        one, mine = probe(one, now_s)
        assert mine is not None
    assert waits == [120, 240, 240, 240, 240]
    assert one.reason == "still away"


def test_a_prober_that_was_killed_blocks_others_for_its_lease_only() -> None:
    one, mine = probe(broken(), 60)
    assert mine is not None
    assert probe(one, 119.9, "next")[1] is None
    after, theirs = probe(one, 120, "next")
    assert theirs is not None
    for late in (succeeded(after, mine, at(130)), failed(after, mine, at(130), "late", POLICY)):
        assert late == after


def test_a_late_result_of_a_call_from_before_says_nothing() -> None:
    old = Permit(generation=0)
    one = broken()
    assert failed(one, old, at(5), "late", POLICY) == one
    assert succeeded(one, old, at(5)) == one
    probing, mine = probe(one, 60)
    assert mine is not None
    closed = succeeded(probing, mine, at(61))
    assert failed(closed, old, at(62), "late", POLICY) == closed


def test_a_probe_that_says_nothing_of_its_store_lets_the_next_one_try_at_once() -> None:
    one, mine = probe(broken(), 60)
    assert mine is not None
    freed = released(one, mine, at(61))
    assert freed.state(at(61)) == "open"
    assert probe(freed, 61, "next")[1] is not None
    assert released(Breaker(), Permit(generation=0), NOON) == Breaker()


@pytest.mark.parametrize("before", [Breaker(), broken(2), broken()])
def test_what_an_operator_forces_holds_until_auto(before: Breaker) -> None:
    opened = forced(before, "open", at(10), by="ada", reason="moving house")
    assert opened.state(at(10_000)) == "open"
    assert probe(opened, 10_000)[1] is None
    assert "moving house" in str(opened.refusal("secondary", at(20)))
    assert "holdfast breakers auto secondary" in str(opened.refusal("secondary", at(20)))
    closed = forced(before, "close", at(10), by="ada", reason="I know better")
    assert broken(10, closed).state(at(20)) == "closed"
    after = forced(opened, "auto", at(30), by="ada", reason="done")
    assert probe(after, 30)[1] is not None
    assert forced(closed, "auto", at(30), by="ada", reason="done").state(at(30)) == "closed"


def test_auto_where_nothing_was_forced_changes_nothing() -> None:
    assert forced(broken(), "auto", at(10), by="ada", reason="") == broken()


def test_the_newest_word_of_an_operator_is_adopted() -> None:
    there = forced(Breaker(), "open", at(10), by="ada", reason="moving house")
    here = adopted(broken(1), there, at(20))
    assert (here.forced, here.forced_at, here.forced_by) == ("open", at(10), "ada")
    assert adopted(here, there, at(30)) == here
    taken_back = forced(there, "auto", at(40), by="ada", reason="done")
    assert adopted(here, taken_back, at(50)).forced is None
    assert adopted(forced(here, "close", at(60), by="bob", reason=""), taken_back, at(70)).forced == "closed"


def test_a_refusal_says_which_store_why_since_when_and_until_when() -> None:
    error = broken().refusal("secondary", at(5))
    assert isinstance(error, TransientError)
    assert (error.store, error.since, error.reason, error.next_probe_at) == ("secondary", NOON, "refused", at(60))
    assert str(error) == (
        "secondary: its breaker is open since 2026-03-02 12:00:00 UTC, so nothing was asked of it; the last failure: "
        "refused. One call may try from 12:01:00 UTC on; or: holdfast breakers close secondary"
    )
    probing, _ = probe(broken(), 60)
    assert probing.refusal("secondary", at(61)).next_probe_at == at(120)


def test_what_was_said_becomes_one_line_that_every_store_can_hold() -> None:
    one = failed(Breaker(), Permit(generation=0), NOON, " gone:\n\tno\0 route\udc80 " + "x" * 1000, POLICY)
    assert one.reason.startswith("gone: no route x")
    assert len(one.reason) == 500
    assert forced(one, "open", NOON, by="a\0da", reason="a\nb").forced_by == "ada"


instants = st.none() | st.datetimes(timezones=st.just(UTC))
breakers = st.builds(
    Breaker,
    failures=st.integers(0, 1000),
    failed_at=instants,
    reason=st.text(max_size=40),
    opened_at=instants,
    probe_at=instants,
    failed_probes=st.integers(0, 10**6),
    prober=st.text(max_size=8),
    leased_until=instants,
    generation=st.integers(0, 10**9),
    forced=st.sampled_from([None, "open", "closed"]),
    forced_at=instants,
    forced_by=st.text(max_size=8),
    forced_reason=st.text(max_size=40),
)


@given(breakers)
def test_a_document_is_read_as_what_was_written(breaker: Breaker) -> None:
    assert Breaker.from_document(breaker.to_document()) == breaker


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 2}', '{"format": 1, "x": 3}', "open", '{"format'])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(MalformedEntryError):
        Breaker.from_document(text)


@given(breakers)
def test_a_clean_breaker_lets_everybody_through_without_a_clock(breaker: Breaker) -> None:
    if breaker.is_clean:
        after = admit(breaker, NOON, "me", POLICY)
        assert after == breaker
        assert permit(after, "me") == Permit(generation=breaker.generation)


class Calls(RuleBasedStateMachine):
    """Calls that begin and end in any order, with an operator in between: the one probe stays one."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = NOON
        self.count = 0
        self.probes: list[tuple[Permit, datetime]] = []

    @rule(seconds=st.sampled_from([0.0, 1.0, 59.0, 60.0, 120.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(target=running)
    def begin(self) -> Permit | None:
        self.count += 1
        self.breaker = admit(self.breaker, self.now, f"call {self.count}", POLICY)
        got = permit(self.breaker, f"call {self.count}")
        if got is not None and got.is_probe:
            live = [one for one, until in self.probes if until > self.now and one.generation == self.breaker.generation]
            assert not live, "a second probe while one is under way"
            self.probes.append((got, self.now + POLICY.lease))
        if got is None:
            assert self.breaker.state(self.now) != "closed"
            error = self.breaker.refusal("store", self.now)
            assert isinstance(error, BreakerOpenError)
        return got

    @rule(call=running, how=st.sampled_from(["fails", "succeeds", "says nothing"]))
    def end(self, call: Permit | None, how: str) -> None:
        if call is None:
            return
        before = self.breaker
        if how == "fails":
            self.breaker = failed(before, call, self.now, "away", POLICY)
        else:
            self.breaker = (succeeded if how == "succeeds" else released)(before, call, self.now)
        if call.generation != before.generation or before.forced:
            assert replace(self.breaker, generation=before.generation) == before or how == "says nothing"

    @rule(action=st.sampled_from(["open", "close", "auto"]))
    def an_operator_speaks(self, action: Action) -> None:
        self.breaker = forced(self.breaker, action, self.now, by="ada", reason="drill")

    @invariant()
    def the_document_holds_all_of_it(self) -> None:
        assert Breaker.from_document(self.breaker.to_document()) == self.breaker

    @invariant()
    def an_open_breaker_is_tried_within_the_longest_wait(self) -> None:
        if self.breaker.opened_at and not self.breaker.forced:
            later = self.now + max(POLICY.most_reset, POLICY.lease)
            assert permit(admit(self.breaker, later, "patient", POLICY), "patient") is not None


TestCalls = Calls.TestCase
