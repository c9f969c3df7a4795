"""Randomly damaged schemas: after an apply nothing is left that could be added, and nothing was taken away."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.conftest import Stack, _beside
from tests.resources.schema.world import EXTRAS, NAMES, TABLES, TYPES, WISHES, mended, run, seen, wanted

# As dumb as a person in a hurry: whatever does not work in the state it meets is skipped.
DAMAGES = (
    "drop table users cascade",
    'drop table "Order" cascade',
    "drop table lines",
    "drop table app.lines",
    "drop table events",
    "drop table events_rest",
    "drop table events_2026_a",
    "drop schema app cascade",
    "drop type mood cascade",
    'drop type app."Odd kind" cascade',
    "drop domain positive cascade",
    "drop domain app.mail cascade",
    "alter table users drop column id cascade",
    "alter table users drop column mail cascade",
    "alter table users drop column age cascade",
    'alter table "Order" drop column "No" cascade',
    'alter table "Order" drop column region cascade',
    'alter table "Order" drop column user_id cascade',
    'alter table "Order" drop column moods cascade',
    'alter table "Order" drop column price cascade',
    'alter table "Order" drop column total cascade',
    'alter table "Order" drop column "sp ace" cascade',
    'alter table "Order" drop column "q""uote" cascade',
    'alter table "Order" drop column stamp cascade',
    'alter table "Order" drop column during cascade',
    "alter table lines drop column no cascade",
    "alter table lines drop column order_no cascade",
    "alter table lines drop column amount cascade",
    "alter table app.lines drop column id cascade",
    "alter table app.lines drop column note",
    "alter table events drop column body",
    "alter table events drop column user_id cascade",
    "alter table users drop constraint users_pkey cascade",
    "alter table users drop constraint users_mail_key cascade",
    "alter table users drop constraint users_age_check",
    "alter table users drop constraint adults",
    'alter table "Order" drop constraint "Order_pkey" cascade',
    'alter table "Order" drop constraint "Order_user_id_fkey"',
    'alter table "Order" drop constraint "Order_sp ace_stamp_key"',
    'alter table "Order" drop constraint "un ique"',
    'alter table "Order" drop constraint "Order_during_excl"',
    "alter table lines drop constraint lines_region_order_no_fkey",
    "alter table lines drop constraint lines_amount_check",
    "alter table lines drop constraint not_old",
    "alter table events drop constraint events_pkey",
    'drop index "Order index"',
    'drop index "Order_mood_stamp_idx"',
    'drop index "Order_stamp_idx"',
    'drop index "Order_q""uote_idx"',
    "drop index users_mail_idx",
    "drop index lines_amount_idx",
    "drop index events_user_id_at_idx",
    'drop policy own_rows on "Order"',
    'drop policy "tense ones" on "Order"',
    'drop policy writers on "Order"',
    "drop policy own_rows on events",
    'alter table "Order" disable row level security',
    "alter table events disable row level security",
    "alter table users disable row level security",
    "alter table users alter column id drop default",
    'alter table "Order" alter column "sp ace" drop default',
    'alter table "Order" alter column "sp ace" drop not null',
    'alter table "Order" alter column mood drop default',
    'alter table "Order" alter column "No" drop identity',
    "alter table lines alter column no drop default",
    "alter table lines alter column amount set default 2",
    "alter table lines alter column amount type bigint",
    "alter table users alter column age type text",
    'alter table "Order" rename column region to "else"',
    'alter index "Order_stamp_idx" rename to renamed',
    "alter table users rename constraint users_age_check to renamed",
    "create table users_pkey (id int)",
    "create table extra (id int primary key)",
    "alter table users add column extra text",
    "alter table app.lines add primary key (id)",
    "create index users_extra on users (age)",
    "create policy wide on events for select using (true)",
    "alter type mood rename value 'bright' to 'dark'",
)
ROWS = """
insert into users (mail, age) values ('a@b', 20), ('c@d', 30);
insert into "Order" (region, user_id, price, "sp ace") select 'eu', id, 3, mail::text from users;
insert into lines (region, order_no, amount) select region, "No", 5 from "Order";
insert into app.lines (note) values ('x'), ('y');
insert into events (at, body) values ('2025-01-01', 'a'), ('2026-05-05', 'b') on conflict do nothing;
"""
SURROUNDINGS = """
create function touch() returns trigger language plpgsql as 'begin return new; end'
"""
WHAT_IS_THERE = """
select 'table ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
from pg_attribute a join pg_class c on c.oid = attrelid
where relnamespace::regnamespace::text in ('public', 'app') and relkind in ('r', 'p', 'v')
    and attnum > 0 and not attisdropped
union all
select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
where connamespace::regnamespace::text in ('public', 'app') and contype <> 'n' and convalidated
union all
select 'index ' || indexrelid::regclass || ' ' || pg_get_indexdef(indexrelid) from pg_index
where indrelid::regclass::text !~ '^(pg_|information_schema)'
union all
select 'policy ' || polrelid::regclass || ' ' || polname from pg_policy
union all
select 'default ' || adrelid::regclass || ' ' || adnum || ' ' || pg_get_expr(adbin, adrelid) from pg_attrdef
"""


@pytest.fixture(scope="module")
def pair(stack: Stack) -> tuple[str, str, str]:
    """A whole store, and a server to make damaged ones on: databases of this module alone."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("create database whole_schema")
    with psycopg.connect(stack.secondary_url, autocommit=True) as connection:
        connection.execute("create database whole_schema")
    a, whole = (_beside(url, "whole_schema") for url in (stack.database_url, stack.secondary_url))
    for url in (a, whole):
        run(url, TYPES, TABLES, EXTRAS, ROWS)
    return a, whole, stack.secondary_url


def there(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(WHAT_IS_THERE.encode()).fetchall()}


def row_counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        found = {}
        for name in NAMES:
            if connection.execute("select to_regclass(%s)", (f'"{name.schema}"."{name.name}"',)).fetchone() != (None,):
                query = sql.SQL("select count(*) from {}").format(sql.Identifier(name.schema, name.name))
                found[str(name)] = (connection.execute(query).fetchone() or (0,))[0]
        return found


def damage(url: str, damages: list[str]) -> list[str]:
    done = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in damages:
            try:
                connection.execute(statement.encode())
                done.append(statement)
            except psycopg.Error:
                continue
    return done


@pytest.mark.slow
@given(
    damages=st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=6, unique=True),
    is_empty=st.booleans(),
    has_wishes=st.booleans(),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_can_be_added_is_added_and_nothing_is_taken_away(
    pair: tuple[str, str, str], damages: list[str], is_empty: bool, has_wishes: bool
) -> None:
    a, _, server = pair
    b = _beside(server, "damaged_schema")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop database if exists damaged_schema with (force)")
        connection.execute("create database damaged_schema template whole_schema strategy file_copy")
    if is_empty:
        run(b, 'truncate users, "Order", lines, app.lines, events')
    done = damage(b, damages)
    before, rows, source = there(b), row_counts(b), there(a)
    what = wanted("b", wishes=WISHES if has_wishes else ())
    first = seen(a, b, what)
    mended(a, b, what)
    after = seen(a, b, what)
    waiting = [one for one in first.findings if "a repair has to bring" in one.left]
    assert after.statements == 0 or waiting, (done, first.sql, after.sql)
    # What differs still is left to a person, with a reason, or stands in the way of nothing.
    assert not [one.sentence for one in after.findings if one.side == "b" and not one.left and not waiting], done
    assert before <= there(b), (done, before - there(b))
    assert {name: count for name, count in row_counts(b).items() if name in rows} == rows
    assert there(a) == source
