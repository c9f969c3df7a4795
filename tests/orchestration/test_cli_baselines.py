"""``holdfast servers …`` and ``holdfast baselines …`` against real stores: exit codes, words, and JSON that parses."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError
from orchestration.cli import cli
from orchestration.settings import PROJECT
from resources import servers
from resources.postgres import Postgres
from tests.resources.baselines.history import NOW, memories, store_history
from tests.resources.baselines.test_learner import change, damage, template
from tests.resources.metrics.cycles import rows

UNTIL_S = int(time.time()) // 300 * 300


class Shell:
    """Calls ``holdfast`` with the stores of one test configured."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.database_url = database_url
        self.home = home

    def __call__(self, *words: str, **more: str) -> Result:
        environment = {"DATABASE_URL": self.database_url, "HOLDFAST_HOME": str(self.home)}
        result = CliRunner().invoke(cli, list(words), env=environment | more)
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def shell(database_url: str, tmp_path: Path) -> Shell:
    return Shell(database_url, tmp_path / "home")


@pytest.fixture
def learned(shell: Shell) -> Shell:
    store_history(shell.database_url, ["web1", "web2"], 2, until_s=UNTIL_S)
    assert shell("baselines", "learn").exit_code == 0
    return shell


COMMANDS = [
    ("servers", ["list", "check", "history"]),
    ("baselines", ["status", "learn", "relearn", "export", "import"]),
]


@pytest.mark.parametrize(("group", "command"), [(group, one) for group, commands in COMMANDS for one in commands])
def test_every_command_explains_itself_with_an_example(shell: Shell, group: str, command: str) -> None:
    result = shell(group, command, "--help")
    assert result.exit_code == 0
    assert f"holdfast {group} {command}" in result.stdout
    assert "--json" in result.stdout
    assert command in shell(group, "--help").stdout


def test_before_anything_is_there_the_lists_say_what_to_do(shell: Shell) -> None:
    assert "materialize server_templates" in shell("servers", "list").stdout
    assert "materialize baseline_templates" in shell("baselines", "status").stdout
    assert shell.json("servers", "list") == shell.json("baselines", "status") == []


def test_list_and_history_show_templates_and_their_versions(shell: Shell) -> None:
    postgres = Postgres(shell.database_url)
    servers.apply(postgres, [template("web1", upstream=("db1",), region="eu"), template("db1", "db")], NOW)
    servers.apply(postgres, [template("web1", "api", region="eu")], NOW)
    listed = shell("servers", "list").stdout
    assert "web1" in listed
    assert "db1" not in listed
    assert "declared, retired" in shell("servers", "list", "--retired").stdout
    (row,) = shell.json("servers", "list")
    assert (row["server_id"], row["kind"], row["version"], row["origin"]) == ("web1", "api", 2, "declared")
    shown = shell("servers", "history", "web1").stdout.splitlines()
    assert shown[0] == "version 2, since 2026-11-20 14:00 UTC: declared, api in default (kind, upstream)"
    assert shown[1].endswith("(first seen)")
    assert [one["version"] for one in shell.json("servers", "history", "web1")] == [2, 1]


def test_the_history_of_a_stranger_is_an_error_that_says_where_to_look(shell: Shell) -> None:
    result = shell("servers", "history", "nobody")
    assert result.exit_code == 1
    assert str(result.exception) == "there is no server 'nobody'; holdfast servers list --retired names them"


def test_check_tells_what_a_file_would_change_and_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text('[[server]]\nid = "a"\nkind = "web"\n')
    result = shell("servers", "check", str(file))
    assert result.exit_code == 0
    assert result.stdout == "  a: declared, version 1\nnew.toml: 1 servers, no mistake; server templates: 1 declared\n"
    assert shell.json("servers", "check", str(file)) == {
        "mistakes": [],
        "changes": [{"server_id": "a", "action": "declared", "version": 1}],
    }
    assert shell.json("servers", "list") == []
    assert shell("servers", "check", SERVER_TEMPLATES=str(file)).exit_code == 0


def test_a_file_can_be_checked_before_there_is_a_database(tmp_path: Path) -> None:
    environment = {"HOLDFAST_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-m", "orchestration.cli", "servers", "check", "servers.example.toml"]
    done = subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 servers, no mistake; no database is configured" in done.stdout


def test_check_of_a_broken_or_missing_file_exits_with_1_and_every_mistake(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text('[[server]]\nid = "a"\nkind = "wbe"\ncolour = 1\n')
    result = shell("servers", "check", str(file))
    assert result.exit_code == 1
    assert str(result.exception).startswith("new.toml: 2 mistakes; nothing was changed")
    as_json = shell("servers", "check", str(file), "--json")
    assert as_json.exit_code == 1
    assert len(json.loads(as_json.stdout)["mistakes"]) == 2
    missing = shell("servers", "check", str(tmp_path / "none.toml"))
    assert missing.exit_code == 1
    assert "there is no such file" in str(missing.exception)


def test_status_tells_how_far_each_series_is(learned: Shell) -> None:
    shown = learned("baselines", "status").stdout
    assert "web1" in shown
    assert "learned" in shown
    row = learned.json("baselines", "status")[0]
    assert (row["server_id"], row["metric"], row["status"], row["origin"]) == ("web1", "cpu_pct", "learned", "own")


def test_learn_again_finds_nothing_and_relearn_sets_aside_and_comes_to_the_same(learned: Shell) -> None:
    before = memories(learned.database_url)
    assert learned("baselines", "learn").stdout.startswith("0 blocks of 0 series learned, 0 series begun")
    done = learned.json("baselines", "relearn", "--server", "web1")
    assert done["set_aside"] == {"cpu_pct of web1": "relearned on demand"}
    assert memories(learned.database_url) == before
    nobody = learned("baselines", "relearn", "--server", "nobody", "--metric", "cpu_pct")
    assert nobody.exit_code == 1
    assert "nothing is learned of cpu_pct of nobody" in str(nobody.exception)


def test_what_is_exported_is_imported_only_when_told(learned: Shell) -> None:
    exported = learned.json("baselines", "export", "--to", "baselines/mine.json.gz")
    assert (exported["name"], exported["series"], exported["left_out"]) == ("baselines/mine.json.gz", 2, [])
    before = memories(learned.database_url)
    change(learned.database_url, "truncate holdfast.baseline_memories, holdfast.baseline_versions")
    plan = learned("baselines", "import", "baselines/mine.json.gz")
    assert plan.exit_code == 0
    assert plan.stdout.endswith("2 of 2 series to write\nnothing was changed; --apply writes\n")
    assert memories(learned.database_url) == {}
    assert learned("baselines", "import", "baselines/mine.json.gz", "--apply").stdout.endswith(
        "2 of 2 series written\n"
    )
    assert memories(learned.database_url) == before
    again = learned.json("baselines", "import", "baselines/mine.json.gz", "--apply")
    assert [one["replaces"] for one in again["series"]] == ["same", "same"]


def test_a_renamed_server_is_imported_under_its_new_name(learned: Shell) -> None:
    learned("baselines", "export", "--to", "x")
    learned("baselines", "import", "x", "--server", "web1=web9", "--apply")
    assert ("web9", "cpu_pct") in memories(learned.database_url)
    assert learned("baselines", "import", "x", "--server", "web1").exit_code == 2
    assert "it has no server web7" in str(learned("baselines", "import", "x", "--server", "web7=web8").exception)


def test_a_damaged_memory_makes_the_export_exit_with_1_and_name_it(learned: Shell) -> None:
    damage(learned.database_url)
    result = learned("baselines", "export")
    assert result.exit_code == 1
    assert "left out: cpu_pct of web1" in result.stdout


def test_another_resolution_makes_the_import_exit_with_1(learned: Shell) -> None:
    learned("baselines", "export", "--to", "x")
    rows(learned.database_url, "update holdfast.metric_catalog set per_unit = 10 where per_unit = 100 returning 1")
    result = learned("baselines", "import", "x", "--apply")
    assert result.exit_code == 1
    assert "cannot be taken: it was learned with another resolution" in result.stdout
