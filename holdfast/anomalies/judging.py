"""How unusual samples are, given the baseline in force: a pure function, so that a restart changes nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.baseline import Baseline, slot_of_day
from holdfast.baselines.grid import Floats, Ints
from holdfast.baselines.residuals import RESIDUALS, residuals_of
from holdfast.baselines.tails import log_shares

__all__ = ["PAGES", "RESIDUALS", "Judged", "judge"]

# A score that pages by itself.
PAGES: Final = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """Judged samples; all arrays have one entry per sample.

    Attributes:
        score: 0 (usual) to 1; ``PAGES`` and above pages by itself. 0 while learning and where the value is NaN.
        centre: what is usual, in the metric's unit; NaN where unknown.
        low: lower end of the expected band, in the metric's unit.
        high: upper end of the expected band.
        rank: share of the learned residuals that are smaller, 0 to 1; NaN while learning.
        leading: index in ``RESIDUALS`` of the one that weighs most; -1 while learning.
    """

    score: Floats
    centre: Floats
    low: Floats
    high: Floats
    rank: Floats
    leading: npt.NDArray[np.int64]


def judge(baseline: Baseline, at_s: Ints, values: Floats, first: int) -> Judged:
    """Judge ``values[first:]``.

    Args:
        baseline: what is in force: learned from blocks before the first judged sample.
        at_s: seconds since the epoch, never falling.
        values: samples; what is not finite scores 0.
        first: the first sample to judge; those before (``LOOKBACK_S`` of them) are looked back on.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    slots = slot_of_day(at_s)
    centre = baseline.centre.astype(np.float64)[slots]
    spread = baseline.spread.astype(np.float64)[slots]
    n = len(values) - first
    if baseline.is_learning:
        nothing = np.full(n, np.nan)
        return Judged(np.zeros(n), centre[first:], nothing, nothing, nothing, np.full(n, -1))
    residuals = np.abs(residuals_of(centre, baseline.level, at_s, values, first))
    tails = baseline.tails.astype(np.float64)
    depth = np.array([log_shares(tails[k], residuals[k]) for k in range(len(RESIDUALS))])
    depth[~np.isfinite(depth)] = 0.0
    evidence = depth.max(axis=0)
    score = evidence / (evidence + 4.0)
    if baseline.is_constant:
        score = np.zeros(n)
    leading = np.argmax(depth, axis=0)
    rank = 1.0 - 10.0**-evidence
    width = 3.0 * spread[first:]
    return Judged(score, centre[first:], centre[first:] - width, centre[first:] + width, rank, leading)
