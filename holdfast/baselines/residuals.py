"""What may be unusual about a sample: several simple residuals, each a magnitude in the series' own unit."""

from typing import Final

import numpy as np

from holdfast.baselines.grid import Floats, Ints

RESIDUALS: Final = ("slot", "level", "jump", "variability", "trend")


def residuals_of(centre: Floats, level: float, at_s: Ints, values: Floats, first: int) -> Floats:
    """Signed residuals of ``values[first:]``.

    Args:
        centre: what is usual at each sample (NaN where nothing is known).
        level: the series' usual value at any time.
        at_s: seconds since the epoch, never falling.
        values: samples, NaN where none.
        first: the first sample to give residuals of; those before are looked back on.

    Returns:
        Array (len(RESIDUALS), n - first); NaN where a residual cannot be told.
    """
    found = np.full((len(RESIDUALS), len(values) - first), np.nan)
    found[0] = values[first:] - centre[first:]
    found[1] = values[first:] - level
    if len(values) > 1:
        before = np.concatenate([[np.nan], values[:-1]])
        found[2] = (values - before)[first:]
    return found
