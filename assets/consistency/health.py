"""``storage_health``: how both stores are, and what to do about it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from assets.catalog import COMPARED_TABLES
from assets.consistency.checks_health import CHECKS, check_results
from assets.consistency.tables import GROUP, OWNERS, REQUIRED, table
from assets.consistency.telling_health import states, told
from holdfast.errors import HoldfastError
from holdfast.health.advice import advise
from holdfast.plots import line_chart
from resources.guards.breakers_resource import BreakersResource
from resources.health.history import latencies, record, rows_of
from resources.health.probing import examine
from resources.health.resource import HealthResource
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource

HEALTH: Final = dg.TableSchema(
    [
        dg.TableColumn("probed_at", "timestamptz", "When the probe of both stores began", REQUIRED),
        dg.TableColumn("store", "text", "primary or secondary", REQUIRED),
        dg.TableColumn("mode", "text", "Of both together: full, degraded or disabled", REQUIRED),
        dg.TableColumn("is_available", "boolean", "Whether it took a connection and answered", REQUIRED),
        dg.TableColumn("problem", "text", "Why it is not available, empty where it is", REQUIRED),
        dg.TableColumn("connect_ms", "double precision", "Milliseconds to connect and log in"),
        dg.TableColumn("latency_p50_ms", "double precision", "Median of five round trips, in milliseconds"),
        dg.TableColumn("latency_p95_ms", "double precision", "95th percentile of them"),
        dg.TableColumn("connections_used", "integer", "Connections that the server has"),
        dg.TableColumn("connections_max", "integer", "Connections that it gives to users"),
        dg.TableColumn("size_bytes", "bigint", "Size of the database"),
        dg.TableColumn("budget_bytes", "bigint", "Size it may have, null where nothing is configured"),
        dg.TableColumn("is_read_only", "boolean", "Whether it takes no writes"),
        dg.TableColumn("version", "text", "Version of PostgreSQL"),
        dg.TableColumn("breaker_state", "text", "closed, open or half_open", REQUIRED),
        dg.TableColumn("breaker_is_forced", "boolean", "Whether an operator wants it so", REQUIRED),
        dg.TableColumn("breaker_failures", "integer", "Failures in a row", REQUIRED),
        dg.TableColumn("breaker_opened_at", "timestamptz", "Since when it is open"),
        dg.TableColumn("breaker_reason", "text", "What the newest failure said, or the operator", REQUIRED),
        dg.TableColumn("missing_tables", "text[]", "Declared tables that it lacks"),
        dg.TableColumn("replicated_tables", "text[]", "Declared tables in a publication or a subscription"),
        dg.TableColumn("severity", "text", "Of the gravest recommendation: ok, look, warning or critical", REQUIRED),
        dg.TableColumn("advice", "text[]", "Recommendations in words", REQUIRED),
    ]
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "redis"},
    pool="storage_health",
    metadata=table("storage_health", HEALTH),
    check_specs=[
        dg.AssetCheckSpec(name, asset="storage_health", description=sentence) for name, sentence in CHECKS.items()
    ],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1), warn_window=timedelta(minutes=20)),
)
def storage_health(
    context: dg.AssetExecutionContext, postgres: PostgresResource, breakers: BreakersResource, health: HealthResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """How both stores are: latency, availability, connections, size, replication, breaker, and what to do in words.

    Grain: one row per store and probe, kept 400 days. Each probe connects anew; a store that is frozen is not available
    after 15 seconds at most. While the primary is away its rows wait in a file, the checks are told all the same, and
    the run fails with the state of both stores. Safe to run twice: every run is a probe of its own.
    """
    now, waiting = datetime.now(UTC), health.waiting()
    pair = examine(health.configured(), breakers.open(), [one.table for one in COMPARED_TABLES], now)
    try:
        pair, recorded = record(postgres.client(), waiting, pair)
    except HoldfastError as error:
        kept = "its rows wait" if waiting.put(now, rows_of(pair)) else "its rows are lost"
        yield from check_results(pair)
        raise dg.Failure(
            f"{states(pair)}; the history is in the primary, so {kept}: {error}",
            metadata=told(pair, advise(pair), None),
            allow_retries=False,
        ) from error
    advice = advise(pair)
    context.log.info("health: %s; %s; %d recommendations", pair.mode, states(pair), len(advice))
    yield dg.MaterializeResult(
        metadata={"latency_over_24_hours": _plot(postgres.client(), now)} | told(pair, advice, recorded),
        check_results=list(check_results(pair)),
    )


def _plot(postgres: Postgres, at: datetime) -> dg.MarkdownMetadataValue:
    with postgres.transaction() as db:
        points = latencies(db, at)
    return dg.MetadataValue.md(line_chart(points, unit="ms"))
