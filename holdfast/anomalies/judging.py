"""How unusual samples are, given the baseline in force: a pure function, so that a restart changes nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.baseline import Baseline
from holdfast.baselines.grid import KINDS, NEEDED_S, RESIDUALS, SCORED, Floats, Ints, cleaned, slot_of_day
from holdfast.baselines.residuals import magnitudes_of
from holdfast.baselines.tails import SHARES, depths_of

__all__ = ["PAGES", "RESIDUALS", "Judged", "judge"]

# A score that pages by itself.
PAGES: Final = 0.5
# The evidence that does: the mean over residuals of -log10 of their rarity; all as rare as one in 126 samples.
_EVIDENCE: Final = 2.1
# What is sudden shows in one sample only, and means of hours see little of it: one as rare as 1 in 1700 (this share
# of its -log10 is enough evidence) both for its time of the day and at any time pages whatever the means say.
_SUDDEN: Final = 0.65
# The band holds all but this share of what was learned.
_BAND: Final = int(np.flatnonzero(SHARES == 0.01)[0])
_USUAL: Final = int(np.flatnonzero(SHARES == 0.32)[0])


@dataclass(frozen=True, slots=True)
class Judged:
    """Judged samples; all arrays have one entry per sample.

    Attributes:
        score: 0 (usual) to 1; ``PAGES`` and above pages by itself. 0 while learning and where there is no value.
        centre: what is usual at this time of the day, in the metric's unit; NaN where unknown.
        low: lower end of the expected band, in the metric's unit; NaN while learning.
        high: upper end of the expected band; NaN while learning.
        rank: share of the learned residuals of the leading kind that are smaller, 0 to 1; NaN while learning.
        leading: index in ``RESIDUALS`` of the one that is rarest; -1 while learning.
        depths: per residual of ``RESIDUALS``, -log10 of how rare it is; 0 while learning and where there is no value.
    """

    score: Floats
    centre: Floats
    low: Floats
    high: Floats
    rank: Floats
    leading: npt.NDArray[np.int64]
    depths: Floats


def judge(baseline: Baseline, at_s: Ints, values: Floats, first: int) -> Judged:
    """Judge ``values[first:]``, each sample by the baseline and what came before it.

    Args:
        baseline: what is in force: learned from blocks before the first judged sample.
        at_s: seconds since the epoch, never falling.
        values: samples; what is not finite scores 0.
        first: the first sample to judge; those before (``LOOKBACK_S`` of them) are looked back on.
    """
    usual = baseline.usual()
    slots = slot_of_day(at_s[first:])
    centre = usual.centre[slots]
    if baseline.is_learning:
        return _unjudged(centre)
    score, depths = scores_of(baseline, magnitudes_of(usual, at_s, cleaned(values), first))
    leading = np.argmax(depths[:SCORED], axis=0)
    deepest = depths[leading, np.arange(len(leading))]
    most = 1 - 1 / max(baseline.sample_count, 1)
    width = np.maximum(_widths(baseline)[slots], usual.floor)
    return Judged(
        score=score,
        centre=centre,
        low=centre - width,
        high=centre + width,
        rank=np.where(np.isfinite(values[first:]), np.minimum(1 - 10.0**-deepest, most), np.nan),
        leading=leading,
        depths=depths,
    )


def scores_of(baseline: Baseline, magnitudes: Floats) -> tuple[Floats, Floats]:
    """Scores of samples by the magnitudes of their residuals, and the depth of each residual (see ``Judged``)."""
    depths = depths_of(baseline.tails.astype(np.float64), magnitudes)
    evidence = np.maximum(_mean(depths[:SCORED]), _SUDDEN * np.minimum(depths[0], depths[1]))
    # The rarest of a few days is rare by chance.
    evidence *= baseline.learned_s / (baseline.learned_s + NEEDED_S)
    return evidence / (evidence + _EVIDENCE), depths


def _unjudged(centre: Floats) -> Judged:
    nothing = np.full(len(centre), np.nan)
    unknown = np.full(len(centre), -1)
    return Judged(np.zeros(len(centre)), centre, nothing, nothing, nothing, unknown, np.zeros((KINDS, len(centre))))


def _mean(depths: Floats) -> Floats:
    """The mean over residuals, added in their order: the same for one sample as for many."""
    total = np.zeros(depths.shape[1])
    for depth in depths:
        total += depth
    return total / len(depths)


def _widths(baseline: Baseline) -> Floats:
    """Half of the band per slot of the day: its spread, as much wider as the rare residuals are than the usual."""
    table = baseline.tails[0].astype(np.float64)
    spread = baseline.spread.astype(np.float64)
    widths = spread * np.exp2(table[_BAND] - table[_USUAL])
    return np.asarray(np.where(np.isnan(widths), np.nanmax(widths, initial=0.0), widths))
