"""Dagster's own storage: pruning what it never prunes by itself."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field

from resources.postgres import Postgres

BATCH_ROWS: Final = 5_000
# What the asset pages, partition states and run pages live on.
KEPT_TYPES: Final[Sequence[str]] = (
    *(
        event_type.value
        for event_type in dg.DagsterEventType
        if event_type.value.startswith(("ASSET_", "FRESHNESS_")) and event_type.value != "ASSET_MATERIALIZATION_PLANNED"
    ),
    "PIPELINE_ENQUEUED",
    "PIPELINE_STARTING",
    "PIPELINE_START",
    "PIPELINE_SUCCESS",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
)
# Of these an asset's newest is kept for ever, older ones for a longer while: they are the points of its plots.
PLOTTED_TYPES: Final = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION")
PLOTTED_FACTOR: Final = 6


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one pruning did, and what is left.

    Attributes:
        run_rows: operational rows of finished runs that went.
        asset_rows: old materializations, observations and check results that went.
        log_folders: folders of compute logs that went.
        left_rows: rows left, by the planner's estimate.
        left_bytes: bytes left.
    """

    run_rows: int
    asset_rows: int
    log_folders: int
    left_rows: int
    left_bytes: int


def prune(postgres: Postgres, logs: Path | None, *, now: datetime, keep: timedelta) -> Pruned:
    """Delete operational rows older than ``keep``, asset events older than six times that, and old compute logs.

    Args:
        postgres: Dagster's storage.
        logs: folder of compute logs, None where there is none on this machine.
        now: aware instant.
        keep: how long operational rows stay.
    """
    # Dagster's timestamps are naive UTC.
    before = (now - keep).replace(tzinfo=None)
    older = (now - keep * PLOTTED_FACTOR).replace(tzinfo=None)
    run_rows = _in_batches(postgres, "platform/prune_run_events", before=before, keep=list(KEPT_TYPES))
    asset_rows = _in_batches(postgres, "platform/prune_asset_events", before=older, types=list(PLOTTED_TYPES))
    with postgres.transaction() as db:
        left_rows, left_bytes = db.rows("platform/event_log_size")[0]
    folders = _prune_folders(logs, keep) if logs else 0
    return Pruned(run_rows, asset_rows, folders, left_rows, left_bytes)


def _in_batches(postgres: Postgres, path: str, **parameters: Any) -> int:
    total = 0
    while True:
        with postgres.transaction() as db:
            rows = db.execute(path, row_limit=BATCH_ROWS, **parameters)
        total += rows
        if rows < BATCH_ROWS:
            return total


def _prune_folders(logs: Path, keep: timedelta) -> int:
    oldest_s = time.time() - keep.total_seconds()
    old = [folder for folder in logs.glob("*/compute_logs") if folder.stat().st_mtime < oldest_s]
    for folder in old:
        shutil.rmtree(folder.parent, ignore_errors=True)
    return len(old)


class DagsterLogResource(dg.ConfigurableResource[Any]):
    """Dagster's storage, by URL, and how long its operational log is kept."""

    dsn: str = Field(description="Dagster's storage", json_schema_extra={"dagster__is_secret": True})
    keep_days: int = Field(default=14, ge=1, description="days of operational log kept")

    def prune(self, now: datetime, logs: Path | None) -> Pruned:
        """Prune what is too old."""
        return prune(Postgres(self.dsn), logs, now=now, keep=timedelta(days=self.keep_days))
