"""Fold a range of a series into its memory, block by block: the only way a memory grows."""

import numpy as np

from holdfast.baselines.baseline import baseline_of
from holdfast.baselines.grid import BLOCK_S, LOOKBACK_S, Floats, Ints
from holdfast.baselines.learning import learn
from holdfast.baselines.memory import Memory


def block_start(at_s: int) -> int:
    """The start of the block an instant lies in; instants in seconds since the epoch."""
    return at_s // BLOCK_S * BLOCK_S


def fold(memory: Memory, at_s: Ints, values: Floats, from_s: int, until_s: int) -> Memory:
    """Fold every block of [from_s, until_s) that has samples and was not folded before.

    In whatever ranges a history is folded, the memory is the same to the last bit, as long as each range is given with
    the ``LOOKBACK_S`` of samples before it.

    Args:
        memory: what was learned so far.
        at_s: seconds since the epoch, rising; the range with the ``LOOKBACK_S`` before it.
        values: samples, in the metric's unit.
        from_s: start of a block.
        until_s: start of a block.
    """
    start_s = max(from_s, memory.learned_until_s)
    begun = int(np.searchsorted(at_s, start_s))
    ended = int(np.searchsorted(at_s, until_s))
    for block_s in np.unique(at_s[begun:ended] // BLOCK_S).tolist():
        looks_s, first_s, last_s = block_s * BLOCK_S - LOOKBACK_S, block_s * BLOCK_S, (block_s + 1) * BLOCK_S
        looks, first, last = np.searchsorted(at_s, [looks_s, first_s, last_s]).tolist()
        memory = learn(memory, baseline_of(memory), at_s[looks:last], values[looks:last], first - looks)
    return memory
