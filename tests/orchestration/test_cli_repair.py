"""``holdfast consistency plan``, ``apply`` and ``undo``, as a person types them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assets import catalog
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import PermanentError, PlanError, RepairTooLargeError
from orchestration.cli import cli
from orchestration.settings import PROJECT
from tests.resources.repair.worlds import World

PLAIN = "create table item (id bigint primary key, name text, updated_at timestamptz)"


@pytest.fixture
def world(database_url: str, secondary_database_url: str, tmp_path: Path) -> World:
    """One row newer in A, one newer in B, one that only A has, one that no rule decides."""
    world = World(database_url, secondary_database_url, tmp_path)
    world.both(PLAIN, "insert into item select n, 'same', '2026-01-01' from generate_series(1, 100) n")
    world.run("a", "update item set name = 'a', updated_at = '2026-02-01' where id = 1")
    world.run(
        "b", "update item set name = 'b', updated_at = '2026-02-01' where id = 2", "delete from item where id = 3"
    )
    world.run("b", "update item set name = 'unclear' where id = 4")
    return world


def call(world: World, *words: str, fails: type[Exception] | None = None) -> Result:
    given = ["consistency", *words, "--a", world.a, "--b", world.b]
    result = CliRunner().invoke(cli, given)
    assert fails or result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if fails:
        assert isinstance(result.exception, fails), result.output
    return result


def document(result: Result) -> Any:
    return json.loads(result.stdout)


def test_plan_apply_undo(world: World) -> None:
    file = world.folder / "plan.json"
    planned = call(world, "plan", "item", "--authority", "newest", "--out", str(file))
    assert planned.exit_code == 0
    assert "item: 1 update in a, 1 insert into b, 1 update in b, 1 undecided" in planned.output
    assert "item 4: stays as it is, last written at the same instant in both, with different content" in planned.output
    sha256 = json.loads(file.read_text())["sha256"]
    assert f"holdfast consistency apply {file} --confirm {sha256}" in planned.output
    assert world.differences("item") == 4

    applied = call(world, "apply", str(file), "--confirm", sha256)
    assert applied.exit_code == 0
    assert "1 update in the primary, 1 insert in the secondary, 1 update in the secondary" in applied.output
    journal = world.folder / "plan.journal.jsonl"
    assert f"holdfast consistency undo {journal}" in applied.output
    assert world.differences("item") == 1

    again = document(call(world, "apply", str(file), "--confirm", sha256, "--json"))
    assert (again["written_rows"], again["already_rows"], again["skipped"]) == (0, 3, [])

    undone = call(world, "undo", str(journal), "--json")
    assert undone.exit_code == 0
    assert document(undone)["written_rows"] == 3
    assert document(undone)["journal"] == str(world.folder / "plan.journal.undo.jsonl")
    assert world.differences("item") == 4


def test_a_plan_without_a_file_is_printed(world: World) -> None:
    plan = document(call(world, "plan", "item", "--authority", "a", "--direction", "b", "--json"))
    (table,) = plan["tables"]
    assert [(one["key"], one["action"], one["into"]) for one in table["actions"]] == [
        ("3", "insert", "b"),
        ("1", "update", "b"),
        ("2", "update", "b"),
        ("4", "update", "b"),
    ]
    assert plan["sha256"]
    assert world.a not in json.dumps(plan)


def test_rows_that_are_left_make_exit_code_1(world: World) -> None:
    file = world.folder / "plan.json"
    call(world, "plan", "item", "--authority", "a", "--out", str(file))
    world.run("b", "update item set name = 'user' where id = 1")
    sha256 = json.loads(file.read_text())["sha256"]
    result = call(world, "apply", str(file), "--confirm", sha256)
    assert result.exit_code == 1
    assert (
        "item 1: no update in b, changed since the plan (skipped_stale): it is another row in b by now" in result.output
    )


def test_what_was_not_confirmed_is_not_applied(world: World) -> None:
    file = world.folder / "plan.json"
    call(world, "plan", "item", "--authority", "a", "--out", str(file))
    call(world, "apply", str(file), "--confirm", "0" * 64, fails=PlanError)
    file.write_text(file.read_text().replace('"insert"', '"delete"'))
    call(world, "apply", str(file), "--confirm", "0" * 64, fails=PlanError)
    call(world, "apply", str(world.folder / "nowhere.json"), "--confirm", "0" * 64, fails=PlanError)
    assert world.differences("item") == 4


def test_limits_are_options(world: World) -> None:
    call(world, "plan", "item", "--authority", "a", "--max-rows", "3", fails=RepairTooLargeError)
    call(world, "plan", "item", "--authority", "a", "--max-share", "3", fails=RepairTooLargeError)
    world.run("b", "delete from item")
    call(world, "plan", "item", "--authority", "a", "--max-share", "100", fails=RepairTooLargeError)
    allowed = call(world, "plan", "item", "--authority", "a", "--max-share", "100", "--allow-empty")
    assert "item: 100 inserts into b" in allowed.output


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "item"),
        ("plan", "item", "--tables", "item", "--authority", "a"),
        ("plan", "item", "--authority", "c"),
        ("plan", "item", "--authority", "a", "--hours", "3"),
        ("plan", "a.b.c", "--authority", "a"),
        ("apply", "plan.json"),
        ("undo",),
    ],
)
def test_wrong_usage_is_exit_code_2(world: World, words: tuple[str, ...]) -> None:
    assert call(world, *words).exit_code == 2


def test_several_tables_make_one_plan_and_one_that_is_missing_does_not_stop_it(world: World) -> None:
    result = call(world, "plan", "--tables", "item,nowhere", "--authority", "a")
    assert result.exit_code == 1
    assert "item: 1 insert into b, 3 updates in b" in result.output
    assert "nowhere: refused: nowhere: nothing is planned" in result.output
    call(world, "plan", "nowhere", "--authority", "a", fails=PermanentError)


def test_a_row_that_the_other_store_deleted_is_known_from_an_exact_comparison(world: World) -> None:
    from datetime import UTC, datetime

    from holdfast.consistency.tables import ComparedTable
    from resources.consistency.store import save_mark
    from resources.tables.comparing import compare

    mark = compare(world.stores, ComparedTable(name="item")).mark
    assert mark is not None
    with world.stores.a.postgres.transaction() as db:
        save_mark(db, "item", mark, run_id=f"{datetime.now(UTC)}")
    world.run("b", "delete from item where id = 50")
    result = call(world, "plan", "item", "--authority", "newest")
    assert "item 50: stays as it is, deleted in b" in result.output


def test_the_commands_do_not_wait_for_dagster() -> None:
    script = (
        "import sys; import resources.repair.planning, resources.repair.applying, resources.repair.undoing;"
        "import orchestration.cli_repair, assets.catalog, assets.consistency.telling_repair;"
        "assert 'dagster' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=True)


@pytest.mark.parametrize(("is_allowed", "expected"), [(False, []), (True, ["delete"])])
def test_a_delete_needs_the_operators_and_the_catalogues_word(
    world: World, monkeypatch: pytest.MonkeyPatch, is_allowed: bool, expected: list[str]
) -> None:
    declared = (ComparedTable(name="item", authority="b", may_delete=is_allowed),)
    monkeypatch.setattr(catalog, "COMPARED_TABLES", declared)

    def verbs(*words: str) -> list[str]:
        made = document(call(world, "plan", "item", "--direction", "a", "--json", *words))
        actions = made["tables"][0]["actions"]
        return [one["action"] for one in actions if one["action"] == "delete"]

    assert verbs("--delete") == expected
    assert verbs() == []
