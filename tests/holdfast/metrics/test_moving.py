"""What may be stored, decided without a store."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics.cycles import Cycle, Reading
from holdfast.metrics.moving import CLOCK_TOLERANCE_S, combine, possible, skews_s

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NOW_S = int(NOW.timestamp())

readings = st.lists(
    st.builds(
        Reading,
        st.sampled_from("ab"),
        st.integers(0, 2),
        st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 9)),
    )
)


@given(readings)
def test_of_several_values_the_first_wins(given_readings: list[Reading]) -> None:
    expected: dict[tuple[str, int], dict[str, int]] = {}
    for reading in given_readings:
        codes = expected.setdefault((reading.server_id, reading.at_s), {})
        for name, code in reading.codes.items():
            codes.setdefault(name, code)
    assert combine(given_readings) == expected


@given(st.integers(-(10**12), 10**12))
def test_only_instants_between_35_days_ago_and_an_hour_ahead_are_possible(offset_s: int) -> None:
    is_possible = -timedelta(days=35).total_seconds() < offset_s < 3600
    assert bool(possible([Reading("a", NOW_S + offset_s, {})], NOW)) is is_possible


@given(st.lists(st.tuples(st.sampled_from("pq"), st.floats(-900, 900)), min_size=1))
def test_the_entry_that_arrived_fastest_tells_whose_clock_is_wrong(offsets_s: list[tuple[str, float]]) -> None:
    arrivals = [(Cycle(0, 30, name, NOW_S + off_s, ()), float(NOW_S)) for name, off_s in offsets_s]
    least = {name: min((o for n, o in offsets_s if n == name), key=abs) for name, _ in offsets_s}
    found = skews_s(arrivals)
    assert found.keys() == {name for name, off_s in least.items() if abs(off_s) > CLOCK_TOLERANCE_S + 1e-6} | {
        name for name in found if abs(abs(least[name]) - CLOCK_TOLERANCE_S) <= 1e-6
    }
    assert all(abs(abs(off_s) - abs(least[name])) < 0.1 for name, off_s in found.items())
