"""``baseline_export``: what was learned, in the vault, so that a lost database does not lose it."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.baselines.learned import baseline_templates
from assets.baselines.tables import GROUP
from assets.metrics.tables import OWNERS
from resources.baselines.vaulting import export_baselines, forget_old, nightly_name
from resources.folder_resource import FolderVaultResource
from resources.postgres_resource import PostgresResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[baseline_templates],
    pool="baselines_learn",
    metadata={"dagster/uri": "vault:baselines/<day>.json.gz"},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def baseline_export(
    context: dg.AssetExecutionContext, postgres: PostgresResource, vault: FolderVaultResource
) -> dg.MaterializeResult:
    """Every series' memory as compressed JSON in the vault, one file a night; the newest 14 stay.

    ``holdfast baselines import`` shows what a file would replace, and replaces it when told. Grain: one file per UTC
    day. Safe to run twice: the same memories give the same bytes, and the second file of a day replaces the first.
    """
    door = vault.vault()
    exported = export_baselines(postgres.client(), door, nightly_name(datetime.now(UTC).date()))
    removed = forget_old(door)
    for server_id, metric in exported.left_out:
        context.log.warning(
            "baselines: the memory of %s of %s cannot be read and is not exported; the next learning makes it anew",
            metric, server_id,
        )  # fmt: skip
    context.log.info("baselines: exported %d series to %s, %d bytes", exported.series, exported.name, exported.bytes)
    return dg.MaterializeResult(
        metadata={
            "series": exported.series,
            "left_out_series": len(exported.left_out),
            "bytes": exported.bytes,
            "name": exported.name,
            "removed_files": len(removed),
        }
    )
