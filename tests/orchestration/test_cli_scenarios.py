"""``holdfast scenarios …``: exit codes, words, and JSON that parses."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError, ScenarioError
from orchestration.cli import cli
from orchestration.drill import PREFIX
from orchestration.runs import last_run
from orchestration.settings import PROJECT
from tests.resources.metrics.cycles import rows
from tests.servers import eventually

SMALL = """
description = "a test"
learning = "1d"
plays = "2h"

[[failure]]
kind = "drop"
server = "web1"
metrics = ["throughput_rps", "active_users"]
starts_after = "30m"
lasts = "30m"
"""


class Shell:
    """Calls ``holdfast scenarios`` with the database of one test configured."""

    def __init__(self, database_url: str) -> None:
        self.environment = {"DATABASE_URL": database_url, "REDIS_ENABLED": "false"}

    def __call__(self, *words: str) -> Result:
        result = CliRunner().invoke(cli, ["scenarios", *words], env=self.environment)
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def scenarios(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    return Shell(database_url)


def test_the_ready_made_ones_are_listed_and_shown(scenarios: Shell) -> None:
    listed = scenarios("list")
    assert listed.exit_code == 0
    assert "cascade" in listed.stdout
    assert {"spike", "burst", "shift", "leak", "drop", "flat-line", "noise", "cascade", "mixed", "report"} == {
        one["name"] for one in scenarios.json("list")
    }
    shown = scenarios("show", "cascade", "--seed", "3").stdout
    assert "cascade of" in shown
    assert "on db1, api1, worker1, web1: all that it touches, 45 min" in shown
    assert scenarios.json("show", "drop")["failures"][0]["kind"] == "drop"


def test_what_does_not_exist_is_said(scenarios: Shell) -> None:
    found = scenarios("run", "cascades")
    assert isinstance(found.exception, ScenarioError)
    assert "expected one of burst, cascade, drop" in str(found.exception)
    assert "cannot be read" in str(scenarios("show", "nowhere.toml").exception)
    assert "expected 1 to 32 days, found 33" in str(scenarios("run", "cascade", "--learning-days", "33").exception)


def test_a_play_is_told_and_logged(scenarios: Shell, tmp_path: Path) -> None:
    assert "no scenario was ever played" in scenarios("log").stdout
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    played = scenarios("run", str(path), "--seed", "4", "--learning-days", "2")
    assert played.exit_code in (0, 1)
    assert "drop on web1" in played.stdout
    assert "execution 1:" in played.stdout
    assert (played.exit_code == 1) == ("MISSED" in played.stdout)
    (logged,) = scenarios.json("log")
    assert (logged["name"], logged["seed"], logged["fleet"], logged["failures"]) == ("small", 4, "sample", 1)
    assert "small" in scenarios("log").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_play_that_is_stopped_leaves_no_servers_no_files_and_no_row(
    scenarios: Shell, database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    environment = scenarios.environment | {"HOLDFAST_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    argv = [sys.executable, "-m", "orchestration.cli", "scenarios", "run", "mixed"]
    with subprocess.Popen(
        argv, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:

        def started() -> Path | None:
            for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
                run = last_run(folder)
                if run and run.pid == process.pid and len(run.children) == 2:
                    return folder
            return None

        folder = eventually(started, within_s=60)
        children = [child.process() for child in last_run(folder).children]
        process.send_signal(number)
        assert process.wait(60) != 0
    assert not folder.exists()
    assert not any(child and child.is_running() for child in children)
    assert rows(database_url, "select count(*) from holdfast.scenario_execution_log") == [(0,)]
