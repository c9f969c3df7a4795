"""``server_metrics_history``: every cycle, once, as plain rows."""

from datetime import datetime, timedelta
from typing import Final

import dagster as dg
from pydantic import Field

from assets.metrics.live import CONTINUOUS, server_metrics_live
from assets.metrics.plots import fleet_plot, preview
from assets.metrics.tables import GROUP, HISTORY, OWNERS, table
from holdfast.metrics.moving import CLOCK_TOLERANCE_S
from resources.cycles import CyclesResource
from resources.metrics.mover import Moved, move
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource

# Dagster's name for the tag that carries a data version on an event that is not the run's own result.
DATA_VERSION_TAG: Final = "dagster/data_version"


class MoveConfig(dg.Config):
    """How much one transaction of ``server_metrics_history`` moves."""

    batch_cycles: int = Field(default=100, gt=0, description="Most cycles moved by one transaction.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"redis", "postgres"},
    deps=[server_metrics_live],
    pool="metrics_move",
    metadata=table("server_metrics_history", HISTORY),
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=20), warn_window=timedelta(minutes=11)
    ),
    check_specs=[
        dg.AssetCheckSpec(
            "every_entry_could_be_read",
            asset="server_metrics_history",
            description="No entry of this move was set aside as unreadable or impossible.",
        ),
        dg.AssetCheckSpec(
            "the_clocks_agree",
            asset="server_metrics_history",
            description=f"No collector's clock is more than {CLOCK_TOLERANCE_S:.0f} s off the buffer's.",
        ),
        dg.AssetCheckSpec(
            "every_server_answered",
            asset="server_metrics_history",
            description="No target failed in any cycle of this move.",
        ),
    ],
)
def server_metrics_history(
    context: dg.AssetExecutionContext, config: MoveConfig, cycles: CyclesResource, postgres: PostgresResource
) -> dg.MaterializeResult:
    """Every cycle that was collected, as plain rows; hot days and compact chunks look the same.

    Grain: one row per server and instant. Rows and watermark commit together, the buffer is acknowledged after.
    Safe to run twice: the second run stores nothing.
    """
    client = postgres.client()
    moved = move(client, cycles.buffer(), batch_cycles=config.batch_cycles, log=context.log)
    context.log.info(
        "metrics: moved %d cycles, stored %d of %d rows, at %s",
        moved.cycles, moved.stored_rows, moved.read_rows, moved.position,
    )  # fmt: skip
    if moved.newest_at:
        context.log_event(_live_event(moved, moved.newest_at))
    return dg.MaterializeResult(
        metadata={
            "cycles": moved.cycles,
            "read_rows": moved.read_rows,
            "stored_rows": moved.stored_rows,
            "duplicate_rows": moved.duplicate_rows,
            "rejected_rows": moved.rejected_rows,
            "rejected_entries": moved.rejected_entries,
            "lost_ranges": moved.gaps,
            "servers": len(moved.servers),
            "failed_servers": len(moved.failed),
            "watermark": moved.position,
            "processor_and_memory": fleet_plot(client),
            "newest_rows": preview(client),
        },
        check_results=_checks(moved),
        data_version=_version(client),
    )


def _version(client: Postgres) -> dg.DataVersion:
    """The newest hour that is over: what rollups of this history see. Between two moves they are not out of date."""
    with client.transaction() as db:
        newest_at = db.value("metrics_reading/newest_instant")
    return dg.DataVersion(f"{newest_at:%Y-%m-%dT%H}" if newest_at else "empty")


def _live_event(moved: Moved, newest_at: datetime) -> dg.AssetMaterialization:
    """The one event per move that says what the collector brought: none arrives when it brought nothing."""
    return dg.AssetMaterialization(
        server_metrics_live.key,
        metadata={
            "servers": len(moved.servers),
            "failed_servers": len(moved.failed),
            "cycles": moved.cycles,
            "newest_at": dg.MetadataValue.timestamp(newest_at),
        },
        tags={DATA_VERSION_TAG: CONTINUOUS.value},
    )


def _checks(moved: Moved) -> list[dg.AssetCheckResult]:
    warning = dg.AssetCheckSeverity.WARN
    return [
        dg.AssetCheckResult(
            check_name="every_entry_could_be_read",
            passed=not (moved.rejected_entries or moved.rejected_rows),
            metadata={"rejected_entries": moved.rejected_entries, "rejected_rows": moved.rejected_rows},
            description="Set aside in holdfast.metrics_rejected." if moved.rejected_entries else None,
        ),
        dg.AssetCheckResult(
            check_name="the_clocks_agree",
            passed=not moved.skews_s,
            severity=warning,
            metadata={f"{name}_off_s": skew_s for name, skew_s in moved.skews_s.items()},
        ),
        dg.AssetCheckResult(
            check_name="every_server_answered",
            passed=not moved.failed,
            severity=warning,
            metadata={"failed_servers": len(moved.failed), **dict(list(moved.failed.items())[:20])},
        ),
    ]
