"""How far the clocks of the two stores are apart: by asking both, and taking the quickest answer."""

import time
from dataclasses import dataclass
from typing import Final

from holdfast.consistency.plan_rows import Skew
from resources.stores import Store, Stores

_PROBES: Final = 5


@dataclass(frozen=True, slots=True)
class _Probe:
    """One answer: what the clock of the store is ahead of ours, and how long it took."""

    ahead_s: float
    rtt_s: float


def measure_skew(stores: Stores, tolerance_s: float) -> Skew:
    """The skew of the two stores' clocks; an answer came at most its round trip after its clock was read."""
    a, b = _ahead(stores.a), _ahead(stores.b)
    return Skew(tolerance_s=tolerance_s, offset_s=b.ahead_s - a.ahead_s, rtt_s=a.rtt_s + b.rtt_s)


def _ahead(store: Store) -> _Probe:
    probes = []
    with store.snapshot() as db:
        for _ in range(_PROBES):
            asked_s, began_s = time.time(), time.monotonic()
            said_s = float(db.value("repairs/clock"))
            rtt_s = time.monotonic() - began_s
            probes.append(_Probe(said_s - (asked_s + rtt_s / 2), rtt_s))
    return min(probes, key=lambda probe: probe.rtt_s)
