"""Series for the tests of learning and judging."""

import numpy as np

from holdfast.baselines import BLOCK_S, LOOKBACK_S, Baseline, Memory, baseline_of, learn
from holdfast.baselines.grid import DAY_S, Floats, Ints

# A Monday, 00:00 UTC.
MONDAY_S = 1_767_571_200


def ordinary(days: float, seed: int = 1, step_s: int = 300, begins_s: int = MONDAY_S) -> tuple[Ints, Floats]:
    """A load that is high by day, with noise of 1 around it."""
    at_s = np.arange(begins_s, begins_s + int(days * DAY_S), step_s)
    by_day = 50 - 20 * np.cos(at_s % DAY_S / DAY_S * 2 * np.pi)
    return at_s, by_day + np.random.default_rng(seed).normal(size=len(at_s))


def learned(at_s: Ints, values: Floats, memory: Memory | None = None) -> Memory:
    """Fold a series block by block, as a learner does."""
    memory = memory or Memory.empty()
    for block in np.unique(at_s // BLOCK_S).tolist():
        begin, first, end = np.searchsorted(
            at_s, [block * BLOCK_S - LOOKBACK_S, block * BLOCK_S, (block + 1) * BLOCK_S]
        )
        memory = learn(memory, baseline_of(memory), at_s[begin:end], values[begin:end], int(first - begin))
    return memory


def baseline_after(days: float, **options: int) -> Baseline:
    """The baseline of an ordinary series."""
    return baseline_of(learned(*ordinary(days, **options)))
