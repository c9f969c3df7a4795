"""``baseline_templates``: what is usual for each server and metric, learned from the history."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from assets.baselines.slots import server_metrics_slots
from assets.baselines.tables import GROUP, REQUIRED
from assets.baselines.templates import server_templates
from assets.metrics.history import server_metrics_history
from assets.metrics.tables import OWNERS, table
from holdfast.baselines.status import LEARNED
from resources.baselines.learner import Learned, learn_due
from resources.postgres_resource import PostgresResource

SHOWN_ROWS: Final = 30


BASELINES: Final = dg.TableSchema(
    [
        dg.TableColumn("server_id", "text", "The server"),
        dg.TableColumn("metric", "text", "The metric, as in metric_catalog"),
        dg.TableColumn("version", "integer", "Only ever rises"),
        dg.TableColumn("status", "text", "learned, or how far learning is: learning, 14 h of 24 h"),
        dg.TableColumn("origin", "text", "Whose band judges: own, or the kind it borrows from while it is learning"),
        dg.TableColumn("learned_from", "timestamptz", "Start of the learned window, null where nothing was learned"),
        dg.TableColumn("learned_until", "timestamptz", "End of the learned window, null where nothing was learned"),
        dg.TableColumn("coverage", "double precision", "Share of the learned window that has samples, 0 to 1"),
        dg.TableColumn("slot_s", "integer", "Seconds of a slot of the day"),
        dg.TableColumn("centre", "double precision[]", "Usual value per slot of the UTC day, null where unknown"),
        dg.TableColumn("spread", "double precision[]", "Usual distance from the centre per slot, null where unknown"),
        dg.TableColumn("slot_coverage", "real[]", "Share of the learned days that have samples, per slot, 0 to 1"),
        dg.TableColumn("inherited_from", "text", "The server's former id, whose memory this was"),
        dg.TableColumn("made_at", "timestamptz", "When this version was made"),
    ]
)

_SHOWN: Final = dg.TableSchema(
    [
        dg.TableColumn("server_id", "text", "The server", REQUIRED),
        dg.TableColumn("metric", "text", "The metric", REQUIRED),
        dg.TableColumn("version", "int", "Only ever rises", REQUIRED),
        dg.TableColumn("status", "text", "learned, or how far learning is", REQUIRED),
        dg.TableColumn("origin", "text", "Whose band judges it", REQUIRED),
        dg.TableColumn("learned_until", "text", "End of the learned window, UTC"),
        dg.TableColumn("coverage", "float", "Share of the learned window that has samples", REQUIRED),
    ]
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[server_templates, server_metrics_history, server_metrics_slots],
    pool="baselines_learn",
    metadata=table("baseline_templates", BASELINES),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2)),
)
def baseline_templates(context: dg.AssetExecutionContext, postgres: PostgresResource) -> dg.MaterializeResult:
    """What is usual for every server and metric: centre and spread per slot of the day, coverage, learned window.

    Grain: one row per server and metric. Learns the 6-hour blocks that are over by an hour, each once; 28 days are
    remembered. While a series is learning it borrows from servers of its kind. Killed anywhere, the next run goes on
    and comes to the same bits. Safe to run twice: the second run finds no block to learn.
    """
    client, now = postgres.client(), datetime.now(UTC)
    learned = learn_due(client, now, log=context.log)
    with client.transaction() as db:
        rows = db.rows("baselines/templates")
        memory_bytes = db.value("baselines/memory_bytes")
    told = _told(learned, rows)
    context.log.info(
        "baselines: %d blocks folded, %d series learned, %d learning",
        told["folded_blocks"], told["learned_series"], told["learning_series"],
    )  # fmt: skip
    return dg.MaterializeResult(
        metadata=told
        | {
            "memory_bytes": memory_bytes,
            "learned_until": learned.until_at.isoformat(),
            "baselines": _preview(rows),
        }
    )


def _told(learned: Learned, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    learned_series = sum(row[3] == LEARNED for row in rows)
    set_aside = [f"{metric} of {server}: {why}" for (server, metric), why in sorted(learned.set_aside.items())]
    return {
        "dagster/row_count": len(rows),
        "series": len(rows),
        "learned_series": learned_series,
        "learning_series": len(rows) - learned_series,
        "borrowing_series": sum(row[4].startswith("kind ") for row in rows),
        "folded_blocks": learned.folded_blocks,
        "changed_series": len(learned.changed_series),
        "new_series": len(learned.new_series),
        "inherited_series": len(learned.inherited_series),
        "set_aside_series": len(learned.set_aside),
        "set_aside": "; ".join(set_aside[:SHOWN_ROWS]) or "none",
    }


def _preview(rows: list[tuple[Any, ...]]) -> dg.TableMetadataValue:
    records = []
    for server_id, metric, version, status, origin, _, until, coverage in rows[:SHOWN_ROWS]:
        shown = {"server_id": server_id, "metric": metric, "version": version, "status": status, "origin": origin}
        until_text = until.isoformat(timespec="minutes") if until else None
        records.append(dg.TableRecord(shown | {"learned_until": until_text, "coverage": round(coverage, 3)}))
    return dg.MetadataValue.table(records, _SHOWN)
