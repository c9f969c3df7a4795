"""``server_metrics_live``: what the servers say right now, in the buffer."""

from datetime import timedelta
from typing import Final

import dagster as dg

from assets.metrics.tables import GROUP, OWNERS
from resources.cycles import CyclesResource
from resources.live import CollectorResource

# A stream has no versions: without this every cycle would show the history as out of date.
CONTINUOUS: Final = dg.DataVersion("continuous")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"redis", "python"},
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=15), warn_window=timedelta(minutes=7)
    ),
    metadata={"dagster/uri": "redis:holdfast:metrics:cycles"},
)
def server_metrics_live(
    context: dg.AssetExecutionContext, collector: CollectorResource, cycles: CyclesResource
) -> dg.MaterializeResult:
    """What every server says now: one packed entry per collection cycle, waiting in the buffer.

    The resident collector writes it without Dagster; a move into the history reports what arrived, one event per
    5 minutes. **Materialize** makes one pass over all targets at once. Grain: one entry per collector and cycle.
    Safe to run twice: a second pass of the same cycle leaves no second row in the history.
    """
    cycle = collector.collect_once(cycles.buffer())
    for server_id, reason in cycle.failed.items():
        context.log.warning("metrics: %s: %s", server_id, reason)
    return dg.MaterializeResult(
        metadata={
            "servers": len(cycle.readings),
            "failed_servers": len(cycle.failed),
            "cycles": 1,
            "newest_at": dg.MetadataValue.timestamp(cycle.at),
        },
        data_version=CONTINUOUS,
    )
