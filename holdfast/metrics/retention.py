"""What may go when there is too much: by age, and by size before the provider's wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

THIN_AT: Final = 0.90
THIN_TO: Final = 0.85
WEEK: Final = timedelta(days=7)
# The newest weeks stay even at the wall: a fault of last week is still being looked into.
KEEP_WEEKS: Final = 2


@dataclass(frozen=True, slots=True)
class ChunkWeek:
    """The raw samples of one ISO week.

    Attributes:
        week: its Monday.
        bytes: what it takes in the database.
        is_pinned: a pinned range touches it, so part of it stays.
        is_due: a rollup of it is behind, so it stays for now.
    """

    week: date
    bytes: int
    is_pinned: bool = False
    is_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """Weeks whose raw samples would go, oldest first. Making it changes nothing.

    Attributes:
        by_age: weeks older than the days of raw samples to keep.
        by_size: weeks that go because the database is near its budget.
        database_bytes: size of the database now.
        budget_bytes: the size it may have.
        is_short: even after the plan the database stays above the mark at which it is thinned.
    """

    by_age: tuple[ChunkWeek, ...]
    by_size: tuple[ChunkWeek, ...]
    database_bytes: int
    budget_bytes: int
    is_short: bool

    @property
    def weeks(self) -> tuple[ChunkWeek, ...]:
        """All that would go."""
        return (*self.by_age, *self.by_size)

    def __str__(self) -> str:
        full = f"database at {self.database_bytes / self.budget_bytes:.0%} of {self.budget_bytes / 1e6:.0f} MB"
        if not self.weeks:
            return f"{full}: nothing to thin"
        freed_mb = sum(week.bytes for week in self.weeks) / 1e6
        span = f"{self.weeks[0].week} to {self.weeks[-1].week + WEEK - timedelta(days=1)}"
        pinned = sum(week.is_pinned for week in self.weeks)
        kept = f", pinned ranges in {pinned} of them stay" if pinned else ""
        return (
            f"{full}: raw samples of {len(self.weeks)} weeks ({span}, up to {freed_mb:.1f} MB) would go, "
            f"{len(self.by_age)} by age and {len(self.by_size)} by size{kept}"
        )


def plan_retention(
    weeks: Sequence[ChunkWeek], *, database_bytes: int, budget_bytes: int, raw_days: int, today: date
) -> RetentionPlan:
    """Decide which weeks of raw samples go.

    By age: weeks that end before ``today - raw_days``. By size: from 90 % of the budget on, oldest first until 85 %.
    A pinned week counts as freeing nothing, as all of it may be pinned. Weeks with rollups behind, and the newest
    two, never go by size.
    """
    oldest_first = sorted((week for week in weeks if not week.is_due), key=lambda week: week.week)
    by_age = tuple(week for week in oldest_first if week.week + WEEK <= today - timedelta(days=raw_days))
    size = database_bytes - sum(week.bytes for week in by_age if not week.is_pinned)
    by_size: list[ChunkWeek] = []
    if size >= THIN_AT * budget_bytes:
        newest_kept = today - timedelta(days=today.weekday()) - KEEP_WEEKS * WEEK + WEEK
        for week in oldest_first[len(by_age) :]:
            if size < THIN_TO * budget_bytes or week.week >= newest_kept:
                break
            by_size.append(week)
            size -= 0 if week.is_pinned else week.bytes
    return RetentionPlan(
        by_age=by_age,
        by_size=tuple(by_size),
        database_bytes=database_bytes,
        budget_bytes=budget_bytes,
        is_short=size >= THIN_AT * budget_bytes,
    )


def days_left(*, database_bytes: int, budget_bytes: int, bytes_a_day: int) -> int | None:
    """Days until the database is thinned, at the present growth; None where it does not grow."""
    if bytes_a_day <= 0:
        return None
    return max(0, int((THIN_AT * budget_bytes - database_bytes) // bytes_a_day))
