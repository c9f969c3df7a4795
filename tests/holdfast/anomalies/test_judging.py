import numpy as np
import pytest

from holdfast.anomalies import RESIDUALS, Detector, judge
from holdfast.anomalies.judging import PAGES
from holdfast.baselines import LOOKBACK_S, Baseline, Memory, baseline_of
from tests.holdfast.baselines.loads import baseline_after, learned, ordinary

DAY = 288
WEEKS = baseline_after(14)


def test_an_ordinary_monday_is_ordinary() -> None:
    at_s, values = ordinary(15)
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert judged.score.max() < PAGES
    assert judged.score.mean() < 0.25
    within = (values[14 * DAY :] >= judged.low) & (values[14 * DAY :] <= judged.high)
    assert within.mean() > 0.95


def test_a_spike_of_ten_spreads_pages_in_its_first_slot() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY + 100] += 10
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert judged.score[100] >= PAGES
    assert (judged.score[:100] < PAGES).all()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_level_for_another_time_of_the_day_pages(change: int) -> None:
    at_s, values = ordinary(15)
    begins = 14 * DAY + (0 if change > 0 else DAY // 2)
    values[begins : begins + 24] += change * 25
    assert judge(WEEKS, at_s, values, 14 * DAY).score[begins - 14 * DAY :][:12].max() >= PAGES


def test_a_small_shift_shows_in_the_means_of_hours() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY + 48 :] += 2.5
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert judged.score[48 + 12 :].max() >= PAGES
    assert RESIDUALS[judged.leading[48 + 60]] in {"slot_1h", "slot_6h"}


def test_what_is_said_of_a_sample_is_what_was_learned() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY + 144] = 95.0
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert judged.centre[144] == pytest.approx(70, abs=1)
    assert 66 < judged.low[144] < 69
    assert 71 < judged.high[144] < 74
    assert 0.9995 < judged.rank[144] < 1
    assert judged.rank[:144].mean() == pytest.approx(0.75, abs=0.2)


def test_of_a_series_that_is_learning_nothing_is_said() -> None:
    at_s, values = ordinary(0.75)
    baseline = baseline_of(learned(at_s[:144], values[:144]))
    values[200] = 1e9
    judged = judge(baseline, at_s, values, 144)
    assert not judged.score.any()
    assert (judged.leading == -1).all()
    for unknown in (judged.rank, judged.low, judged.high):
        assert np.isnan(unknown).all()


def test_no_value_scores_nothing() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY + 5 : 14 * DAY + 8] = [np.nan, np.inf, -np.inf]
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert not judged.score[5:8].any()
    assert np.isnan(judged.rank[5:8]).all()
    assert judged.score[8] < PAGES


@pytest.mark.parametrize("value", [0.0, 5.0, -1e15])
def test_a_constant_never_pages_and_has_a_sane_band(value: float) -> None:
    at_s, _ = ordinary(15)
    values = np.full(len(at_s), value)
    baseline = baseline_of(learned(at_s[: 14 * DAY], values[: 14 * DAY]))
    judged = judge(baseline, at_s, values, 14 * DAY)
    assert baseline.is_constant
    assert not judged.score.any()
    assert (judged.low <= value).all()
    assert (judged.high >= value).all()
    assert (judged.high - judged.low <= 0.03 * abs(value) + 1e-6).all()


def test_what_was_constant_for_weeks_and_then_is_not_pages() -> None:
    at_s, _ = ordinary(15)
    values = np.full(len(at_s), 5.0)
    baseline = baseline_of(learned(at_s[: 14 * DAY], values[: 14 * DAY]))
    values[14 * DAY + 50 :] = 9.0
    assert judge(baseline, at_s, values, 14 * DAY).score[50] >= PAGES


def test_a_step_of_the_smallest_size_is_never_out_of_the_ordinary() -> None:
    at_s, _ = ordinary(15)
    values = np.full(len(at_s), 40.0)
    values[2_000:] = 40.1
    baseline = baseline_of(learned(at_s[: 14 * DAY], values[: 14 * DAY]))
    values[14 * DAY + 50 :] = 40.2
    assert judge(baseline, at_s, values, 14 * DAY).score.max() < PAGES


@pytest.mark.parametrize("gap_s", [0, LOOKBACK_S, 86_400, 20 * 86_400])
def test_a_gap_before_the_first_judged_sample_breaks_nothing(gap_s: int) -> None:
    at_s, values = ordinary(15)
    at_s[14 * DAY :] += gap_s
    judged = judge(WEEKS, at_s, values, 14 * DAY)
    assert np.isfinite(judged.score).all()
    assert gap_s % 86_400 or judged.score.max() < PAGES


def test_nothing_to_judge_gives_nothing() -> None:
    assert judge(WEEKS, np.zeros(0, np.int64), np.zeros(0), 0).score.shape == (0,)
    at_s, values = ordinary(1)
    assert judge(WEEKS, at_s, values, len(values)).rank.shape == (0,)


def test_a_baseline_from_bytes_judges_the_same_to_the_last_bit() -> None:
    at_s, values = ordinary(15)
    one, other = (judge(x, at_s, values, 0) for x in (WEEKS, Baseline.from_bytes(WEEKS.to_bytes())))
    assert one.score.tobytes() == other.score.tobytes()
    assert judge(baseline_of(Memory.empty()), at_s, values, 0).score.sum() == 0


def test_a_detector_scores_as_its_baseline_judges() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY + 100] += 10
    scores = Detector().score(at_s, values)[0]
    begins = 14 * DAY - LOOKBACK_S // 300
    judged = judge(WEEKS, at_s[begins:], values[begins:], LOOKBACK_S // 300)
    # The first block of the day is judged by all that was learned before it.
    assert scores[14 * DAY : 14 * DAY + 72].tobytes() == judged.score[:72].tobytes()
