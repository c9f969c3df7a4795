"""``server_metrics_hourly`` and ``server_metrics_daily``: rollups of closed buckets, by UTC day."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from assets.metrics.history import server_metrics_history
from assets.metrics.plots import day_plot
from assets.metrics.tables import GROUP, OWNERS, ROLLUP, table
from resources.metrics.rollups import roll_up
from resources.postgres_resource import PostgresResource

# The newest partition is today: its closed hours are rolled up while it lasts. The oldest is older than any sample
# that a first installation takes in (holdfast.metrics.moving.MOST_LATE).
DAYS: Final = dg.DailyPartitionsDefinition(start_date="2026-10-01", end_offset=1)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "sql"},
    deps=[server_metrics_history],
    partitions_def=DAYS,
    pool="metrics_roll",
    metadata=table("server_metrics_hourly", ROLLUP),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2)),
)
def server_metrics_hourly(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """Count, min, max, mean and 95th percentile of every server, metric and hour.

    Grain: one row per server, metric and hour that has samples; hours appear once they are over. Partition: UTC day.
    Safe to run twice: rows that would not change are not written. A day whose samples were thinned keeps its rollups.
    """
    day, now = date.fromisoformat(context.partition_key), datetime.now(UTC)
    client = postgres.client()
    rolled = roll_up(client, "hourly", day, now)
    context.log.info("metrics: %s rolled up by hour, %d rows changed", day, rolled.rows)
    return dg.MaterializeResult(metadata={"changed_rows": rolled.rows, "processor_use": day_plot(client, now)})


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "sql"},
    deps=[server_metrics_history],
    partitions_def=DAYS,
    pool="metrics_roll",
    metadata=table("server_metrics_daily", ROLLUP),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def server_metrics_daily(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """Count, min, max, mean and 95th percentile of every server, metric and UTC day.

    Grain: one row per server, metric and day that has samples; a day appears once it is over. Partition: UTC day.
    Safe to run twice: rows that would not change are not written. A day whose samples were thinned keeps its rollups.
    """
    day = date.fromisoformat(context.partition_key)
    rolled = roll_up(postgres.client(), "daily", day, datetime.now(UTC))
    context.log.info("metrics: %s rolled up, %d rows changed", day, rolled.rows)
    return dg.MaterializeResult(metadata={"changed_rows": rolled.rows})
