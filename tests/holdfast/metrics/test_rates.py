from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics.rates import Look, Rates

KEY = ("requests_total", ())


def look(clock_s: float, value: float, *, started: float | None = None, now: float = 0.0) -> Look:
    starts = {} if started is None else {"requests_total": started}
    return Look(clock_s, {KEY: value}, starts, now)


def increase(first: Look, second: Look) -> float:
    rates = Rates()
    rates.increases("a", first)
    found = rates.increases("a", second)
    assert found is not None
    return found.by_series[KEY]


def test_the_first_look_has_no_rate() -> None:
    assert Rates().increases("a", look(0, 5)) is None


def test_servers_do_not_mix() -> None:
    rates = Rates()
    rates.increases("a", look(0, 5))
    assert rates.increases("b", look(1, 50)) is None


def test_a_lower_counter_is_counted_from_zero() -> None:
    assert increase(look(0, 100), look(30, 7)) == 7


def test_a_reboot_is_seen_although_the_counter_is_already_higher_than_before() -> None:
    assert increase(look(0, 100, started=1000, now=2000), look(60, 130, started=2010, now=2060)) == 130


def test_setting_the_servers_clock_is_no_reboot() -> None:
    assert increase(look(0, 100, started=1000, now=9000), look(60, 130, started=1600, now=9660)) == 30


def test_a_start_that_jitters_is_no_reboot() -> None:
    assert increase(look(0, 100, started=1000, now=1010), look(30, 130, started=1000.4, now=1030)) == 30


def test_a_gap_is_rated_over_its_true_length() -> None:
    rates = Rates()
    rates.increases("a", look(0, 0))
    found = rates.increases("a", look(7200, 7200))
    assert found is not None
    assert found.by_series[KEY] / found.elapsed_s == 1


def test_no_time_passed_is_no_rate_and_forgets_nothing() -> None:
    rates = Rates()
    rates.increases("a", look(10, 100))
    assert rates.increases("a", look(10, 200)) is None
    found = rates.increases("a", look(20, 300))
    assert found is not None
    assert (found.elapsed_s, found.by_series[KEY]) == (10, 200)


def test_a_series_that_is_new_has_no_increase_yet() -> None:
    rates = Rates()
    rates.increases("a", Look(0, {}))
    found = rates.increases("a", look(1, 1_000_000))
    assert found is not None
    assert not found.by_series


# What a server does between two looks: work, or a restart and then work.
events = st.lists(
    st.tuples(st.sampled_from(["work", "restart"]), st.integers(1, 1000), st.integers(10, 100)), min_size=1, max_size=30
)


@given(events)
def test_increases_equal_what_an_all_seeing_observer_can_still_count(happened: list[tuple[str, int, int]]) -> None:
    """Oracle: the work done since the last look, or since the restart where there was one in between."""
    rates, now, counter, started = Rates(), 1_000_000.0, 0.0, 0.0
    rates.increases("a", look(now, counter, started=started, now=now))
    for kind, work, seconds in happened:
        now += seconds
        if kind == "restart":
            counter, started = 0.0, now - seconds / 2
        counter += work
        found = rates.increases("a", look(now, counter, started=started, now=now))
        assert found is not None
        assert found.elapsed_s == seconds
        assert found.by_series[KEY] == work
