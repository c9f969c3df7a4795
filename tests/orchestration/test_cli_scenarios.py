"""``holdfast scenarios …``: exit codes, words, and JSON that parses."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError, ScenarioError
from orchestration.cli import cli

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
