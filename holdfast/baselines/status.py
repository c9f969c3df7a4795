"""How far a series is learned, in words and figures for people."""

from typing import Final

from holdfast.baselines.baseline import Baseline

LEARNED: Final = "learned"
_HOUR_S: Final = 3600


def status_of(baseline: Baseline) -> str:
    """``learned``, or ``learning, 14 h of 24 h``: whole hours that have samples, of those needed."""
    if not baseline.is_learning:
        return LEARNED
    return f"learning, {baseline.learned_s // _HOUR_S} h of {baseline.needed_s // _HOUR_S} h"


def coverage_of(baseline: Baseline, learned_from_s: int) -> float:
    """Share of the learned window that has samples, 0 to 1.

    Args:
        baseline: what was learned.
        learned_from_s: the first sample ever learned, in seconds since the epoch; below 0 where there was none.
    """
    if baseline.learned_until_s < 0:
        return 0.0
    window_s = baseline.learned_until_s - max(baseline.learned_from_s, learned_from_s)
    return min(1.0, baseline.learned_s / window_s) if window_s > 0 else 0.0
