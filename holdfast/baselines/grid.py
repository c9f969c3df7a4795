"""The lengths of time that learning and judging share."""

from typing import Final

import numpy as np
import numpy.typing as npt

DAY_S: Final = 86_400
# A fleet's series are judged as medians of 5 minutes: ten times fewer samples than cycles, and no wild single one.
SLOT_S: Final = 300
# A slot of the day, the grain of "usual at this time".
PROFILE_SLOT_S: Final = 1_800
PROFILE_SLOTS: Final = DAY_S // PROFILE_SLOT_S
# What is folded at once: a baseline stays in force for this long.
BLOCK_S: Final = 21_600
# Samples before the first judged one that judging looks back on.
LOOKBACK_S: Final = 21_600
DAYS: Final = 28
# Below this much learned history a series is learning and nothing of it is out of the ordinary.
NEEDED_S: Final = DAY_S

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
