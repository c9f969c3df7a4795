"""The clock that rates are taken by."""

import time
from typing import Final

# Linux' monotonic clock stands still while a machine sleeps; the servers it reads did not.
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_s() -> float:
    """Seconds that only grow, whatever happens to the time of day; sleep counts where the system can tell."""
    return time.clock_gettime(_CLOCK)
