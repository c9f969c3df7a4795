"""``server_metrics_chunks`` and ``server_metrics_retention``: history kept small, and never lost on the way."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from assets.metrics.history import server_metrics_history
from assets.metrics.tables import CHUNK, GROUP, OWNERS, table
from holdfast.metrics.retention import days_left
from resources.metrics import retention
from resources.metrics.compaction import closed_days, compact_day
from resources.metrics.retention import RetentionResource
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[server_metrics_history],
    pool="metrics_keep",
    metadata=table("server_metrics_chunk", CHUNK),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def server_metrics_chunks(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """Days that are over, packed: one array per metric, about a byte a sample, read through the same view.

    Grain: one chunk per server and UTC day. A day's hot rows go only after its chunks read back exactly equal.
    Safe to run twice: the second run finds no hot day that is over.
    """
    client = postgres.client()
    compacted = []
    for day in closed_days(client, datetime.now(UTC)):
        compacted.append(compact_day(client, day))
        context.log.info("metrics: %s compacted, %d rows into %d chunks", day, compacted[-1].rows, compacted[-1].chunks)
    return dg.MaterializeResult(
        metadata={
            "days": len(compacted),
            "compacted_rows": sum(one.rows for one in compacted),
            "chunks": sum(one.chunks for one in compacted),
            "growth_bytes_a_day": retention.growth_bytes_a_day(client),
        }
    )


class RetentionConfig(dg.Config):
    """What one run of ``server_metrics_retention`` may do."""

    apply: bool = Field(default=False, description="False: show what would go. True: thin it.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[server_metrics_chunks],
    pool="metrics_keep",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
    check_specs=[
        dg.AssetCheckSpec(
            "the_database_is_below_its_budget",
            asset="server_metrics_retention",
            description="The database is below 90 % of its budget, or thinning brings it there.",
        )
    ],
)
def server_metrics_retention(
    context: dg.AssetExecutionContext, config: RetentionConfig, postgres: PostgresResource, keep: RetentionResource
) -> dg.MaterializeResult:
    """What of the raw samples goes, by age and before the provider's size limit; plan first, apply when told.

    Whole weeks, oldest first, never a pinned range, never a week whose rollups are behind. The nightly schedule
    applies; a run by hand shows the plan. Safe to run twice: the second run finds nothing to thin.
    """
    client, today = postgres.client(), datetime.now(UTC).date()
    budget_bytes = keep.budget_mb * 1_000_000
    plan = retention.look(client, budget_bytes=budget_bytes, raw_days=keep.raw_days, today=today)
    (context.log.warning if plan.weeks or plan.is_short else context.log.info)("metrics: %s", plan)
    growth = retention.growth_bytes_a_day(client)
    left = days_left(database_bytes=plan.database_bytes, budget_bytes=budget_bytes, bytes_a_day=growth)
    thinned = retention.Thinned(0, 0, 0, plan.database_bytes)
    if config.apply:
        thinned = retention.apply(client, plan, hourly_days=keep.hourly_days, today=today)
    return dg.MaterializeResult(
        metadata={
            "plan": str(plan),
            "planned_weeks": len(plan.weeks),
            "thinned_weeks": thinned.weeks,
            "freed_bytes": thinned.freed_bytes,
            "thinned_hourly_rows": thinned.hourly_rows,
            "database_bytes": thinned.database_bytes,
            "budget_bytes": budget_bytes,
            "growth_bytes_a_day": growth,
            "days_until_thinning": -1 if left is None else left,
        },
        check_results=[_budget_check(client, is_short=plan.is_short, database_bytes=thinned.database_bytes)],
    )


def _budget_check(client: Postgres, *, is_short: bool, database_bytes: int) -> dg.AssetCheckResult:
    largest = dict(retention.largest_relations(client))
    return dg.AssetCheckResult(
        check_name="the_database_is_below_its_budget",
        passed=not is_short,
        metadata={"database_bytes": database_bytes, **largest},
        description="Thinning raw samples is not enough; the largest tables are listed." if is_short else None,
    )
