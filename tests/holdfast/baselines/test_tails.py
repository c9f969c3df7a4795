import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.baselines.bins import BINS, bin_of
from holdfast.baselines.tails import depths_of, tails_of


def table_of(magnitudes: np.ndarray) -> np.ndarray:
    return tails_of(np.bincount(bin_of(magnitudes, 0), minlength=BINS)[None, :], 0)


@given(st.integers(0, 2**32), st.sampled_from([0.01, 1.0, 1e6]))
def test_a_depth_is_the_share_of_what_was_learned_that_is_larger(seed: int, scale: float) -> None:
    seen = np.abs(np.random.default_rng(seed).standard_t(3, size=5_000)) * scale
    asked = np.quantile(seen, [0.3, 0.6, 0.85, 0.97, 0.993])
    true = [-np.log10((seen > x).mean()) for x in asked]
    # A bin is a fifth of a magnitude wide.
    assert depths_of(table_of(seen), asked[None, :])[0] == pytest.approx(true, abs=0.15)


def test_beyond_what_was_seen_the_tail_goes_on_as_it_fell() -> None:
    pareto = (1 - (np.arange(20_000) + 0.5) / 20_000) ** (-1 / 4)
    depths = depths_of(table_of(pareto), np.array([[20.0, 80.0]]))[0]
    assert depths == pytest.approx([4 * np.log10(20), 4 * np.log10(80)], rel=0.1)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.lists(st.floats(0, 1e12), min_size=2, max_size=9))
def test_a_larger_magnitude_is_never_less_rare(seen: list[float], asked: list[float]) -> None:
    depths = depths_of(table_of(np.array(seen)), np.sort(asked)[None, :])[0]
    assert (np.diff(depths) >= -1e-9).all()
    assert ((depths >= 0) & np.isfinite(depths)).all()


def test_where_nothing_ever_differed_no_difference_is_rarer_than_one_in_all_samples() -> None:
    assert depths_of(table_of(np.zeros(1_000)), np.array([[0.0, 1.0, 1e9]]))[0].tolist() == [0.0, 3.0, 3.0]


def test_what_was_never_learned_and_what_is_not_known_is_not_rare() -> None:
    tables = np.concatenate([table_of(np.zeros(0)), table_of(np.ones(50))])
    assert not depths_of(tables, np.array([[5.0], [np.nan]])).any()
