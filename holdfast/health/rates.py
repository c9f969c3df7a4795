"""What comparisons of the two stores said, as far as health is concerned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.consistency.reports import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What the newest comparison of a table said, of one mode.

    Attributes:
        rate: share of its rows that differ, 0 to 1.
    """

    table_name: str
    mode: Mode
    rate: float
    mismatches: int
    ended_at: datetime


def standing_rates(rates: Sequence[Rate]) -> dict[str, Rate]:
    """What holds for each table: the worst of its newest full look and of its newest window, if that is newer.

    A window that finds nothing does not take back what a look at every row found before it.
    """
    standing: dict[str, Rate] = {}
    for table in sorted({one.table_name for one in rates}):
        whole = max((r for r in rates if r.table_name == table and r.mode != "window"), key=_ended, default=None)
        recent = max((r for r in rates if r.table_name == table and r.mode == "window"), key=_ended, default=None)
        if whole and recent and recent.ended_at <= whole.ended_at:
            recent = None
        standing[table] = max((one for one in (whole, recent) if one), key=lambda one: one.rate)
    return standing


def worst_rate(rates: Sequence[Rate]) -> Rate | None:
    """The table of which the largest share differs; None where none was compared."""
    return max(standing_rates(rates).values(), key=lambda one: one.rate, default=None)


def _ended(rate: Rate) -> datetime:
    return rate.ended_at
