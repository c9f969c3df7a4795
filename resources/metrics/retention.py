"""Retention: look at what is stored, apply a plan."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import dagster as dg
from pydantic import Field

from holdfast.metrics.retention import ChunkWeek, RetentionPlan, plan_retention
from resources.postgres import Postgres

# Entries that cannot be read stay long enough to be looked at, and not for ever: a broken collector makes one a cycle.
KEEP_REJECTED: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Thinned:
    """What applying a plan did.

    Attributes:
        weeks: weeks whose raw samples went.
        freed_bytes: room they gave back.
        hourly_rows: hourly rollup rows (server, metric, day) that were too old.
        database_bytes: size afterwards.
    """

    weeks: int
    freed_bytes: int
    hourly_rows: int
    database_bytes: int


def look(postgres: Postgres, *, budget_bytes: int, raw_days: int, today: date) -> RetentionPlan:
    """Plan what should go. Changes nothing."""
    with postgres.transaction() as db:
        weeks = db.fetch("metrics_retention/chunk_weeks", ChunkWeek)
        database_bytes = db.value("metrics_retention/database_bytes")
    return plan_retention(
        weeks, database_bytes=database_bytes, budget_bytes=budget_bytes, raw_days=raw_days, today=today
    )


def apply(postgres: Postgres, plan: RetentionPlan, *, hourly_days: int, today: date) -> Thinned:
    """Carry out a plan: each week in its own transaction, pinned server-days stay."""
    freed_bytes = 0
    for week in plan.weeks:
        with postgres.transaction() as db:
            db.execute("metrics_moving/lock")
            before = db.value("metrics_retention/week_bytes", week=week.week)
            if before is None:
                continue
            db.execute("metrics_retention/thin_week", week=week.week)
            freed_bytes += before - (db.value("metrics_retention/week_bytes", week=week.week) or 0)
    with postgres.transaction() as db:
        hourly_rows = db.execute("metrics_retention/delete_old_hours", before=today - timedelta(days=hourly_days))
        db.execute("metrics_retention/delete_old_rejected", before=today - KEEP_REJECTED)
        database_bytes = db.value("metrics_retention/database_bytes")
    return Thinned(len(plan.weeks), freed_bytes, hourly_rows, database_bytes)


def growth_bytes_a_day(postgres: Postgres) -> int:
    """Bytes of one average day of raw samples, from the newest four weeks; 0 before the first chunk."""
    with postgres.transaction() as db:
        return int(db.value("metrics_retention/daily_growth_bytes") or 0)


def largest_relations(postgres: Postgres) -> list[tuple[str, int]]:
    """What takes the most room: name and bytes of five tables."""
    with postgres.transaction() as db:
        return [(name, size) for name, size in db.rows("metrics_retention/largest_relations")]


class RetentionResource(dg.ConfigurableResource[Any]):
    """How much is kept in this deployment."""

    raw_days: int = Field(default=400, ge=2, description="days of raw samples kept")
    hourly_days: int = Field(default=1200, ge=2, description="days of hourly rollups kept; daily ones stay")
    budget_mb: int = Field(default=500, ge=1, description="size the whole database may have, in 10^6 bytes")
