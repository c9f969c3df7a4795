"""Slots: medians of 5 minutes, rolled for judging and read from the samples for learning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from holdfast.metrics.catalog import METRICS, Metric
from resources.postgres import Postgres, Transaction

Series = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
Slots = Mapping[tuple[str, str], Series]

KEEP: Final = timedelta(days=3)
# A sample that is later than this is missing from its slot, and so from judging; learning reads the history anew.
LATE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RolledSlots:
    """What one roll did.

    Attributes:
        rows: slots (one per server) that are new or changed.
        forgotten_rows: slots older than ``KEEP`` that went.
        until_at: end of the newest slot that is rolled; None before the first sample.
    """

    rows: int
    forgotten_rows: int
    until_at: datetime | None


def roll_slots(postgres: Postgres, now: datetime) -> RolledSlots:
    """Roll the slots that are over, and the newest hour again for samples that came late; a second run writes nothing.

    A slot is over when any server has a sample after it: while nothing is collected, nothing is over.
    """
    with postgres.transaction() as db:
        db.execute("slots/lock")
        found = db.rows("slots/range", now=now, late=LATE, keep=KEEP)
        if not found:
            return RolledSlots(0, 0, None)
        ((from_at, until_at),) = found
        if from_at >= until_at:
            return RolledSlots(0, 0, until_at)
        rows = db.execute("slots/roll", from_at=from_at, until_at=until_at)
        forgotten_rows = db.execute("slots/forget", until_at=until_at, keep=KEEP)
        db.execute("slots/move_watermark", until_at=until_at)
    return RolledSlots(rows, forgotten_rows, until_at)


def read_slots(db: Transaction, from_at: datetime, until_at: datetime) -> Slots:
    """Rolled slots that start in [from_at, until_at), by server and metric.

    Returns:
        per series the slot starts (int64[n], epoch seconds, rising) and the medians (float64[n], in the metric's unit);
        slots without a value are left out, and so are series without any.
    """
    return _series(db.rows("slots/read", from_at=from_at, until_at=until_at))


def history_slots(
    db: Transaction, from_at: datetime, until_at: datetime, server_nos: Sequence[int] | None = None
) -> Slots:
    """The same, taken anew from the samples in the history; of the servers numbered ``server_nos``, or of all."""
    numbers = None if server_nos is None else list(server_nos)
    return _series(db.rows("slots/read_history", from_at=from_at, until_at=until_at, server_nos=numbers))


def _series(rows: Sequence[tuple[Any, ...]]) -> dict[tuple[str, str], Series]:
    found: dict[tuple[str, str], Series] = {}
    for server_id, slots_s, *columns in rows:
        at_s = np.array(slots_s, dtype=np.int64)
        for metric, codes in zip(METRICS, columns, strict=True):
            values = _values(metric, np.array(codes, dtype=np.float64))
            is_known = np.isfinite(values)
            if is_known.any():
                found[server_id, metric.name] = at_s[is_known], values[is_known]
    return found


def _values(metric: Metric, codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return codes * metric.units_per_quantum / metric.per_unit
