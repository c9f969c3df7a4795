"""Memories for tests."""

from functools import cache

import numpy as np

from holdfast.baselines import Memory
from holdfast.baselines.folding import fold

START_S = 20_000 * 86_400


@cache
def memory_of(hours: int, level: float = 40.0, seed: int = 1) -> Memory:
    """What is remembered of so many hours (whole blocks) of noise about a level."""
    at_s = np.arange(START_S, START_S + hours * 3600, 300)
    values = np.round(level + np.random.default_rng(seed).normal(size=len(at_s)), 2)
    return fold(Memory.empty(), at_s, values, START_S, START_S + hours * 3600)
