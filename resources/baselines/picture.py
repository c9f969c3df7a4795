"""An incident as a picture: the series it began with, against what was usual."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from holdfast.anomalies import judge
from holdfast.baselines import Baseline
from holdfast.plots import Banded
from resources.baselines.slots import KEEP, Series, history_slots, read_slots
from resources.baselines.store import baselines_in_force
from resources.postgres import Postgres, Transaction

BEFORE: Final = timedelta(hours=6)
AFTER: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=30)
# A server that went silent has no metric of its own; every server reports this one.
_WHERE_ALL_ARE_GONE: Final = "cpu_pct"


@dataclass(frozen=True, slots=True)
class IncidentView:
    """The series an incident began with, from 6 h before it to 1 h after, at most 30 h.

    Attributes:
        server_id: the server.
        metric: the metric.
        began: start of the first slot out of the ordinary.
        ended: end of the last one; None while it goes on.
        points: the slots and the band that is usual for each, in the metric's unit.
    """

    server_id: str
    metric: str
    began: datetime
    ended: datetime | None
    points: list[Banded]


def incident_view(postgres: Postgres, incident_id: int) -> IncidentView | None:
    """What there is to see of an incident; None where there is no such incident."""
    with postgres.transaction() as db:
        found = db.rows("fleet/incident", incident_id=incident_id)
        if not found:
            return None
        ((server_id, metric, began, ended, server_no),) = found
        metric = _WHERE_ALL_ARE_GONE if metric == "*" else metric
        from_at = began - BEFORE
        newest_at: datetime = db.value("fleet/newest_slot") or began
        until_at = min((ended or newest_at) + AFTER, from_at + LONGEST)
        series = None
        if server_no is not None:
            slots = _slots(db, from_at, until_at, newest_at, server_no)
            series = slots.get((server_id, metric))
        in_force = baselines_in_force(db).get((server_id, metric)) if series else None
    points = _banded(series, in_force.baseline if in_force else None) if series else []
    return IncidentView(server_id, metric, began, ended, points)


def _slots(
    db: Transaction, from_at: datetime, until_at: datetime, newest_at: datetime, server_no: int
) -> dict[tuple[str, str], Series]:
    if from_at > newest_at - KEEP:
        return dict(read_slots(db, from_at, until_at))
    return dict(history_slots(db, from_at, until_at, [server_no]))


def _banded(series: Series, baseline: Baseline | None) -> list[Banded]:
    at_s, values = series
    judged = None if baseline is None else judge(baseline, at_s, values, 0)
    low = np.full(len(values), np.nan) if judged is None else judged.low
    high = np.full(len(values), np.nan) if judged is None else judged.high
    return [
        Banded(datetime.fromtimestamp(at, UTC), value, *band)
        for at, value, *band in zip(at_s.tolist(), values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
