"""``fleet_day``: one look at what was wrong where."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import dagster as dg

from assets.baselines.tables import GROUP
from assets.baselines.telling import paragraphs
from assets.metrics.tables import OWNERS
from holdfast.plots import day_chart
from resources.baselines.fleet import FleetDay, ServerDay, fleet_day
from resources.postgres_resource import PostgresResource

_MOST_ROWS: Final = 200
_SIGNS: Final = {"silent": " ", "quiet": "·", "warning": "▄", "critical": "█"}


@dg.asset(
    name="fleet_day",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    deps=["metric_anomalies"],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2)),
)
def fleet_overview(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """The newest 24 hours of every server: quiet, warned, critical or silent, half hour by half hour.

    Grain: one row per server in the table below, the worst first. It stores nothing: a second run shows the same.
    """
    day = fleet_day(postgres.client())
    servers = [] if day is None else sorted(day.servers, key=_badness)
    troubled = sum(server.incidents > 0 for server in servers)
    context.log.info("baselines: %d of %d servers had an incident in the newest 24 hours", troubled, len(servers))
    return dg.MaterializeResult(
        metadata={
            "servers": len(servers),
            "servers_with_incidents": troubled,
            "overview": dg.MetadataValue.md("no slot yet" if day is None else _picture(day)),
            "what": _told(servers),
            "by_server": dg.MetadataValue.table([_record(server) for server in servers[:_MOST_ROWS]], _SCHEMA),
        }
    )


_SCHEMA: Final = dg.TableSchema(
    [
        dg.TableColumn("server", "string", "Name of the server"),
        dg.TableColumn("incidents", "int", "Incidents it was part of"),
        dg.TableColumn("half_hours", "string", "The day: · quiet, ▄ warning, █ critical, blank nothing measured"),
    ]
)


def _picture(day: FleetDay) -> str:
    return day_chart({server.server_id: server.states for server in day.servers}, day.from_at, day.until_at)


def _told(servers: Sequence[ServerDay]) -> dg.MarkdownMetadataValue:
    """What the worst incident of each server says, each incident once."""
    sentences = list(dict.fromkeys(server.sentence for server in servers if server.sentence))
    return paragraphs(sentences, nothing="Nothing happened.", rest="holdfast anomalies list --all")


def _badness(server: ServerDay) -> tuple[int, int, int, str]:
    states = list(server.states)
    return -states.count("critical"), -states.count("warning"), -server.incidents, server.server_id


def _record(server: ServerDay) -> dg.TableRecord:
    signs = "".join(_SIGNS[state] for state in server.states)
    return dg.TableRecord(
        {
            "server": server.server_id,
            "incidents": server.incidents,
            "half_hours": signs,
        }
    )
