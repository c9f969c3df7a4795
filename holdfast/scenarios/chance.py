"""Chance that can be asked for any instant, in any order and in pieces of any size.

Numbers come from a counter-based generator (Philox 4x64) whose key is a digest of what they are for (seed, server,
metric) and whose counter is the UTC day: whole days are drawn, always in the same way, so an instant's number does not
depend on how it is asked for. Equal for one version of numpy on every machine with IEEE doubles.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY_S: Final = 86_400
# One number of fast noise per cell; a source is asked every 30 s at most.
CELL_S: Final = 30
# Slow noise is drawn every 5 minutes and is a straight line between.
STEP_S: Final = 300
_STEPS: Final = DAY_S // STEP_S
# Days of innovations before a day that its slow noise remembers.
_MEMORY_DAYS: Final = 2
_CACHED_DAYS: Final = 16_384
_SHORTEST_MEMORY_S: Final = 600
# Degrees of freedom of the fast noise: 4 has heavy tails and still a variance, 4 / (4 - 2) = 2.
_TAIL: Final = 4


def fast(key: str, at_s: Instants) -> Floats:
    """Noise without memory and with heavy tails: Student's t with 4 degrees of freedom, scaled to variance 1."""
    return _picked(key, at_s, CELL_S, _heavy)


def normal(key: str, at_s: Instants) -> Floats:
    """Noise without memory: standard normal."""
    return _picked(key, at_s, CELL_S, _plain)


def even(key: str, at_s: Instants, cell_s: int) -> Floats:
    """Evenly distributed in [0, 1), one number per cell of ``cell_s`` seconds, which divides a day."""
    return _picked(key, at_s, cell_s, _even)


def constant(key: str) -> float:
    """One number in [0, 1) that holds for all time."""
    return float(_even(key, 0, 1)[0])


def slow(key: str, at_s: Instants, memory_s: int) -> Floats:
    """Noise that remembers: a first-order autoregressive process of variance 1.

    Args:
        key: what it is for.
        at_s: instants, whole seconds since the epoch.
        memory_s: after so long a deviation has decayed to 1/e; 600 or more, up to about six hours (the process starts
            two days before each day, and what a longer memory held from before that would show as a step at midnight).
    """
    if memory_s < _SHORTEST_MEMORY_S:
        raise ValueError(f"memory of {memory_s} s is too short for steps of {STEP_S} s; {_SHORTEST_MEMORY_S} or more")
    found = np.empty(len(at_s))
    days, seconds = np.divmod(at_s, DAY_S)
    for day in np.unique(days):
        here = days == day
        found[here] = np.interp(seconds[here], _GRID, _walk(key, int(day), memory_s))
    return found


_GRID: Final = np.arange(0, DAY_S + STEP_S, STEP_S, dtype=np.float64)


def _generator(key: str, day: int) -> np.random.Generator:
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "big"), counter=(day % 2**64) << 64))


@lru_cache(maxsize=_CACHED_DAYS)
def _heavy(key: str, day: int, size: int) -> Floats:
    return np.asarray(_generator(key, day).standard_t(_TAIL, size) / np.sqrt(_TAIL / (_TAIL - 2)))


@lru_cache(maxsize=_CACHED_DAYS)
def _plain(key: str, day: int, size: int) -> Floats:
    return _generator(key, day).standard_normal(size)


@lru_cache(maxsize=_CACHED_DAYS)
def _even(key: str, day: int, size: int) -> Floats:
    return _generator(key, day).random(size)


@lru_cache(maxsize=_CACHED_DAYS)
def _walk(key: str, day: int, memory_s: int) -> Floats:
    """The slow noise of one day and its next midnight, from the innovations of it and of the two days before."""
    days = range(day - _MEMORY_DAYS, day + 2)
    steps = (_MEMORY_DAYS + 1) * _STEPS + 1
    innovations = np.concatenate([_plain(f"{key}/steps", one, _STEPS) for one in days])[:steps]
    kept = np.exp(-STEP_S / memory_s)
    # y[k] = kept * y[k-1] + e[k], for all k at once; the powers stay within doubles for every allowed memory.
    powers = kept ** np.arange(steps)
    walked = powers * np.cumsum(innovations / powers) * np.sqrt(1 - kept**2)
    return np.asarray(walked[-(_STEPS + 1) :])


def _picked(key: str, at_s: Instants, cell_s: int, draw: Callable[[str, int, int], Floats]) -> Floats:
    days, seconds = np.divmod(at_s, DAY_S)
    found = np.empty(len(at_s))
    for day in np.unique(days):
        here = days == day
        found[here] = draw(key, int(day), DAY_S // cell_s)[seconds[here] // cell_s]
    return found
