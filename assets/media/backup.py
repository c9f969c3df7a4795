"""``media_backup``: every file of a class in safe hands before its link dies."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.media.inventory import media_inventory
from assets.media.tables import GROUP, MEDIA_PARTITIONS, OWNERS, table
from assets.media.tables_backup import COPIES
from holdfast.media.backups import Ask, Report
from holdfast.media.items import MediaClass
from holdfast.plots import line_chart
from resources.media.backup import Backup
from resources.media.queue import Queue
from resources.media.telling_rows import bring_in_line
from resources.media.vaults_resource import MediaVaultsResource, OriginResource
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource

_REST: Final = "holdfast.media_file_copies has every copy with its problem and what to do"


class MediaBackupConfig(dg.Config):
    """How much one run of ``media_backup`` does; by default all that is due."""

    limit: int | None = Field(default=None, ge=1, description="Files at most; left out: all that are due.")
    max_bytes: int | None = Field(default=None, ge=1, description="Bytes at most, as the rows say that files have.")
    max_seconds: float | None = Field(
        default=None, gt=0, description="Then it stops; what is half-sent goes on in the next run, where it was."
    )
    workers: int = Field(default=8, ge=1, le=64, description="Transfers at once.")
    only_urgent: bool = Field(default=False, description="Only what expires within 24 hours, or has already.")
    dry_run: bool = Field(default=False, description="Say what would be done, and do nothing.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"googledrive", "postgres", "python"},
    partitions_def=MEDIA_PARTITIONS,
    deps=[media_inventory],
    metadata=table("media_file_copies", COPIES),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def media_backup(
    context: dg.AssetExecutionContext,
    config: MediaBackupConfig,
    postgres: PostgresResource,
    stores: StoresResource,
    media_vaults: MediaVaultsResource,
    media_origin: OriginResource,
) -> dg.MaterializeResult:
    """Every file of the class, in every vault that the catalogue names for it, proven there by its checksum.

    Grain: one row in ``media_file_copies`` per file and vault. A second run finds nothing due and sends nothing; runs
    at once share the work by leases. What expires within 24 hours goes first, then what has the nearest deadline. A run
    that is killed leaves half-sent files; the next one goes on where they are, and no file is there twice.

    To see what a run would do, launch with `dry_run: true`. To bound it, e.g. in the Launchpad:

    ```yaml
    ops:
      media_backup:
        config:
          limit: 50
          max_seconds: 3600
    ```
    """
    media_class = cast("MediaClass", context.partition_key)
    began_at = datetime.now(UTC)
    vaults, origin = media_vaults.open(), media_origin.open()

    def say(line: str) -> None:
        context.log.info("media %s: %s", media_class, line)

    queue = Queue(postgres.client(), owner=f"dagster {context.run.run_id}")
    try:
        if config.dry_run:
            due = queue.due(media_class, list(vaults))
            report = Report(media_class=media_class, due_items=due.items, due_bytes=due.bytes)
            report.closed.update(queue.closed_vaults())
        else:
            report = Backup(queue, origin, vaults, say=say).run(_ask(config, media_class))
        waiting = queue.due(media_class, list(vaults))
    finally:
        queue.close()
        origin.close()
        for vault in vaults.values():
            vault.close()
    # Until the stores say the same, a comparison of them would find what this run has just done.
    in_line = None if config.dry_run else bring_in_line(postgres.client(), stores.secondary())
    for problem in (*report.problems, *(in_line.problems if in_line else ())):
        context.log.warning("media %s: %s", media_class, problem)
    told = _told(report, began_at, is_dry=config.dry_run)
    return dg.MaterializeResult(
        metadata=told | {"waiting_items": waiting.items, "waiting_bytes": waiting.bytes, "is_dry_run": config.dry_run}
    )


def _ask(config: MediaBackupConfig, media_class: MediaClass) -> Ask:
    return Ask(
        media_class=media_class,
        limit=config.limit,
        max_bytes=config.max_bytes,
        max_seconds=config.max_seconds,
        workers=config.workers,
        only_urgent=config.only_urgent,
    )


def _told(report: Report, began_at: datetime, *, is_dry: bool) -> dict[str, Any]:
    """The same numbers whatever happened; claimed copies are verified, again, failed, gone or released."""
    lines = [f"Would make copies of {report.due_items:,} files; nothing was done."] if is_dry else report.lines()
    at = [began_at + timedelta(seconds=tick.seconds) for tick in report.ticks]
    sent_mb = [(when, tick.sent_bytes / 1e6) for when, tick in zip(at, report.ticks, strict=True)]
    copies = [(when, float(tick.copies)) for when, tick in zip(at, report.ticks, strict=True)]
    return {
        "what": paragraphs(lines, nothing="Nothing was due.", rest=_REST),
        "plot_sent": dg.MetadataValue.md(line_chart({"sent": sent_mb}, unit="MB")),
        "plot_copies": dg.MetadataValue.md(line_chart({"copies": copies}, unit="")),
        "due_items": report.due_items,
        "due_bytes": report.due_bytes,
        "claimed_items": report.claimed_items,
        "verified_copies": report.copies["verified"],
        "adopted_copies": report.adopted_copies,
        "again_copies": report.copies["again"],
        "failed_copies": report.copies["failed"],
        "gone_copies": report.copies["gone"],
        "released_copies": report.copies["released"],
        "saved_bytes": report.saved_bytes,
        "sent_bytes": report.sent_bytes,
        "seconds": round(report.seconds, 3),
        "rate_mb_s": round(report.rate_mb_s, 3),
        "closed_vaults": len(report.closed),
    }
