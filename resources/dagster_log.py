"""Dagster's own storage: pruning what it never prunes by itself."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import dagster as dg
from pydantic import Field

from resources.postgres import Postgres

BATCH_ROWS: Final = 5_000
# The newest of each, per asset and partition, is kept for ever: asset pages and partition states stand on it.
# Older ones are the points of plots and stay for a longer while.
PLOTTED_TYPES: Final[Sequence[str]] = tuple(
    event_type.value
    for event_type in dg.DagsterEventType
    if event_type.value.startswith("ASSET_") and "PLANNED" not in event_type.value and "CHECK" not in event_type.value
)
# Of an asset and partition, the newest says that its materialization failed or is under way.
PLANNED_TYPES: Final = ("ASSET_MATERIALIZATION_PLANNED",)
# What the page of a finished run shows first; the run's own record is never touched.
LIFE_TYPES: Final = (
    "ASSET_CHECK_EVALUATION",
    "PIPELINE_ENQUEUED",
    "PIPELINE_STARTING",
    "PIPELINE_START",
    "PIPELINE_SUCCESS",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
)
FRESHNESS_TYPES: Final[Sequence[str]] = tuple(
    event_type.value for event_type in dg.DagsterEventType if event_type.value.startswith("FRESHNESS_")
)
# Never touched by age alone.
ASSET_TYPES: Final = (*PLOTTED_TYPES, *PLANNED_TYPES, *FRESHNESS_TYPES)
PLOTTED_FACTOR: Final = 6


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one pruning did, and what is left.

    Attributes:
        run_rows: rows of finished runs that went.
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
    """Delete operational rows older than ``keep``, what plots and checks show after six times that, compute logs.

    Args:
        postgres: Dagster's storage.
        logs: folder with one folder per run, its compute logs in it; None where there is none on this machine.
        now: aware instant.
        keep: how long operational rows stay.
    """
    # Dagster's timestamps are naive UTC.
    before = (now - keep).replace(tzinfo=None)
    older = (now - keep * PLOTTED_FACTOR).replace(tzinfo=None)
    runs, assets = "platform/prune_run_events", "platform/prune_asset_events"
    run_rows = _in_batches(postgres, runs, before=before, keep=[*ASSET_TYPES, *LIFE_TYPES])
    run_rows += _in_batches(postgres, runs, before=older, keep=list(ASSET_TYPES))
    run_rows += _in_batches(postgres, assets, before=before, types=list(PLANNED_TYPES))
    asset_rows = _in_batches(postgres, assets, before=older, types=list(PLOTTED_TYPES))
    asset_rows += _in_batches(postgres, "platform/prune_check_results", before=older)
    with postgres.transaction() as db:
        left_rows, left_bytes = db.rows("platform/event_log_size")[0]
    folders = _prune_folders(logs, now - keep) if logs else 0
    return Pruned(run_rows, asset_rows, folders, left_rows, left_bytes)


def _in_batches(postgres: Postgres, path: str, **parameters: Any) -> int:
    total = 0
    while True:
        with postgres.transaction() as db:
            rows = db.execute(path, row_limit=BATCH_ROWS, **parameters)
        total += rows
        if rows < BATCH_ROWS:
            return total


def _prune_folders(logs: Path, before: datetime) -> int:
    """Delete the compute logs of runs; the folder holds outputs of assets as well, and those stay."""
    old = [folder for folder in logs.glob("*/compute_logs") if _is_run(folder.parent.name) and _newest(folder) < before]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # what else a run left there stays
            folder.parent.rmdir()
    return len(old)


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _newest(folder: Path) -> datetime:
    """When something was last written there: a folder's own time does not move when its files grow."""
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in (folder, *folder.iterdir())), UTC)


class DagsterLogResource(dg.ConfigurableResource[Any]):
    """Dagster's storage, by URL, and how long its operational log is kept."""

    dsn: str = Field(description="Dagster's storage")
    keep_days: int = Field(default=14, ge=1, description="days of operational log kept")

    def prune(self, now: datetime, logs: Path | None) -> Pruned:
        """Prune what is too old."""
        return prune(Postgres(self.dsn), logs, now=now, keep=timedelta(days=self.keep_days))
