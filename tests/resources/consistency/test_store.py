"""Reports, findings and marks in a real primary."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.consistency.reports import KINDS, MISMATCHES, Difference
from resources.consistency import (
    exact_checks,
    newest_reports,
    open_findings,
    rates,
    read_mark,
    standing_reports,
)
from resources.consistency import store as stored
from resources.consistency.store import choose, save_mark
from resources.postgres import Postgres, Transaction
from tests.resources.consistency.comparisons import NOW, changed, comparison, lost, mark, store
from tests.resources.metrics.cycles import rows

FINDINGS = "select kind, key, columns, values_a, values_b, cause from holdfast.consistency_findings order by finding_no"


@pytest.fixture
def db(database_url: str) -> Iterator[Transaction]:
    """Reads what was committed before the test asks."""
    with Postgres(database_url).transaction() as db:
        yield db


def known_since(url: str) -> dict[str, object]:
    """Of the newest report, when each row was first seen."""
    found = rows(
        url,
        "select key, first_seen_at from holdfast.consistency_findings "
        "where report_id = (select max(report_id) from holdfast.consistency_reports)",
    )
    return dict(found)


def test_a_report_is_stored_with_its_findings_and_their_values(database_url: str, db: Transaction) -> None:
    both = {("2",): {"title": ["old", None]}, ("9",): {"id": [None, "9"], "title": [None, "x"]}}
    extra = Difference(key=("9",), kind="only_in_b", hash_b=3, cause="deleted")
    made = comparison([*lost("1"), extra, *changed("2")], sampled=both, notes=("a\x00b",), reason="r\x00")
    assert store(database_url, made, run_id="r1") == 1
    assert rows(database_url, FINDINGS) == [
        ("only_in_a", "1", [], None, None, None),
        ("mismatched", "2", ["title"], {"title": "old"}, {"title": None}, None),
        ("only_in_b", "9", [], None, {"id": "9", "title": "x"}, "deleted"),
    ]
    report = newest_reports(db)["Story"]
    assert (report.only_in_a, report.only_in_b, report.mismatched, report.mismatch_count) == (1, 1, 1, 3)
    assert (report.rows_a, report.union_rows, report.rate) == (100, 101, 3 / 101)
    assert (report.status, report.severity, report.by_column) == ("differs", "warning", {"title": 1})
    assert (report.finding_count, report.is_truncated, report.notes, report.reason) == (3, False, ["ab"], "r")
    assert read_mark(db, "Story") == mark()


def test_storing_a_report_again_changes_nothing(database_url: str) -> None:
    everything = "select * from holdfast.consistency_reports", FINDINGS, "select * from holdfast.consistency_marks"
    store(database_url, comparison(lost("1")), run_id="r1")
    before = [rows(database_url, query) for query in everything]
    assert store(database_url, comparison(lost("1", "2", "3")), run_id="r1") is None
    assert [rows(database_url, query) for query in everything] == before
    assert store(database_url, comparison(lost("1")), run_id="r2") is not None


def test_keys_of_several_columns_are_told_apart(database_url: str) -> None:
    pair = [Difference(key=("a", "b,c"), kind="only_in_a"), Difference(key=("a,b", "c"), kind="only_in_a")]
    store(database_url, comparison(pair), run_id="r1")
    found = rows(database_url, "select key, key_parts from holdfast.consistency_findings order by finding_no")
    assert found == [('["a", "b,c"]', ["a", "b,c"]), ('["a,b", "c"]', ["a,b", "c"])]


def test_counts_are_exact_where_not_every_finding_is_stored(database_url: str, db: Transaction) -> None:
    many = [*lost(*(f"a{n:05}" for n in range(5000))), *changed("z")]
    store(database_url, comparison(many, rows=10_000), run_id="r1")
    report = newest_reports(db)["Story"]
    assert (report.only_in_a, report.mismatched, report.finding_count, report.is_truncated) == (5000, 1, 1000, True)
    assert len(rows(database_url, FINDINGS)) == 1000


def test_what_could_not_be_compared_has_no_rate_and_leaves_the_mark(database_url: str, db: Transaction) -> None:
    store(database_url, comparison(), run_id="r1", ago=timedelta(hours=1))
    store(database_url, comparison(status="rls", reason="policies hide rows"), run_id="r2")
    report = newest_reports(db)["Story"]
    assert (report.status, report.rate, report.rows_a, report.is_compared) == ("rls", None, None, False)
    assert read_mark(db, "Story") == mark()
    assert [one.run_id for one in standing_reports(db)] == ["r1"]


def test_an_older_mark_never_takes_the_place_of_a_newer_one(database_url: str) -> None:
    for hours in (2, 0, 1):
        with Postgres(database_url).transaction() as db:
            save_mark(db, "Story", mark(NOW - timedelta(hours=hours), ("k",)), run_id=f"r{hours}")
    with Postgres(database_url).transaction() as db:
        assert read_mark(db, "Story") == mark(NOW, ("k",))
        assert read_mark(db, "Prompt") is None


def test_a_row_stays_known_since_it_was_first_seen(database_url: str) -> None:
    hour = timedelta(hours=1)
    store(database_url, comparison(lost("1", "2")), run_id="r1", ago=4 * hour)
    store(database_url, comparison(mode="window", differences=lost("2", "3")), run_id="r2", ago=3 * hour)
    assert known_since(database_url) == {"2": NOW - 4 * hour, "3": NOW - 3 * hour}
    store(database_url, comparison(lost("1", "3")), run_id="r3", ago=2 * hour)
    assert known_since(database_url) == {"1": NOW - 4 * hour, "3": NOW - 3 * hour}
    store(database_url, comparison(lost("2", "3")), run_id="r4", ago=hour)
    assert known_since(database_url) == {"2": NOW - hour, "3": NOW - 3 * hour}, "2 was mended, and broke again"
    store(database_url, comparison(changed("3")), run_id="r5")
    assert known_since(database_url) == {"3": NOW}, "it is another difference now"


def test_open_is_what_the_newest_exact_report_and_the_window_since_say(database_url: str, db: Transaction) -> None:
    hour = timedelta(hours=1)
    formed = Difference(key=("8",), kind="form_only", columns=("n",))
    store(database_url, comparison(lost("0")), run_id="r0", ago=9 * hour)
    store(database_url, comparison([*lost("1", "2"), formed]), run_id="r1", ago=4 * hour)
    store(database_url, comparison(lost("7"), mode="window"), run_id="r2", ago=3 * hour)
    store(database_url, comparison(changed("2", "3"), mode="window"), run_id="r3", ago=2 * hour)
    store(database_url, comparison(lost("5"), table="Prompt"), run_id="r3", ago=2 * hour)
    store(database_url, comparison(status="error"), run_id="r4")
    found = [(one.table_name, one.key, one.kind) for one in open_findings(db, "Story")]
    assert sorted(found) == [("Story", "1", "only_in_a"), ("Story", "2", "mismatched"), ("Story", "3", "mismatched")]
    assert len(open_findings(db)) == 4
    assert [(one.table_name, one.run_id) for one in standing_reports(db)] == [
        ("Prompt", "r3"), ("Story", "r1"), ("Story", "r3"),
    ]  # fmt: skip


def test_an_exact_report_takes_the_place_of_older_windows(database_url: str, db: Transaction) -> None:
    store(database_url, comparison(lost("7"), mode="window"), run_id="r1", ago=timedelta(hours=1))
    store(database_url, comparison(), run_id="r2")
    assert open_findings(db) == []
    assert [one.run_id for one in standing_reports(db)] == ["r2"]


def test_exact_checks_know_what_was_complete(database_url: str, db: Transaction) -> None:
    hour = timedelta(hours=1)
    store(database_url, comparison(mode="window"), run_id="r1", ago=5 * hour)
    store(database_url, comparison(mode="full"), run_id="r2", ago=4 * hour)
    store(database_url, comparison(mode="incremental"), run_id="r3", ago=3 * hour)
    store(database_url, comparison(mode="full", status="incomplete"), run_id="r4", ago=2 * hour)
    store(database_url, comparison(mode="window", table="Prompt"), run_id="r4", ago=2 * hour)
    found = exact_checks(db)
    assert (found["Story"].exact_at, found["Story"].full_at) == (NOW - 3 * hour, NOW - 4 * hour)
    assert (found["Prompt"].exact_at, found["Prompt"].full_at) == (None, None)
    assert found["Story"].first_at == NOW - 5 * hour - timedelta(seconds=2)


def test_shares_over_time_are_of_one_kind_of_round(database_url: str, db: Transaction) -> None:
    for number, (round_, ago_h) in enumerate([("window 24 h", 3), ("window 3 h of Story", 2), ("full", 1)]):
        store(database_url, comparison(lost("1")), run_id=f"r{number}", ago=timedelta(hours=ago_h), round_=round_)
    store(database_url, comparison(status="error"), run_id="r9", round_="window 24 h")
    assert [rate for _, rate in rates(db, ["window"], NOW - timedelta(days=1))["Story"]] == [0.01, 0.01, None]
    assert len(rates(db, ["incremental", "full"], NOW - timedelta(days=1))["Story"]) == 1
    assert rates(db, ["full"], NOW) == {}


def numbers(url: str) -> list[str]:
    return [row[0] for row in rows(url, "select distinct key from holdfast.consistency_findings order by key")]


def test_findings_of_windows_go_after_a_day_and_exact_ones_after_90_but_the_newest_stay(
    database_url: str,
) -> None:
    runs = map(str, count())
    for key, mode, days in (
        ("exact old", "full", 95),
        ("exact young", "full", 89),
        ("window old", "window", 2),
        ("window newer", "window", 1.5),
    ):
        made = comparison(lost(key), mode=mode)  # type: ignore[arg-type]
        store(database_url, made, run_id=next(runs), ago=timedelta(days=days))
    store(database_url, comparison(mode="window"), run_id=next(runs))
    assert numbers(database_url) == ["exact young", "window newer"]
    store(database_url, comparison(lost("window new"), mode="window"), run_id=next(runs))
    assert numbers(database_url) == ["exact young", "window new"]
    (found,) = rows(database_url, "select count(*), sum(finding_count) from holdfast.consistency_reports")
    assert found == (6, 5), "reports and their counts stay"


def test_too_many_findings_of_a_table_lose_the_oldest(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_OF_TABLE", 5)
    for number, key in enumerate("abc"):
        ago = timedelta(days=10 - number)
        store(database_url, comparison(lost(f"{key}1", f"{key}2")), run_id=str(number), ago=ago)
    assert numbers(database_url) == ["b1", "b2", "c1", "c2"]
    store(database_url, comparison(lost(*"123456789")), run_id="9")
    assert numbers(database_url) == list("123456789")


def test_reports_go_after_400_days_with_their_findings(database_url: str) -> None:
    store(database_url, comparison(lost("1")), run_id="old", ago=timedelta(days=401))
    store(database_url, comparison(lost("2"), table="Prompt"), run_id="young", ago=timedelta(days=399))
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into holdfast.consistency_progress "
            "values ('full', 'Gone', now(), 1, null, now() - interval '8 days')"
        )
    store(database_url, comparison(table="Prompt"), run_id="new")
    assert rows(database_url, "select run_id from holdfast.consistency_reports order by 1") == [("new",), ("young",)]
    assert numbers(database_url) == ["2"]
    assert rows(database_url, "select * from holdfast.consistency_progress") == []


differences = st.lists(
    st.builds(Difference, key=st.tuples(st.text(max_size=3)), kind=st.sampled_from(KINDS)), max_size=60
)


@given(differences, st.integers(0, 40))
def test_every_kind_has_its_share_of_what_is_stored_and_mismatches_come_first(
    found: list[Difference], most: int
) -> None:
    chosen = choose(found, most)
    assert len(chosen) == min(most, len(found))
    assert [one.key for one in chosen] == sorted(one.key for one in chosen)
    kept = {kind: sum(one.kind == kind for one in chosen) for kind in KINDS}
    whole = {kind: sum(one.kind == kind for one in found) for kind in KINDS}
    if any(kept[kind] < whole[kind] for kind in MISMATCHES):
        assert not kept["form_only"] + kept["in_flux"]
    for kind in MISMATCHES:
        assert kept[kind] >= min(whole[kind], most // 3)
