"""What cannot be compared is said, for that table, and never taken for lost rows."""

import psycopg
import pytest
from psycopg import sql

from holdfast.consistency.tables import ComparedTable
from resources.stores import open_stores
from resources.tables.comparing import Options, compare
from tests.resources.tables.pairs import QUICK, Pair

TABLE = "create table t (id integer primary key, v text, updated_at timestamptz default now())"


def as_role(url: str, role: str, *grants: str) -> str:
    """The same database as another role that may log in."""
    with psycopg.connect(url, autocommit=True) as connection:
        exists = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
        if not exists:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        for grant in grants:
            connection.execute(grant.encode())
    return url.replace("//postgres@", f"//{role}@")


@pytest.mark.parametrize(("side", "status"), [("a", "missing_in_a"), ("b", "missing_in_b")])
def test_a_table_of_one_store_only(pair: Pair, side: str, status: str) -> None:
    (pair.b if side == "a" else pair.a)(TABLE)
    report = pair.compare("t").report
    assert (report.status, report.rate, report.severity) == (status, None, "critical")


def test_a_table_of_neither_store(pair: Pair) -> None:
    report = pair.compare("nope").report
    assert report.status == "error"
    assert "neither store has a table nope" in report.reason


def test_a_view_holds_no_rows_of_its_own(pair: Pair) -> None:
    pair.both(TABLE, "create view w as select * from t")
    assert pair.compare("w").report.status == "not_comparable"


def test_both_empty_is_equal_and_one_empty_is_suspicious(pair: Pair) -> None:
    pair.both(TABLE)
    report = pair.compare("t").report
    assert (report.status, report.rate) == ("ok", 0.0)
    pair.a("insert into t select n, 'v' from generate_series(1, 40) n")
    report = pair.compare("t").report
    assert (report.status, report.rate, report.severity, report.of("only_in_a").count) == (
        "differs",
        1.0,
        "critical",
        40,
    )
    assert "looks like the wrong database" in report.notes[0]


def test_hidden_rows_are_not_lost_rows(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1, 'v', '2026-01-01'), (2, 'v', '2026-01-01')")
    pair.b("alter table t enable row level security", "create policy mine on t using (v = current_user)")
    blind = as_role(pair.urls[1], "blind", "grant select on t to blind")
    report = compare(open_stores(pair.urls[0], blind), ComparedTable(name="t"), options=QUICK).report
    assert (report.status, report.rate, report.of("only_in_a").count) == ("rls", None, 0)
    assert "BYPASSRLS" in report.reason
    assert pair.found("t") == {}, "the owner sees all"


def test_reading_needs_no_more_than_the_right_to_read(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1, 'v', '2026-01-01')")
    pair.b("update t set v = 'w'")
    urls = [as_role(url, "reader", "grant select on t to reader") for url in pair.urls]
    report = compare(open_stores(*urls), ComparedTable(name="t"), options=QUICK).report
    assert report.of("mismatched").keys == (("1",),)


def test_a_role_without_rights_is_told_so(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1, 'v', '2026-01-01')")
    nobody = as_role(pair.urls[1], "nobody_here", "revoke all on t from public")
    report = compare(open_stores(pair.urls[0], nobody), ComparedTable(name="t"), options=QUICK).report
    assert (report.status, report.rate) == ("error", None)
    assert "may not be read by this role" in report.reason


def test_a_column_that_may_not_be_read_is_left_out_and_said(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1, 'v', '2026-01-01')")
    pair.b("update t set v = 'w'")
    partly = as_role(pair.urls[1], "partly", "grant select (id, updated_at) on t to partly")
    report = compare(open_stores(pair.urls[0], partly), ComparedTable(name="t"), options=QUICK).report
    assert report.status == "ok"
    assert "v is not compared: this role may not read it in the secondary" in report.notes


def test_columns_of_one_side_and_other_types_are_said_and_the_rest_is_compared(pair: Pair) -> None:
    pair.a('create table t (id integer primary key, "Odd ""name" integer, extra text, size numeric(9,2), at date)')
    pair.b('create table t (size double precision, "Odd ""name" bigint, at text, id bigint primary key)')
    pair.a("insert into t values (1, 1, 'x', 1.50, '2026-01-01'), (2, 2, 'x', 2, null)")
    pair.b("insert into t values (1.5, 1, '2026-01-01', 1), (2, 3, null, 2)")
    report = pair.compare("t").report
    assert (report.of("mismatched").count, dict(report.by_column)) == (1, {'Odd "name': 1})
    assert "extra is not compared: the secondary lacks it" in report.notes
    assert (
        "size is numeric(9,2) in the primary and double precision in the secondary; compared by value" in report.notes
    )


def test_what_cannot_mean_the_same_is_not_compared(pair: Pair) -> None:
    pair.a("create table t (id integer primary key, v boolean)", "insert into t values (1, true)")
    pair.b("create table t (id integer primary key, v integer)", "insert into t values (1, 1)")
    assert (
        "boolean in the primary and integer in the secondary mean different things" in pair.compare("t").report.notes[0]
    )


def test_a_key_that_one_side_lacks(pair: Pair) -> None:
    pair.a("create table t (id integer primary key)")
    pair.b("create table t (no integer primary key)")
    report = pair.compare("t").report
    assert report.status == "schema"
    assert "id is not compared: the secondary lacks it" in report.reason


def test_generated_and_ignored_columns_are_left_out(pair: Pair) -> None:
    pair.a(
        "create table t (id integer primary key, v integer, w integer generated always as (v * 2) stored, seen integer)"
    )
    pair.b(
        "create table t (id integer primary key, v integer, w integer generated always as (v * 3) stored, seen integer)"
    )
    pair.a("insert into t (id, v, seen) values (1, 1, 1)")
    pair.b("insert into t (id, v, seen) values (1, 1, 2)")
    report = pair.compare(ComparedTable(name="t", ignore=("seen",))).report
    assert report.status == "ok"
    assert set(report.notes) == {"seen is not compared: declared so", "w is not compared: generated in both stores"}


def test_what_another_form_counts_as_is_declared(pair: Pair) -> None:
    pair.both("create table t (id integer primary key, v numeric)")
    pair.a("insert into t values (1, 1.0)")
    pair.b("insert into t values (1, 1.00)")
    assert pair.found("t") == {"form_only": ["1"]}
    assert pair.found(ComparedTable(name="t", meanings={"v": "same"})) == {}
    assert pair.found(ComparedTable(name="t", meanings={"v": "different"})) == {"mismatched": ["1"]}


def test_partitions_and_a_plain_table(pair: Pair) -> None:
    pair.a(
        "create table t (id integer, at date, primary key (id, at)) partition by range (at)",
        "create table t_1 partition of t for values from ('2026-01-01') to ('2026-02-01')",
        "create table t_2 partition of t for values from ('2026-02-01') to ('2026-03-01')",
    )
    pair.b("create table t (id integer, at date, primary key (id, at))")
    pair.both("insert into t select n, date '2026-01-01' + n % 50 from generate_series(1, 500) n")
    pair.b("delete from t where id in (1, 49)")
    assert len(pair.found("t")["only_in_a"]) == 2


def test_a_slow_statement_ends_as_incomplete(pair: Pair) -> None:
    pair.both(
        "create table t (id integer primary key, v text)",
        "insert into t select n, repeat('x', 100000) from generate_series(1, 3000) n",
    )
    report = pair.compare("t", options=Options(statement_timeout_s=0.05)).report
    assert (report.status, report.rate, report.coverage.is_complete) == ("incomplete", None, False)


def test_long_values_are_cut_in_samples_only(pair: Pair) -> None:
    pair.both("create table t (id integer primary key, v text)", "insert into t values (1, repeat('x', 10000000))")
    pair.b("update t set v = v || 'y'")
    report = pair.compare("t").report
    assert report.of("mismatched").count == 1
    assert report.bytes_received < 20_000


def test_a_locked_table_is_the_trouble_of_that_table(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1, 'v', '2026-01-01')")
    with psycopg.connect(pair.urls[1]) as holder:
        holder.execute("lock table t in access exclusive mode")
        report = pair.compare("t").report
    assert report.status == "incomplete"
    assert "lock timeout" in report.reason


def test_json_that_jsonb_cannot_hold_is_compared_as_it_is_written(pair: Pair) -> None:
    pair.both(
        "create table t (id integer primary key, v json)",
        """insert into t values (1, '{"a": 1}'), (2, '[1e400000]'), (3, '"\\ud800"')""",
    )
    assert pair.found("t") == {}
    pair.b("update t set v = '[2e400000]' where id = 2")
    report = pair.compare("t").report
    assert report.of("mismatched").keys == (("2",),)
    assert any("compared as they are written" in note for note in report.notes)
