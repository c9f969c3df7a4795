"""``holdfast schema …`` on two real stores: exit codes, words, and JSON that parses."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError
from orchestration.cli import cli
from orchestration.settings import PROJECT
from resources.postgres import Postgres
from resources.samples import make_samples
from tests.resources.schema.world import run


class Shell:
    """Calls ``holdfast schema`` with two stores that hold the samples."""

    def __init__(self, a: str, b: str) -> None:
        self.a, self.b = a, b

    def __call__(self, command: str, *words: str) -> Result:
        result = CliRunner().invoke(cli, ["schema", command, "--a", self.a, "--b", self.b, *words])
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def shell(database_url: str, secondary_database_url: str) -> Shell:
    make_samples(Postgres(database_url), Postgres(secondary_database_url), datetime.now(UTC))
    return Shell(database_url, secondary_database_url)


def test_diff_plan_apply_diff(shell: Shell, tmp_path: Path) -> None:
    before = shell("diff")
    assert before.exit_code == 1
    assert "warning: Scenario: the secondary has no index idx_scenario_user_created" in before.stdout
    file = tmp_path / "plan.sql"
    planned = shell("plan", "--out", str(file))
    assert planned.exit_code == 0
    sha256 = shell.json("plan")["sha256"]
    assert f"holdfast schema apply {file} --confirm {sha256}" in planned.stdout
    applied = shell("apply", str(file), "--confirm", sha256)
    assert (applied.exit_code, applied.stdout) == (0, "secondary: 3 of 3 statements are done\n")
    again = shell("apply", str(file), "--confirm", sha256)
    assert (again.exit_code, again.stdout) == (0, "secondary: there was nothing to do\n")
    after = shell("diff")
    assert (after.exit_code, after.stdout) == (
        0,
        "both stores have the same schema, and all that the catalogue asks for\n",
    )


def test_json_is_for_programs(shell: Shell) -> None:
    kinds = {(one["kind"], one["table"], one["store"], one["can_be_added"]) for one in shell.json("diff")}
    assert kinds == {
        ("index", "Scenario", "b", True),
        ("policy", "VideoAsset", "b", True),
        ("row security", "VideoAsset", "b", True),
    }
    planned = shell.json("plan", "--tables", "VideoAsset")
    assert (planned["statements"], planned["left_to_you"], planned["into"]) == (2, 0, "b")
    (applied,) = json.loads(shell("apply", "--tables", "VideoAsset", "--confirm", planned["sha256"], "--json").stdout)
    assert (applied["store"], len(applied["done"]), applied["failed"], applied["not_done"]) == ("b", 2, None, [])


def test_a_plan_of_some_tables_is_applied_to_those(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.sql"
    sha256 = shell.json("plan", "--tables", "VideoAsset", "--out", str(file))["sha256"]
    assert shell("apply", str(file), "--confirm", sha256).exit_code == 0
    assert [one["table"] for one in shell.json("diff")] == ["Scenario"]


def test_a_file_that_was_edited_or_is_another_is_refused(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.sql"
    sha256 = shell.json("plan", "--out", str(file))["sha256"]
    assert "not 0000" in str(shell("apply", str(file), "--confirm", "0000").exception)
    file.write_text(file.read_text().replace("create policy", "drop policy"))
    assert "was edited" in str(shell("apply", str(file), "--confirm", sha256).exception)
    assert len(shell.json("diff")) == 3


def test_wrong_usage_is_told(shell: Shell) -> None:
    assert shell("apply").exit_code == 2
    assert shell("plan", "--into", "c").exit_code == 2
    assert shell("diff", "--tables", "a.b.c").exit_code == 2


def test_a_failure_says_what_was_done(shell: Shell) -> None:
    run(shell.a, 'alter table "Story" add constraint written check (length(content) > 0)')
    applied = shell("apply", "--confirm", shell.json("plan")["sha256"])
    assert applied.exit_code == 1
    assert "4 of 5 statements are done; failed: alter table" in applied.stdout
    assert "validate constraint" in applied.stdout


def test_comparing_does_not_wait_for_dagster() -> None:
    script = (
        "import sys, orchestration.cli_schema, resources.schema.applying, assets.catalog, orchestration.cli_stores;"
        "sys.exit('dagster' in sys.modules)"
    )
    argv = [sys.executable, "-c", script]
    assert subprocess.run(argv, cwd=PROJECT, env={"PATH": os.environ["PATH"]}, check=False).returncode == 0
