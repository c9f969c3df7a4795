"""Fold one block of samples into a memory."""

from dataclasses import replace

import numpy as np

from holdfast.baselines.baseline import Baseline, slot_of_day
from holdfast.baselines.bins import BINS, bin_of, unit_exponent_of
from holdfast.baselines.grid import BLOCK_S, DAY_S, DAYS, PROFILE_SLOTS, Floats, Ints
from holdfast.baselines.memory import KINDS, Memory
from holdfast.baselines.residuals import residuals_of


def learn(memory: Memory, baseline: Baseline, at_s: Ints, values: Floats, first: int) -> Memory:
    """Fold ``values[first:]``, the samples of one block, into the memory.

    Args:
        memory: what was learned of everything before the block.
        baseline: ``baseline_of(memory)``.
        at_s: seconds since the epoch, never falling; those from ``first`` on lie in one block of ``BLOCK_S``
            that begins at ``memory.learned_until_s`` or later.
        values: samples; what is not finite is not learned.
        first: the first sample to learn; those before are looked back on.

    Returns:
        The memory one version later; the same one where no sample is finite.

    Raises:
        ValueError: the samples are not of one block, or of one that was folded already.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    keep = np.isfinite(values[first:])
    when, what = at_s[first:][keep], values[first:][keep]
    if not len(when):
        return memory
    block = int(when[0]) // BLOCK_S
    if int(when[-1]) // BLOCK_S != block or block * BLOCK_S < memory.learned_until_s:
        raise ValueError(f"samples {when[0]}..{when[-1]} s are not one block after {memory.learned_until_s} s")
    centre = baseline.centre.astype(np.float64)[slot_of_day(at_s)]
    residuals = residuals_of(centre, baseline.level, at_s, values, first)[:, keep]
    return _folded(memory, when, what, residuals)


def _folded(memory: Memory, when: Ints, what: Floats, residuals: Floats) -> Memory:
    day = int(when[0]) // DAY_S
    row = day % DAYS
    unit = memory.unit_exponent or unit_exponent_of(what)
    fresh = memory.days[row] != day
    stale = (memory.days >= 0) & (memory.days <= day - DAYS)
    empty = Memory.empty()
    arrays = {
        name: getattr(memory, name).copy()
        for name in (
            "days", "medians", "counts", "histograms", "covered_s", "zeros", "minimum", "maximum", "quantum",
            "constant_s",
        )
    }  # fmt: skip
    for name, array in arrays.items():
        array[stale] = getattr(empty, name)[0]
        if fresh:
            array[row] = getattr(empty, name)[0]
    arrays["days"][row] = day
    slots = slot_of_day(when)
    for slot in np.unique(slots):
        inside = what[slots == slot]
        arrays["medians"][row, slot] = np.median(inside)
        arrays["counts"][row, slot] = min(len(inside), 65_535)
    for kind in range(KINDS):
        known = np.abs(residuals[kind][np.isfinite(residuals[kind])])
        more = np.bincount(bin_of(known, unit), minlength=BINS)
        total = arrays["histograms"][row, kind] + more
        arrays["histograms"][row, kind] = np.minimum(total, 65_535)
    gaps = np.diff(when)
    step = float(np.median(gaps)) if len(gaps) else memory.step_s
    arrays["covered_s"][row] += int(np.minimum(gaps, 3_600).sum() + min(step, 3_600))
    arrays["zeros"][row] += int((what == 0).sum())
    arrays["minimum"][row] = np.fmin(arrays["minimum"][row], what.min())
    arrays["maximum"][row] = np.fmax(arrays["maximum"][row], what.max())
    steps = np.abs(np.diff(np.concatenate([[memory.last_value], what])))
    steps = steps[steps > 0]
    if len(steps):
        arrays["quantum"][row] = min(arrays["quantum"][row], steps.min())
    changes = np.flatnonzero(np.diff(what) != 0)
    went_on = memory.last_value == what[0]
    began = np.concatenate([[memory.last_change_s if went_on else when[0]], when[changes + 1]])
    until = np.concatenate([when[changes], when[-1:]])
    arrays["constant_s"][row] = max(int(arrays["constant_s"][row]), int((until - began).max()))
    return replace(
        memory,
        version=memory.version + 1,
        learned_from_s=int(when[0]) if memory.learned_from_s < 0 else memory.learned_from_s,
        learned_until_s=(int(when[0]) // BLOCK_S + 1) * BLOCK_S,
        unit_exponent=unit,
        last_value=float(what[-1]),
        last_change_s=int(began[-1]),
        step_s=step,
        **arrays,
    )


assert PROFILE_SLOTS * DAYS < 65_535  # noqa: S101
