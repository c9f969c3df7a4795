"""How fast a service is asked, compared with a plain count of what was asked."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from holdfast.media.pace import DailyCap, Pace

LIMIT = 1000.0
LEAST = 2.0
# Instants that floats hold exactly, so that nothing is a hair off.
gaps = st.integers(0, 30 * 64).map(lambda ticks: ticks / 64)
calls = st.lists(st.tuples(gaps, st.integers(1, 400)), min_size=1, max_size=80)


def made(pace: Pace, wanted: list[tuple[float, int]], now_s: float = 0.0) -> list[tuple[float, int]]:
    """When each call is made that comes so long after the one before."""
    at = []
    for gap_s, units in wanted:
        now_s += gap_s
        at.append((now_s + pace.take(units, now_s), units))
    return at


@given(calls)
def test_no_minute_sees_more_than_the_limit(wanted: list[tuple[float, int]]) -> None:
    at = made(Pace(LIMIT, LEAST), wanted)
    for end_s, _ in at:
        assert sum(units for call_s, units in at if end_s - 60 < call_s <= end_s) <= LIMIT


@given(calls)
def test_nobody_waits_while_there_is_room(wanted: list[tuple[float, int]]) -> None:
    pace, now_s, at = Pace(LIMIT, LEAST), 0.0, []
    for gap_s, units in wanted:
        now_s += gap_s
        wait_s = pace.take(units, now_s)
        used = sum(units for call_s, units in at if call_s > now_s - 60)
        # Calls of one tenth of a second are counted together, and so leave together.
        assert wait_s == 0 or used + units > LIMIT or any(call_s > now_s for call_s, _ in at) or wait_s <= 0.1
        at.append((now_s + wait_s, units))


@given(calls, st.floats(0.1, 20))
def test_who_would_wait_too_long_takes_nothing(wanted: list[tuple[float, int]], longest_s: float) -> None:
    pace, now_s, at = Pace(LIMIT, LEAST), 0.0, []
    for gap_s, units in wanted:
        now_s += gap_s
        before = pace.take(0, now_s, -1.0)
        wait_s = pace.take(units, now_s, longest_s)
        if wait_s <= longest_s:
            at.append((now_s + wait_s, units))
        else:
            assert pace.take(0, now_s, -1.0) == before
    for end_s, _ in at:
        assert sum(units for call_s, units in at if end_s - 60 < call_s <= end_s) <= LIMIT


@given(calls, st.floats(0, 120), st.floats(0, 40))
def test_nobody_calls_before_the_time_that_was_asked_for(
    wanted: list[tuple[float, int]], throttled_s: float, wait_s: float
) -> None:
    pace = Pace(LIMIT, LEAST)
    pace.throttled(throttled_s, wait_s)
    assert all(at_s >= throttled_s + wait_s for at_s, _ in made(pace, wanted, throttled_s))


@given(st.floats(1, 100), st.integers(0, 5))
def test_a_throttle_halves_the_pace_and_time_brings_it_back(per_s: float, more: int) -> None:
    pace, now_s = Pace(60_000, LEAST), 0.0
    while now_s < 20:
        now_s += 1 / per_s
        assert pace.take(1, now_s) == 0
    pace.throttled(now_s, 0)
    # Whoever was under way as well hears the same, and it means nothing more.
    for _ in range(more):
        pace.throttled(now_s + 0.5, 0)
    waits = [pace.take(1, now_s + 1) for _ in range(3)]
    halved = max(per_s / 2, LEAST)
    assert 0.8 / halved <= waits[2] - waits[1] <= 1.3 / halved
    assert pace.take(1, now_s + 3600) == 0


def test_a_service_that_always_throttles_is_asked_at_the_least_pace() -> None:
    pace, now_s, times = Pace(60_000, 10.0), 0.0, []
    for _ in range(50):
        now_s += pace.take(50, now_s)
        times.append(now_s)
        pace.throttled(now_s, 0)
        now_s += 0.01
    assert max(after - before for before, after in pairwise(times)) < 5.1


def test_one_call_that_costs_more_than_a_minute_is_made_alone() -> None:
    pace = Pace(LIMIT, LEAST)
    assert pace.take(10, 0) == 0
    assert pace.take(5000, 1) == 59
    assert pace.take(1, 61) == 59


def test_a_pace_that_was_slowed_long_ago_is_forgotten() -> None:
    pace = Pace(LIMIT, LEAST)
    pace.throttled(0, 0)
    assert pace.take(10, 1e12) == 0


BYTES = 750_000_000_000


def test_a_short_throttle_is_not_the_limit_of_the_day() -> None:
    cap = DailyCap(BYTES)
    cap.stored(1)
    for now_s in range(0, 900, 10):
        cap.throttled(now_s)
        assert not cap.is_reached(now_s)
    assert cap.is_reached(900)
    cap.stored(1)
    assert not cap.is_reached(900)
    cap.throttled(901)
    assert not cap.is_reached(1800)
    assert cap.is_reached(1801)


def test_a_throttle_on_a_day_without_bytes_is_none_unless_it_says_so() -> None:
    cap = DailyCap(BYTES)
    cap.throttled(0)
    assert not cap.is_reached(1e6)
    cap.throttled(1, is_worded=True)
    assert cap.is_reached(120)
    cap.throttled(121, is_worded=False)
    assert not cap.is_reached(122)


@given(st.lists(st.integers(0, BYTES), max_size=5))
def test_the_bytes_of_a_day_are_counted(sizes: list[int]) -> None:
    cap = DailyCap(BYTES, persists=timedelta(minutes=1))
    for size in sizes:
        cap.stored(size)
    assert cap.is_reached(0) is (sum(sizes) >= BYTES)
