"""Patience with a vault: again and again where that may help, and never longer than the run."""

import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from holdfast.errors import (
    DamagedCopyError,
    LeaseLostError,
    StoppedError,
    ThrottledError,
    TransientError,
    UploadLostError,
    VaultClosedError,
)
from holdfast.retries import Backoff

T = TypeVar("T")

# Eight tries without progress: about two minutes.
BACKOFF: Final = Backoff(attempts=8, first_s=1, most_s=64)
# Asking the same again does not help.
_FINAL: Final = (UploadLostError, DamagedCopyError, VaultClosedError, StoppedError, LeaseLostError)


class Patience:
    """How often something is tried, and how long is waited in between."""

    def __init__(self, stop: threading.Event, backoff: Backoff = BACKOFF) -> None:
        self._stop, self._backoff = stop, backoff

    def call(self, call: Callable[[], T]) -> T:
        """Do it until it works, or raise what it raises when there is no try left."""
        delays_s = self.delays_s()
        while True:
            try:
                return call()
            except TransientError as error:
                self.wait(error, delays_s)

    def delays_s(self) -> Iterator[float]:
        """Waits of one series of tries."""
        return self._backoff.delays_s()

    def wait(self, error: TransientError, delays_s: Iterator[float]) -> None:
        """Wait before another try, as long as the other side asks for.

        Raises:
            HoldfastError: the error, where another try does not help or there is none left.
            StoppedError: the run ends.
        """
        wait_s = None if isinstance(error, _FINAL) else next(delays_s, None)
        if wait_s is None:
            raise error
        if isinstance(error, ThrottledError):
            wait_s = max(wait_s, error.wait_s or 0.0)
        if self._stop.wait(wait_s):
            raise StoppedError("the run ends") from error
