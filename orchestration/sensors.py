"""What starts runs when something happens."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from assets.catalog import MEDIA_SOURCES
from holdfast.errors import HoldfastError
from holdfast.media.items import CLASSES, MediaClass
from orchestration.media_jobs import BUSY, media_backup_new, requests
from resources.media.arrivals import Arrivals, Quiet, look_for_arrivals
from resources.media.vaults_resource import MediaVaultsResource
from resources.postgres_resource import PostgresResource

# After a run that failed, and before a vault that is closed is tried again.
_PAUSE: Final = timedelta(minutes=5)
_CLOSED_PAUSE: Final = timedelta(minutes=15)


@dg.sensor(
    job=media_backup_new,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Every half minute: rows that the books do not know, and copies that are due. One run per class.",
)
def media_arrivals(
    context: dg.SensorEvaluationContext, postgres: PostgresResource, media_vaults: MediaVaultsResource
) -> dg.SensorResult:
    """One run of each class in which there is something to save and no run at work.

    The books are the truth: the cursor only spares reading tables that nobody wrote to since.
    """
    now = datetime.now(UTC)
    try:
        found = look_for_arrivals(postgres.client(), MEDIA_SOURCES, media_vaults.labels, _quiet(context.cursor), now)
    except HoldfastError as error:
        context.log.warning("media: %s", error)
        return dg.SensorResult(skip_reason=f"the books cannot be asked: {error}", cursor=context.cursor)
    reasons: dict[str, str] = {}
    asked: list[MediaClass] = []
    for name in CLASSES:
        if reason := _why_not(context.instance, found, name, now):
            reasons[name] = reason
        else:
            asked.append(name)
    if asked:
        return dg.SensorResult(run_requests=list(requests(asked, now, "arrived")), cursor=_cursor(found.quiet))
    told = dict.fromkeys(reasons.values())
    return dg.SensorResult(skip_reason="; ".join(told), cursor=_cursor(found.quiet))


def _why_not(instance: dg.DagsterInstance, found: Arrivals, name: MediaClass, now: datetime) -> str:
    """Why no run of a class is asked for; empty where one is."""
    waits = found.waits.get(name)
    has_work = name in found.new or (waits is not None and waits.has_due)
    is_shut = waits is not None and waits.has_due_anywhere and not has_work
    if not has_work and not is_shut:
        deadline = waits.next_deadline_at if waits else None
        then = f"nothing is due, next deadline {deadline:%Y-%m-%d %H:%M} UTC" if deadline else "nothing waits"
        return f"{name}: {then}"
    if _busy(instance, name):
        return f"{name}: a run is at work"
    last = _last_run(instance, name)
    if last is not None and last.dagster_run.status == dg.DagsterRunStatus.FAILURE and now - _ended_at(last) < _PAUSE:
        return f"{name}: the last run failed, the next one begins after {_ended_at(last) + _PAUSE:%H:%M:%S} UTC"
    if is_shut and last is not None and now - _ended_at(last) < _CLOSED_PAUSE:
        closed = "; ".join(f"{label} is closed: {reason}" for label, reason in found.closed.items())
        return f"{closed} (tried again after {_ended_at(last) + _CLOSED_PAUSE:%H:%M} UTC)"
    return ""


def _busy(instance: dg.DagsterInstance, name: MediaClass) -> bool:
    tags = {"dagster/partition": name}
    asked = dg.RunsFilter(job_name=media_backup_new.name, tags=tags, statuses=list(BUSY))
    return instance.get_runs_count(asked) > 0


def _last_run(instance: dg.DagsterInstance, name: MediaClass) -> dg.RunRecord | None:
    asked = dg.RunsFilter(job_name=media_backup_new.name, tags={"dagster/partition": name})
    return next(iter(instance.get_run_records(asked, limit=1)), None)


def _ended_at(record: dg.RunRecord) -> datetime:
    if record.end_time is not None:
        return datetime.fromtimestamp(record.end_time, UTC)
    at = record.update_timestamp
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _quiet(cursor: str | None) -> Mapping[str, Quiet]:
    """What the last look left; nothing where that cannot be read."""
    try:
        told = json.loads(cursor or "{}")
        return {name: Quiet(writes, datetime.fromtimestamp(at_s, UTC)) for name, (writes, at_s) in told.items()}
    except (ValueError, TypeError, AttributeError, OverflowError):
        return {}


def _cursor(quiet: Mapping[str, Quiet]) -> str:
    return json.dumps({name: [one.writes, one.at.timestamp()] for name, one in quiet.items()})


SENSORS: Final = (media_arrivals,)
