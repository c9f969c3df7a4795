import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import cli as module
from orchestration.cli import cli, main
from orchestration.settings import PROJECT, load
from resources.cycles import PostgresCycles
from resources.postgres import Postgres
from tests.conftest import Stack

Environment = Callable[..., dict[str, str]]


def holdfast(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "orchestration.cli", *arguments]
    return subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def no_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_dotenv", lambda: None)


@pytest.mark.parametrize("command", [[], ["run"], ["doctor"], ["migrate"], ["collect"], ["env"]])
def test_help_helps(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    if command:
        assert "Example" in result.output
        assert f"holdfast {command[0]}" in result.output


@pytest.mark.parametrize("wrong", [["nonsense"], ["run", "--twice"], ["doctor", "extra"]])
def test_wrong_usage_exits_with_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(cli, wrong).exit_code == 2


def test_an_expected_failure_is_one_line_on_stderr(home_environment: Environment) -> None:
    for environment, arguments, said in (
        (home_environment(HOLDFAST_PROT="3001"), ["doctor"], "error: HOLDFAST_PROT: there is no such setting; did you"),
        (home_environment(), ["migrate"], "error: DATABASE_URL is not set and no embedded stack runs in"),
        (home_environment(), ["env"], "error: nothing runs in"),
        (home_environment(METRICS_TARGETS="nonsense"), ["doctor"], "error: METRICS_TARGETS"),
    ):
        result = holdfast(environment, *arguments)
        assert result.returncode == 1
        assert result.stderr.startswith(said)
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""


def test_a_wrong_password_is_one_line_without_the_password(home_environment: Environment) -> None:
    environment = home_environment(DATABASE_URL="postgresql://u:sesame@127.0.0.1:1/x")
    result = holdfast(environment, "migrate")
    assert result.returncode == 1
    assert result.stderr.startswith("error: Postgres is away")
    assert "sesame" not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_migrate_applies_what_is_missing_once(home_environment: Environment, empty_database_url: str) -> None:
    environment = home_environment(DATABASE_URL=empty_database_url)
    first, second = holdfast(environment, "migrate"), holdfast(environment, "migrate")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.startswith("applied 0001_")
    assert second.stdout == "nothing to apply\n"


def test_collect_once_brings_one_cycle_into_the_buffer(home_environment: Environment, database_url: str) -> None:
    environment = home_environment(DATABASE_URL=database_url, REDIS_ENABLED="false")
    result = holdfast(environment, "collect", "--once")
    assert result.returncode == 0, result.stderr
    entries = PostgresCycles(Postgres(database_url)).read_after("0-0", 10).entries
    assert len(entries) == 1


def test_env_finds_the_servers_of_a_running_stack(
    stack: Stack, no_dotenv: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(stack.home))
    result = CliRunner().invoke(cli, ["env"])
    assert result.exit_code == 0
    said = subprocess.run(
        ["sh", "-c", f'{result.output} printf %s "$DATABASE_URL"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == stack.database_url


def test_commands_in_another_terminal_find_the_running_stack(stack: Stack, home_environment: Environment) -> None:
    environment = home_environment() | {"HOLDFAST_HOME": str(stack.home)}
    result = holdfast(environment, "doctor")
    (line,) = [line for line in result.stdout.splitlines() if "secondary Postgres" in line]
    assert line.startswith("ok")
    assert "embedded" in line


def test_main_turns_our_errors_into_exit_code_1(
    no_dotenv: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["holdfast", "env"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert f"error: nothing runs in {load().state}" in capsys.readouterr().err
