"""Fold one block of samples into a memory."""

from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from holdfast.baselines.baseline import Baseline
from holdfast.baselines.bins import BINS, UNKNOWN, bin_of, unit_exponent_of
from holdfast.baselines.grid import BLOCK_S, DAY_S, DAYS, KINDS, LOOKBACK_S, Floats, Ints, cleaned, slot_of_day
from holdfast.baselines.memory import Memory
from holdfast.baselines.residuals import magnitudes_of

_MOST: Final = np.iinfo(np.uint16).max
_TRUE: Final = np.array([True])
_ZERO: Final = np.array([0])
_EMPTY: Final = Memory.empty()
_RINGS: Final = [field.name for field in fields(Memory) if isinstance(getattr(_EMPTY, field.name), np.ndarray)]


def learn(
    memory: Memory, baseline: Baseline, at_s: Ints, values: Floats, first: int, magnitudes: Floats | None = None
) -> Memory:
    """Fold ``values[first:]``, the samples of one block, into the memory.

    Args:
        memory: what was learned of everything before the block.
        baseline: ``baseline_of(memory)``.
        at_s: seconds since the epoch, never falling; those from ``first`` on lie in one block of ``BLOCK_S``
            that begins at ``memory.learned_until_s`` or later.
        values: samples; what is not finite is not learned.
        first: the first sample to learn; those before (``LOOKBACK_S`` of them) are looked back on.
        magnitudes: of their residuals by this baseline, where they were reckoned already, to judge by.

    Returns:
        The memory one version later; the same one where no sample is finite.

    Raises:
        ValueError: the samples are not of one block, or of one that was folded already.
    """
    values = cleaned(values)
    is_known = np.isfinite(values[first:])
    when, what = at_s[first:][is_known], values[first:][is_known]
    if not len(when):
        return memory
    _demand_one_block(memory, when)
    if memory.unit_exponent == UNKNOWN:
        memory, magnitudes = replace(memory, unit_exponent=unit_exponent_of(what)), None
    if magnitudes is None:
        usual = replace(baseline.usual(), unit_exponent=memory.unit_exponent)
        magnitudes = magnitudes_of(usual, at_s, values, first)
    return _folded(memory, when, what, magnitudes[:, is_known])


def _demand_one_block(memory: Memory, when: Ints) -> None:
    block = int(when[0]) // BLOCK_S
    if int(when[-1]) // BLOCK_S != block or block * BLOCK_S < memory.learned_until_s:
        raise ValueError(
            f"one block of {BLOCK_S} s that begins at {memory.learned_until_s} s or later was expected, samples of "
            f"{when[0]} s to {when[-1]} s were given; nothing was learned: give each block once, in its order"
        )


def _folded(memory: Memory, when: Ints, what: Floats, magnitudes: Floats) -> Memory:
    day = int(when[0]) // DAY_S
    ring = _ring_with(memory, day)
    row = day % DAYS
    _fold_slots(ring, row, when, what)
    _fold_magnitudes(ring, row, magnitudes, memory.unit_exponent)
    _fold_levels(ring, row, when, what)
    changed = _fold_changes(ring, row, memory, when, what)
    return replace(
        memory,
        version=memory.version + 1,
        learned_from_s=int(when[0]) if memory.learned_from_s < 0 else memory.learned_from_s,
        learned_until_s=(int(when[0]) // BLOCK_S + 1) * BLOCK_S,
        last_value=float(what[-1]),
        last_change_s=changed,
        **ring,
    )


def _ring_with(memory: Memory, day: int) -> dict[str, Any]:
    """A copy of the ring in which what is 28 days old is forgotten and a row is ready for the day."""
    ring = {name: getattr(memory, name).copy() for name in _RINGS}
    row = day % DAYS
    is_old = (memory.days >= 0) & (memory.days <= day - DAYS)
    is_old[row] |= memory.days[row] != day
    for name, rows in ring.items():
        rows[is_old] = getattr(_EMPTY, name)[0]
    ring["days"][row] = day
    return ring


def _fold_slots(ring: dict[str, Any], row: int, when: Ints, what: Floats) -> None:
    slots = slot_of_day(when)
    ordered = what[np.lexsort((what, slots))]
    starts = np.flatnonzero(np.concatenate([_TRUE, slots[1:] != slots[:-1]]))
    counts = np.concatenate([starts[1:], [len(slots)]]) - starts
    found = slots[starts]
    ring["medians"][row, found] = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    ring["counts"][row, found] = np.minimum(counts, _MOST)


def _fold_magnitudes(ring: dict[str, Any], row: int, magnitudes: Floats, unit_exponent: int) -> None:
    is_known = np.isfinite(magnitudes)
    kinds = np.nonzero(is_known)[0]
    places = kinds * BINS + bin_of(magnitudes[is_known], 0 if unit_exponent == UNKNOWN else unit_exponent)
    more = np.bincount(places, minlength=KINDS * BINS).reshape(KINDS, BINS)
    ring["histograms"][row] = np.minimum(ring["histograms"][row] + more, _MOST)


def _fold_levels(ring: dict[str, Any], row: int, when: Ints, what: Floats) -> None:
    # Every sample covers the time since the one before, the first one the usual time; a gap longer than is looked
    # back on was not seen.
    gaps = np.sort(np.minimum(when[1:] - when[:-1], LOOKBACK_S))
    ring["covered_s"][row] += int(gaps.sum()) + (int(gaps[len(gaps) // 2]) if len(gaps) else 0)
    ring["zeros"][row] += np.count_nonzero(what == 0)
    ring["minimum"][row] = np.fmin(ring["minimum"][row], what.min())
    ring["maximum"][row] = np.fmax(ring["maximum"][row], what.max())


def _fold_changes(ring: dict[str, Any], row: int, memory: Memory, when: Ints, what: Floats) -> int:
    """The smallest step and the longest time without any; gives when the last value was first seen."""
    steps = np.abs(what - np.concatenate([[memory.last_value], what[:-1]]))
    # Before the first value ever there is NaN, a step of no size.
    is_start = steps != 0
    starts = np.flatnonzero(is_start)
    sizes = steps[starts][steps[starts] > 0]
    if len(sizes):
        ring["quantum"][row] = min(ring["quantum"][row], sizes.min())
    begins = when[starts]
    if not is_start[0]:
        starts, begins = np.concatenate([_ZERO, starts]), np.concatenate([[memory.last_change_s], begins])
    ends = np.concatenate([when[starts[1:] - 1], when[-1:]])
    ring["constant_s"][row] = max(int(ring["constant_s"][row]), int((ends - begins).max()))
    return int(begins[-1])
