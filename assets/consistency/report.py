"""``consistency_report``: what the two stores do not agree on, table by table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.catalog import COMPARED_TABLES
from assets.consistency.plots import share_plot
from assets.consistency.schema import storage_schema
from assets.consistency.tables import GROUP, OWNERS, REPORTS, table
from assets.consistency.telling import aside, by_badness, tell
from holdfast.consistency.reports import KPI_RATE, Mode
from holdfast.consistency.tables import ComparedTable, TableName
from resources.consistency import StoredReport
from resources.consistency.rounds import Asked, table_names
from resources.consistency.running import Compared, Comparer
from resources.guards.breakers_resource import BreakersResource
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource
from resources.tables.asking import Options

KEY: Final = dg.AssetKey("consistency_report")
NOT_CONFIGURED: Final = (
    "There is no second store to compare with: SUPABASE_DB_URL is not set. Set it to the fallback store's URL."
)
_MOST_HOURS: Final = 24 * 400


class ConsistencyReportConfig(dg.Config):
    """What one run of ``consistency_report`` compares."""

    mode: Mode = Field(
        default="window",
        description="window: rows written in the last hours. incremental: everything, exactly, at the cost of what "
        "changed since the last exact comparison. full: everything, read in full.",
    )
    hours: float = Field(default=24, gt=0, le=_MOST_HOURS, description="window: how far it goes back.")
    tables: list[str] = Field(
        default_factory=list,
        description="Names of tables, e.g. Story; left out: all that the catalogue declares. One that it does not "
        "declare is compared as its primary key and updated_at say.",
    )
    rows_per_s: int | None = Field(default=None, gt=0, description="Most rows read per second; left out: no limit.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[storage_schema],
    metadata=table("consistency_reports", REPORTS),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2)),
)
def consistency_report(
    context: dg.AssetExecutionContext,
    config: ConsistencyReportConfig,
    postgres: PostgresResource,
    stores: StoresResource,
    breakers: BreakersResource,
) -> dg.MaterializeResult:
    """Whether both stores hold the same rows: per table what is missing, extra or changed, with keys and samples.

    Grain: one row per table and run in ``consistency_reports``, one per difference in ``consistency_findings``. A run
    that is cut off is gone on with by the next one of its kind within 6 hours; what it compared is not compared again.
    Runs may overlap: one table is compared by one run at a time, and a window does not wait for a weekly full round.
    Safe to run twice: a second run adds reports and changes none.

    A table that cannot be compared does not stop the others: its report says why. The run fails only where a store is
    away and nothing at all could be compared: then nothing is known, and a green run would say otherwise.
    """
    asked = _asked(config)
    if not stores.is_paired:
        context.log.info("consistency: %s", NOT_CONFIGURED)
        return dg.MaterializeResult(metadata={"what": dg.MetadataValue.md(NOT_CONFIGURED)} | _told([], asked, None))
    client = postgres.client()
    comparer = Comparer(
        postgres=client,
        stores=stores.stores(),
        breakers=breakers.open(),
        run_id=context.run.run_id,
        log=context.log,
        told=lambda report, done, of: _progress(context, report, done, of),
        options=Options(rows_per_s=config.rows_per_s),
    )
    compared = comparer.compare(asked)
    names = table_names(asked.tables)
    reports = [report for name, report in compared.round.reports.items() if name in names]
    told = _told(reports, asked, compared)
    what = paragraphs(_lines(reports, compared), nothing="No table is declared.", rest="holdfast.consistency_reports")
    if compared.unreached and all(report.status == "error" for report in reports):
        raise dg.Failure(f"no table could be compared: {reports[0].reason}", metadata=told, allow_retries=False)
    plot = share_plot(client, config.mode, names, datetime.now(UTC))
    return dg.MaterializeResult(metadata={"what": what, "share_over_time": plot} | told)


def _asked(config: ConsistencyReportConfig) -> Asked:
    declared = {one.table: one for one in COMPARED_TABLES}
    try:
        named = {TableName.parse(name): name for name in config.tables}
    except ValueError as error:
        raise dg.Failure(f"tables: {error}; nothing was compared", allow_retries=False) from None
    chosen = [declared.get(table_name) or ComparedTable(name=name) for table_name, name in named.items()]
    return Asked(mode=config.mode, hours=config.hours, tables=chosen or COMPARED_TABLES, is_choice=bool(chosen))


def _progress(context: dg.AssetExecutionContext, report: StoredReport, done: int, of: int) -> None:
    """One line and one event per table: a round of large tables takes a while."""
    context.log.info("consistency: %d of %d: %s %s (%.1f s)", done, of, report.table_name, tell(report), report.seconds)
    context.log_event(
        dg.AssetObservation(
            KEY,
            metadata={
                "table": report.table_name,
                "status": report.status,
                "compared_rows": report.union_rows,
                "mismatched_rows": report.mismatch_count,
                "done_tables": done,
                "tables": of,
                "seconds": round(report.seconds, 3),
            },
        )
    )


def _told(reports: Sequence[StoredReport], asked: Asked, compared: Compared | None) -> dict[str, Any]:
    """Numbers of the round; ``tables = compared + not compared``, and mismatched rows are of three kinds."""
    good = [report for report in reports if report.is_compared]
    worst = max((report.rate or 0.0 for report in good), default=0.0)
    return {
        "compared_rows": sum(report.union_rows for report in good),
        "mismatched_rows": sum(report.mismatch_count for report in good),
        "only_in_primary_rows": sum(report.only_in_a for report in good),
        "only_in_secondary_rows": sum(report.only_in_b for report in good),
        "changed_rows": sum(report.mismatched for report in good),
        "form_only_rows": sum(report.form_only for report in good),
        "in_flux_rows": sum(report.in_flux for report in good),
        "tables": len(asked.tables),
        "compared_tables": len(good),
        "not_compared_tables": len(asked.tables) - len(good),
        "differing_tables": sum(report.status == "differs" for report in good),
        "resumed_tables": len(reports) - len(compared.fresh) if compared else 0,
        "busy_tables": len(compared.busy) if compared else 0,
        "worst_rate_pct": round(100 * worst, 6),
        "tolerated_rate_pct": 100 * KPI_RATE,
        "seconds": round(sum(report.seconds for report in reports), 3),
        "received_bytes": sum(report.bytes_received for report in reports),
        "round": asked.name,
        "round_at": compared.round.began_at.isoformat() if compared else "",
    }


def _lines(reports: Sequence[StoredReport], compared: Compared) -> list[str]:
    """The worst table first; at last those that another run is at."""
    lines = [f"**{report.table_name}** {tell(report)}{aside(report)}" for report in by_badness(reports)]
    return [*lines, *(f"**{name}** is being compared by another run" for name in compared.busy)]
