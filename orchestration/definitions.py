"""The table of contents: everything Dagster can see. No logic here."""

import dagster as dg

from assets.baselines.anomalies import metric_anomalies
from assets.baselines.checks_anomalies import no_open_critical_anomalies
from assets.baselines.checks_learned import baselines_cover_the_fleet
from assets.baselines.export import baseline_export
from assets.baselines.fleet import fleet_overview
from assets.baselines.learned import baseline_templates
from assets.baselines.scenarios import scenario_execution_log
from assets.baselines.slots import server_metrics_slots
from assets.baselines.templates import server_templates
from assets.consistency.checks_report import (
    every_declared_table_was_compared,
    the_last_exact_check_is_recent,
    the_stores_agree,
)
from assets.consistency.health import storage_health
from assets.consistency.repair import consistency_repair
from assets.consistency.report import consistency_report
from assets.consistency.schema import storage_schema
from assets.media.backup import media_backup
from assets.media.checks import (
    no_media_lost,
    nothing_expires_unsaved,
    the_vaults_have_room,
    vault_matches_the_books,
)
from assets.media.inventory import media_inventory
from assets.media.links import every_item_can_be_reached, media_links
from assets.media.verification import media_verification
from assets.metrics.checks import no_cycle_was_lost, rollups_equal_their_samples, the_last_hour_is_complete
from assets.metrics.history import server_metrics_history
from assets.metrics.keeping import server_metrics_chunks, server_metrics_retention
from assets.metrics.live import server_metrics_live
from assets.metrics.rollups import server_metrics_daily, server_metrics_hourly
from assets.metrics.snapshot import dashboard_snapshot
from assets.platform import maintenance
from orchestration.drill import EmbeddedStage
from orchestration.schedules import JOBS, SCHEDULES
from orchestration.sensors import SENSORS
from orchestration.settings import Settings, load
from orchestration.wiring import collector
from orchestration.wiring_media import vault_variables
from resources.cycles import CyclesResource
from resources.dagster_log import DagsterLogResource
from resources.folder_resource import FolderVaultResource
from resources.guards.breakers_resource import BreakersResource
from resources.health.resource import HealthResource
from resources.media.vaults_resource import MediaVaultsResource, OriginResource
from resources.metrics.dashboard import DashboardResource
from resources.metrics.retention import RetentionResource
from resources.postgres_resource import PostgresResource
from resources.redis import RedisResource
from resources.servers import TemplatesResource
from resources.stores_resource import StoresResource


def resources(settings: Settings) -> dict[str, object]:
    """The doors, set as the environment says. A credential is named here, and read when a run needs it."""
    postgres = PostgresResource(dsn=dg.EnvVar("DATABASE_URL"))
    redis = RedisResource(
        url=dg.EnvVar("REDIS_URL") if settings.redis_enabled else "", is_enabled=settings.redis_enabled
    )
    stores = StoresResource(
        a_url=dg.EnvVar("DATABASE_URL"), b_url=dg.EnvVar("SUPABASE_DB_URL") if settings.supabase_db_url else ""
    )
    given = {name: dg.EnvVar(variable) for name, variable in vault_variables(settings).items()}
    return {
        "postgres": postgres,
        "stores": stores,
        "health": HealthResource(
            stores=stores,
            primary_budget_mb=settings.database_budget_mb,
            secondary_budget_mb=settings.secondary_budget_mb,
            folder=str(settings.state / "health"),
        ),
        "redis": redis,
        "cycles": CyclesResource(redis=redis, postgres=postgres, capacity=settings.buffer_cycles),
        "collector": collector(settings, dg.EnvVar("METRICS_TARGETS") if settings.metrics_targets else None),
        "dashboard": DashboardResource(
            redis=redis,
            postgres=postgres,
            stale_after_s=settings.stale_after_s,
            with_hashes=settings.dashboard_hashes,
        ),
        "keep": RetentionResource(
            raw_days=settings.raw_days, hourly_days=settings.hourly_days, budget_mb=settings.database_budget_mb
        ),
        "templates": TemplatesResource(
            path=str(settings.templates_file), is_required=settings.server_templates is not None
        ),
        "stage": EmbeddedStage(),
        "breakers": BreakersResource(
            redis_url=dg.EnvVar("REDIS_URL") if settings.redis_enabled and settings.redis_url else "",
            dsn=dg.EnvVar("DATABASE_URL"),
        ),
        "vault": FolderVaultResource(folder=str(settings.vault)),
        "media_vaults": MediaVaultsResource(
            folder=str(settings.media_vault_folder or ""),
            budget_gb=settings.media_budget_gb or 0.0,
            dsn=dg.EnvVar("DATABASE_URL"),
            **given,
        ),
        "media_origin": OriginResource(allowed_hosts=settings.media_allowed_hosts),
        "dagster_log": DagsterLogResource(dsn=dg.EnvVar("DAGSTER_DATABASE_URL"), keep_days=settings.event_log_days),
    }


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs, schedules and the doors they use."""
    return dg.Definitions(
        assets=[
            server_metrics_live,
            server_metrics_history,
            server_metrics_hourly,
            server_metrics_daily,
            server_metrics_chunks,
            server_metrics_retention,
            dashboard_snapshot,
            server_metrics_slots,
            maintenance,
            server_templates,
            baseline_templates,
            metric_anomalies,
            fleet_overview,
            baseline_export,
            scenario_execution_log,
            consistency_report,
            consistency_repair,
            storage_health,
            storage_schema,
            media_inventory,
            media_backup,
            media_links,
            media_verification,
        ],
        asset_checks=[
            no_cycle_was_lost,
            the_last_hour_is_complete,
            rollups_equal_their_samples,
            baselines_cover_the_fleet,
            no_open_critical_anomalies,
            the_stores_agree,
            every_declared_table_was_compared,
            the_last_exact_check_is_recent,
            nothing_expires_unsaved,
            no_media_lost,
            vault_matches_the_books,
            the_vaults_have_room,
            every_item_can_be_reached,
        ],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources=resources(load()),
        # A run is one process: half the launch cost, and nothing writes on after its run has failed.
        executor=dg.in_process_executor,
    )
