"""What stands in the way of a row: it is told, the row is as it was, and the others are written."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from holdfast.consistency.journals import Header
from holdfast.consistency.tables import Side
from holdfast.errors import PermanentError, TransientError
from resources.repair.applying import apply_plan
from resources.repair.journaling import open_journal
from tests.resources.repair.worlds import ALL, World, codes
from tests.servers import own_postgres

STAMPED = (
    "create table note (id integer primary key, t text, updated_at timestamptz)",
    "create function restamp() returns trigger language plpgsql as "
    "$$ begin new.updated_at := now(); return new; end $$",
    "create trigger restamp before insert or update on note for each row execute function restamp()",
)


@contextmanager
def login(world: World, *rights: str) -> Iterator[World]:
    """The same stores, through a plain role that has only these rights."""
    name = f"plain_{urlsplit(world.a).path.strip('/')}"
    try:
        for side in ("a", "b"):
            world.run(side, f"create role {name} login")  # type: ignore[arg-type]
            for right in rights:
                world.run(side, f"grant {right} to {name}")  # type: ignore[arg-type]
        yield World(as_role(world.a, name), as_role(world.b, name), world.folder)
    finally:
        for side in ("a", "b"):
            world.run(side, f"drop owned by {name}", f"drop role {name}")  # type: ignore[arg-type]


def as_role(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("postgres@", f"{name}@")))


def test_a_value_that_must_be_unique_keeps_both_rows(world: World) -> None:
    world.both("create table person (id integer primary key, email text unique)")
    world.run("a", "insert into person select n, 'p' || n from generate_series(1, 50) n")
    world.run("b", "insert into person values (3, 'p1'), (60, 'p40')")

    repair = world.repair("person", authority="a")

    assert {(one.key[0], one.verb, one.code) for one in repair.skipped} == {
        ("40", "insert", "unique_conflict"),
    }
    # Row 1 is inserted first and finds its value taken by row 3, which gives it up later.
    assert repair.written_count == 49
    assert "email" in repair.skipped[-1].detail
    assert world.rows("b", "select email from person where id = 60") == [("p40",)]


def test_triggers_stay_silent_where_the_role_may_silence_them(world: World) -> None:
    world.both(*STAMPED)
    world.run("a", "insert into note select n, 'x' from generate_series(1, 20) n")
    world.run("b", "insert into note values (1, 'other')")
    repair = world.repair("note", authority="a")
    assert (repair.written_count, repair.skipped) == (20, [])
    assert world.differences("note") == 0


def test_rows_that_a_trigger_makes_others_of_are_taken_back_and_listed(world: World) -> None:
    world.both(*STAMPED)
    world.run("a", "insert into note select n, 'x' from generate_series(1, 20) n")
    world.run("b", "insert into note values (1, 'other')")
    before = world.rows("b", "select * from note")
    with login(world, "select, insert, update, delete on note") as plain:
        plan = plain.plan("note", authority="a")
        repair = apply_plan(plain.stores, plan, journal=world.journal)
    assert repair.written_count == 0
    assert set(codes(repair)) == {"trigger_rewrites"}
    assert len(repair.skipped) == 20
    assert repair.skipped[0].detail == "it would differ in updated_at"
    assert world.rows("b", "select * from note") == before


def test_a_trigger_that_changes_nothing_does_no_harm(world: World) -> None:
    world.both(
        "create table note (id integer primary key, t text)",
        "create table audit (n integer)",
        "create function tell() returns trigger language plpgsql as "
        "$$ begin insert into public.audit values (new.id); return null; end $$",
        "create trigger tell after insert or update on note for each row execute function tell()",
    )
    world.run("a", "insert into note select n, 'x' from generate_series(1, 20) n", "delete from audit")
    with login(world, "select, insert, update, delete on note, audit") as plain:
        assert plain.repair("note").written_count == 20
    assert world.rows("b", "select count(*) from audit") == [(20,)]


def test_silent_triggers_do_not_let_an_orphan_in(world: World) -> None:
    world.both(
        "create table story (id integer primary key, t text)",
        "insert into story values (1, 'x')",
        "create table note (id integer primary key, story_id integer references story, updated_at timestamptz)",
        *STAMPED[1:],
    )
    world.run("a", "insert into story values (2, 'y')", "insert into note values (1, 1), (2, 2), (3, null), (4, 1)")
    repair = world.repair("note", authority="a")
    assert [(one.key, one.code) for one in repair.skipped] == [(("2",), "foreign_key")]
    assert repair.written_count == 3
    assert "story_id = 2: the secondary has no such row in story" in repair.skipped[0].detail


def test_identities_keep_their_numbers_and_sequences_move_on_but_never_back(world: World) -> None:
    world.both(
        "create table always (id integer generated always as identity primary key, t text)",
        "create table serials (id bigserial primary key, t text, n integer generated always as (id * 2) stored)",
        "create table down (id integer generated by default as identity (increment -1) primary key, t text)",
    )
    world.run("a", "insert into always (t) select 'x' from generate_series(1, 30)")
    world.run("a", "insert into serials (t) select 'x' from generate_series(1, 30)")
    world.run("a", "insert into down (t) select 'x' from generate_series(1, 30)")
    world.run("b", "insert into always (t) values ('x')", "select setval('serials_id_seq', 1000)")

    repair = world.repair("always", "serials", "down", authority="a")

    assert not repair.skipped
    for table in ("always", "serials", "down"):
        assert world.differences(table) == 0
    assert world.rows("b", "insert into always (t) values ('next') returning id") == [(31,)]
    assert world.rows("b", "insert into serials (t) values ('next') returning id, n") == [(1001, 2002)]
    assert world.rows("b", "insert into down (t) values ('next') returning id") == [(-31,)]


CYCLES = {
    "rows of one table": (
        "create table node (id integer primary key, up integer references node, t text)",
        "insert into node select n, n - 1, 'x' from generate_series(1, 1300) n order by n desc",
    ),
    "two tables, checked late": (
        "create table node (id integer primary key, up integer, t text)",
        "create table leaf (id integer primary key, node_id integer not null references node "
        "deferrable initially deferred)",
        "alter table node add foreign key (up) references leaf deferrable",
        "begin; set constraints all deferred; insert into node values (1, 1, 'x'), (2, 2, 'y'); "
        "insert into leaf values (1, 1), (2, 2); commit",
    ),
    "two tables, checked at once": (
        "create table node (id integer primary key, up integer, t text)",
        "create table leaf (id integer primary key, node_id integer not null references node)",
        "alter table node add foreign key (up) references leaf",
        "insert into node values (1, null, 'x'), (2, null, 'y')",
        "insert into leaf values (1, 1), (2, 2)",
        "update node set up = id",
    ),
}


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize("may_silence", [True, False])
def test_rows_that_refer_to_each_other_in_circles(world: World, name: str, may_silence: bool) -> None:
    *tables, fill = CYCLES[name] if name != "two tables, checked at once" else (*CYCLES[name][:3], "")
    world.both(*tables)
    for statement in [fill] if fill else CYCLES[name][3:]:
        world.run("a", statement.replace("n - 1", "nullif(n - 1, 0)"))
    names = ("node",) if name == "rows of one table" else ("leaf", "node")
    rights = "select, insert, update, delete on all tables in schema public"
    with login(world, rights) as plain:
        repair = (world if may_silence else plain).repair(*names, authority="a")
        assert not repair.skipped
        assert all(world.differences(table) == 0 for table in names)
        world.run("b", "alter table node validate constraint node_up_fkey")
        assert (world if may_silence else plain).undo().skipped == []
        assert world.rows("b", "select count(*) from node") == [(0,)]


def test_a_circle_with_a_row_too_few_leaves_all_that_hang_on_it(world: World) -> None:
    world.both("create table node (id integer primary key, up integer references node, t text unique)")
    world.run("a", "insert into node values (1, null, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 1, 'd'), (5, null, 'e')")
    world.run("b", "insert into node values (9, null, 'b')")
    repair = world.repair("node", authority="a")
    assert {(one.key[0], one.code) for one in repair.skipped} == {("2", "unique_conflict"), ("3", "foreign_key")}
    assert world.rows("b", "select id from node order by id") == [(1,), (4,), (5,), (9,)]


def test_a_row_that_somebody_is_writing_is_left_for_later(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (1, 'x'), (2, 'x')")
    world.run("a", "update item set t = 'y'")
    plan = world.plan("item")
    with psycopg.connect(world.b) as other:
        other.execute("update item set t = 'mine' where id = 1")
        repair = world.apply(plan)
        assert [(one.key, one.code) for one in repair.skipped] == [(("1",), "skipped_busy")]
        other.rollback()
    assert world.apply(plan).skipped == []
    assert world.differences("item") == 0


def test_a_row_that_is_being_inserted_is_waited_for_only_shortly(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (0, 'x')")
    world.run("a", "insert into item select n, 'y' from generate_series(1, 10) n")
    plan = world.plan("item")
    with psycopg.connect(world.b) as other:
        other.execute("insert into item values (1, 'mine')")
        repair = world.apply(plan)
    assert [(one.key, one.code) for one in repair.skipped] == [(("1",), "skipped_busy")]
    assert repair.written_count == 9


def test_rows_that_wait_for_one_that_is_held_do_not_wait_one_after_the_other(world: World) -> None:
    world.both(
        "create table story (id integer primary key)",
        "insert into story values (1), (2)",
        "create table note (id integer primary key, story_id integer references story)",
        "insert into note values (0, null)",
    )
    world.run("a", "insert into note select n, 1 + n % 2 from generate_series(1, 200) n")
    plan, began_s = world.plan("note"), time.monotonic()
    with psycopg.connect(world.b) as other:
        other.execute("select * from story where id = 1 for update")
        repair = world.apply(plan)
    assert set(codes(repair)) == {"skipped_busy"}
    assert (repair.written_count, len(repair.skipped)) == (100, 100)
    assert time.monotonic() - began_s < 40
    assert world.apply(plan).written_count == 100


def test_a_role_that_may_only_read_is_told_so_before_anything_is_written(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (1, 'x')")
    world.run("a", "insert into item values (2, 'y')")
    with login(world, "select on item") as plain:
        plan = plain.plan("item")
        with pytest.raises(
            PermanentError, match=r"item in the secondary cannot be written: the role plain_\w+ may not"
        ):
            apply_plan(plain.stores, plan, journal=world.journal)


def test_a_database_that_is_read_only_is_told_so(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (1, 'x')")
    world.run("a", "insert into item values (2, 'y')")
    plan = world.plan("item")
    name = urlsplit(world.b).path.strip("/")
    world.run("b", f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(PermanentError, match="the database is read-only"):
        world.apply(plan)


def test_where_nothing_would_tell_what_was_nothing_is_written(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (1, 'x')")
    world.run("a", "insert into item values (2, 'y')", "drop table holdfast.repair_log")
    plan = world.plan("item")
    with pytest.raises(PermanentError, match="no journal is named"):
        apply_plan(world.stores, plan, journal=None)
    assert apply_plan(world.stores, plan, journal=world.journal).written_count == 1


@pytest.mark.parametrize("dying", ["a", "b"])
def test_a_store_that_dies_midway_leaves_whole_batches(world: World, dying: Side) -> None:
    with own_postgres() as server:
        urls: dict[Side, str] = {"a": world.a, "b": world.b} | {dying: server.admin()}
        mine = World(urls["a"], urls["b"], world.folder)
        mine.both("create table item (id integer primary key, t text)", "insert into item values (0, 'x')")
        mine.run("a", "insert into item select n, 'y' from generate_series(1, 5000) n")
        plan = mine.plan("item", limits=ALL)
        lines: list[str] = []
        killer = threading.Thread(target=server.kill)

        def say(line: str) -> None:
            lines.append(line)
            if len(lines) == 3:
                killer.start()

        with pytest.raises(TransientError, match=r"stopped after \d+ of 5000 rows"):
            apply_plan(mine.stores, plan, journal=mine.journal, say=say)
        killer.join()
        server.start()

        assert mine.rows("b", "select count(*) % 500 from item where id > 0") == [(0,)]
        repair = mine.apply(plan)
        assert repair.already >= 1500
        assert mine.differences("item") == 0
        assert mine.undo().skipped == []
        assert mine.rows("b", "select count(*) from item") == [(1,)]


def test_what_a_trigger_or_an_index_says_of_a_row_is_told(world: World) -> None:
    world.both("create table note (id integer primary key, t text)", "insert into note values (0, 'x')")
    world.run(
        "b",
        "create index on note (t)",
        "create function refuse() returns trigger language plpgsql as "
        "$$ begin if new.t = 'bad' then raise 'not in my table' using errcode = 'H0001'; end if; return new; end $$",
        "create trigger refuse before insert on note for each row execute function refuse()",
        "alter table note enable always trigger refuse",
    )
    world.run("a", "insert into note select n, 'good' from generate_series(1, 50) n")
    world.run("a", "update note set t = 'bad' where id = 7")
    world.run(
        "a", "update note set t = (select string_agg(md5(n::text), '') from generate_series(1, 2000) n) where id = 9"
    )
    repair = world.repair("note")
    assert repair.written_count == 48
    assert [(one.key[0], one.code) for one in repair.skipped] == [("7", "refused"), ("9", "refused")]
    assert repair.skipped[0].detail == "not in my table"
    assert "index row" in repair.skipped[1].detail


def test_two_at_once_write_every_row_once(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (0, 'x')")
    world.run("a", "insert into item select n, 'y' from generate_series(1, 3000) n")
    plan = world.plan("item")
    ends = []

    def apply(number: int) -> None:
        ends.append(apply_plan(world.stores, plan, journal=world.folder / f"{number}.jsonl"))

    both = [threading.Thread(target=apply, args=(number,)) for number in (1, 2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum(end.written_count for end in ends) == 3000
    assert world.differences("item") == 0
    assert world.rows("a", "select count(*) from holdfast.repair_log where state = 'applied'") == [(3000,)]


def test_a_journal_that_another_process_writes_is_not_shared(world: World) -> None:
    world.both("create table item (id integer primary key, t text)", "insert into item values (0, 'x')")
    world.run("a", "insert into item values (1, 'y')")
    plan = world.plan("item")
    header = Header(repair_id=plan.repair_id, stores=plan.stores, began_at="now")
    with (
        open_journal(world.journal, header),
        pytest.raises(PermanentError, match="another process writes this journal"),
    ):
        world.apply(plan)
    assert world.apply(plan).written_count == 1
