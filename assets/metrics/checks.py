"""Checks of the metrics: each is named as the sentence that holds when it passes."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from assets.metrics.history import server_metrics_history
from assets.metrics.rollups import server_metrics_hourly
from resources.live import CollectorResource
from resources.postgres_resource import PostgresResource

COMPLETE: Final = 0.95


@dg.asset_check(asset=server_metrics_history)
def no_cycle_was_lost(postgres: PostgresResource) -> dg.AssetCheckResult:
    """The buffer was never trimmed past cycles nobody had read.

    An event stays open until an operator takes note: ``holdfast metrics acknowledge-gaps``.
    """
    with postgres.client().transaction() as db:
        gaps = db.rows("metrics_moving/open_gaps")
    ranges = {
        f"lost_{gap_id}": f"{lost_from} to {lost_until or '?'}: {reason}"
        for gap_id, lost_from, lost_until, reason in gaps
    }
    return dg.AssetCheckResult(passed=not gaps, metadata={"open_events": len(gaps), **ranges})


@dg.asset_check(asset=server_metrics_history)
def the_last_hour_is_complete(postgres: PostgresResource, collector: CollectorResource) -> dg.AssetCheckResult:
    """Every server that was up has at least 95 % of the cycles of the last closed hour.

    Not all: a reboot or a slow answer costs a cycle and is no fault of the pipeline.
    """
    until_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with postgres.client().transaction() as db:
        rows = db.rows("metrics_reading/coverage", from_at=until_at - timedelta(hours=1), until_at=until_at)
    expected = 3600 // collector.every_s
    short = {server_id: samples for server_id, samples in rows if samples < COMPLETE * expected}
    return dg.AssetCheckResult(
        passed=not short,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"servers": len(rows), "expected_samples": expected, "short_servers": len(short), **_first(short)},
    )


@dg.asset_check(asset=server_metrics_hourly, blocking=True)
def rollups_equal_their_samples(postgres: PostgresResource) -> dg.AssetCheckResult:
    """The newest closed day or hours, counted again from the samples, give the rollups that are stored."""
    now = datetime.now(UTC)
    with postgres.client().transaction() as db:
        compared, different = db.rows("metrics_rollups/compare_hours", now=now, day=now.date())[0]
    return dg.AssetCheckResult(passed=different == 0, metadata={"compared_rows": compared, "different_rows": different})


def _first(found: dict[str, Any]) -> dict[str, Any]:
    return {f"samples_{name}": value for name, value in list(found.items())[:20]}
