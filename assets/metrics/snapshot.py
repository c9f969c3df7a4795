"""``dashboard_snapshot``: every server's current state, for one Redis command."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.metrics.history import server_metrics_history
from assets.metrics.tables import GROUP, OWNERS
from resources.metrics.dashboard import DashboardResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "redis"},
    deps=[server_metrics_history],
    pool="metrics_move",
    metadata={"dagster/uri": "redis:dashboard:snapshot"},
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=20), warn_window=timedelta(minutes=11)
    ),
    check_specs=[
        dg.AssetCheckSpec(
            "no_server_is_stale",
            asset="dashboard_snapshot",
            description="Every server that was ever sampled said something lately.",
        )
    ],
)
def dashboard_snapshot(context: dg.AssetExecutionContext, dashboard: DashboardResource) -> dg.MaterializeResult:
    """One document with every server's newest values, status and instant; a stale server says so.

    ``GET dashboard:snapshot`` reads it with one command, whatever the number of servers. Where Redis is switched off
    it is the row of ``holdfast.dashboard_snapshot``. Safe to run twice: the second replaces the first.
    """
    now = datetime.now(UTC)
    states = dashboard.fleet()
    commands = dashboard.publish(states, now)
    stale = [state.server_id for state in states if state.status(now, dashboard.stale_after) == "stale"]
    context.log.info("metrics: snapshot of %d servers, %d stale", len(states), len(stale))
    return dg.MaterializeResult(
        metadata={"servers": len(states), "stale_servers": len(stale), "redis_commands": commands},
        check_results=[
            dg.AssetCheckResult(
                check_name="no_server_is_stale",
                passed=not stale,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"stale_servers": len(stale), "stale": ", ".join(stale[:50])},
            )
        ],
    )
