import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdfast.baselines.bins import BINS, LOG_EDGES, UNKNOWN, bin_of, unit_exponent_of

magnitudes = st.floats(min_value=1e-12, max_value=1e20)


@given(magnitudes, st.integers(-60, 60))
def test_a_magnitude_lies_between_the_edges_of_its_bin(magnitude: float, unit: int) -> None:
    place = int(bin_of(np.array([magnitude]), unit)[0])
    log = np.log2(magnitude) - unit
    assert place == 0 or place == BINS - 1 or LOG_EDGES[place] - 1e-9 <= log <= LOG_EDGES[place + 1] + 1e-9
    assert place != 0 or log <= LOG_EDGES[1] + 1e-9
    assert place != BINS - 1 or log >= LOG_EDGES[BINS - 1] - 1e-9


@given(magnitudes, st.integers(-60, 60), st.integers(-60, 60))
def test_bins_do_not_depend_on_the_unit_of_a_metric(magnitude: float, unit: int, shift: int) -> None:
    scaled = np.ldexp(magnitude, shift)
    assert bin_of(np.array([magnitude]), unit) == bin_of(np.array([scaled]), unit + shift)


def test_nothing_is_in_the_first_bin_and_what_is_infinite_in_the_last() -> None:
    assert bin_of(np.array([0.0, np.inf, 1e300]), 0).tolist() == [0, BINS - 1, BINS - 1]


def test_the_unit_is_the_typical_magnitude_whatever_single_values_are() -> None:
    assert unit_exponent_of(np.array([0.0, 50.0, -51.0, 52.0, 1e15, np.nan])) == 6
    assert unit_exponent_of(np.zeros(3)) == UNKNOWN
