"""The baseline of a kind of server, for one of it that is still learning."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from holdfast.baselines.baseline import Baseline
from holdfast.baselines.grid import Floats
from holdfast.baselines.tails import SHAPE


def pool(baselines: Sequence[Baseline]) -> Baseline:
    """What is usual for the kind: the median of its servers, as wide as they are and as they differ.

    Args:
        baselines: of one metric on servers of one kind; those still learning do not count.

    Returns:
        A baseline whose centre is the median over servers and whose residuals are as large as the widest
        server's and the difference between servers together, so that it pages late rather than falsely.

    Raises:
        ValueError: none of the baselines has learned enough.
    """
    ready = [x for x in baselines if not x.is_learning]
    if not ready:
        raise ValueError(f"none of the {len(baselines)} baselines has learned enough to stand for its kind")
    centres = np.array([x.centre for x in ready], np.float64)
    centre = _medians(centres)
    level = float(np.median([x.level for x in ready]))
    between = _medians(np.abs(centres - centre))
    apart = float(np.nanmax(np.abs(centres - centre), initial=0.0))
    return replace(
        max(ready, key=lambda x: (x.learned_s, x.learned_until_s)),
        learned_s=min(x.learned_s for x in ready),
        sample_count=min(x.sample_count for x in ready),
        quantum=min(x.quantum for x in ready),
        zero_share=max(x.zero_share for x in ready),
        longest_constant_s=max(x.longest_constant_s for x in ready),
        low=float(np.fmin.reduce([x.low for x in ready])),
        high=float(np.fmax.reduce([x.high for x in ready])),
        level=level,
        centre=centre.astype(np.float32),
        spread=(_medians(np.array([x.spread for x in ready], np.float64)) + between).astype(np.float32),
        coverage=np.mean([x.coverage for x in ready], axis=0).astype(np.float32),
        tails=_widened(ready, apart),
    )


def _widened(ready: Sequence[Baseline], apart: float) -> npt.NDArray[np.float32]:
    """The widest servers' tails, moved out by how far the servers' centres are apart."""
    tails = np.fmax.reduce([x.tails.astype(np.float64) for x in ready])
    tails[:, :SHAPE] = np.log2(np.exp2(tails[:, :SHAPE]) + apart)
    return np.asarray(tails, np.float32)


def _medians(rows: Floats) -> Floats:
    known = np.isfinite(rows).any(axis=0)
    found = np.full(rows.shape[1], np.nan)
    found[known] = np.nanmedian(rows[:, known], axis=0)
    return found
