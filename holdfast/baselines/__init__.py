"""What is usual for a series: learned block by block, remembered for 28 days, summarised for judging."""

from holdfast.baselines.baseline import Baseline, Profile, baseline_of
from holdfast.baselines.grid import BLOCK_S, DAYS, LOOKBACK_S, NEEDED_S, PROFILE_SLOT_S, SLOT_S
from holdfast.baselines.learning import learn
from holdfast.baselines.memory import Memory
from holdfast.baselines.pooling import pool

__all__ = [
    "BLOCK_S",
    "DAYS",
    "LOOKBACK_S",
    "NEEDED_S",
    "PROFILE_SLOT_S",
    "SLOT_S",
    "Baseline",
    "Memory",
    "Profile",
    "baseline_of",
    "learn",
    "pool",
]
