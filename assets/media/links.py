"""``media_links``: where each file can be had right now."""

from datetime import timedelta
from typing import Final

import dagster as dg
from pydantic import Field

from assets.media.tables import GROUP, OWNERS
from assets.media.telling_links import records, told
from resources.media.links import ask_links, links_now
from resources.media.vaults_resource import OriginResource
from resources.postgres_resource import PostgresResource

# By name: what it needs is that files were saved, nothing of how.
BACKUP: Final = dg.AssetKey("media_backup")

LINKS: Final = dg.TableSchema(
    [
        dg.TableColumn("item_id", "bigint", "The file"),
        dg.TableColumn("source_table", "text", "The application's table"),
        dg.TableColumn("source_id", "text", "Id of the row in it, as text"),
        dg.TableColumn("media_class", "text", "upscale, regular or images"),
        dg.TableColumn("kind", "text", "video or image"),
        dg.TableColumn("url", "text", "The URL to use now, null where there is none"),
        dg.TableColumn("served_by", "text", "Whose URL that is: origin, drive, folder or s3"),
        dg.TableColumn("origin_state", "text", "What the origin said last: unknown, answers, gone or unclear"),
        dg.TableColumn("origin_checked_at", "timestamptz", "When it was asked last"),
        dg.TableColumn("deadline_at", "timestamptz", "From then on the link may be dead"),
        dg.TableColumn("origin_url", "text", "As the row says"),
        dg.TableColumn("drive_url", "text", "Of the verified copy in Google Drive"),
        dg.TableColumn("s3_url", "text", "Of the one in the S3-compatible vault"),
        dg.TableColumn("folder_url", "text", "Of the one in the folder vault"),
        dg.TableColumn("content_type", "text", "By the file's own first bytes, empty until it was received"),
        dg.TableColumn("size_bytes", "bigint", "As received, else as the row says"),
    ]
)


class MediaLinksConfig(dg.Config):
    """How many links one run of ``media_links`` asks; by default as many as are due, within two minutes."""

    limit: int = Field(default=2000, ge=1, description="Links at most.")
    max_seconds: float = Field(default=120.0, gt=0, description="Then no more links are asked in this run.")
    workers: int = Field(default=8, ge=1, le=64, description="Links asked at once.")
    again: bool = Field(default=False, description="Ask also those whose last answer is still good.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[BACKUP],
    metadata={"dagster/table_name": "public.media_access_url", "dagster/column_schema": LINKS},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1)),
)
def media_links(
    context: dg.AssetExecutionContext,
    config: MediaLinksConfig,
    postgres: PostgresResource,
    media_origin: OriginResource,
) -> dg.MaterializeResult:
    """The URL to use now for every file: its origin while that answers, else a verified copy.

    Grain: one row in ``public.media_access_url`` per file that a row of the application names. The view switches by
    itself when a link dies; this asset asks links whether they answer (HEAD, or one byte), the more often the nearer
    their deadline. A second run right after asks nothing. A link that is dead once is not used any more while a copy
    exists; it is given up for good only when it was dead twice, ten minutes apart. Front ends read the view, or
    ``holdfast.media_url('gen_videos', id)``: see docs/media.md.
    """
    origin = media_origin.open()
    try:
        report = ask_links(
            postgres.client(),
            origin,
            most=config.limit,
            seconds=config.max_seconds,
            workers=config.workers,
            again=config.again,
        )
    finally:
        origin.close()
    context.log.info(
        "media links: %d asked, %d dead, %d unclear; %d of %d files are served by a vault",
        sum(report.asked.values()),
        report.asked["gone"],
        report.asked["unclear"],
        report.files - report.files_by("origin") - report.files_by(""),
        report.files,
    )
    return dg.MaterializeResult(metadata=told(report))


@dg.asset_check(asset=media_links)
def every_item_can_be_reached(postgres: PostgresResource) -> dg.AssetCheckResult:
    """Every file that a row of the application names has a URL to use now.

    A file that has none has a dead link and no verified copy: it is lost, unless its link comes back. Rows that name it
    show nothing to their users.
    """
    report = links_now(postgres.client())
    nobody = report.files_by("")
    return dg.AssetCheckResult(
        passed=not nobody,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{nobody:,} of {report.files:,} files cannot be had anywhere."
        if nobody
        else f"All of {report.files:,} files can be had.",
        metadata={
            "files": report.files,
            "reachable_files": report.files - nobody,
            "unreachable_files": nobody,
            "unreachable": records(report.unreachable),
        },
    )
