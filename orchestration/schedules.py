"""When things run by themselves."""

from datetime import datetime
from typing import Final

import dagster as dg

from assets.baselines.acting import incident_act
from assets.baselines.anomalies import metric_anomalies
from assets.baselines.export import baseline_export
from assets.baselines.fleet import fleet_overview
from assets.baselines.learned import baseline_templates
from assets.baselines.scenarios import scenario_execution_log
from assets.baselines.slots import server_metrics_slots
from assets.baselines.templates import server_templates
from assets.consistency.breaker_acting import breaker_act
from assets.consistency.health import storage_health
from assets.consistency.repair import ConsistencyRepairConfig, consistency_repair
from assets.consistency.report import ConsistencyReportConfig, consistency_report
from assets.consistency.schema import storage_schema
from assets.media.links import media_links
from assets.media.restoring import media_restore
from assets.media.verification import media_verification
from assets.metrics.history import server_metrics_history
from assets.metrics.keeping import RetentionConfig, server_metrics_chunks, server_metrics_retention
from assets.metrics.rollups import server_metrics_daily, server_metrics_hourly
from assets.metrics.snapshot import dashboard_snapshot
from assets.platform import maintenance
from orchestration import media_jobs
from resources.metrics.rollups import Rollup, due_days
from resources.postgres_resource import PostgresResource

RUNNING: Final = dg.DefaultScheduleStatus.RUNNING

metrics_move = dg.define_asset_job(
    "metrics_move",
    selection=[server_metrics_history, dashboard_snapshot, server_metrics_slots, metric_anomalies],
    description="Buffer to history, then the dashboard's snapshot, the slots, and what is out of the ordinary.",
    tags={"dagster/max_runtime": "1800"},
)
metrics_roll_hourly = dg.define_asset_job(
    "metrics_roll_hourly", selection=[server_metrics_hourly], description="One day's closed hours."
)
metrics_roll_daily = dg.define_asset_job(
    "metrics_roll_daily", selection=[server_metrics_daily], description="One day that is over."
)
metrics_keep = dg.define_asset_job(
    "metrics_keep",
    selection=[server_metrics_chunks, server_metrics_retention],
    description="Days that are over become chunks; what is too much goes.",
    config=dg.RunConfig(ops={"server_metrics_retention": RetentionConfig(apply=True)}),
)
scenarios_play = dg.define_asset_job(
    "scenarios_play",
    selection=[scenario_execution_log],
    description="Failures on simulated servers, through the whole chain.",
    tags={"dagster/max_runtime": "1800"},
)
# Two jobs: a run stops behind an asset that failed, and a mistake in the file of servers must not stop learning.
servers_describe = dg.define_asset_job(
    "servers_describe",
    selection=[server_templates],
    description="The file of servers is read; servers that are new and not in it are adopted.",
)
baselines_learn = dg.define_asset_job(
    "baselines_learn",
    selection=[baseline_templates],
    description="Blocks that are over become part of what is usual.",
    tags={"dagster/max_runtime": "7200"},
)
fleet_look = dg.define_asset_job(
    "fleet_look", selection=[fleet_overview], description="The newest 24 hours of every server, in one picture."
)
baselines_export = dg.define_asset_job(
    "baselines_export", selection=[baseline_export], description="What was learned goes to the vault."
)
consistency_window = dg.define_asset_job(
    "consistency_window",
    selection=[consistency_report],
    description="What the two stores wrote in the last 24 hours. From the Launchpad: one table, its own window.",
    config=dg.RunConfig(ops={"consistency_report": ConsistencyReportConfig(mode="window", hours=24)}),
    tags={"dagster/max_runtime": "3600"},
)
consistency_exact = dg.define_asset_job(
    "consistency_exact",
    selection=[consistency_report],
    description="Everything in both stores, exactly, at the cost of what changed: deletes are found.",
    config=dg.RunConfig(ops={"consistency_report": ConsistencyReportConfig(mode="incremental")}),
    tags={"dagster/max_runtime": "21600"},
)
# A run that takes too long is stopped; the next one goes on where it was.
consistency_full = dg.define_asset_job(
    "consistency_full",
    selection=[consistency_report],
    description="Everything in both stores, read in full.",
    config=dg.RunConfig(ops={"consistency_report": ConsistencyReportConfig(mode="full")}),
    tags={"dagster/max_runtime": "43200"},
)
consistency_plan = dg.define_asset_job(
    "consistency_plan",
    selection=[consistency_repair],
    description="What would make both stores agree, row by row: a plan, and nothing is changed.",
    tags={"dagster/max_runtime": "21600"},
)
reverse_sync_into_primary = dg.define_asset_job(
    "reverse_sync_into_primary",
    selection=[consistency_repair],
    description="The primary was away and is back: a plan of what it missed. To apply at once, set in the Launchpad "
    "apply: true and max_rows (about how much it missed, at most).",
    config=dg.RunConfig(ops={"consistency_repair": ConsistencyRepairConfig(reverse_sync_into="a")}),
)
reverse_sync_into_secondary = dg.define_asset_job(
    "reverse_sync_into_secondary",
    selection=[consistency_repair],
    description="The secondary was away and is back: a plan of what it missed. To apply at once, set in the Launchpad "
    "apply: true and max_rows (about how much it missed, at most).",
    config=dg.RunConfig(ops={"consistency_repair": ConsistencyRepairConfig(reverse_sync_into="b")}),
)
links_ask = dg.define_asset_job(
    "links_ask",
    selection=[media_links],
    description="Which links still answer, and so which URL serves each file. To ask all of them anew: again: true.",
    tags={"dagster/max_runtime": "1800"},
)
# Alone, so that no other asset is in its way when a store is down.
storage_probe = dg.define_asset_job(
    "storage_probe",
    selection=[storage_health],
    description="How both stores are, and what to do about it.",
    tags={"dagster/max_runtime": "120"},
)
schema_compare = dg.define_asset_job(
    "schema_compare",
    selection=[storage_schema],
    description="Both stores' schemas side by side, and a plan that adds what one lacks; nothing is changed.",
)
media_verify = dg.define_asset_job(
    "media_verify",
    selection=[media_verification],
    description="Copies are read back from their vaults and hashed. From the Launchpad: how much, how long.",
    tags={"dagster/max_runtime": "21600"},
)
platform_maintain = dg.define_asset_job(
    "platform_maintain", selection=[maintenance], description="Dagster's own log, pruned."
)

JOBS: Final = (
    metrics_move,
    metrics_roll_hourly,
    metrics_roll_daily,
    metrics_keep,
    servers_describe,
    baselines_learn,
    fleet_look,
    incident_act,
    baselines_export,
    scenarios_play,
    consistency_window,
    consistency_exact,
    consistency_full,
    consistency_plan,
    reverse_sync_into_primary,
    reverse_sync_into_secondary,
    *media_jobs.JOBS,
    links_ask,
    storage_probe,
    breaker_act,
    schema_compare,
    media_verify,
    media_restore,
    platform_maintain,
)


def _every(job_name: str, cron: str, description: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{job_name}_schedule",
        job_name=job_name,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=RUNNING,
        description=description,
    )


def _due(rollup: Rollup, postgres: PostgresResource, now: datetime) -> list[dg.RunRequest] | dg.SkipReason:
    days = due_days(postgres.client(), rollup, now)
    # Dagster refuses several requests of one tick without keys; a day may be due again at the next tick.
    requests = [dg.RunRequest(run_key=f"{day} at {now:%Y-%m-%dT%H:%M}", partition_key=day.isoformat()) for day in days]
    return requests or dg.SkipReason(f"no {rollup} rollup is behind its samples")


@dg.schedule(
    job=metrics_roll_hourly,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Seven minutes past the hour: every day whose samples are newer than its hourly rollup.",
)
def metrics_roll_hourly_schedule(
    context: dg.ScheduleEvaluationContext, postgres: PostgresResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """Seven minutes past the hour: every day with samples newer than its hourly rollup, late ones included."""
    return _due("hourly", postgres, context.scheduled_execution_time)


@dg.schedule(
    job=metrics_roll_daily,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="After midnight: every day that is over and whose samples are newer than its daily rollup.",
)
def metrics_roll_daily_schedule(
    context: dg.ScheduleEvaluationContext, postgres: PostgresResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """After midnight: every day that is over with samples newer than its daily rollup."""
    return _due("daily", postgres, context.scheduled_execution_time)


SCHEDULES: Final = (
    _every("metrics_move", "*/5 * * * *", "Every 5 minutes: buffer to history, snapshot, slots, anomalies."),
    metrics_roll_hourly_schedule,
    metrics_roll_daily_schedule,
    _every("metrics_keep", "40 2 * * *", "Nightly, two hours and more after the day: late cycles are in by then."),
    _every("scenarios_play", "30 4 * * 1", "Weekly: what breaks on simulated servers is still found."),
    _every("servers_describe", "9 * * * *", "Every hour: what the servers are."),
    _every("baselines_learn", "12 * * * *", "Every hour: learn the blocks that are over by an hour."),
    _every("fleet_look", "17 * * * *", "Every hour: the fleet at a glance."),
    _every("baselines_export", "50 2 * * *", "Nightly: what was learned, to the vault."),
    _every("consistency_window", "25 * * * *", "Every hour: do the stores agree on the last 24 hours?"),
    _every("consistency_exact", "20 1 * * *", "Nightly: do they agree on everything, deletes included?"),
    _every("consistency_plan", "50 1 * * *", "Nightly, after that: what would mend it; nothing is changed."),
    _every("consistency_full", "20 3 * * 0", "Weekly: the same, with every row read again."),
    # Not on the minute at which the moves begin: their launch would be measured as a slow store.
    _every("storage_probe", "2-59/5 * * * *", "Every 5 minutes: do both stores answer, and how fast?"),
    _every("schema_compare", "10 1 * * *", "Nightly: both stores have the same tables, and each user sees their rows."),
    *media_jobs.SCHEDULES,
    _every("links_ask", "4-59/15 * * * *", "Every quarter of an hour: links whose last answer is too old."),
    _every(
        "media_verify", "30 5 * * 0", "Weekly: a thirteenth of the copies, the new ones and overdue ones, read back."
    ),
    _every("platform_maintain", "10 3 * * *", "Nightly: prune Dagster's event log."),
)
