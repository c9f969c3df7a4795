"""Checks of the reports: each is named as the sentence that holds when it passes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from assets.catalog import COMPARED_TABLES
from assets.consistency.report import NOT_CONFIGURED, consistency_report
from assets.consistency.telling import by_badness, percent, tell
from holdfast.consistency.reports import CRITICAL_RATE, KPI_RATE, WARNING_RATE
from resources.consistency import ExactCheck, StoredReport, exact_checks, newest_reports, standing_reports
from resources.consistency.rounds import table_names
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource

# Nightly, and two hours to do it in; weekly, and a day.
EXACT_WITHIN: Final = timedelta(hours=26)
FULL_WITHIN: Final = timedelta(days=8)
_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dg.asset_check(asset=consistency_report)
def the_stores_agree(postgres: PostgresResource) -> dg.AssetCheckResult:
    """In every declared table fewer than 1 row in 10,000 differs.

    Of each table the newest exact report counts, and the newest window since: a window alone does not take back what an
    exact comparison found. The limits are the seed's: above 5 % is an error, from 1 % on a warning; its goal, 0.01 %,
    warns as well. After a repair compare exactly (mode incremental), and this is green.
    """
    with postgres.client().transaction() as db:
        standing = [report for report in standing_reports(db) if report.table_name in _declared()]
    reports = _worst(standing)
    over = [report for report in reports if (report.rate or 0.0) >= KPI_RATE]
    worst = max((report.rate or 0.0 for report in reports), default=0.0)
    return dg.AssetCheckResult(
        passed=not over,
        severity=_ERROR if worst > CRITICAL_RATE else _WARN,
        description=_agreement(reports, over),
        metadata={
            "compared_tables": len(reports),
            "compared_rows": sum(report.union_rows for report in reports),
            "mismatched_rows": sum(report.mismatch_count for report in reports),
            "tables_over_the_goal": len(over),
            "worst_rate_pct": round(100 * worst, 6),
            "goal_pct": 100 * KPI_RATE,
            "warning_pct": 100 * WARNING_RATE,
            "critical_pct": 100 * CRITICAL_RATE,
            **{f"rate_pct_{report.table_name}": round(100 * (report.rate or 0.0), 6) for report in reports},
        },
    )


@dg.asset_check(asset=consistency_report)
def every_declared_table_was_compared(postgres: PostgresResource, stores: StoresResource) -> dg.AssetCheckResult:
    """The newest report of every table of the catalogue says what differs, not why it could not be compared.

    A table that a store lacks altogether is an error; hidden rows, a schema that does not fit or a store that was away
    are warnings.
    """
    if not stores.is_paired:
        return dg.AssetCheckResult(passed=True, severity=_WARN, description=NOT_CONFIGURED, metadata=_counted({}))
    with postgres.client().transaction() as db:
        newest = newest_reports(db)
    missing = {name: _obstacle(newest.get(name)) for name in _declared() if not _is_compared(newest.get(name))}
    is_critical = any(newest[name].severity == "critical" for name in missing if name in newest)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=_ERROR if is_critical else _WARN,
        description="; ".join(f"{name} {why}" for name, why in missing.items())[:2000] or None,
        metadata=_counted(missing),
    )


@dg.asset_check(asset=consistency_report)
def the_last_exact_check_is_recent(postgres: PostgresResource, stores: StoresResource) -> dg.AssetCheckResult:
    """Every declared table was compared exactly in the last 26 hours, and in full in the last 8 days.

    A window cannot see deletes; an exact comparison does. A new table has that long from its first report.
    """
    if not stores.is_paired:
        return dg.AssetCheckResult(passed=True, severity=_WARN, description=NOT_CONFIGURED)
    now = datetime.now(UTC)
    with postgres.client().transaction() as db:
        found = exact_checks(db)
    late = {name: why for name in _declared() if (why := _lateness(found.get(name), now))}
    young = [name for name in _declared() if name not in late and not _has_both(found.get(name))]
    return dg.AssetCheckResult(
        passed=not late,
        severity=_WARN,
        description="; ".join(f"{name}: {why}" for name, why in late.items())[:2000] or _waiting(young),
        metadata={
            "declared_tables": len(_declared()),
            "late_tables": len(late),
            "waiting_tables": len(young),
            "exact_within_hours": EXACT_WITHIN / timedelta(hours=1),
            "full_within_days": FULL_WITHIN / timedelta(days=1),
            **{f"hours_since_exact_{name}": _hours(one.exact_at, now) for name, one in found.items()},
        },
    )


def _declared() -> list[str]:
    return table_names(COMPARED_TABLES)


def _worst(standing: Sequence[StoredReport]) -> list[StoredReport]:
    """Of each table the report with the highest share of mismatches."""
    worst: dict[str, StoredReport] = {}
    for report in standing:
        held = worst.setdefault(report.table_name, report)
        if (report.rate or 0.0) > (held.rate or 0.0):
            worst[report.table_name] = report
    return list(worst.values())


def _agreement(reports: Sequence[StoredReport], over: Sequence[StoredReport]) -> str:
    if over:
        return "; ".join(f"{report.table_name} {tell(report)}" for report in by_badness(over))[:2000]
    if not reports:
        return "No table was compared yet."
    return f"{len(reports)} tables agree: fewer than {percent(KPI_RATE)} of their rows differ."


def _is_compared(report: StoredReport | None) -> bool:
    return report is not None and report.is_compared


def _obstacle(report: StoredReport | None) -> str:
    return "was never compared" if report is None else tell(report)


def _counted(missing: Mapping[str, str]) -> dict[str, int | str]:
    declared = len(_declared())
    return {"declared_tables": declared, "not_compared_tables": len(missing), **missing}


def _has_both(check: ExactCheck | None) -> bool:
    return check is not None and None not in (check.exact_at, check.full_at)


def _lateness(check: ExactCheck | None, now: datetime) -> str:
    """Why a table is late; empty where it is not, or where it is too new to be."""
    if check is None:
        return ""
    if now - (check.exact_at or check.first_at) > EXACT_WITHIN:
        return f"compared exactly {_ago(check.exact_at, now)}"
    if now - (check.full_at or check.first_at) > FULL_WITHIN:
        return f"compared in full {_ago(check.full_at, now)}"
    return ""


def _ago(at: datetime | None, now: datetime) -> str:
    return "never" if at is None else f"{_hours(at, now):.0f} hours ago"


def _hours(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round((now - at) / timedelta(hours=1), 2)


def _waiting(young: Sequence[str]) -> str | None:
    return f"New, the first exact comparison comes tonight or this week: {', '.join(young)}." if young else None
