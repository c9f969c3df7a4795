"""``metric_anomalies``: slots that are out of the ordinary, as incidents that people can act on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from assets.baselines.plots import incident_plot
from assets.baselines.tables import GROUP, REQUIRED
from assets.baselines.telling import paragraphs
from assets.metrics.tables import OWNERS, table
from resources.anomalies.judging import Judging, judge_due
from resources.anomalies.store import Listed, listed
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource

# A plot is some kilobytes of the event log; what opens all at once is one cause more often than twenty.
SHOWN_PLOTS: Final = 3


ANOMALIES: Final = dg.TableSchema(
    [
        dg.TableColumn("server_id", "text", "The server; * is the fleet", REQUIRED),
        dg.TableColumn("metric", "text", "The metric; * is all of a server: it was silent", REQUIRED),
        dg.TableColumn("started_at", "timestamptz", "Start of its first unusual slot of 5 minutes", REQUIRED),
        dg.TableColumn("ended_at", "timestamptz", "End of its last one, null while it goes on"),
        dg.TableColumn("severity", "text", "warning or critical, the highest so far", REQUIRED),
        dg.TableColumn("score", "double precision", "0 to 1, the highest so far", REQUIRED),
        dg.TableColumn("expected_low", "double precision", "Lower end of the band expected at the highest score"),
        dg.TableColumn("expected_high", "double precision", "Upper end of that band"),
        dg.TableColumn("observed", "double precision", "The value there, null where there is none"),
        dg.TableColumn("incident_id", "bigint", "The incident it is part of", REQUIRED),
        dg.TableColumn("rule", "text", "What found it", REQUIRED),
        dg.TableColumn("is_root", "boolean", "Whether the incident likely began here", REQUIRED),
        dg.TableColumn("sentence", "text", "What it says, with its numbers", REQUIRED),
        dg.TableColumn("last_finding_at", "timestamptz", "Start of its last unusual slot", REQUIRED),
        dg.TableColumn("baseline_version", "integer", "Version of the baseline it was judged by"),
        dg.TableColumn("baseline_origin", "text", "Whose baseline that was: its own, or its kind's"),
    ]
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[dg.AssetKey("server_metrics_slots"), dg.AssetKey("baseline_templates")],
    pool="metric_anomalies",
    metadata=table("metric_anomalies", ANOMALIES),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1), warn_window=timedelta(minutes=20)),
)
def metric_anomalies(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """What is out of the ordinary, as incidents: opened, closed, with a likely root and a sentence with numbers.

    Grain: one row per series and incident (``holdfast.incidents`` has one per incident). Judges every slot that is
    over, in order, with the baseline in force. Safe to run twice: the second run finds no slot to judge. Killed
    anywhere, the next run goes on and comes to the same incidents.
    """
    client = postgres.client()
    done = judge_due(client, datetime.now(UTC), context.log)
    with client.transaction() as db:
        incidents = listed(db)
    context.log.info(
        "anomalies: %d slots of up to %d series judged, %d incidents opened, %d closed, %d open",
        *(done.judged_slots, done.series, len(done.opened), len(done.closed), done.open_incidents),
    )
    plots = _plots(client, done.opened, incidents)
    return dg.MaterializeResult(metadata={"incidents": _listed(incidents), **plots, **_told(done)})


def _told(done: Judging) -> dict[str, Any]:
    return {
        "open_incidents": done.open_incidents,
        "open_critical_unacknowledged": done.calling_incidents,
        "opened_incidents": len(done.opened),
        "closed_incidents": len(done.closed),
        "pages": done.pages,
        "findings": sum(done.findings.values()),
        "findings_by_rule": dict(sorted(done.findings.items())),
        "muted_findings": done.muted,
        "judged_slots": done.judged_slots,
        "judged_series": done.series,
        "late_slots": done.late_slots,
        "judged_until": done.until_at.isoformat() if done.until_at else "",
    }


def _plots(client: Postgres, opened: Sequence[int], incidents: Sequence[Listed]) -> dict[str, dg.MarkdownMetadataValue]:
    """What has just opened, then what is open, the worst first; at last what opened and closed again."""
    is_open = [one.incident_id for one in incidents]
    fresh = [number for number in is_open if number in opened]
    numbers = list(dict.fromkeys([*fresh, *is_open, *reversed(opened)]))
    return {f"incident_{number}": incident_plot(client, number) for number in numbers[:SHOWN_PLOTS]}


def _listed(incidents: Sequence[Listed]) -> dg.MarkdownMetadataValue:
    """Open incidents in words, the worst first."""
    lines = [_line(one) for one in incidents]
    return paragraphs(lines, nothing="No incident is open.", rest="holdfast anomalies list")


def _line(one: Listed) -> str:
    noted = f", acknowledged by {one.acknowledged_by}" if one.is_acknowledged else ""
    return f"**{one.incident_id} {one.severity}** since {one.opened_at:%Y-%m-%d %H:%M} UTC{noted}: {one.sentence}"
