"""A repair is taken back where its rows still are what it made of them."""

import json
from pathlib import Path

import pytest

from holdfast.errors import PlanError
from resources.repair.journaling import read_file
from resources.repair.undoing import undo_journal, undo_logged
from tests.resources.repair.worlds import World, codes

PLAIN = "create table item (id bigint primary key, name text, updated_at timestamptz)"
ALL = "select * from item order by id"


@pytest.fixture
def repaired(world: World) -> tuple[World, str]:
    """Both stores were written: 20 rows each way, 20 changed; and the id of that repair."""
    world.both(PLAIN, "insert into item select n, 'same', '2026-01-01' from generate_series(1, 100) n")
    world.run("a", "delete from item where id <= 20")
    world.run("b", "delete from item where id > 80")
    world.run("a", "update item set name = 'newer', updated_at = '2026-02-01' where id between 31 and 50")
    return world, world.repair("item", authority="newest").repair_id


def test_undo_puts_back_what_was(repaired: tuple[World, str]) -> None:
    world, repair_id = repaired
    assert world.differences("item") == 0
    undone = world.undo(world.folder / "undo.jsonl")
    assert (undone.repair_id, undone.written_count, undone.skipped) == (f"{repair_id}.undo", 60, [])
    assert world.differences("item") == 60
    assert world.rows("a", "select count(*) from item where id <= 20") == [(0,)]
    assert world.rows("b", "select count(*) from item where name = 'newer'") == [(0,)]

    again = world.undo(world.folder / "undo.jsonl")
    assert (again.written_count, again.already, again.skipped) == (0, 60, [])

    redone = undo_journal(world.stores, read_file(world.folder / "undo.jsonl"), into=None)
    assert (redone.written_count, redone.skipped) == (60, [])
    assert world.differences("item") == 0


def test_a_row_that_was_changed_since_stays_and_is_listed(repaired: tuple[World, str]) -> None:
    world, _ = repaired
    world.run("b", "update item set name = 'user' where id = 31", "update item set name = 'user' where id = 100")
    world.run("a", "delete from item where id = 1")
    undone = world.undo()
    assert {(one.key[0], one.code) for one in undone.skipped} == {("31", "skipped_stale"), ("100", "skipped_stale")}
    assert (undone.written_count, undone.already) == (57, 1)
    assert world.rows("b", "select name from item where id in (31, 100)") == [("user",), ("user",)]


def test_the_log_alone_takes_a_repair_back(repaired: tuple[World, str]) -> None:
    world, repair_id = repaired
    logged = (
        "select store, action, count(*), count(undone_at) from holdfast.repair_log where undoes is null group by 1, 2"
    )
    assert sorted(world.rows("a", logged)) == [("a", "insert", 20, 0), ("b", "insert", 20, 0), ("b", "update", 20, 0)]
    assert world.rows("a", "select distinct state from holdfast.repair_log") == [("applied",)]

    undone = undo_logged(world.stores, repair_id)

    assert (undone.written_count, undone.skipped) == (60, [])
    assert world.differences("item") == 60
    assert sorted(world.rows("a", logged))[0] == ("a", "insert", 20, 20)
    assert undo_logged(world.stores, repair_id).written_count == 0
    assert undo_logged(world.stores, f"{repair_id}.undo").written_count == 60
    assert world.differences("item") == 0


def test_the_log_shows_each_row_as_it_was_and_as_it_became(repaired: tuple[World, str]) -> None:
    world, _ = repaired
    ((before, after, reason),) = world.rows(
        "a", "select before, after, reason from holdfast.repair_log where key = '31'"
    )
    assert before == {"id": "31", "name": "same", "updated_at": "2026-01-01 00:00:00+00"}
    assert after == {"id": "31", "name": "newer", "updated_at": "2026-02-01 00:00:00+00"}
    assert reason == "newer in a"


def test_a_repair_that_the_log_does_not_know_is_refused(world: World) -> None:
    with pytest.raises(PlanError, match="the log has no repair 0123"):
        undo_logged(world.stores, "0123")


def test_a_journal_of_other_databases_is_refused(repaired: tuple[World, str]) -> None:
    world, _ = repaired
    swapped = World(world.b, world.a, world.folder)
    with pytest.raises(PlanError, match="the journal is of another primary"):
        swapped.undo()


def test_a_journal_is_of_one_repair(repaired: tuple[World, str]) -> None:
    world, repair_id = repaired
    world.run("a", "insert into item values (500, 'x', null)")
    with pytest.raises(PlanError, match=f"is the journal of repair {repair_id}"):
        world.repair("item", authority="a")
    assert world.rows("b", "select count(*) from item where id = 500") == [(0,)]


@pytest.mark.parametrize("damage", ["", "{}\n", "x\n", '{"kind": "holdfast repair journal", "format": 7}\n'])
def test_what_is_no_journal_is_refused(world: World, damage: str) -> None:
    world.journal.write_text(damage)
    with pytest.raises(PlanError):
        world.undo()


def test_a_line_that_was_cut_off_never_happened(repaired: tuple[World, str]) -> None:
    world, _ = repaired
    lines = world.journal.read_text().splitlines(keepends=True)
    world.journal.write_text("".join(lines) + lines[1][:40])
    assert world.undo().written_count == 60
    world.journal.write_text("".join([*lines[:3], "{damaged\n", *lines[3:]]))
    with pytest.raises(PlanError, match="line 4, is damaged"):
        world.undo()


def test_the_journal_is_for_its_owner_alone(repaired: tuple[World, str]) -> None:
    world, _ = repaired
    assert world.journal.stat().st_mode & 0o077 == 0
    assert json.loads(world.journal.read_text().splitlines()[1])["into"] == "a"


def test_a_journal_that_cannot_be_written_stops_the_repair(world: World, tmp_path: Path) -> None:
    world.both(PLAIN, "insert into item values (1, 'x', null)")
    world.run("a", "insert into item values (2, 'x', null)")
    nowhere = World(world.a, world.b, tmp_path / "missing")
    with pytest.raises(Exception, match="cannot be written"):
        nowhere.repair("item")
    assert world.rows("b", "select count(*) from item") == [(1,)]
    assert codes(world.repair("item")) == []
