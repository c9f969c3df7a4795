"""Pictures and previews of the metrics, for the UI."""

from datetime import datetime
from typing import Any

import dagster as dg

from assets.metrics.tables import HISTORY
from holdfast.plots import line_chart
from resources.postgres import Postgres


def fleet_plot(postgres: Postgres) -> dg.MarkdownMetadataValue:
    """The fleet's mean processor and memory use over the newest hour."""
    with postgres.transaction() as db:
        newest_at = db.value("metrics_reading/newest_instant")
        rows = db.rows("metrics_reading/recent_points", newest_at=newest_at) if newest_at else []
    series = {
        "processor": [(at, cpu) for at, cpu, _ in rows],
        "memory": [(at, memory) for at, _, memory in rows],
    }
    return dg.MetadataValue.md(line_chart(series, unit="%"))


def day_plot(postgres: Postgres, day: datetime) -> dg.MarkdownMetadataValue:
    """The fleet's processor use over the newest 24 rolled-up hours: mean and highest."""
    with postgres.transaction() as db:
        rows = db.rows("metrics_reading/fleet_day", metric="cpu_pct", day=day)
    rows.sort()
    series = {"mean": [(at, avg) for at, avg, _ in rows], "highest": [(at, high) for at, _, high in rows]}
    return dg.MetadataValue.md(line_chart(series, unit="%"))


def preview(postgres: Postgres) -> dg.TableMetadataValue:
    """The ten newest rows of history."""
    with postgres.transaction() as db:
        newest_at = db.value("metrics_reading/newest_instant")
        rows = db.rows("metrics_reading/history_preview", newest_at=newest_at) if newest_at else []
    names = [column.name for column in HISTORY.columns]
    records = [dg.TableRecord(_printable(dict(zip(names, row, strict=True)))) for row in rows]
    return dg.MetadataValue.table(records, HISTORY)


def _printable(row: dict[str, Any]) -> dict[str, str | float | None]:
    return {name: value if value is None or isinstance(value, float) else str(value) for name, value in row.items()}
