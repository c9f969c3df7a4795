from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.baselines import BLOCK_S, DAYS, LOOKBACK_S, PROFILE_SLOT_S, Memory, baseline_of, learn
from holdfast.baselines.bins import BINS, UNKNOWN, bin_of
from holdfast.baselines.grid import DAY_S, KINDS, PROFILE_SLOTS
from holdfast.baselines.residuals import magnitudes_of
from tests.holdfast.baselines.loads import MONDAY_S, learned, ordinary


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([300, 1_800, 3_600, 420]), st.floats(0.3, 1.0))
def test_what_is_remembered_is_what_the_samples_of_each_day_say(seed: int, step_s: int, kept: float) -> None:
    rng = np.random.default_rng(seed)
    at_s, values = ordinary(2.4, seed % 7, step_s)
    keep = rng.random(len(at_s)) < kept
    at_s, values = at_s[keep], np.round(values[keep], 1)
    memory = learned(at_s, values)
    for day in np.unique(at_s // DAY_S).tolist():
        row = day % DAYS
        inside = at_s // DAY_S == day
        assert memory.days[row] == day
        assert memory.minimum[row] == values[inside].min()
        assert memory.maximum[row] == values[inside].max()
        for slot in range(PROFILE_SLOTS):
            chosen = values[inside & (at_s % DAY_S // PROFILE_SLOT_S == slot)]
            assert memory.counts[row, slot] == len(chosen)
            assert memory.medians[row, slot] == pytest.approx(np.median(chosen) if len(chosen) else np.nan, nan_ok=True)
    assert memory.sample_count == len(at_s)


def test_the_histograms_of_a_ring_are_those_of_its_raw_residuals() -> None:
    at_s, values = ordinary(3)
    memory, raw = Memory.empty(), np.zeros((KINDS, BINS), np.int64)
    for begin in range(0, len(at_s), BLOCK_S // 300):
        first = min(begin, LOOKBACK_S // 300)
        block = slice(begin - first, begin + BLOCK_S // 300)
        after = learn(memory, baseline_of(memory), at_s[block], values[block], first)
        usual = replace(baseline_of(memory).usual(), unit_exponent=after.unit_exponent)
        for kind, row in enumerate(magnitudes_of(usual, at_s[block], values[block], first)):
            np.add.at(raw[kind], bin_of(row[np.isfinite(row)], after.unit_exponent), 1)
        memory = after
    assert (memory.histograms.sum(axis=0) == raw).all()


def test_after_28_days_a_day_is_forgotten_as_if_it_had_never_been() -> None:
    at_s, values = ordinary(DAYS + 3)
    wild = values.copy()
    wild[: 2 * DAY_S // 300] *= 1_000
    memory = learned(at_s, wild)
    assert memory.days.min() == at_s[0] // DAY_S + 3
    assert memory.maximum.max() < 100
    assert baseline_of(memory).high < 100


def test_what_lies_28_days_behind_a_gap_is_forgotten_at_once() -> None:
    at_s, values = ordinary(3)
    later, more = ordinary(0.5, begins_s=MONDAY_S + 40 * DAY_S)
    memory = learned(later, more, learned(at_s, values))
    assert memory.sample_count == len(later)
    assert memory.is_learning
    assert memory.learned_from_s == at_s[0]


def test_progress_is_the_time_that_samples_cover() -> None:
    assert learned(*ordinary(0.5)).learned_s == DAY_S // 2
    assert learned(*ordinary(1)).learned_s == DAY_S
    assert learned(*ordinary(1, step_s=3_600)).learned_s == DAY_S
    at_s, values = ordinary(0.5)
    missing = (at_s % 7_200) < 3_600
    assert learned(at_s[missing], values[missing]).learned_s == pytest.approx(DAY_S / 2, abs=2 * 3_600)


def test_a_gap_is_covered_for_no_longer_than_is_looked_back() -> None:
    at_s = np.array([0, 5 * 3_600, 30 * DAY_S, 30 * DAY_S + 300]) + MONDAY_S
    assert learned(at_s, np.ones(4)).learned_s <= LOOKBACK_S


def test_a_block_is_learned_once_and_in_its_order() -> None:
    at_s, values = ordinary(0.5)
    memory = learned(at_s, values)
    with pytest.raises(ValueError, match="nothing was learned"):
        learn(memory, baseline_of(memory), at_s[-12:], values[-12:], 0)
    with pytest.raises(ValueError, match="one block"):
        learn(Memory.empty(), baseline_of(Memory.empty()), at_s, values, 0)


def test_what_is_not_a_number_is_not_learned() -> None:
    at_s, values = ordinary(0.25)
    memory = Memory.empty()
    nothing = np.full(len(values), np.nan)
    nothing[3] = np.inf
    assert learn(memory, baseline_of(memory), at_s, nothing, 0) is memory
    nothing[5] = 7.0
    assert learn(memory, baseline_of(memory), at_s, nothing, 0).sample_count == 1


def test_a_version_is_a_fold() -> None:
    assert [learned(*ordinary(days)).version for days in (0.1, 0.5, 3)] == [1, 2, 12]


def test_the_longest_time_without_a_change_is_known_across_blocks_and_days() -> None:
    at_s, values = ordinary(3)
    values[100:500] = 42.0
    baseline = baseline_of(learned(at_s, values))
    assert baseline.longest_constant_s == 399 * 300
    assert not baseline.is_constant


def test_a_series_that_never_changed_is_constant_and_its_step_unknown() -> None:
    at_s, _ = ordinary(3)
    baseline = baseline_of(learned(at_s, np.full(len(at_s), 5.0)))
    assert baseline.is_constant
    assert baseline.longest_constant_s == 3 * DAY_S - 300
    assert baseline.quantum == np.inf
    assert baseline.zero_share == 0


def test_the_smallest_step_and_the_share_of_zeros_are_known() -> None:
    at_s, _ = ordinary(2)
    values = np.where(np.arange(len(at_s)) % 4 == 0, 0.0, 2.5)
    values[300] = 3.0
    baseline = baseline_of(learned(at_s, values))
    assert baseline.quantum == 0.5
    assert baseline.zero_share == pytest.approx(0.25, abs=0.01)


def test_the_unit_is_known_with_the_first_value_that_is_not_zero() -> None:
    at_s, values = ordinary(1)
    values[: len(values) // 2] = 0.0
    assert learned(at_s[: len(at_s) // 2], values[: len(at_s) // 2]).unit_exponent == UNKNOWN
    assert learned(at_s, values).unit_exponent != UNKNOWN


@pytest.mark.parametrize("huge", [1e15, -1e15, 1e300, -1e308])
def test_huge_values_leave_a_memory_of_numbers(huge: float) -> None:
    at_s, values = ordinary(2)
    values[400:410] = huge
    baseline = baseline_of(learned(at_s, values))
    assert np.isfinite(baseline.tails).all()
    assert np.isfinite(baseline.centre).all()
    # One bad hour does not make everything usual.
    assert abs(baseline.level - 50) < 20
