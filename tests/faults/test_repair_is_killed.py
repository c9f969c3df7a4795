"""A repair that is killed at any moment: every row is old or new, the log is complete, and the next apply finishes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast.consistency.plans import RepairPlan
from holdfast.consistency.tables import Side
from orchestration.settings import PROJECT
from resources.repair.undoing import undo_logged
from tests.resources.repair.worlds import World

pytestmark = pytest.mark.slow
ROWS = 6000


@pytest.fixture
def world(database_url: str, secondary_database_url: str, tmp_path: Path) -> World:
    return World(database_url, secondary_database_url, tmp_path)


def apply(world: World, sha256: str) -> subprocess.Popen[str]:
    argv = [
        sys.executable,
        "-c",
        "from orchestration.cli_repair import apply; apply()",
        str(world.folder / "plan.json"),
    ]
    argv += ["--confirm", sha256, "--a", world.a, "--b", world.b, "--journal", str(world.journal), "--json"]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def plan(world: World) -> RepairPlan:
    """A third of the rows is newer in A, a third in B, and B lost a thousand."""
    world.both("create table item (id bigint primary key, name text, updated_at timestamptz)")
    world.both(f"insert into item select n, 'old', '2026-01-01' from generate_series(1, {ROWS}) n")
    world.run("a", f"update item set name = 'new', updated_at = '2026-02-01' where id <= {ROWS // 3}")
    world.run("b", f"update item set name = 'new', updated_at = '2026-02-01' where id > {2 * ROWS // 3}")
    world.run("b", f"delete from item where id between {ROWS // 2} and {ROWS // 2 + 999}")
    plan = world.plan("item", authority="newest")
    (world.folder / "plan.json").write_text(plan.to_text())
    return plan


def odd_rows(world: World, side: Side) -> int:
    whole = "(name, updated_at) in (('old', '2026-01-01'), ('new', '2026-02-01'))"
    ((count,),) = world.rows(side, f"select count(*) from item where not {whole}")
    return int(count)


def kill(process: subprocess.Popen[str], lines: int, delay_s: float) -> None:
    """Kill it some time after it has said so many lines."""
    assert process.stderr is not None
    for _ in range(lines):
        process.stderr.readline()
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("first", range(3))
def test_a_repair_that_is_killed_again_and_again_is_finished_by_the_next(
    world: World, plan: RepairPlan, first: int
) -> None:
    for number in range(first, first + 6):
        kill(apply(world, plan.sha256), lines=number % 3, delay_s=0.007 * (number * 5 % 8))
        assert odd_rows(world, "a") == odd_rows(world, "b") == 0
    assert world.differences("item") > 0

    process = apply(world, plan.sha256)
    out, err = process.communicate()
    assert process.returncode == 0, err
    done = json.loads(out)

    assert not done["skipped"]
    assert done["already_rows"] > 0
    assert world.differences("item") == 0
    assert_log_is_whole(world, len(plan.tables[0].actions))
    assert world.undo().written_count == len(plan.tables[0].actions)
    assert undo_logged(world.stores, plan.repair_id).written_count == 0


def assert_log_is_whole(world: World, actions: int) -> None:
    """The log tells every row that was written once, and none that was not."""
    applied = "filter (where state = 'applied')"
    ((states, rows, keys),) = world.rows(
        "a",
        f"select array_agg(distinct state), count(*) {applied}, count(distinct (store, key)) {applied} "
        "from holdfast.repair_log",
    )
    assert "prepared" not in states
    assert (rows, keys) == (actions, actions)
