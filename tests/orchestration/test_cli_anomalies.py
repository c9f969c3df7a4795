"""``holdfast anomalies …`` against a real store: exit codes, words, and JSON that parses."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError
from orchestration.cli_anomalies import anomalies
from tests.resources.anomalies.worlds import high, install, run, usual_fleet
from tests.resources.metrics.cycles import rows

COMMANDS = ["list", "show", "acknowledge", "close", "mute", "unmute", "pin", "judge"]


class Shell:
    """Calls ``holdfast anomalies`` with the store of one test configured."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def __call__(self, *words: str) -> Result:
        result = CliRunner().invoke(anomalies, [*words], env={"DATABASE_URL": self.database_url})
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def shell(database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A fleet that had a cascade at 9:00, judged until 9:24."""
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    cascade = (high("web1", 9.1), high("api1", 9.05), high("db1", 9))
    postgres = install(database_url, usual_fleet(*cascade), until_hour=9.4)
    run(postgres, 9.4)
    return Shell(database_url)


def test_the_list_fails_while_a_critical_incident_is_open_that_nobody_acknowledged(shell: Shell) -> None:
    found = shell("list")
    assert found.exit_code == 1
    assert found.stdout.startswith("    1  critical  2026-01-13 09:00  open\n       db1: CPU 7")
    assert shell("acknowledge", "1", "--note", "known", "--by", "ann").stdout.startswith(
        "incident 1 is acknowledged by ann"
    )
    found = shell("list")
    assert (found.exit_code, "open, acknowledged by ann" in found.stdout) == (0, True)
    (listed,) = shell.json("list", "--all")
    assert (listed["severity"], listed["note"], listed["closed_at"]) == ("critical", "known", None)
    assert shell("close", "1", "--by", "ann").exit_code == 0
    assert shell("list").stdout == "no incident is open\n"
    assert "closed" in shell("list", "--all").stdout


def test_show_names_every_series_and_the_root(shell: Shell) -> None:
    shown = shell("show", "1").stdout
    assert "db1 (root): CPU 7" in shown
    document = shell.json("show", "1")
    assert {one["server_id"] for one in document["series"]} == {"db1", "api1", "web1"}
    assert [one["server_id"] for one in document["series"] if one["is_root"]] == ["db1"]
    missing = shell("show", "77")
    assert str(missing.exception).startswith("incident 77: there is none with this number")


def test_mute_and_unmute_say_what_is_muted(shell: Shell) -> None:
    assert shell("mute", "--server", "web1", "--hours", "8").exit_code == 2
    muted = shell("mute", "--server", "web1", "--hours", "8", "--reason", "load test", "--by", "ann")
    assert muted.stdout.startswith("mute 1: every metric of web1 makes no incident until ")
    still = shell("unmute", "--server", "api1").stdout
    assert still.startswith("there was no mute of every metric of api1\nstill muted: every metric of web1 until ")
    assert shell("unmute", "--server", "web1").stdout == "1 mutes of every metric of web1 ended\n"


def test_pin_keeps_the_range(shell: Shell) -> None:
    assert shell("pin", "1").exit_code == 0
    assert rows(shell.database_url, "select count(*) from holdfast.pinned_ranges") == [(3,)]


def test_judge_tells_what_it_did(shell: Shell) -> None:
    done = shell.json("judge")
    assert (done["judged_slots"], done["open_incidents"]) == (0, 1)
    assert "0 slots" in shell("judge").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(anomalies, [command, "--help"]).stdout
    assert f"holdfast anomalies {command}" in shown
