"""``holdfast health`` and ``holdfast breakers`` against real stores: exit codes, words, and JSON that parses."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from assets.catalog import COMPARED_TABLES
from holdfast.errors import HoldfastError
from orchestration.cli import cli


class Shell:
    """Calls ``holdfast`` with the stores of one test configured."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment

    def __call__(self, *words: str) -> Result:
        result = CliRunner().invoke(cli, [*words], env=self.environment)
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def shell(database_url: str, secondary_database_url: str, redis_url: str, tmp_path: Path) -> Shell:
    for url in (database_url, secondary_database_url):
        with psycopg.connect(url, autocommit=True) as connection:
            for one in COMPARED_TABLES:
                connection.execute(f'create table "{one.name}" (id uuid primary key)'.encode())
    return Shell(
        DATABASE_URL=database_url,
        SUPABASE_DB_URL=secondary_database_url,
        REDIS_URL=redis_url,
        HOLDFAST_HOME=str(tmp_path),
    )


def test_good_stores_are_told_in_words_and_as_json(shell: Shell) -> None:
    found = shell("health")
    assert found.exit_code == 0
    assert found.stdout.startswith("full: both stores answer and their breakers are closed\n\nprimary\n")
    for words in ("round trip ", "PostgreSQL 18.", "closed (redis)", "100.00% of 24 h", "nothing to do"):
        assert words in found.stdout
    told = shell.json("health")
    assert (told["mode"], told["severity"], told["advice"], told["history"]) == ("full", "ok", [], "read")
    assert [one["store"] for one in told["stores"]] == ["primary", "secondary"]
    assert told["stores"][0]["latency_p50_ms"] > 0
    assert told["stores"][0]["availability"]["day_probes"] == 1


def test_a_store_that_is_away_makes_it_fail_and_says_what_to_do(shell: Shell) -> None:
    shell.environment["SUPABASE_DB_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    found = shell("health")
    assert found.exit_code == 1
    assert "degraded: the secondary does not answer" in found.stdout
    assert "warning: the secondary does not answer (" in found.stdout
    assert "SUPABASE_DB_URL" in found.stdout
    assert shell.json("health")["advice"][0]["level"] == "warning"


def test_a_primary_that_is_away_leaves_the_secondary_told(shell: Shell) -> None:
    shell.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    found = shell("health")
    assert found.exit_code == 1
    assert "the history is in the primary, which does not answer" in found.stdout
    assert [one["is_available"] for one in shell.json("health")["stores"]] == [False, True]


def test_without_a_secondary_it_says_so(shell: Shell) -> None:
    del shell.environment["SUPABASE_DB_URL"]
    found = shell("health")
    assert found.exit_code == 0
    assert found.stdout.startswith("disabled: SUPABASE_DB_URL is not set: there is no secondary store")


def test_breakers_are_listed_forced_and_taken_back(shell: Shell) -> None:
    assert shell("breakers", "list").exit_code == 0
    done = shell("breakers", "open", "secondary", "--reason", "moving house", "--by", "ada")
    assert done.stdout == "the secondary is left alone: its breaker is open; known to redis and postgres\n"
    listed = shell("breakers", "list")
    assert listed.exit_code == 1
    assert "forced by" in listed.stdout
    (primary, secondary) = shell.json("breakers", "list")
    assert (primary["state"], secondary["state"], secondary["forced_reason"]) == ("closed", "open", "moving house")
    assert "degraded" in shell("health").stdout
    assert shell("breakers", "auto", "secondary").exit_code == 0
    assert shell.json("health")["mode"] == "full"
    assert shell("breakers", "close", "primary", "--reason", "watching it").exit_code == 0
    assert shell.json("breakers", "list")[0]["forced"] == "closed"


def test_a_breaker_is_not_forced_without_a_reason_or_for_a_store_that_does_not_exist(shell: Shell) -> None:
    assert shell("breakers", "open", "secondary").exit_code == 2
    assert shell("breakers", "open", "tertiary", "--reason", "x").exit_code == 2


def test_the_doctor_tells_of_a_store_that_is_left_alone(shell: Shell) -> None:
    def row() -> dict[str, Any]:
        return next(one for one in shell.json("doctor") if one["dependency"] == "breakers")

    assert (row()["ok"], row()["configured"], row()["reachable"]) == (
        True,
        "in redis",
        "primary closed, secondary closed",
    )
    shell("breakers", "open", "secondary", "--reason", "moving house", "--by", "ada")
    assert (row()["ok"], row()["problem"]) == (False, "secondary: forced by ada, moving house")
