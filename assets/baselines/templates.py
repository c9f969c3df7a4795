"""``server_templates``: what every server is, declared or adopted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from assets.baselines.tables import GROUP, REQUIRED
from assets.metrics.history import server_metrics_history
from assets.metrics.tables import OWNERS, table
from holdfast.errors import SettingsError, TemplatesError
from holdfast.servers.declared import parse_templates
from holdfast.servers.planning import StoredTemplate
from holdfast.servers.template import ServerTemplate
from resources import servers
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.servers import TemplatesResource

SHOWN_ROWS: Final = 50


TEMPLATES: Final = dg.TableSchema(
    [
        dg.TableColumn("id", "text", "The server; the same as server_id"),
        dg.TableColumn("server_id", "text", "The server, as every other table names it"),
        dg.TableColumn("name", "text", "What people call it"),
        dg.TableColumn("kind", "text", "web, api, db, cache, worker, or host where nobody said"),
        dg.TableColumn("environment", "text", "Servers lend baselines to each other only within one"),
        dg.TableColumn("region", "text", "Where it stands, null where nobody said"),
        dg.TableColumn("capacity", "jsonb", "Expected capacity: numbers by name"),
        dg.TableColumn("labels", "jsonb", "Whatever else was written down: text by name"),
        dg.TableColumn("upstream", "text[]", "Servers it depends on directly"),
        dg.TableColumn("version", "integer", "Counts up from 1"),
        dg.TableColumn("origin", "text", "declared in the file, or adopted when the server was first seen"),
        dg.TableColumn("renamed_from", "text", "The id it had before; it took over that server's baselines"),
        dg.TableColumn("valid_from", "timestamptz", "Since when this version holds"),
        dg.TableColumn("retired_at", "timestamptz", "When it was dropped from the file, null while it is in force"),
    ]
)

_SHOWN: Final = dg.TableSchema(
    [
        dg.TableColumn("server_id", "text", "The server", REQUIRED),
        dg.TableColumn("kind", "text", "What it is for", REQUIRED),
        dg.TableColumn("environment", "text", "Servers lend baselines to each other only within one", REQUIRED),
        dg.TableColumn("upstream", "text", "Servers it depends on directly"),
        dg.TableColumn("origin", "text", "declared or adopted; retired where it was dropped from the file", REQUIRED),
        dg.TableColumn("version", "int", "Counts up from 1", REQUIRED),
    ]
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[server_metrics_history],
    pool="baselines_templates",
    metadata=table("server_templates", TEMPLATES),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2)),
)
def server_templates(
    context: dg.AssetExecutionContext, postgres: PostgresResource, templates: TemplatesResource
) -> dg.MaterializeResult:
    """What every server is: kind, environment, region, capacity, labels and the servers it depends on.

    Grain: one row per server, versions kept. Declared in a TOML file; a server that reports and is not in it is adopted
    as a host. A file with a mistake changes nothing that is declared, and new servers are adopted all the same.
    Safe to run twice: the second run writes no version.
    """
    client, now = postgres.client(), datetime.now(UTC)
    try:
        declared = _declared(client, templates)
    except (SettingsError, TemplatesError):
        context.log.info("%s", servers.apply(client, None, now))
        raise
    plan = servers.apply(client, declared, now)
    context.log.info("%s", plan)
    with client.transaction() as db:
        stored = list(servers.read_templates(db).values())
    in_force = [one for one in stored if one.retired_at is None]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(stored),
            "servers": len(in_force),
            "declared_servers": sum(one.origin == "declared" for one in in_force),
            "adopted_servers": sum(one.origin == "adopted" for one in in_force),
            "retired_servers": len(stored) - len(in_force),
            **{f"newly_{action}": count for action, count in plan.counts().items()},
            "changes": "; ".join(map(str, plan.changes[:SHOWN_ROWS])) or "none",
            "has_file": declared is not None,
            "templates": _preview(stored),
        }
    )


def _declared(postgres: Postgres, templates: TemplatesResource) -> list[ServerTemplate] | None:
    text = templates.read()
    if text is None:
        return None
    with postgres.transaction() as db:
        known = servers.read_known(db)
    return parse_templates(text, known, source=Path(templates.path).name)


def _preview(stored: list[StoredTemplate]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "server_id": one.template.server_id,
                "kind": one.template.kind,
                "environment": one.template.environment,
                "upstream": ", ".join(one.template.upstream),
                "origin": f"{one.origin}, retired" if one.retired_at else one.origin,
                "version": one.version,
            }
        )
        for one in stored[:SHOWN_ROWS]
    ]
    return dg.MetadataValue.table(records, _SHOWN)
