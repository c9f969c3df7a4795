"""What is said of a table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assets.consistency.telling import aside, by_badness, percent, tell
from resources.consistency import StoredReport

AT = datetime(2026, 11, 20, 9, 25, tzinfo=UTC)
GOOD = StoredReport(
    report_id=1,
    run_id="r",
    round="full",
    round_at=AT,
    table_name="Story",
    mode="full",
    status="ok",
    reason="",
    started_at=AT,
    ended_at=AT,
    rows_a=4000,
    rows_b=4000,
    only_in_a=0,
    only_in_b=0,
    mismatched=0,
    form_only=0,
    in_flux=0,
    by_column={},
    rate=0.0,
    severity="ok",
    is_complete=True,
    share=1.0,
    since=None,
    notes=(),
    seconds=1.0,
    bytes_received=1,
    finding_count=0,
    is_truncated=False,
)
BAD = replace(
    GOOD,
    status="differs",
    only_in_a=5,
    only_in_b=1000,
    mismatched=7,
    by_column={"a": 1, "title": 7, "b": 2, "c": 1},
    rate=1012 / 5000,
    severity="critical",
)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (GOOD, "agrees in 4,000 rows"),
        (replace(GOOD, rows_a=1), "agrees in 1 row"),
        (replace(GOOD, mode="window", since=AT - timedelta(hours=24)), "agrees in 4,000 rows of the last 24 h"),
        (replace(GOOD, form_only=3, in_flux=2), "agrees in 4,000 rows; 3 in form only, 2 still being written"),
        (
            BAD,
            "differs in 1,012 of 5,000 rows (20.2 %): 5 only in the primary, 1,000 only in the secondary, "
            "7 changed (title 7, b 2, a 1, 1 more)",
        ),
        (
            replace(GOOD, status="rls", rate=None, severity="warning", reason="policies hide rows"),
            "was not compared (rls): policies hide rows",
        ),
        (
            replace(GOOD, status="missing_in_b", rate=None, severity="critical"),
            "was not compared (missing_in_b): the secondary does not have it",
        ),
    ],
)
def test_a_report_is_told_in_one_sentence(report: StoredReport, said: str) -> None:
    assert tell(report) == said


def test_a_long_reason_is_cut() -> None:
    long = replace(GOOD, status="error", rate=None, reason="x" * 1000)
    assert len(tell(long)) < 400
    assert tell(long).endswith("…")


def test_notes_are_told_beside() -> None:
    assert aside(GOOD) == ""
    assert aside(replace(GOOD, notes=("one", "two"))) == " (one; two)"
    assert len(aside(replace(GOOD, notes=("x" * 999,)))) <= 163


def test_the_worst_comes_first() -> None:
    broken = replace(GOOD, table_name="Broken", status="error", rate=None, severity="warning")
    names = [one.table_name for one in by_badness([GOOD, broken, replace(BAD, table_name="Bad")])]
    assert names == ["Bad", "Broken", "Story"]


def test_a_small_share_is_not_rounded_to_nothing() -> None:
    assert [percent(rate) for rate in (1.0, 0.123456, 0.0001, 0.000001)] == ["100 %", "12.3 %", "0.01 %", "0.0001 %"]
