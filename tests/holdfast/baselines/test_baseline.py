import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.baselines import DAYS, PROFILE_SLOT_S, Memory, baseline_of
from holdfast.baselines.grid import DAY_S, PROFILE_SLOTS
from holdfast.baselines.profiles import profile_of
from holdfast.baselines.tails import WIDTH
from tests.holdfast.baselines.loads import baseline_after, learned, ordinary


@given(arrays(np.float32, (DAYS, PROFILE_SLOTS), elements=st.sampled_from([np.nan, 0.0, 1.5, 7.0, -3.0, 8.25])))
def test_the_centre_is_the_median_of_the_days(medians: np.ndarray) -> None:
    centre, _ = profile_of(medians, np.zeros(WIDTH))
    for slot in range(PROFILE_SLOTS):
        known = medians[:, slot][~np.isnan(medians[:, slot])]
        assert np.isnan(centre[slot]) if not len(known) else centre[slot] == np.median(known)


def test_a_profile_says_what_is_usual_over_the_day() -> None:
    profile = baseline_after(14).profile()
    noon, midnight = PROFILE_SLOTS // 2, 0
    assert profile.slot_s == PROFILE_SLOT_S
    assert profile.centre[noon] == pytest.approx(70, abs=1)
    assert profile.centre[midnight] == pytest.approx(30, abs=1)
    # The noise is of 1, and the day moves within a slot.
    assert ((profile.spread > 0.5) & (profile.spread < 3)).all()
    assert (profile.coverage == 1).all()


def test_a_slot_whose_days_differ_more_is_wider() -> None:
    at_s, values = ordinary(20)
    rng = np.random.default_rng(3)
    morning = at_s % DAY_S // 3_600 == 9
    values[morning] += np.repeat(rng.normal(size=20) * 15, morning.sum() // 20)
    spread = baseline_of(learned(at_s, values)).profile().spread
    assert spread[18:20].min() > 2 * np.median(spread)


def test_coverage_is_the_share_of_days_with_samples() -> None:
    at_s, values = ordinary(4)
    keep = (at_s % DAY_S >= 3_600) | (at_s < at_s[0] + 2 * DAY_S)
    coverage = baseline_of(learned(at_s[keep], values[keep])).profile().coverage
    assert coverage[:3].tolist() == [0.5, 0.5, 1.0]


def test_a_memory_of_nothing_gives_a_baseline_that_knows_nothing() -> None:
    baseline = baseline_of(Memory.empty())
    assert baseline.is_learning
    assert (baseline.learned_s, baseline.needed_s, baseline.version) == (0, DAY_S, 0)
    assert np.isnan(baseline.profile().centre).all()


@pytest.mark.parametrize(("hours", "is_learning"), [(6, True), (18, True), (24, False), (30, False)])
def test_learning_ends_after_a_day(hours: int, *, is_learning: bool) -> None:
    baseline = baseline_after(hours / 24)
    assert baseline.learned_s == hours * 3_600
    assert baseline.is_learning is is_learning


@settings(max_examples=10, deadline=None)
@given(st.integers(-40, 40))
def test_a_unit_changes_nothing_but_the_unit(shift: int) -> None:
    at_s, values = ordinary(3)
    one, other = (baseline_of(learned(at_s, np.ldexp(values, by))) for by in (0, shift))
    assert (np.ldexp(one.centre, shift) == other.centre).all()
    assert other.tails[:, :-2] - shift == pytest.approx(one.tails[:, :-2], abs=1e-4)


def test_one_bad_day_does_not_make_everything_usual() -> None:
    at_s, values = ordinary(10)
    values[1_000:1_010] = [5_000, -5_000] * 5
    baseline = baseline_of(learned(at_s, values))
    assert 70 < baseline.high < 80
    assert 20 < baseline.low < 30


def test_it_stays_small() -> None:
    memory = learned(*ordinary(DAYS))
    assert len(memory.to_bytes()) < 12_000
    assert len(baseline_of(memory).to_bytes()) < 1_200
