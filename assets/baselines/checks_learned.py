"""Checks of the baselines: each is named as the sentence that holds when it passes."""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from assets.baselines.learned import baseline_templates
from holdfast.baselines.covering import Coverage, FleetServer, SeriesState, cover
from resources.postgres_resource import PostgresResource

SEEN_WITHIN: Final = timedelta(hours=24)
_NAMED: Final = 20


@dg.asset_check(asset=baseline_templates)
def baselines_cover_the_fleet(postgres: PostgresResource) -> dg.AssetCheckResult:
    """Every metric that a server should report and does has a learned baseline, or is learning and says so.

    Fails when a series is not learned a day and a half after it began, and when a declared server was never seen.
    """
    now = datetime.now(UTC)
    with postgres.client().transaction() as db:
        servers = db.fetch("baselines/fleet", FleetServer)
        states = db.fetch("baselines/reporting_series", SeriesState, since=now - SEEN_WITHIN)
    coverage = cover(servers, states, now)
    return dg.AssetCheckResult(
        passed=coverage.is_whole,
        severity=dg.AssetCheckSeverity.WARN if coverage.is_whole else dg.AssetCheckSeverity.ERROR,
        description=_sentence(coverage),
        metadata={
            "series": coverage.series,
            "learned_series": coverage.learned_series,
            "learning_series": len(coverage.learning),
            "uncovered_series": len(coverage.uncovered),
            "never_seen_servers": len(coverage.never_seen),
            "servers_without_an_expected_metric": len(coverage.silent_metrics),
            **dict(list(coverage.uncovered.items())[:_NAMED]),
            **dict(list(coverage.learning.items())[:_NAMED]),
            **{f"never seen: {server}": "declared and never sampled" for server in coverage.never_seen[:_NAMED]},
            **{f"not reported by {server}": ", ".join(metrics) for server, metrics in _first(coverage)},
        },
    )


def _sentence(coverage: Coverage) -> str:
    parts = [f"{coverage.learned_series} of {coverage.series} series are learned"]
    if coverage.learning:
        parts.append(f"{len(coverage.learning)} are learning")
    if coverage.uncovered:
        parts.append(f"{len(coverage.uncovered)} should be learned by now ({', '.join(list(coverage.uncovered)[:3])})")
    if coverage.never_seen:
        parts.append(f"declared and never seen: {', '.join(coverage.never_seen[:3])}")
    return "; ".join(parts) + "."


def _first(coverage: Coverage) -> list[tuple[str, list[str]]]:
    return [(server, list(metrics)) for server, metrics in list(coverage.silent_metrics.items())[:_NAMED]]
