"""``holdfast metrics …`` against real stores: exit codes, words, and JSON that parses."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError
from holdfast.metrics.cycles import Cycle, Reading, pack
from orchestration.cli import cli
from resources.metrics.rollups import roll_up
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from tests.resources.metrics.cycles import MIDNIGHT_S, at, packed, rows, stored

YESTERDAY_S = MIDNIGHT_S - 86_400
COMMANDS = ["move", "show", "compact", "retention", "pin", "acknowledge-gaps"]


class Shell:
    """Calls ``holdfast metrics`` with the stores of one test configured."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url = database_url
        self.environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        self.buffer = RedisCycles(RedisClient(redis_url), capacity=100_000)

    def __call__(self, *words: str, **more: str) -> Result:
        result = CliRunner().invoke(cli, ["metrics", *words], env=self.environment | more)
        # What is no exit is an error of ours, which the entry point turns into one line.
        assert isinstance(result.exception, (SystemExit, HoldfastError, type(None))), result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def metrics(database_url: str, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    return Shell(database_url, redis_url)


def test_a_move_says_what_it_did_and_a_second_one_changes_nothing(metrics: Shell) -> None:
    metrics.buffer.append(packed([MIDNIGHT_S, MIDNIGHT_S + 30], ["a", "b"]))
    first = metrics("move")
    assert first.exit_code == 0
    assert first.stdout == (
        "2 cycles: 4 rows stored, 0 were there already, 0 rows and 0 entries set aside; 0 of 2 servers failed\n"
    )
    before = stored(metrics.database_url)
    second = metrics("move")
    assert second.exit_code == 0
    assert second.stdout.startswith("0 cycles: 0 rows stored")
    assert stored(metrics.database_url) == before
    assert len(before) == 4


def test_a_move_for_programs_is_one_document(metrics: Shell) -> None:
    metrics.buffer.append(packed([MIDNIGHT_S]))
    document = metrics.json("move", "--batch-cycles", "1")
    assert (document["cycles"], document["stored_rows"], document["servers"]) == (1, 1, ["web1"])


def test_a_move_that_set_something_aside_exits_with_1(metrics: Shell) -> None:
    metrics.buffer.append([b"<html>", *packed([MIDNIGHT_S])])
    result = metrics("move")
    assert result.exit_code == 1
    assert "1 rows stored" in result.stdout
    assert "1 entries set aside" in result.stdout


def test_show_before_the_first_sample_says_what_to_do(metrics: Shell) -> None:
    assert "holdfast collect, then move" in metrics("show").stdout
    assert metrics.json("show")["total"] == 0


def test_show_names_every_server_and_who_is_stale(metrics: Shell) -> None:
    now_s = int(time.time()) // 30 * 30
    for server, at_s in (("fresh", now_s), ("silent", now_s - 900)):
        metrics.buffer.append([pack(Cycle(at_s, 30, "t", time.time(), [Reading(server, at_s, {"cpu_pct": 4250})], {}))])
    metrics("move")
    shown = {line.split()[0]: line.split() for line in metrics("show").stdout.splitlines() if line.strip()}
    assert shown["fresh"][1:3] == ["online", "42.5"]
    assert shown["silent"][1] == "stale"
    document = metrics.json("show")
    assert {server["id"]: server["status"] for server in document["servers"]} == {"fresh": "online", "silent": "stale"}


def test_compact_packs_the_days_that_are_over_and_only_once(metrics: Shell) -> None:
    metrics.buffer.append(packed([YESTERDAY_S, YESTERDAY_S + 30, MIDNIGHT_S]))
    metrics("move")
    before = stored(metrics.database_url)
    assert metrics("compact").stdout == f"{at(YESTERDAY_S).date()}: 2 rows in 1 chunks\n"
    assert metrics("compact").stdout == "no day that is over is still hot\n"
    assert stored(metrics.database_url) == before


def old_weeks(metrics: Shell) -> None:
    """Five weeks of one sample a day, rolled up and compacted."""
    days = range(1, 34)
    metrics.buffer.append(packed([MIDNIGHT_S - day * 86_400 for day in days]))
    metrics("move")
    postgres, now = Postgres(metrics.database_url), datetime.now(UTC)
    for day in days:
        for rollup in ("hourly", "daily"):
            roll_up(postgres, rollup, at(MIDNIGHT_S - day * 86_400).date(), now)  # type: ignore[arg-type]
    metrics("compact")


def test_retention_shows_its_plan_and_thins_only_when_told(metrics: Shell) -> None:
    old_weeks(metrics)
    before = stored(metrics.database_url)
    plan = metrics("retention", HOLDFAST_RAW_DAYS="14")
    assert plan.exit_code == 0
    assert "would go" in plan.stdout
    assert plan.stdout.endswith("nothing was changed; --apply thins\n")
    assert stored(metrics.database_url) == before
    applied = metrics("retention", "--apply", HOLDFAST_RAW_DAYS="14")
    assert applied.exit_code == 0
    assert "weeks thinned" in applied.stdout
    assert 0 < len(stored(metrics.database_url)) < len(before)
    assert "nothing to thin" in metrics("retention", HOLDFAST_RAW_DAYS="14").stdout


def test_retention_that_cannot_help_exits_with_1_and_names_the_largest_tables(metrics: Shell) -> None:
    with psycopg.connect(metrics.database_url) as connection:
        connection.execute("create table filler as select g, repeat('x', 90) from generate_series(1, 40000) g")
    result = metrics("retention", HOLDFAST_DATABASE_BUDGET_MB="10")
    assert result.exit_code == 1
    assert "that is not enough; the largest tables:" in result.stdout
    assert "public.filler" in result.stdout


def test_a_pinned_range_survives_its_week(metrics: Shell) -> None:
    old_weeks(metrics)
    pinned = at(MIDNIGHT_S - 30 * 86_400)
    words = ["--server", "web1", "--from", f"{pinned:%Y-%m-%dT%H:%M:%S}", "--reason", "outage 41"]
    result = metrics("pin", *words, "--until", f"{pinned + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}")
    assert result.exit_code == 0
    assert result.stdout.startswith("pin 1: raw samples of web1 from")
    assert "pinned ranges in" in metrics("retention", HOLDFAST_RAW_DAYS="14").stdout
    metrics("retention", "--apply", HOLDFAST_RAW_DAYS="14")
    assert pinned in {row[1] for row in stored(metrics.database_url)}


def test_gaps_are_acknowledged_once(metrics: Shell, redis_url: str) -> None:
    metrics.buffer.append(packed([MIDNIGHT_S]))
    metrics("move")
    RedisClient(redis_url)._redis.flushall()
    metrics.buffer.append(packed([MIDNIGHT_S + 90]))
    assert metrics("move").exit_code == 1
    first, second = metrics("acknowledge-gaps"), metrics("acknowledge-gaps")
    assert first.stdout.startswith("event 1: ")
    assert first.stdout.endswith("1 events noted\n")
    assert second.stdout == "0 events noted\n"
    assert rows(metrics.database_url, "select count(*) from holdfast.metrics_gaps where acknowledged_at is null") == [
        (0,)
    ]


RANGE = ["--from", "2026-01-02", "--until", "2026-01-01", "--reason", "x"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "No such command"),
        (["move", "--batch-cycles", "many"], "not a valid integer"),
        (["move", "--batch-cycles", "0"], "is not in the range"),
        (["move", "extra"], "unexpected extra argument"),
        (["pin"], "Missing option"),
        (["pin", *RANGE], "is not before"),
        (["pin", "--from", "tomorrow", *RANGE[2:]], "does not match the formats"),
        (["retention", "--aply"], "No such option"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(metrics: Shell, words: list[str], said: str) -> None:
    result = metrics(*words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_store_that_is_away_is_an_error_of_ours_without_its_password(metrics: Shell, command: str) -> None:
    words = ["--from", "2026-01-01", "--until", "2026-01-02", "--reason", "x"] if command == "pin" else []
    result = metrics(command, *words, DATABASE_URL="postgresql://u:sesame@127.0.0.1:1/x")
    assert isinstance(result.exception, HoldfastError)
    assert str(result.exception).startswith("Postgres is away")
    assert "sesame" not in str(result.exception) + result.output


def test_a_database_without_migrations_says_what_to_run(empty_database_url: str, metrics: Shell) -> None:
    for command in ("move", "show", "compact", "retention", "acknowledge-gaps"):
        result = metrics(command, DATABASE_URL=empty_database_url)
        assert isinstance(result.exception, HoldfastError)
        assert "holdfast migrate" in str(result.exception), command


def test_every_command_has_an_example_that_names_it() -> None:
    group = cli.commands["metrics"]
    assert isinstance(group, click.Group)
    assert sorted(group.commands) == sorted(COMMANDS)
    for name in COMMANDS:
        result = CliRunner().invoke(cli, ["metrics", name, "--help"])
        assert result.exit_code == 0
        assert f"holdfast metrics {name}" in result.output
