"""``media_verification``: copies are read back from their vaults and hashed, each at least once a quarter."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.media.backup import media_backup
from assets.media.tables import GROUP, OWNERS, table
from assets.media.tables_reading import READINGS
from holdfast.media.readings import Ask, NotMended, Report, Standing, Week
from holdfast.plots import line_chart
from resources.media.reading_back import ReadingBack, standing
from resources.media.vaults_resource import MediaVaultsResource
from resources.postgres_resource import PostgresResource

CHECK: Final = "every_copy_read_back_is_whole"
_MB: Final = 1e6


class MediaVerificationConfig(dg.Config):
    """How much one run of ``media_verification`` reads back."""

    weeks: int = Field(default=13, ge=1, le=520, description="A copy not proven for so many weeks is read in any case.")
    slices: int = Field(
        default=13, ge=1, le=520, description="Every copy has its turn once in so many weeks; 1: every week."
    )
    max_bytes: int = Field(default=20_000_000_000, ge=1, description="Bytes at most; one copy is read in any case.")
    max_seconds: float = Field(default=3600.0, gt=0, description="Then no further copy is begun.")
    workers: int = Field(default=4, ge=1, le=64, description="Copies at once.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"googledrive", "postgres", "python"},
    deps=[media_backup],
    pool="media_verification",
    metadata=table("media_readings", READINGS),
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="media_verification",
            description="No copy that was read back is damaged or missing, or waits to be made anew after it was.",
        )
    ],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8)),
)
def media_verification(
    context: dg.AssetExecutionContext,
    config: MediaVerificationConfig,
    postgres: PostgresResource,
    media_vaults: MediaVaultsResource,
) -> dg.MaterializeResult:
    """Whether copies are what the books promise: read back from the vault, hashed, compared.

    Each run reads what was not proven for 13 weeks, what is new, and this week's thirteenth of the rest, the longest
    unproven first, as far as bytes and time allow. A copy that is damaged or missing is made anew by the next backup;
    its old file is not deleted. Nothing is read while files of the rescue window wait.

    Grain: one row in ``media_readings`` per copy and reading. A second run reads what the first left, and nothing twice
    in a week.
    """

    def say(line: str) -> None:
        context.log.info("media: %s", line)

    vaults, client = media_vaults.open(), postgres.client()
    ask = Ask(**config.model_dump())
    try:
        report = ReadingBack(client, vaults, run=f"dagster {context.run.run_id}", say=say).run(ask)
    finally:
        for vault in vaults.values():
            vault.close()
    found, weeks, not_mended = standing(client, list(vaults), config.weeks)
    told = _told(report, found, datetime.now(UTC))
    for one in report.unread:
        context.log.warning("media: not read back: %s", one)
    if report.due_copies and report.unread_copies == report.due_copies:
        raise dg.Failure(f"no copy could be read: {report.unread[0]}", metadata=told, allow_retries=False)
    what = paragraphs(_lines(report, not_mended), nothing="No copy was due.", rest="holdfast.media_readings")
    return dg.MaterializeResult(
        metadata={"what": what, "readings_by_week": _plot(weeks)} | told,
        check_results=[_checked(report, not_mended)],
    )


def _lines(report: Report, not_mended: Sequence[NotMended]) -> list[str]:
    """In the order in which they matter."""
    lines = []
    if report.urgent_items:
        left = f"{report.left_copies:,} copies were left" if report.due_copies else "nothing was read back"
        lines.append(f"Files of the rescue window wait ({report.urgent_items:,}), so {left}: the line is theirs.")
    for vault, count in report.suspicious.items():
        lines.append(
            f"**{vault}**: not one of {count:,} copies was found. More likely this is another {vault} than the one "
            "they were stored in: nothing was changed. Check the settings that lead to it (`holdfast doctor`)."
        )
    lines += [f"Not whole: {one}" for one in report.bad] or [f"Not made anew yet: {one}" for one in not_mended]
    if report.read_copies:
        size = f"{report.read_bytes / _MB:.1f} MB"
        lines.append(f"{report.read_copies:,} of {report.due_copies:,} due copies were read back, {size}.")
    return lines


def _told(report: Report, found: Standing, at: datetime) -> dict[str, Any]:
    """Due copies are read, unread or left; read: whole, damaged or missing; verified: read back, fresh or overdue."""
    oldest_days = (at - found.oldest_proof_at).total_seconds() / 86_400 if found.oldest_proof_at else 0.0
    return {
        "due_copies": report.due_copies,
        "read_copies": report.read_copies,
        "whole_copies": report.verdicts["whole"],
        "damaged_copies": report.verdicts["damaged"],
        "missing_copies": report.verdicts["missing"],
        "unread_copies": report.unread_copies,
        "left_copies": report.left_copies,
        "urgent_items": report.urgent_items,
        "read_bytes": report.read_bytes,
        "seconds": round(report.seconds, 3),
        "rate_mb_s": round(report.read_bytes / _MB / report.seconds, 3) if report.seconds else 0.0,
        "verified_copies": found.verified_copies,
        "read_back_copies": found.read_back_copies,
        "fresh_copies": found.fresh_copies,
        "overdue_copies": found.overdue_copies,
        "verified_bytes": found.verified_bytes,
        "oldest_proof_days": round(oldest_days, 2),
    }


def _checked(report: Report, not_mended: Sequence[NotMended]) -> dg.AssetCheckResult:
    bad = [str(one) for one in report.bad] or [str(one) for one in not_mended]
    return dg.AssetCheckResult(
        passed=not bad,
        check_name=CHECK,
        severity=dg.AssetCheckSeverity.ERROR,
        description=bad[0] if bad else f"{report.read_copies:,} copies were read back.",
        metadata={
            "which": paragraphs(bad, nothing="none", rest="holdfast.media_readings"),
            "read_copies": report.read_copies,
            "damaged_copies": report.verdicts["damaged"],
            "missing_copies": report.verdicts["missing"],
            "not_mended_copies": len(not_mended),
        },
    )


def _plot(weeks: Sequence[Week]) -> dg.MarkdownMetadataValue:
    whole = [(week.week_at, week.whole) for week in weeks]
    bad = [(week.week_at, week.bad) for week in weeks]
    return dg.MetadataValue.md(line_chart({"whole": whole, "not whole": bad}, unit="copies"))
