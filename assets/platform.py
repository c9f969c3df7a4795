"""Platform: what keeps Holdfast itself inside its limits."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from resources.dagster_log import DagsterLogResource


@dg.asset(
    group_name="platform",
    owners=["team:platform"],
    kinds={"postgres", "dagster"},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def maintenance(context: dg.AssetExecutionContext, dagster_log: DagsterLogResource) -> dg.MaterializeResult:
    """Dagster's event log, pruned: it has no retention of its own and would grow without bound.

    Operational rows of finished runs and compute logs go after 14 days (a setting), points of plots and results of
    checks after six times that; the newest of every asset, partition and check stays, and so do the runs themselves.
    Safe to run twice: the second deletes nothing.
    """
    pruned = dagster_log.prune(datetime.now(UTC), Path(context.instance.storage_directory()))
    context.log.info(
        "platform: pruned %d run rows, %d asset rows, %d log folders; %d bytes left",
        pruned.run_rows, pruned.asset_rows, pruned.log_folders, pruned.left_bytes,
    )  # fmt: skip
    return dg.MaterializeResult(
        metadata={
            "pruned_run_rows": pruned.run_rows,
            "pruned_asset_rows": pruned.asset_rows,
            "pruned_log_folders": pruned.log_folders,
            "event_log_rows": pruned.left_rows,
            "event_log_bytes": pruned.left_bytes,
        }
    )
