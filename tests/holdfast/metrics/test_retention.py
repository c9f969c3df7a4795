"""The plan of what goes keeps its promises, whatever is stored."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics.retention import THIN_AT, THIN_TO, WEEK, ChunkWeek, RetentionPlan, days_left, plan_retention

TODAY = date(2026, 11, 20)
MONDAY = TODAY - timedelta(days=TODAY.weekday())
BUDGET = 1000

weeks = st.lists(
    st.builds(
        ChunkWeek,
        week=st.integers(0, 60).map(lambda number: MONDAY - number * WEEK),
        bytes=st.integers(0, 400),
        is_pinned=st.booleans(),
        is_due=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda week: week.week,
)
sizes = st.integers(0, 3 * BUDGET)
days = st.integers(2, 500)


def plan(found: list[ChunkWeek], size: int = BUDGET, raw_days: int = 400) -> RetentionPlan:
    return plan_retention(found, database_bytes=size, budget_bytes=BUDGET, raw_days=raw_days, today=TODAY)


def freed(found: tuple[ChunkWeek, ...]) -> int:
    """What surely goes: a pinned week may stay as it is."""
    return sum(week.bytes for week in found if not week.is_pinned)


@given(weeks, sizes, days)
def test_by_age_exactly_the_weeks_that_ended_before_go(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    expected = [w for w in found if not w.is_due and w.week + WEEK <= TODAY - timedelta(days=raw_days)]
    assert list(plan(found, size, raw_days).by_age) == sorted(expected, key=lambda week: week.week)


@given(weeks, sizes, days)
def test_a_week_with_rollups_behind_never_goes(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    assert not any(week.is_due for week in plan(found, size, raw_days).weeks)


@given(weeks, sizes, days)
def test_the_newest_two_weeks_never_go_by_size(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    assert all(week.week < MONDAY - WEEK for week in plan(found, size, raw_days).by_size)


@given(weeks, sizes, days)
def test_the_oldest_go_first_and_none_is_left_out(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    planned = plan(found, size, raw_days).weeks
    possible = sorted((week for week in found if not week.is_due), key=lambda week: week.week)
    assert list(planned) == possible[: len(planned)]


@given(weeks, sizes, days)
def test_nothing_goes_by_size_below_the_mark(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    planned = plan(found, size, raw_days)
    if size - freed(planned.by_age) < THIN_AT * BUDGET:
        assert planned.by_size == ()


@given(weeks, sizes, days)
def test_thinning_by_size_stops_as_soon_as_it_is_enough(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    planned = plan(found, size, raw_days)
    left = size - freed(planned.by_age)
    for week in planned.by_size:
        assert left >= THIN_TO * BUDGET
        left -= freed((week,))
    if planned.by_size and left >= THIN_TO * BUDGET:
        possible = [w for w in found if not w.is_due and w.week < MONDAY - WEEK]
        assert len(planned.weeks) == len(possible) + len([w for w in planned.by_age if w not in possible])


@given(weeks, sizes, days)
def test_short_is_said_exactly_when_what_surely_goes_is_not_enough(
    found: list[ChunkWeek], size: int, raw_days: int
) -> None:
    planned = plan(found, size, raw_days)
    assert planned.is_short == (size - freed(planned.weeks) >= THIN_AT * BUDGET)


@given(weeks, sizes, days, st.randoms())
def test_making_a_plan_changes_nothing_and_order_does_not_matter(
    found: list[ChunkWeek], size: int, raw_days: int, rng: object
) -> None:
    before = list(found)
    first = plan(found, size, raw_days)
    assert found == before
    rng.shuffle(found)  # type: ignore[attr-defined]
    assert plan(found, size, raw_days) == first


@given(weeks, sizes, days)
def test_once_it_was_carried_out_there_is_nothing_more_to_thin(
    found: list[ChunkWeek], size: int, raw_days: int
) -> None:
    unpinned = [replace(week, is_pinned=False) for week in found]
    planned = plan(unpinned, size, raw_days)
    left = [week for week in unpinned if week not in planned.weeks]
    again = plan(left, size - freed(planned.weeks), raw_days)
    assert again.weeks == ()
    assert again.is_short == planned.is_short


@given(weeks, sizes, days)
def test_a_plan_prints_as_one_sentence_with_its_numbers(found: list[ChunkWeek], size: int, raw_days: int) -> None:
    planned = plan(found, size, raw_days)
    text = str(planned)
    assert "\n" not in text
    if planned.weeks:
        assert f"raw samples of {len(planned.weeks)} weeks" in text
    else:
        assert text.endswith("nothing to thin")


def test_a_plan_names_its_span_and_what_stays() -> None:
    found = [ChunkWeek(MONDAY - number * WEEK, 100, is_pinned=number == 60) for number in range(58, 61)]
    assert str(plan(found, 500)) == (
        "database at 50% of 0 MB: raw samples of 3 weeks (2025-09-22 to 2025-10-12, up to 0.0 MB) would go, "
        "3 by age and 0 by size, pinned ranges in 1 of them stay"
    )


@pytest.mark.parametrize(
    ("size", "growth", "expected"), [(500, 0, None), (500, -5, None), (500, 100, 4), (899, 100, 0), (2000, 1, 0)]
)
def test_days_until_thinning(size: int, growth: int, expected: int | None) -> None:
    assert days_left(database_bytes=size, budget_bytes=BUDGET, bytes_a_day=growth) == expected


def test_from_90_percent_on_it_thins_to_below_85() -> None:
    found = [ChunkWeek(MONDAY - number * WEEK, 30) for number in range(2, 20)]
    assert plan(found, 899).weeks == ()
    assert len(plan(found, 900).by_size) == 2
    assert len(plan(found, 910).by_size) == 3
