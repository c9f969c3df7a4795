"""Breakers within this process: the last resort, and no secret: others learn nothing of it."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Final


class ProcessStates:
    """Documents in memory; implements ``holdfast.breaker.BreakerStates``."""

    tier: Final = "process"

    def __init__(self) -> None:
        self._documents: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> str | None:
        """Never fails."""
        return self._documents.get(name)

    def now(self) -> datetime:
        """This machine's clock."""
        return datetime.now(UTC)

    def swap(self, name: str, expected: str | None, document: str, keep: timedelta) -> bool:  # noqa: ARG002
        """Never fails; a process is over before anything needs to be forgotten."""
        with self._lock:
            if self._documents.get(name) != expected:
                return False
            self._documents[name] = document
            return True


# One for all assets of a run, which are made in one process.
OF_THIS_PROCESS: Final = ProcessStates()
