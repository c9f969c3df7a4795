"""Rounds on two real servers: every table once, and what was cut off goes on."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from holdfast.consistency.layouts import hashed
from holdfast.consistency.reports import Comparison
from holdfast.consistency.scans import Checkpoint
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import TransientError
from resources.consistency import StoredReport, read_mark
from resources.consistency.keeping import Keeper
from resources.consistency.rounds import Asked
from resources.consistency.running import alone, mode_of
from resources.guards.breakers import open_breakers
from resources.postgres import Postgres
from resources.stores import Stores
from resources.tables.asking import Listener
from resources.tables.comparing import compare
from resources.tables.slicing import Progress
from tests.resources.consistency.comparisons import mark
from tests.resources.consistency.pairs import Pair, asked, change
from tests.resources.metrics.cycles import rows

REPORTS = "select run_id, table_name, status, mode from holdfast.consistency_reports order by report_id"
PROGRESS = "select table_name, attempt_count, checkpoint is not null from holdfast.consistency_progress order by 1"


Engine = Callable[..., Comparison]


class Killed(BaseException):
    """The run ends here."""


@pytest.fixture
def pair(database_url: str, secondary_database_url: str) -> Pair:
    return Pair(database_url, secondary_database_url)


def dies_at(table: str) -> Any:
    """A run that is killed as soon as the report of a table is stored."""

    def told(report: StoredReport) -> None:
        if report.table_name == table:
            raise Killed

    return told


def dies_in(table: str) -> Engine:
    """A run that is killed in the middle of comparing a table."""

    def engine(stores: Stores, declared: ComparedTable, **more: Any) -> Comparison:
        if declared.name == table:
            raise Killed
        return compare(stores, declared, **more)

    return engine


def test_a_round_has_a_report_of_every_table_and_tells_each_as_it_comes(pair: Pair) -> None:
    tables = pair.make("t1", "t2", "t3")
    change(pair.b, "delete from t2 where id in (7, 8)", "update t3 set title = 'x' where id = 1")
    done = pair.comparer("r1").compare(asked(tables))
    assert pair.told == [("t1", 1, 3), ("t2", 2, 3), ("t3", 3, 3)]
    assert done.fresh == ["t1", "t2", "t3"]
    assert {name: one.status for name, one in done.round.reports.items()} == {
        "t1": "ok", "t2": "differs", "t3": "differs",
    }  # fmt: skip
    found = "select table_name, kind, key, columns from holdfast.consistency_findings order by 1, 3"
    assert rows(pair.a, found) == [
        ("t2", "only_in_a", "7", []),
        ("t2", "only_in_a", "8", []),
        ("t3", "mismatched", "1", ["title"]),
    ]
    assert rows(pair.a, PROGRESS) == []


def test_the_same_run_again_changes_nothing_and_another_run_begins_anew(pair: Pair) -> None:
    tables = pair.make("t1", "t2")
    pair.comparer("r1").compare(asked(tables))
    before = rows(pair.a, REPORTS)
    again = pair.comparer("r1").compare(asked(tables))
    assert rows(pair.a, REPORTS) == before
    assert (again.fresh, len(again.round.reports)) == ([], 2)
    assert pair.comparer("r2").compare(asked(tables)).fresh == ["t1", "t2"]


def test_a_run_that_was_killed_is_gone_on_with(pair: Pair) -> None:
    tables = pair.make("t1", "t2", "t3")
    with pytest.raises(Killed):
        pair.comparer("r1", told=dies_at("t2")).compare(asked(tables))
    assert rows(pair.a, PROGRESS) == [("t3", 0, False)]
    done = pair.comparer("r2").compare(asked(tables))
    assert done.fresh == ["t3"]
    assert [(one[0], one[1]) for one in rows(pair.a, REPORTS)] == [("r1", "t1"), ("r1", "t2"), ("r2", "t3")]
    assert set(done.round.reports) == {"t1", "t2", "t3"}
    assert rows(pair.a, PROGRESS) == []
    assert len(rows(pair.a, "select distinct round_at from holdfast.consistency_reports")) == 1


def test_a_round_of_another_kind_or_of_yesterday_is_not_gone_on_with(pair: Pair) -> None:
    tables = pair.make("t1", "t2")
    with pytest.raises(Killed):
        pair.comparer("r1", told=dies_at("t1")).compare(asked(tables))
    assert pair.comparer("r2").compare(asked(tables, "window")).fresh == ["t1", "t2"]
    change(pair.a, "update holdfast.consistency_progress set round_at = now() - interval '7 hours'")
    assert pair.comparer("r3").compare(asked(tables)).fresh == ["t1", "t2"]
    assert rows(pair.a, PROGRESS) == []


def test_a_table_that_ends_its_run_stops_no_other_and_is_given_up_after_three_times(pair: Pair) -> None:
    tables = pair.make("t1", "t2", "t3")
    for number in range(3):
        with pytest.raises(Killed):
            pair.comparer(f"r{number}", engine=dies_in("t1")).compare(asked(tables))
    assert [one[1] for one in rows(pair.a, REPORTS)] == ["t2", "t3"]
    assert rows(pair.a, PROGRESS) == [("t1", 3, False)]
    done = pair.comparer("r3").compare(asked(tables))
    assert done.round.reports["t1"].status == "error"
    assert "cut off 3 times in this round" in done.round.reports["t1"].reason
    assert done.round.reports["t1"].rate is None
    assert rows(pair.a, PROGRESS) == []


def test_one_bad_table_among_good_ones(pair: Pair) -> None:
    good, odd, last = pair.make("good", "odd", "last")
    change(pair.a, "create table keyless (n integer)")
    change(pair.b, "create table keyless (n integer)", "drop table odd")
    tables = [odd, ComparedTable(name="keyless"), ComparedTable(name="nowhere"), good, last]
    done = pair.comparer("r1").compare(asked(tables))
    statuses = {name: one.status for name, one in done.round.reports.items()}
    assert statuses["odd"] == "missing_in_b"
    assert statuses["good"] == statuses["last"] == "ok"
    assert all(one.reason for one in done.round.reports.values() if not one.is_compared)
    assert len(statuses) == 5


def test_a_fault_of_ours_in_one_table_stops_no_other(pair: Pair) -> None:
    def engine(stores: Stores, declared: ComparedTable, **more: Any) -> Comparison:
        if declared.name == "t1":
            raise ZeroDivisionError("a surprise")
        return compare(stores, declared, **more)

    tables = pair.make("t1", "t2")
    reports = pair.comparer("r1", engine=engine).compare(asked(tables)).round.reports
    assert (reports["t1"].status, reports["t2"].status) == ("error", "ok")
    assert "ZeroDivisionError: a surprise" in reports["t1"].reason


def test_a_store_that_is_away_is_an_error_of_every_table_and_opens_its_breaker(pair: Pair) -> None:
    tables = pair.make("t1", "t2", "t3", "t4")
    away = Pair(pair.a, "postgresql://u:sesame@127.0.0.1:1/none", pair.breakers)
    reports = away.comparer("r1").compare(asked(tables)).round.reports
    assert {one.status for one in reports.values()} == {"error"}
    assert {one.rate for one in reports.values()} == {None}
    assert "Postgres is away" in reports["t1"].reason
    assert "secondary" in reports["t4"].reason
    assert "breaker" in reports["t4"].reason
    assert "sesame" not in str(reports)
    assert rows(pair.a, "select * from holdfast.consistency_findings") == []
    assert pair.breakers.look("primary").state == "closed"
    assert pair.breakers.look("secondary").state == "open"


def test_an_open_breaker_is_an_error_with_its_reason_and_asks_nobody(pair: Pair) -> None:
    tables = pair.make("t1")
    pair.breakers = open_breakers(redis_url=None, database_url=pair.a)
    pair.breakers.force("secondary", "open", by="ann", reason="maintenance tonight")
    (report,) = pair.comparer("r1").compare(asked(tables)).round.reports.values()
    assert (report.status, report.rate, report.severity) == ("error", None, "warning")
    assert "maintenance tonight" in report.reason


def test_a_primary_that_is_away_is_said_and_stores_nothing(pair: Pair) -> None:
    tables = pair.make("t1")
    away = Pair("postgresql://u:sesame@127.0.0.1:1/none", pair.b)
    with pytest.raises(TransientError, match="Postgres is away"):
        away.comparer("r1").compare(asked(tables))


def test_exact_rounds_build_on_each_other_and_find_deletes(pair: Pair) -> None:
    tables = pair.make("t1", rows=2000)
    first = pair.comparer("r1").compare(asked(tables, "incremental")).round.reports["t1"]
    assert first.mode == "full"
    assert any("compared in full" in note for note in first.notes)
    change(pair.a, "delete from t1 where id = 5", "update t1 set title = 'silent' where id = 6")
    second = pair.comparer("r2").compare(asked(tables, "incremental")).round.reports["t1"]
    assert (second.mode, second.only_in_b, second.mismatched) == ("incremental", 1, 1)
    found = rows(pair.a, "select key, kind, cause from holdfast.consistency_findings order by 1")
    assert found == [("5", "only_in_b", "deleted"), ("6", "mismatched", None)]
    change(pair.b, "delete from t1 where id = 5", "update t1 set title = 'silent' where id = 6")
    third = pair.comparer("r3").compare(asked(tables, "incremental")).round.reports["t1"]
    assert (third.mode, third.status) == ("incremental", "ok")


def test_a_window_sees_what_is_new_and_leaves_the_mark(pair: Pair) -> None:
    tables = pair.make("t1")
    pair.comparer("r1").compare(asked(tables))
    with Postgres(pair.a).transaction() as db:
        before = read_mark(db, "t1")
    change(pair.a, "update t1 set updated_at = now() - interval '3 days' where id <= 50", "delete from t1 where id = 1")
    change(pair.a, "insert into t1 values (101, 'new', now())")
    report = pair.comparer("r2").compare(asked(tables, "window", hours=2)).round.reports["t1"]
    assert report.mode == "window"
    assert report.since is not None
    assert timedelta(hours=2) == report.round_at - report.since
    assert report.only_in_a == 1
    with Postgres(pair.a).transaction() as db:
        assert read_mark(db, "t1") == before


def test_a_table_without_time_is_compared_exactly_in_place_of_a_window(pair: Pair) -> None:
    pair.make("t1")
    tables = [ComparedTable(name="t1", updated_at=None)]
    assert pair.comparer("r1").compare(asked(tables, "window")).round.reports["t1"].mode == "full"
    report = pair.comparer("r2").compare(asked(tables, "window")).round.reports["t1"]
    assert report.mode == "incremental"
    assert "compared by increments" in report.notes[0]
    assert mode_of(asked(tables, "full"), tables[0], mark()) == ("full", "")


def test_a_table_that_another_run_is_at_is_left_to_it(pair: Pair) -> None:
    tables = pair.make("t1", "t2")
    with alone(Postgres(pair.a), "t1") as is_alone:
        assert is_alone
        with alone(Postgres(pair.a), "t1") as is_other:
            assert not is_other
        done = pair.comparer("r1").compare(asked(tables))
    assert (done.fresh, done.busy) == (["t2"], ["t1"])
    assert rows(pair.a, PROGRESS) == [], "the next round compares everything again"
    assert pair.comparer("r2").compare(asked(tables)).fresh == ["t1", "t2"]


def test_a_run_waits_a_while_for_the_table_that_another_one_is_at(pair: Pair) -> None:
    tables = pair.make("t1", "t2")
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(Postgres(pair.a), "t1"):
            held.set()
            go.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(30)
    comparer = pair.comparer("r1", wait_s=30, told=lambda _: go.set())
    done = comparer.compare(asked(tables))
    other.join()
    assert (sorted(done.fresh), done.busy) == (["t1", "t2"], [])


def test_two_runs_at_once_compare_no_table_twice(pair: Pair) -> None:
    tables = pair.make(*(f"t{number}" for number in range(6)))
    runs = [threading.Thread(target=pair.comparer(f"r{n}", wait_s=30).compare, args=(asked(tables),)) for n in (1, 2)]
    with pytest.raises(Killed):
        pair.comparer("r0", told=dies_at("t0")).compare(asked(tables))
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    found = rows(pair.a, "select table_name, count(*) from holdfast.consistency_reports group by 1 order by 1")
    assert found == [(f"t{number}", 1) for number in range(6)]
    assert rows(pair.a, PROGRESS) == []


def test_a_lock_whose_line_is_cut_is_no_error(pair: Pair) -> None:
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' \
        and datname = current_database()"
    with alone(Postgres(pair.a), "t1") as is_alone:
        assert is_alone
        assert rows(pair.a, ended) == [(True,)]


def test_a_long_comparison_goes_on_from_its_checkpoint(pair: Pair) -> None:
    tables = pair.make("t1")
    kept: list[Checkpoint] = []
    given: list[Checkpoint] = []

    def dies(stores: Stores, declared: ComparedTable, **more: Any) -> Comparison:
        compare(stores, declared, **more | {"listener": Listener(keep=kept.append)})
        keeper = Keeper(postgres=Postgres(pair.a), round="full", table="t1", log=logging.getLogger("test"), every_s=0)
        keeper.keep(kept[0])
        raise Killed

    def listens(stores: Stores, declared: ComparedTable, **more: Any) -> Comparison:
        given.append(more["checkpoint"])
        return compare(stores, declared, **more)

    with pytest.raises(Killed):
        pair.comparer("r1", engine=dies).compare(asked(tables))
    assert rows(pair.a, PROGRESS) == [("t1", 1, True)]
    reports = pair.comparer("r2", engine=listens).compare(asked(tables)).round.reports
    assert given[0].to_document() == kept[0].to_document()
    assert reports["t1"].status == "ok"


def test_what_another_version_left_is_begun_anew(pair: Pair) -> None:
    tables = pair.make("t1")
    pair.comparer("r1").compare(asked(tables))
    change(
        pair.a,
        "update holdfast.consistency_marks set mark = '{\"a\": {}}'",
        "insert into holdfast.consistency_progress values ('incremental', 't1', now(), 1, '{\"v\": 9}', now())",
    )
    report = pair.comparer("r2").compare(asked(tables, "incremental")).round.reports["t1"]
    assert (report.mode, report.status) == ("full", "ok")


def test_a_checkpoint_that_cannot_be_stored_does_not_stop_the_comparison() -> None:
    away = Postgres("postgresql://u:sesame@127.0.0.1:1/none")
    keeper = Keeper(postgres=away, round="full", table="t1", log=logging.getLogger("test"), every_s=0)
    keeper.keep(Checkpoint("d", 1, hashed(10)))


def test_a_long_scan_says_now_and_then_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    postgres = Postgres("postgresql://u@127.0.0.1:1/none")
    keeper = Keeper(postgres=postgres, round="full", table="t1", log=logging.getLogger("test"), tell_every_s=0)
    with caplog.at_level(logging.INFO):
        keeper.tell(Progress("t1", "b", 40, 100))
    assert caplog.messages == ["consistency: t1: 40 % of the secondary read"]


def test_rounds_are_named_by_what_was_asked_for() -> None:
    tables = [ComparedTable(name="Story"), ComparedTable(name='public."Prompt"'), ComparedTable(name="app.x")]
    assert asked(tables).name == "full"
    assert asked(tables, "window", hours=24).name == "window 24 h"
    assert asked(tables, "window", hours=1.5, is_choice=True).name == "window 1.5 h of Story, Prompt, app.x"


def test_nothing_is_asked_of_nobody(pair: Pair) -> None:
    done = pair.comparer("r1").compare(Asked(mode="full", hours=24, tables=[]))
    assert (done.fresh, done.busy, dict(done.round.reports)) == ([], [], {})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_findings_are_exactly_the_damage_that_was_done(pair: Pair, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tables = pair.make("t1", rows=3000)
    keys = [int(key) for key in rng.permutation(3000)[:90] + 1]
    damage = {"only_in_a": keys[:30], "only_in_b": keys[30:60], "mismatched": keys[60:]}
    change(pair.b, f"delete from t1 where id = any('{set(damage['only_in_a'])}')")
    change(pair.a, f"delete from t1 where id = any('{set(damage['only_in_b'])}')")
    change([pair.a, pair.b][seed % 2], f"update t1 set title = null where id = any('{set(damage['mismatched'])}')")
    pair.comparer("r1").compare(asked(tables))
    found = rows(pair.a, "select kind, key::int, columns from holdfast.consistency_findings order by key")
    done = [(kind, key, ["title"] if kind == "mismatched" else []) for kind, some in damage.items() for key in some]
    assert found == sorted(done, key=lambda one: one[1])
