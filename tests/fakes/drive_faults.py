"""What goes wrong on purpose, and when."""

import threading
from dataclasses import dataclass, replace
from fnmatch import fnmatch

import numpy as np

from tests.fakes.drive_errors import DAILY_CAP, bad_gateway, refusal
from tests.fakes.drive_http import Response

# Every kind there is. ``refuse`` answers with ``status`` and ``reason``; ``html`` is a 502 that is a page.
# ``reset_before`` leaves before anything is stored, ``reset_after`` after; ``error_after`` stores and answers 503.
# ``reset_mid`` keeps ``keep_bytes`` of a chunk and leaves; ``partial`` keeps as much and says so.
# ``corrupt`` stores other bytes than were sent. ``lost`` forgets the session. ``expire`` makes every token worthless.
KINDS = ("refuse", "html", "reset_before", "reset_after", "error_after", "reset_mid", "partial", "corrupt", "lost")
KINDS += ("hang", "expire")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        where: names of calls (``upload.chunk``, ``files.*``), as ``Call.name`` has them.
        times: how often; -1: always.
        skip: this many calls go well first.
    """

    where: str
    kind: str = "refuse"
    status: int = 503
    reason: str = "backendError"
    message: str | None = None
    retry_after: str | None = None
    keep_bytes: int = 262_144
    times: int = 1
    skip: int = 0
    hang_s: float = 3600.0

    def response(self) -> Response:
        """What it answers."""
        if self.kind == "html":
            return bad_gateway()
        headers = {"Retry-After": self.retry_after} if self.retry_after else None
        return refusal(self.status, self.reason, self.message, headers)


def throttled(where: str = "*", **more: object) -> Fault:
    """The throttle that goes away."""
    return replace(Fault(where, status=403, reason="userRateLimitExceeded"), **more)  # type: ignore[arg-type]


def daily_cap(where: str = "upload.*", times: int = -1) -> Fault:
    """750 GB in a day: the reason of a throttle, and nothing but its text tells them apart."""
    return Fault(where, status=403, reason="userRateLimitExceeded", message=DAILY_CAP, times=times)


class Faults:
    """Faults that were ordered, and those that come by chance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []
        self._share = 0.0
        self._kinds: tuple[str, ...] = ()
        self._rng = np.random.default_rng(0)
        self.happened: list[tuple[str, str]] = []

    def add(self, *faults: Fault) -> None:
        """Order some; those of one call happen one after another."""
        with self._lock:
            self._ordered += faults

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._ordered.clear()
            self._share = 0.0

    def by_chance(self, share: float, seed: int = 0, kinds: tuple[str, ...] = ()) -> None:
        """Let this share of calls go wrong, in whichever way fits the call."""
        with self._lock:
            self._share, self._rng, self._kinds = share, np.random.default_rng(seed), kinds

    def due(self, name: str) -> Fault | None:
        """What goes wrong with this call."""
        with self._lock:
            fault = self._next(name) or self._random(name)
            if fault:
                self.happened.append((name, fault.kind))
            return fault

    def _next(self, name: str) -> Fault | None:
        for at, fault in enumerate(self._ordered):
            if not fnmatch(name, fault.where):
                continue
            if fault.skip:
                self._ordered[at] = replace(fault, skip=fault.skip - 1)
                return None
            if fault.times == 1:
                del self._ordered[at]
            elif fault.times > 1:
                self._ordered[at] = replace(fault, times=fault.times - 1)
            return fault
        return None

    def _random(self, name: str) -> Fault | None:
        if self._share <= 0 or self._rng.random() >= self._share or name.startswith("token"):
            return None
        kinds = ["refuse", "html", "reset_before", "reset_after", "error_after", "expire", "throttle"]
        if name == "upload.chunk":
            kinds += ["reset_mid", "partial"] * 2 + ["lost"]
        if name.startswith("upload."):
            kinds.append("corrupt")
        if self._kinds:
            kinds = [kind for kind in kinds if kind in self._kinds]
        if not kinds:
            return None
        kind = kinds[self._rng.integers(len(kinds))]
        if kind == "throttle":
            return throttled(name)
        return Fault(name, kind, keep_bytes=int(self._rng.integers(32)) * 262_144)
