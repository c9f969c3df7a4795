"""Folding: in whatever pieces, the same memory to the last bit."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.baselines import BLOCK_S, LOOKBACK_S, Memory
from holdfast.baselines.folding import block_start, fold

DAY_S = 86_400
START_S = 20_000 * DAY_S
BLOCKS = 10


def series(seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of noise of which only a share is there."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(START_S - LOOKBACK_S, START_S + BLOCKS * BLOCK_S, 300)
    at_s = at_s[rng.random(len(at_s)) < share]
    return at_s, np.round(40 + 5 * np.sin(at_s / DAY_S * 6.28) + rng.normal(size=len(at_s)), 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 99), st.sampled_from([0.02, 0.5, 1.0]), st.sets(st.integers(1, BLOCKS - 1)))
def test_any_cut_into_ranges_gives_the_same_bits(seed: int, share: float, cuts: set[int]) -> None:
    at_s, values = series(seed, share)
    end_s = START_S + BLOCKS * BLOCK_S
    whole = fold(Memory.empty(), at_s, values, START_S, end_s)
    pieces = Memory.empty()
    edges = [0, *sorted(cuts), BLOCKS]
    for first, last in pairwise(edges):
        from_s, until_s = START_S + first * BLOCK_S, START_S + last * BLOCK_S
        seen = (at_s >= from_s - LOOKBACK_S) & (at_s < until_s)
        pieces = fold(Memory.from_bytes(pieces.to_bytes()), at_s[seen], values[seen], from_s, until_s)
    assert pieces.to_bytes() == whole.to_bytes()


def test_what_was_folded_is_not_folded_again() -> None:
    at_s, values = series(1, 1.0)
    end_s = START_S + BLOCKS * BLOCK_S
    once = fold(Memory.empty(), at_s, values, START_S, end_s)
    assert once.version == BLOCKS
    assert fold(once, at_s, values, START_S, end_s).to_bytes() == once.to_bytes()


def test_a_range_without_samples_leaves_the_memory_alone() -> None:
    at_s, values = series(1, 1.0)
    memory = Memory.empty()
    assert fold(memory, at_s[:0], values[:0], START_S, START_S + BLOCK_S) == memory
    assert fold(memory, at_s, values, START_S + 50 * BLOCK_S, START_S + 60 * BLOCK_S) == memory


def test_a_block_begins_at_a_multiple_of_its_length() -> None:
    assert block_start(START_S + BLOCK_S - 1) == START_S
    assert block_start(START_S) == START_S
