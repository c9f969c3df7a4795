"""The share of mismatches over time, for the UI."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from holdfast.consistency.reports import CRITICAL_RATE, KPI_RATE, WARNING_RATE, Mode
from holdfast.plots import share_chart
from resources.consistency import rates
from resources.postgres import Postgres

# Rounds of these modes make one picture: the share of a day's rows is no share of all rows.
_TOGETHER: Final[Mapping[Mode, tuple[Sequence[Mode], timedelta]]] = {
    "window": (("window",), timedelta(days=7)),
    "incremental": (("incremental", "full"), timedelta(days=60)),
    "full": (("incremental", "full"), timedelta(days=60)),
}
LINES: Final = {"5 %": CRITICAL_RATE, "1 %": WARNING_RATE, ".01 %": KPI_RATE}


def share_plot(postgres: Postgres, mode: Mode, tables: Collection[str], now: datetime) -> dg.MarkdownMetadataValue:
    """Mismatches of the rows of each of these tables: a week of windows, or two months of exact comparisons."""
    asked, back = _TOGETHER[mode]
    with postgres.transaction() as db:
        found = rates(db, asked, now - back)
    return dg.MetadataValue.md(
        share_chart({table: points for table, points in found.items() if table in tables}, lines=LINES)
    )
