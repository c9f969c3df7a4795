"""A repair works between versions of PostgreSQL, and through a pooler that gives every transaction another session."""

from pathlib import Path

import pytest

from tests.debian import pooler, postgres_15
from tests.resources.repair.test_types import COLUMNS, TYPES, create, insert
from tests.resources.repair.worlds import World
from tests.servers import own_postgres

PLAIN = "create table item (id bigint primary key, name text, updated_at timestamptz)"


def test_an_older_version_takes_and_gives_every_type(database_url: str, tmp_path: Path) -> None:
    with postgres_15() as old:
        world = World(database_url, old, tmp_path)
        world.both(*TYPES, create())
        world.run("a", insert(0), insert(1))
        world.run("b", insert(2))
        first = world.repair('public."Every.thing"', authority="newest")
        assert (first.written_count, first.skipped) == (3, [])
        names = [name.split()[0] for name in COLUMNS if not name.startswith('"')]
        world.run("a", f'update "Every.thing" set {", ".join(f"{name} = null" for name in names)}')
        world.journal.unlink()
        assert world.repair('public."Every.thing"', authority="b").of("update", "a") == 3
        assert world.differences('public."Every.thing"') == 0
        assert world.undo().skipped == []


@pytest.mark.slow
def test_a_pooler_in_transaction_mode_is_no_obstacle(database_url: str, tmp_path: Path) -> None:
    with own_postgres() as server, pooler(server) as port:
        world = World(database_url, f"postgresql://postgres@127.0.0.1:{port}/postgres", tmp_path)
        # What another client leaves behind in a session of the pool.
        leave = (
            "set search_path = nowhere; set statement_timeout = 1; set DateStyle = 'German'; set bytea_output = escape"
        )
        world.both(PLAIN, "insert into item select n, 'same', '2026-01-01' from generate_series(1, 3000) n")
        world.run("a", "update item set name = 'a', updated_at = '2026-02-01' where id <= 1000")
        world.run(
            "b",
            "update item set name = 'b', updated_at = '2026-02-01' where id > 2000",
            "delete from item where id = 1500",
        )
        world.run("b", leave)
        repair = world.repair("item", authority="newest")
        assert (repair.written_count, repair.skipped) == (2001, [])
        assert world.differences("item") == 0
        world.run("b", leave)
        assert world.undo().written_count == 2001
