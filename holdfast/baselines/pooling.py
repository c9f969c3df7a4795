"""The baseline of a kind of server, for one of it that is still learning."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from holdfast.baselines.baseline import Baseline


def pool(baselines: Sequence[Baseline]) -> Baseline:
    """What is usual for the kind: the median of the servers' centres, as wide as within and between servers.

    Args:
        baselines: of one metric on servers of one kind; those still learning do not count.

    Returns:
        A baseline whose tails are the widest of the servers'.

    Raises:
        ValueError: none of the baselines has learned enough.
    """
    ready = [x for x in baselines if not x.is_learning]
    if not ready:
        raise ValueError(
            f"none of {len(baselines)} baselines has learned {baselines[0].needed_s if baselines else 0} s"
        )
    centres = np.array([x.centre for x in ready], np.float64)
    centre = np.nanmedian(centres, axis=0)
    between = np.nanmedian(np.abs(centres - centre), axis=0)
    within = np.nanmedian(np.array([x.spread for x in ready], np.float64), axis=0)
    return replace(
        ready[0],
        centre=centre.astype(np.float32),
        spread=(between + within).astype(np.float32),
        tails=np.nanmax(np.array([x.tails for x in ready]), axis=0),
        low=min(x.low for x in ready),
        high=max(x.high for x in ready),
        zero_share=max(x.zero_share for x in ready),
        longest_constant_s=max(x.longest_constant_s for x in ready),
        quantum=min(x.quantum for x in ready),
        level=float(np.median([x.level for x in ready])),
    )
