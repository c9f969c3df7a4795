"""What learning and judging share: lengths of time, and the kinds of residuals.

The constants were chosen on NAB's development series, by a bootstrap over series and by how flat the figures lie
around them: half or twice the block, the slot and the lookback, and half the days, are no different; a quarter of the
days and a block of a day are worse. None follows a file. ``benchmarks/baselines.py`` measures.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
# A fleet's series are judged as medians of 5 minutes: ten times fewer samples than cycles, and no wild single one.
SLOT_S: Final = 300
# A slot of the day, the grain of "usual at this time".
PROFILE_SLOT_S: Final = 1_800
PROFILE_SLOTS: Final = DAY_S // PROFILE_SLOT_S
# What is folded at once: a baseline stays in force for this long.
BLOCK_S: Final = 21_600
# Samples before the first judged one that judging looks back on: the longest mean.
LOOKBACK_S: Final = 21_600
DAYS: Final = 28
# Below this much learned history a series is learning, and nothing of it is out of the ordinary.
NEEDED_S: Final = DAY_S

# The sample against what is usual at this time of the day, and at any time; both as means of the last hour; the
# first as a mean of six hours; and the range of the last hour. An hour is three samples where they are rare.
# Then three that only fleets are judged by: the middle of the last three samples' differences from the usual against
# that of the twelve before them; the middle of the last 24 steps from sample to sample; and the mean of the last four.
RESIDUALS: Final = ("slot", "level", "slot_1h", "level_1h", "slot_6h", "range_1h", "step", "rough", "jolt")
KINDS: Final = len(RESIDUALS)
# The first of them make the score of a series alone. The others cost it 2 points on NAB: they add what is sudden.
SCORED: Final = 6

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Beyond this a value is taken as this: it keeps its sign, and squares and sums stay finite.
_HUGE: Final = 1e30


def cleaned(values: Floats) -> Floats:
    """Values that can be reckoned with: what is not finite is NaN, what is huge is cut."""
    return np.clip(np.where(np.isfinite(values), values, np.nan), -_HUGE, _HUGE)


def slot_of_day(at_s: Ints) -> Ints:
    """The slot of the day (UTC) of each instant, 0 to ``PROFILE_SLOTS`` - 1."""
    return at_s % DAY_S // PROFILE_SLOT_S
