import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.baselines.bins import UNKNOWN
from holdfast.baselines.grid import HOUR_S, KINDS, LOOKBACK_S, PROFILE_SLOTS, slot_of_day
from holdfast.baselines.residuals import Usual, magnitudes_of

instants = st.lists(st.sampled_from([0, 30, 300, 300, 300, 3_600, 30_000]), min_size=1, max_size=60).map(np.cumsum)
amounts = st.one_of(st.floats(-100, 100), st.sampled_from([0.0, np.nan, 1e15, -3.5]))


def usual_at(level: float, unit_exponent: int = 5, floor: float = 0.0) -> Usual:
    return Usual(level + np.arange(PROFILE_SLOTS) / 7, level, floor, unit_exponent)


def plainly(usual: Usual, at_s: np.ndarray, values: np.ndarray, i: int) -> list[float]:
    """What the words in ``RESIDUALS`` say, for one sample."""
    if np.isnan(values[i]):
        return [np.nan] * KINDS
    before = np.arange(len(at_s)) <= i
    hour, lookback = (before & (at_s > at_s[i] - length) & ~np.isnan(values) for length in (HOUR_S, LOOKBACK_S))
    third = before & (np.arange(len(at_s)) > i - 3) & lookback
    from_slot, from_level = values - usual.centre[slot_of_day(at_s)], values - usual.level
    ranged = values[hour | third]
    means = from_slot[hour].mean(), from_level[hour].mean(), from_slot[lookback].mean()
    since = at_s > at_s[i] - LOOKBACK_S
    step = np.nan
    if i >= 14 and since[i - 14]:
        step = np.median(from_slot[i - 2 : i + 1]) - np.median(from_slot[i - 14 : i - 2])
    steps = [np.nan, *np.abs(np.diff(values))]
    rough = np.median(steps[i - 23 : i + 1]) if i >= 24 and since[i - 24] else np.nan
    jolt = np.mean(steps[i - 3 : i + 1]) if i >= 4 and since[i - 4] else np.nan
    return [abs(x) for x in (from_slot[i], from_level[i], *means, ranged.max() - ranged.min(), step, rough, jolt)]


@given(instants, st.data())
def test_residuals_are_what_their_names_say(at_s: np.ndarray, data: st.DataObject) -> None:
    ordinary = st.floats(-100, 100) | st.just(np.nan)
    values = np.array(data.draw(st.lists(ordinary, min_size=len(at_s), max_size=len(at_s))))
    found = magnitudes_of(usual_at(40.0), at_s, values, 0)
    expected = np.array([plainly(usual_at(40.0), at_s, values, i) for i in range(len(at_s))]).T
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


@settings(max_examples=200)
@given(instants, st.data())
def test_to_the_last_bit_only_the_lookback_counts(at_s: np.ndarray, data: st.DataObject) -> None:
    values = np.array(data.draw(st.lists(amounts, min_size=len(at_s), max_size=len(at_s))))
    first = data.draw(st.integers(0, len(at_s) - 1))
    end = data.draw(st.integers(first + 1, len(at_s)))
    begin = int(np.searchsorted(at_s, at_s[first] - LOOKBACK_S, side="right"))
    whole = magnitudes_of(usual_at(40.0), at_s, values, 0)[:, first:end]
    part = magnitudes_of(usual_at(40.0), at_s[begin:end], values[begin:end], first - begin)
    assert whole.tobytes() == part.tobytes()


def test_a_difference_up_to_the_floor_is_none() -> None:
    at_s, values = np.arange(3) * 300, np.array([40.0, 40.1, 41.0])
    found = magnitudes_of(Usual(np.full(PROFILE_SLOTS, 40.0), 40.0, 0.15, UNKNOWN), at_s, values, 0)
    assert found[0].tolist() == [0.0, 0.0, 1.0]


def test_where_nothing_is_usual_yet_only_what_needs_nothing_is_known() -> None:
    nothing = Usual(np.full(PROFILE_SLOTS, np.nan), np.nan, 0.0, UNKNOWN)
    found = magnitudes_of(nothing, np.arange(3) * 300, np.array([1.0, 5.0, 2.0]), 0)
    assert np.isnan(found[:5]).all()
    assert found[5].tolist() == [0.0, 4.0, 4.0]


def test_no_samples_have_no_residuals() -> None:
    assert magnitudes_of(usual_at(1.0), np.zeros(0, np.int64), np.zeros(0), 0).shape == (KINDS, 0)
