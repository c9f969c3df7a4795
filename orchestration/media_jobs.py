"""Jobs of the media backup, and when they run by themselves at fixed times; arrivals are in ``sensors``."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import dagster as dg

from assets.media.backup import MediaBackupConfig, media_backup
from assets.media.inventory import MediaInventoryConfig, media_inventory
from holdfast.media.items import CLASSES, MediaClass
from orchestration.settings import load
from resources.media.arrivals import urgent_classes
from resources.postgres_resource import PostgresResource

# Runs that wait are begun in order of worth.
PRIORITY: Final[Mapping[MediaClass, str]] = {name: str(len(CLASSES) - rank) for rank, name in enumerate(CLASSES)}
BUSY: Final = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)

media_backup_new = dg.define_asset_job(
    "media_backup_new",
    selection=dg.AssetSelection.assets(media_inventory, media_backup),
    description="New rows into the books, then the copies of one class that are due. From the Launchpad: a limit of "
    "files, bytes or seconds, only what is urgent, or a dry run.",
    tags={"dagster/max_runtime": "43200"},
)


def requests(
    classes: Sequence[MediaClass], at: datetime, why: str, *, look_into_vaults: bool = False, **config: Any
) -> Iterator[dg.RunRequest]:
    """One run per class, the most valuable first; the first of them looks into the vaults where that is asked for."""
    for place, name in enumerate(sorted(classes, key=CLASSES.index)):
        yield dg.RunRequest(
            # Dagster wants keys where one tick asks for several runs; the moment makes each of them new.
            run_key=f"{why} {name} at {at:%Y-%m-%dT%H:%M:%S}",
            partition_key=name,
            tags={"dagster/priority": PRIORITY[name], "holdfast/why": why},
            run_config=dg.RunConfig(
                ops={
                    "media_inventory": MediaInventoryConfig(look_into_vaults=look_into_vaults and not place),
                    "media_backup": MediaBackupConfig(workers=load().media_workers, **config),
                }
            ),
        )


@dg.schedule(
    job=media_backup_new,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Nightly: every class, the most valuable first; the vaults are looked into.",
)
def media_nightly_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Nightly: every class; HOLDFAST_MEDIA_NIGHTLY_LIMIT bounds how many files of each."""
    at, limit = context.scheduled_execution_time, load().media_nightly_limit
    return list(requests(CLASSES, at, "nightly", look_into_vaults=True, limit=limit))


@dg.schedule(
    job=media_backup_new,
    cron_schedule="35 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: what expires within 24 hours, also where a vault was closed.",
)
def media_rescue_schedule(
    context: dg.ScheduleEvaluationContext, postgres: PostgresResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """Every hour: classes in which something expires within 24 hours, or has already, and can be tried."""
    classes = urgent_classes(postgres.client(), CLASSES)
    asked = list(requests(classes, context.scheduled_execution_time, "rescue", only_urgent=True))
    return asked or dg.SkipReason("nothing that could be tried expires within 24 hours")


JOBS: Final = (media_backup_new,)
SCHEDULES: Final = (media_nightly_schedule, media_rescue_schedule)
