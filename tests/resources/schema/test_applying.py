"""A plan is carried out only as it was looked at; what stops it midway is told with what was done and what was not."""

import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

from holdfast.errors import PermanentError, TransientError
from orchestration import local
from resources.schema.applying import Applied, apply, raise_failed
from resources.schema.looking import Wanted
from resources.schema.writing import read_plan
from resources.stores import open_stores
from tests.resources.schema.world import TableName, mended, run, seen, told, wanted

TABLE = (TableName("public", "t"),)
PLAIN = "create table t (id int primary key, a int, b text)"


def only_t() -> Wanted:
    return wanted(names=TABLE)


def test_a_second_apply_does_nothing(database_url: str, secondary_database_url: str) -> None:
    run(database_url, PLAIN)
    sha256 = seen(database_url, secondary_database_url, only_t()).sha256
    stores = open_stores(database_url, secondary_database_url)
    assert [len(one.done) for one in apply(stores, only_t(), sha256)] == [1]
    again = apply(stores, only_t(), sha256)
    assert [(one.done, one.undone, one.error) for one in again] == [((), (), None)]


@pytest.mark.parametrize("confirm", ["", "0" * 64])
def test_a_plan_that_nobody_looked_at_is_refused(confirm: str, database_url: str, secondary_database_url: str) -> None:
    run(database_url, PLAIN)
    with pytest.raises(PermanentError, match=r"is not what the stores need now .*; nothing was changed"):
        apply(open_stores(database_url, secondary_database_url), only_t(), confirm)
    assert told(seen(database_url, secondary_database_url, only_t())) == ["the secondary has no table t"]


def test_a_plan_that_no_longer_fits_is_refused(database_url: str, secondary_database_url: str) -> None:
    run(database_url, PLAIN)
    sha256 = seen(database_url, secondary_database_url, only_t()).sha256
    run(database_url, "alter table t add column later text")
    with pytest.raises(PermanentError, match="nothing was changed"):
        apply(open_stores(database_url, secondary_database_url), only_t(), sha256)


def test_what_is_only_said_about_a_plan_does_not_make_it_another(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN)
    run(secondary_database_url, "create table t (id int primary key, b text)")
    before = seen(database_url, secondary_database_url, only_t())
    run(secondary_database_url, "alter table t add column mine int")
    after = seen(database_url, secondary_database_url, only_t())
    assert before.sha256 == after.sha256
    assert len(after.findings) == len(before.findings) + 1


def test_a_statement_that_fails_in_the_transaction_leaves_the_store_as_it_was(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN, "alter table t add check (a > 0)", "create table u (id int primary key)")
    run(
        secondary_database_url,
        "create table t (id int primary key, a int)",
        "create function f() returns int language sql as 'select 1'",
    )
    both = wanted(names=(*TABLE, TableName("public", "u")))
    sha256 = seen(database_url, secondary_database_url, both).sha256
    # Somebody is in the middle of a long transaction on the table.
    with psycopg.connect(secondary_database_url) as busy:
        busy.execute("lock table t in access share mode")
        applied = apply(open_stores(database_url, secondary_database_url), both, sha256)
    with pytest.raises(
        TransientError, match=r"secondary: 0 of 3 statements are done; failed: alter table .* lock timeout"
    ):
        raise_failed(applied)
    assert "the secondary has no table u" in told(seen(database_url, secondary_database_url, both))
    assert [len(one.done) for one in mended_by(database_url, secondary_database_url, both, sha256)] == [3]


def mended_by(a: str, b: str, what: Wanted, sha256: str) -> list[Applied]:
    applied = apply(open_stores(a, b), what, sha256)
    raise_failed(applied)
    return applied


def test_rows_that_break_a_new_rule_stop_the_plan_midway_and_stay(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN, "alter table t add constraint positive check (a > 0)")
    run(secondary_database_url, PLAIN, "insert into t values (1, -1, 'x')")
    with pytest.raises(
        PermanentError,
        match=r"1 of 2 statements are done; failed: alter table .* validate constraint .*Done: .* not valid",
    ):
        mended(database_url, secondary_database_url, only_t())
    found = seen(database_url, secondary_database_url, only_t())
    assert told(found) == ["t: rows older than positive were never held against it in the secondary"]
    run(secondary_database_url, "update t set a = 1")
    mended(database_url, secondary_database_url, only_t())
    assert told(seen(database_url, secondary_database_url, only_t())) == []


def test_an_index_that_could_not_be_built_is_named_with_the_remedy(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN, "create unique index one_each on t (a)")
    run(secondary_database_url, PLAIN, "insert into t values (1, 7), (2, 7)")
    with pytest.raises(
        PermanentError, match=r"could not create unique index .*is left invalid: the next plan names it"
    ):
        mended(database_url, secondary_database_url, only_t())
    found = seen(database_url, secondary_database_url, only_t())
    assert found.statements == 0
    assert '--     drop index concurrently "public"."one_each";' in found.sql
    run(secondary_database_url, "drop index concurrently one_each", "update t set a = id")
    mended(database_url, secondary_database_url, only_t())
    assert told(seen(database_url, secondary_database_url, only_t())) == []


def test_a_key_is_built_beside_writers(database_url: str, secondary_database_url: str) -> None:
    run(database_url, "create table t (id int primary key, a int unique, b text)")
    run(secondary_database_url, "create table t (id int not null, a int, b text)", "insert into t values (1, 1)")
    sql = seen(database_url, secondary_database_url, only_t()).sql
    assert 'create unique index concurrently "t_pkey" on "public"."t" using btree ("id");' in sql
    assert 'add constraint "t_a_key" unique using index "t_a_key";' in sql
    mended(database_url, secondary_database_url, only_t())
    assert told(seen(database_url, secondary_database_url, only_t())) == []


def test_a_role_that_does_not_own_a_table_is_told_before_anything_happens(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN)
    run(secondary_database_url, "create table t (id int primary key, a int)", "create role guest login")
    try:
        guest = secondary_database_url.replace("postgres@", "guest@")
        with pytest.raises(
            PermanentError, match=r"does not own these tables of the secondary.*: t; nothing was changed"
        ):
            mended(database_url, guest, only_t())
    finally:
        run(secondary_database_url, "drop role guest")


def test_writers_go_on_while_an_index_is_built(database_url: str, secondary_database_url: str) -> None:
    run(database_url, PLAIN, "create index on t (b)")
    run(secondary_database_url, PLAIN, "insert into t select n, n, md5(n::text) from generate_series(1, 20000) n")
    stop = threading.Event()
    failures: list[psycopg.Error] = []

    def write() -> None:
        with psycopg.connect(secondary_database_url, autocommit=True) as connection:
            connection.execute("set lock_timeout = '500ms'")
            while not stop.is_set():
                try:
                    connection.execute("update t set a = a + 1 where id = 5")
                except psycopg.Error as error:
                    failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        mended(database_url, secondary_database_url, only_t())
    finally:
        stop.set()
        writer.join()
    assert not failures


def test_a_plan_is_a_file_that_says_what_it_is_and_that_psql_runs(
    database_url: str, secondary_database_url: str, tmp_path: Path
) -> None:
    run(
        database_url,
        PLAIN,
        "create index on t (b)",
        "insert into t values (1)",
        "create table \"a, b\" (x text default '%s;\n-- sha256: 0')",
    )
    names = (*TABLE, TableName("public", "a, b"))
    found = seen(database_url, secondary_database_url, wanted("both", names=names))
    read = read_plan(found.sql)
    assert (read.sha256, read.tables, read.sides, read.is_whole) == (
        found.sha256,
        't, "public"."a, b"',
        ("a", "b"),
        True,
    )
    assert not read_plan(found.sql.replace('"b" text', '"b" varchar')).is_whole
    assert read_plan(found.sql.replace("-- one transaction", "-- I was here")).is_whole
    with pytest.raises(PermanentError, match="this is no plan"):
        read_plan("drop table t;")
    sql = seen(database_url, secondary_database_url, wanted(names=names)).sql
    argv = [local.binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", secondary_database_url]
    subprocess.run(argv, input=sql, text=True, check=True, capture_output=True)
    assert told(seen(database_url, secondary_database_url, wanted(names=names))) == []


def test_the_primary_gets_what_it_lacks_only_where_it_is_asked_for(
    database_url: str, secondary_database_url: str
) -> None:
    run(database_url, PLAIN)
    run(secondary_database_url, PLAIN, "alter table t add column only_b text")
    found = seen(database_url, secondary_database_url, only_t())
    assert told(found) == ["t: the primary has no column only_b (text)"]
    assert found.statements == 0
    mended(database_url, secondary_database_url, wanted("both", names=TABLE))
    assert told(seen(database_url, secondary_database_url, only_t())) == []
