"""Checks of the reports, on reports stored in a real Postgres."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from assets.catalog import COMPARED_TABLES
from assets.consistency.checks_report import (
    every_declared_table_was_compared,
    the_last_exact_check_is_recent,
    the_stores_agree,
)
from assets.consistency.report import NOT_CONFIGURED
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource
from tests.resources.consistency.comparisons import changed, comparison, lost, store

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAMES = [one.name for one in COMPARED_TABLES]


def agree(url: str) -> dg.AssetCheckResult:
    return evaluated(the_stores_agree(postgres=PostgresResource(dsn=url)))


def all_compared(url: str, second: str = "postgresql://unused/") -> dg.AssetCheckResult:
    stores = StoresResource(a_url=url, b_url=second)
    return evaluated(every_declared_table_was_compared(postgres=PostgresResource(dsn=url), stores=stores))


def recent(url: str, second: str = "postgresql://unused/") -> dg.AssetCheckResult:
    stores = StoresResource(a_url=url, b_url=second)
    return evaluated(the_last_exact_check_is_recent(postgres=PostgresResource(dsn=url), stores=stores))


def evaluated(found: Any) -> dg.AssetCheckResult:
    assert isinstance(found, dg.AssetCheckResult)
    return found


def number(found: dg.AssetCheckResult, name: str) -> Any:
    return found.metadata[name].value


@pytest.mark.parametrize(
    ("lost_rows", "passed", "severity"),
    [
        (0, True, dg.AssetCheckSeverity.WARN),
        (1, False, dg.AssetCheckSeverity.WARN),
        (100, False, dg.AssetCheckSeverity.WARN),
        (500, False, dg.AssetCheckSeverity.WARN),
        (501, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_the_limits_are_those_of_the_seed(
    database_url: str, lost_rows: int, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    store(database_url, comparison(lost(*map(str, range(lost_rows))), rows=10_000), run_id="r1")
    found = agree(database_url)
    assert (found.passed, found.severity) == (passed, severity)
    assert number(found, "worst_rate_pct") == lost_rows / 100
    assert number(found, "mismatched_rows") == lost_rows
    assert number(found, "goal_pct") == 0.01
    assert ("Story differs in" in (found.description or "")) is not passed


def test_fewer_than_one_row_in_ten_thousand_is_agreement(database_url: str) -> None:
    store(database_url, comparison(lost("1"), rows=10_001), run_id="r1")
    assert agree(database_url).passed


def test_a_window_alone_does_not_take_back_what_an_exact_comparison_found(database_url: str) -> None:
    store(database_url, comparison(lost("1")), run_id="r1", ago=2 * HOUR)
    store(database_url, comparison(mode="window"), run_id="r2", ago=HOUR)
    assert not agree(database_url).passed
    store(database_url, comparison(mode="incremental"), run_id="r3")
    assert agree(database_url).passed


def test_a_window_that_finds_more_counts(database_url: str) -> None:
    store(database_url, comparison(), run_id="r1", ago=2 * HOUR)
    store(database_url, comparison(changed("1"), mode="window"), run_id="r2", ago=HOUR)
    found = agree(database_url)
    assert not found.passed
    assert "1 changed (title 1)" in (found.description or "")


def test_tables_that_nobody_declared_do_not_count(database_url: str) -> None:
    store(database_url, comparison(lost("1"), table="app.notes"), run_id="r1")
    found = agree(database_url)
    assert found.passed
    assert found.description == "No table was compared yet."


def test_every_table_that_was_not_compared_is_named_with_its_reason(database_url: str) -> None:
    for name in NAMES[:4]:
        store(database_url, comparison(table=name), run_id="r1")
    store(database_url, comparison(table=NAMES[3], status="rls", reason="policies hide rows"), run_id="r2")
    found = all_compared(database_url)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert number(found, NAMES[3]) == "was not compared (rls): policies hide rows"
    assert number(found, NAMES[4]) == "was never compared"
    assert (number(found, "declared_tables"), number(found, "not_compared_tables")) == (6, 3)
    store(database_url, comparison(table=NAMES[5], status="missing_in_b", reason="it lacks it"), run_id="r3")
    assert all_compared(database_url).severity == dg.AssetCheckSeverity.ERROR


def test_all_compared_passes(database_url: str) -> None:
    for name in NAMES:
        store(database_url, comparison(lost("1"), table=name), run_id="r1")
    assert all_compared(database_url).passed


def test_without_a_second_store_both_pass_and_say_why(database_url: str) -> None:
    for found in (all_compared(database_url, ""), recent(database_url, "")):
        assert (found.passed, found.description) == (True, NOT_CONFIGURED)


def test_an_exact_check_is_due_after_26_hours_and_a_full_one_after_8_days(database_url: str) -> None:
    for name in NAMES[1:]:
        store(database_url, comparison(table=name), run_id="r1")
    store(database_url, comparison(), run_id="r1", ago=9 * DAY)
    store(database_url, comparison(mode="incremental"), run_id="r2", ago=27 * HOUR)
    found = recent(database_url)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "Story: compared exactly 27 hours ago"
    store(database_url, comparison(mode="incremental"), run_id="r3", ago=HOUR)
    assert recent(database_url).description == "Story: compared in full 216 hours ago"
    store(database_url, comparison(), run_id="r4", ago=HOUR)
    found = recent(database_url)
    assert (found.passed, found.description, number(found, "late_tables")) == (True, None, 0)
    assert number(found, "hours_since_exact_Story") == pytest.approx(1, abs=0.1)


def test_a_young_installation_passes_with_its_reason_until_it_is_late(database_url: str) -> None:
    assert recent(database_url).passed
    store(database_url, comparison(mode="window"), run_id="r1", ago=25 * HOUR)
    found = recent(database_url)
    assert found.passed
    assert "Story" in (found.description or "")
    store(database_url, comparison(table="Prompt", status="error"), run_id="r0", ago=27 * HOUR)
    found = recent(database_url)
    assert (found.passed, found.description) == (False, "Prompt: compared exactly never")
