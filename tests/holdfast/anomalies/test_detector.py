import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.anomalies import Detector, detector
from holdfast.baselines.grid import Floats, Ints
from holdfast.errors import BaselineVersionError, DamagedBaselineError
from tests.holdfast.baselines.loads import MONDAY_S, ordinary

DAY = 288


def troubled(seed: int, step_s: int = 900, days: float = 5) -> tuple[Ints, Floats]:
    """A series as real ones are: gaps, repeats, stamps that go back, no values, huge ones, spikes."""
    rng = np.random.default_rng(seed)
    at_s, values = ordinary(days, seed, step_s)
    spikes = rng.choice(len(values), 8, replace=False)
    values[spikes] = rng.choice([np.nan, np.inf, 1e15, -1e15, 300.0, 0.0, 90.0, -40.0], 8)
    keep = rng.random(len(at_s)) < 0.95
    at_s, values = at_s[keep], values[keep]
    for begin in rng.integers(0, len(at_s) - 12, 3).tolist():
        # An hour that is repeated, a stamp that repeats, one that goes far back, a day that is missing.
        at_s[begin + 4 :] -= 3_600
        at_s[begin] = at_s[begin + 1]
    at_s[len(at_s) // 3] -= 200_000
    at_s[len(at_s) // 2 :] += 100_000
    return at_s, values


def in_parts(at_s: Ints, values: Floats, cuts: list[int], *, is_restarted: bool = False) -> tuple[Floats, Floats]:
    running, parts = Detector(), []
    for begin, end in zip([0, *cuts], [*cuts, len(at_s)], strict=True):
        parts.append(running.score(at_s[begin:end], values[begin:end]))
        if is_restarted:
            running = Detector.from_bytes(running.to_bytes())
    scores, alarms = zip(*parts, strict=True)
    return np.concatenate(scores), np.concatenate(alarms)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 400), max_size=12).map(sorted), st.booleans())
def test_how_a_series_is_cut_and_restarted_changes_no_bit(seed: int, cuts: list[int], is_restarted: bool) -> None:
    at_s, values = troubled(seed)
    cuts = [min(cut, len(at_s)) for cut in cuts]
    whole = detector(at_s, values)
    parts = in_parts(at_s, values, cuts, is_restarted=is_restarted)
    assert whole[0].tobytes() == parts[0].tobytes()
    assert whole[1].tobytes() == parts[1].tobytes()


def test_one_sample_at_a_time_changes_no_bit() -> None:
    at_s, values = troubled(5, step_s=300, days=3)
    whole, parts = detector(at_s, values), in_parts(at_s, values, list(range(1, len(at_s))))
    assert whole[0].tobytes() == parts[0].tobytes()
    assert whole[1].tobytes() == parts[1].tobytes()


def test_another_process_goes_on_where_this_one_stopped(tmp_path: Path) -> None:
    at_s, values = troubled(7, step_s=300, days=8)
    half = len(at_s) // 2
    running = Detector()
    running.score(at_s[:half], values[:half])
    (tmp_path / "state").write_bytes(running.to_bytes())
    np.save(tmp_path / "rest.npy", np.stack([at_s[half:].astype(float), values[half:]]))
    script = (
        "import pathlib, sys; import numpy as np; from holdfast.anomalies import Detector;"
        "folder = pathlib.Path(sys.argv[1]); at_s, values = np.load(folder / 'rest.npy');"
        "going_on = Detector.from_bytes((folder / 'state').read_bytes());"
        "both = going_on.score(at_s.astype(np.int64), values);"
        "sys.stdout.buffer.write(both[0].tobytes() + both[1].tobytes() + going_on.to_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True)
    scores, alarms = running.score(at_s[half:], values[half:])
    assert done.stdout == scores.tobytes() + alarms.tobytes() + running.to_bytes()
    assert scores.max() > 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 0.99))
def test_a_score_follows_from_the_samples_up_to_it_only(seed: int, share: float) -> None:
    at_s, values = troubled(seed)
    end = int(share * len(at_s))
    whole, prefix = detector(at_s, values), detector(at_s[:end], values[:end])
    assert whole[0][:end].tobytes() == prefix[0].tobytes()
    assert whole[1][:end].tobytes() == prefix[1].tobytes()


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**18), st.floats(allow_nan=True, allow_infinity=True)
        ),
        max_size=40,
    ),
)
def test_whatever_comes_scores_are_numbers_from_0_to_1(samples: list[tuple[int, float]]) -> None:
    at_s, values = np.array([s[0] for s in samples], np.int64), np.array([s[1] for s in samples], np.float64)
    for found in detector(at_s, values):
        assert found.shape == at_s.shape
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("step_s", [60, 300, 1_800, 3_600])
@pytest.mark.parametrize("value", [0.0, 7.25, -3.0, 1e15])
def test_a_constant_never_pages(step_s: int, value: float) -> None:
    at_s, _ = ordinary(8, step_s=step_s)
    scores, alarms = detector(at_s, np.full(len(at_s), value))
    assert not scores.any()
    assert not alarms.any()


@pytest.mark.parametrize("step_s", [300, 1_800, 3_600])
def test_a_spike_pages_once_and_at_once(step_s: int) -> None:
    at_s, values = ordinary(16, step_s=step_s)
    place = len(values) - 5
    values[place] += 15
    _, alarms = detector(at_s, values)
    assert np.flatnonzero(alarms[-86_400 // step_s :] >= 0.5).tolist() == [86_400 // step_s - 5]


def test_an_ordinary_fortnight_hardly_pages() -> None:
    pages = [int((detector(*ordinary(21, seed))[1][7 * DAY :] >= 0.5).sum()) for seed in range(5)]
    # Five series, two weeks each.
    assert sum(pages) <= 10


def test_a_day_is_learned_before_anything_is_said() -> None:
    at_s, values = ordinary(1)
    values[250:] = 1e6
    assert not detector(at_s, values)[0].any()


def test_a_second_page_within_the_hold_is_for_what_is_clearly_worse() -> None:
    at_s, values = ordinary(15)
    values[14 * DAY : 14 * DAY + 40] += [12] * 20 + [13] * 10 + [500] * 10
    pages = np.flatnonzero(detector(at_s, values)[1][14 * DAY :] >= 0.5)
    assert pages[0] == 0
    assert 30 in pages
    assert len(pages) <= 8


def test_a_repeated_hour_when_clocks_are_set_back_breaks_nothing() -> None:
    before, values = ordinary(7)
    after, more = ordinary(3, seed=2, begins_s=MONDAY_S + 7 * 86_400 - 3_600)
    at_s, values = np.concatenate([before, after]), np.concatenate([values, more])
    scores, alarms = detector(at_s, values)
    assert (alarms[7 * DAY :] < 0.5).all()
    assert scores[7 * DAY : 7 * DAY + 12].all()


def test_a_stamp_from_another_time_begins_a_new_series() -> None:
    at_s, values = ordinary(4)
    both = np.concatenate([at_s, at_s - 40 * 86_400]), np.concatenate([values, values])
    once, twice = detector(at_s, values)[0], detector(*both)[0]
    assert twice.tobytes() == once.tobytes() * 2


def test_two_samples_and_none_are_enough() -> None:
    assert detector(np.zeros(0, np.int64), np.zeros(0))[0].shape == (0,)
    assert detector(np.array([MONDAY_S, MONDAY_S + 300]), np.array([1.0, 2.0]))[0].tolist() == [0.0, 0.0]


def test_instants_and_values_belong_together() -> None:
    with pytest.raises(ValueError, match="give one to each"):
        Detector().score(np.zeros(3, np.int64), np.zeros(2))


@pytest.mark.parametrize("cut", [0, 3, 13, 60, -1])
def test_state_that_is_not_whole_is_refused(cut: int) -> None:
    running = Detector()
    running.score(*ordinary(2))
    with pytest.raises(DamagedBaselineError):
        Detector.from_bytes(running.to_bytes()[:cut])


def test_state_of_another_format_is_refused() -> None:
    data = bytearray(Detector().to_bytes())
    data[4] = 3
    with pytest.raises(BaselineVersionError, match="format is 3"):
        Detector.from_bytes(bytes(data))
