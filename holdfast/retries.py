"""How long to wait before another attempt; never the waiting."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Truncated exponential backoff.

    Attributes:
        attempts: how often to try in all, at least 1.
        first_s: wait before the second attempt, in seconds.
        most_s: longest wait, in seconds.
    """

    attempts: int = 3
    first_s: float = 0.25
    most_s: float = 30.0

    def delays_s(self) -> Iterator[float]:
        """Seconds to wait before attempts 2..``attempts``: ``first_s`` doubled each time, at most ``most_s``."""
        for retry in range(self.attempts - 1):
            yield min(self.first_s * 2**retry, self.most_s)
