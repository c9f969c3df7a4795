"""``server_metrics_slots``: medians of 5 minutes, what anomalies are judged on."""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from assets.baselines.tables import GROUP, REQUIRED
from assets.metrics.history import server_metrics_history
from assets.metrics.tables import OWNERS, table
from holdfast.metrics.catalog import METRICS
from resources.baselines.slots import roll_slots
from resources.postgres_resource import PostgresResource

SLOTS: Final = dg.TableSchema(
    [
        dg.TableColumn("slot_at", "timestamptz", "Start of the 5 minutes, UTC", REQUIRED),
        dg.TableColumn("server_no", "integer", "The server", REQUIRED),
        dg.TableColumn("sample_count", "smallint", "Samples in it", REQUIRED),
        *(
            dg.TableColumn(metric.name, "integer", f"{metric.description}: the lower median, in codes")
            for metric in METRICS
        ),
    ]
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "sql"},
    deps=[server_metrics_history],
    pool="metrics_slots",
    metadata=table("metrics_slots", SLOTS),
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=25), warn_window=timedelta(minutes=16)
    ),
)
def server_metrics_slots(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """The median of every metric in 5 minutes, of the newest three days.

    Grain: one row per server and 5 minutes that has samples; it appears once they are over. A sample that comes up
    to an hour late is still in its median. Safe to run twice: rows that would not change are not written.
    """
    rolled = roll_slots(postgres.client(), datetime.now(UTC))
    context.log.info("baselines: %d slots rolled, until %s", rolled.rows, rolled.until_at)
    return dg.MaterializeResult(
        metadata={
            "rolled_rows": rolled.rows,
            "forgotten_rows": rolled.forgotten_rows,
            "until": rolled.until_at.isoformat() if rolled.until_at else "nothing is collected yet",
        }
    )
