"""On a store that was mended, each user sees and writes only their own rows, whatever kind of server it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from holdfast.schema.wishes import SchemaWish
from tests.resources.schema.world import Look, TableName, mended, run, seen, told, wanted

NOTES = (TableName("public", "notes"),)
WISH = (SchemaWish(name="notes"),)
INES, TOMAS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
TABLE = "create table notes (id int primary key, user_id uuid, body text)"
ROWS = f"insert into notes values (1, '{INES}', 'hers'), (2, '{TOMAS}', 'his'), (3, null, 'nobody''s')"
# What Supabase brings: who is asking, as its API tells the database.
SUPABASE = (
    "create schema auth",
    "create function auth.uid() returns uuid language sql stable as "
    "$$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$",
)


@contextmanager
def application(url: str) -> Iterator[None]:
    """A role that an application has: it may read and write every table, and policies bind it."""
    run(url, "create role app_user login", "grant usage on schema public to app_user")
    try:
        yield
    finally:
        run(url, "drop owned by app_user", "drop role app_user")


def bodies(url: str, setting: str, user: str | None) -> list[str]:
    with psycopg.connect(url.replace("postgres@", "app_user@")) as connection:
        if user is not None:
            connection.execute("select set_config(%s, %s, true)", (setting, user))
        return [row[0] for row in connection.execute("select body from notes order by id").fetchall()]


def look_for_notes(a: str, b: str) -> Look:
    return seen(a, b, wanted("both", names=NOTES, wishes=WISH))


def mend_notes(a: str, b: str) -> None:
    mended(a, b, wanted("both", names=NOTES, wishes=WISH))
    assert told(look_for_notes(a, b)) == []


def test_on_a_plain_server_the_application_names_its_user(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TABLE, ROWS)
    mend_notes(database_url, secondary_database_url)
    with application(secondary_database_url):
        run(secondary_database_url, "grant all on notes to app_user")
        assert bodies(secondary_database_url, "app.user_id", INES) == ["hers"]
        assert bodies(secondary_database_url, "app.user_id", TOMAS) == ["his"]
        assert bodies(secondary_database_url, "app.user_id", None) == []
        # A setting that was local to a transaction is an empty text after it: no user, and no error.
        assert bodies(secondary_database_url, "app.user_id", "") == []
        with psycopg.connect(secondary_database_url.replace("postgres@", "app_user@")) as connection:
            connection.execute("select set_config('app.user_id', %s, true)", (INES,))
            assert connection.execute("delete from notes where id = 2").rowcount == 0
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                connection.execute(f"insert into notes values (4, '{TOMAS}', 'in his name')")


def test_on_supabase_the_user_is_who_is_logged_in(database_url: str, secondary_database_url: str) -> None:
    run(database_url, TABLE, ROWS)
    run(secondary_database_url, *SUPABASE)
    mend_notes(database_url, secondary_database_url)
    run(secondary_database_url, ROWS)
    with application(secondary_database_url):
        run(secondary_database_url, "grant all on notes to app_user", "grant usage on schema auth to app_user")
        assert bodies(secondary_database_url, "request.jwt.claim.sub", INES) == ["hers"]
        assert bodies(secondary_database_url, "request.jwt.claim.sub", None) == []
    assert "auth.uid()" not in told_policy(database_url)
    assert "auth.uid()" in told_policy(secondary_database_url)


def told_policy(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("select pg_get_expr(polqual, polrelid) from pg_policy").fetchone()
        return str(row[0]) if row else ""


@pytest.mark.parametrize("is_from_supabase", [True, False])
def test_a_policy_of_an_application_is_brought_over_in_the_other_servers_words(
    is_from_supabase: bool, database_url: str, secondary_database_url: str
) -> None:
    a, b = (database_url, secondary_database_url) if is_from_supabase else (secondary_database_url, database_url)
    run(a, *SUPABASE, TABLE.replace("body text", "body text, is_public boolean, owner text"))
    run(a, "create role authenticated") if is_from_supabase else run(
        b, TABLE, "alter table notes add is_public boolean"
    )
    me = "(select auth.uid())"
    try:
        run(
            a,
            "create policy seen on notes for select to authenticated using (is_public or user_id = auth.uid())"
            if is_from_supabase
            else f"create policy seen on notes for select using (is_public or user_id = {me})",
            f"create policy mine on notes for update using (owner = {me}::text) with check (owner = {me}::text)",
            "alter table notes enable row level security",
        )
        mended(a, b, wanted(names=NOTES))
        assert told(seen(a, b, wanted("both", names=NOTES))) == []
        with psycopg.connect(b) as connection:
            found = connection.execute("select pg_get_expr(polqual, polrelid) from pg_policy").fetchall()
        assert len(found) == 2
        assert not any("auth" in row[0] for row in found)
    finally:
        if is_from_supabase:
            run(a, "drop policy seen on notes", "drop role authenticated")


@pytest.mark.parametrize("has_table", [True, False])
def test_a_default_that_names_the_user_is_brought_over_too(
    has_table: bool, database_url: str, secondary_database_url: str
) -> None:
    run(database_url, *SUPABASE, "create table notes (id int primary key, user_id uuid default auth.uid(), body text)")
    run(secondary_database_url, TABLE if has_table else "select 1")
    mended(database_url, secondary_database_url, wanted(names=NOTES))
    assert told(seen(database_url, secondary_database_url, wanted("both", names=NOTES))) == []
    run(
        secondary_database_url,
        f"set app.user_id = '{INES}'; insert into notes values (1); "
        f"do $$ begin if (select user_id from notes) <> '{INES}' then raise 'not hers'; end if; end $$",
    )


def test_a_policy_for_a_role_the_store_has_not_is_left_to_a_person(
    database_url: str, secondary_database_url: str
) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TABLE)
    run(database_url, "create role auditor", "create policy audit on notes for select to auditor using (true)")
    try:
        (finding,) = seen(database_url, secondary_database_url, wanted(names=NOTES)).findings
        assert finding.left == "the secondary has no role auditor as the primary has it"
        assert not finding.steps
    finally:
        run(database_url, "drop policy audit on notes", "drop role auditor")


def test_roles_that_policies_will_bind_are_named_before(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TABLE)
    with application(secondary_database_url):
        run(secondary_database_url, "grant select on notes to app_user")
        sql = look_for_notes(database_url, secondary_database_url).sql
    assert "-- from then on policies decide what these roles see: app_user" in sql
    assert sql.index("create policy") < sql.index("enable row level security")


def test_a_policy_that_lets_users_see_more_is_told(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TABLE)
    mend_notes(database_url, secondary_database_url)
    for url in (database_url, secondary_database_url):
        run(url, "create policy all_see on notes for select using (true)")
    assert told(look_for_notes(database_url, secondary_database_url), "note") == [
        "notes: policy all_see of the primary lets public see true",
        "notes: policy all_see of the secondary lets public see true",
    ]


def test_partitions_are_not_a_way_around(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(
            url,
            "create table notes (id int, user_id uuid, body text) partition by list (id)",
            "create table notes_1 partition of notes for values in (1)",
            "create table notes_rest partition of notes default",
            ROWS,
        )
    mend_notes(database_url, secondary_database_url)
    with application(secondary_database_url):
        run(secondary_database_url, "grant all on notes, notes_1, notes_rest to app_user")
        assert bodies(secondary_database_url, "app.user_id", INES) == ["hers"]
        with psycopg.connect(secondary_database_url.replace("postgres@", "app_user@")) as connection:
            connection.execute("select set_config('app.user_id', %s, true)", (TOMAS,))
            assert connection.execute("select body from notes_1").fetchall() == []


def test_the_owner_is_never_bound_by_a_plan(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TABLE)
    mend_notes(database_url, secondary_database_url)
    run(database_url, "alter table notes force row level security")
    (finding,) = look_for_notes(database_url, secondary_database_url).findings
    assert (finding.kind, finding.steps) == ("forced row security", ())
    assert "Holdfast with it" in finding.left
