"""Rollups: closed buckets of a day, from whatever holds its samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from resources.postgres import Postgres

Rollup = Literal["hourly", "daily"]


@dataclass(frozen=True, slots=True)
class Rolled:
    """What one rollup of one day wrote: rows (one per server and metric) that are new or changed."""

    day: date
    rows: int


def roll_up(postgres: Postgres, rollup: Rollup, day: date, now: datetime) -> Rolled:
    """Roll up the buckets of a UTC day that are closed at ``now``; a second run writes nothing.

    A day whose samples were thinned keeps the rollups it has.
    """
    with postgres.transaction() as db:
        marked_at = db.value("metrics_rollups/due_mark", rollup=rollup, day=day)
        rows = db.execute(
            "metrics_rollups/roll_hours" if rollup == "hourly" else "metrics_rollups/roll_days", day=day, now=now
        )
        db.execute("metrics_rollups/settle_due", rollup=rollup, day=day, marked_at=marked_at, now=now)
    return Rolled(day, rows)


def due_days(postgres: Postgres, rollup: Rollup, now: datetime) -> Sequence[date]:
    """Days whose samples are newer than their rollup, oldest first."""
    with postgres.transaction() as db:
        return [row[0] for row in db.rows("metrics_rollups/due_days", rollup=rollup, now=now)]
