"""``scenario_execution_log`` on Dagster: one row per execution, the same results, and nothing else is written."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.baselines.scenarios import ScenarioConfig, scenario_execution_log
from holdfast.scenarios.casting import cast
from holdfast.scenarios.fleet import SAMPLE_FLEET
from holdfast.scenarios.rehearsal import rehearse
from holdfast.servers.template import ServerTemplate
from resources import servers
from resources.postgres import Postgres
from resources.scenarios.ready import find_scenario, ready_scenarios
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.metrics.cycles import rows

FLEET = [
    ServerTemplate(server_id="shop-db", name="shop-db", kind="db"),
    ServerTemplate(server_id="shop-api", name="shop-api", kind="api", upstream=("shop-db",)),
    ServerTemplate(server_id="shop-web", name="shop-web", kind="web", upstream=("shop-api",)),
]
TEXT = """
description = "a test"
learning = "2d"
plays = "6h"

[[failure]]
kind = "drop"
server = "@web"
metrics = ["throughput_rps"]
starts_after = "1h"
lasts = "30m"

[[failure]]
kind = "spike"
server = "@{kind}"
metrics = ["cpu_pct"]
starts_after = "4h"
lasts = "15m"
spreads = [4, 6]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(TEXT.replace("{kind}", "db"))
    return path


def play(deployment: Deployment, *names: str, **how: Any) -> dg.ExecuteInProcessResult:
    config = ScenarioConfig(names=list(names), **how)
    return deployment.run(scenario_execution_log, run_config=dg.RunConfig(ops={"scenario_execution_log": config}))


def counts(url: str) -> dict[str, int]:
    """Rows of every table of ours."""
    with psycopg.connect(url) as connection:
        found = "select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind = 'r'"
        names = [name for (name,) in connection.execute(found).fetchall()]
        count = "select count(*) from holdfast.{}"
        return {name: connection.execute(count.format(name).encode()).fetchone()[0] for name in names}  # type: ignore[index]


def test_an_execution_is_one_row_and_a_second_one_comes_to_the_same(deployment: Deployment, file: Path) -> None:
    servers.apply(Postgres(deployment.database_url), FLEET, datetime.now(UTC))
    before = counts(deployment.database_url)
    first = play(deployment, str(file), seed=5)
    play(deployment, str(file), seed=5)
    after = counts(deployment.database_url)
    assert after.pop("scenario_execution_log") == 2
    assert after == {name: count for name, count in before.items() if name != "scenario_execution_log"}

    one, two = rows(
        deployment.database_url,
        "select name, seed, fleet, played_from, affected_servers, failures, detected, false_pages, results, parameters "
        "from holdfast.scenario_execution_log order by execution_id",
    )
    assert one == two
    name, seed, fleet, played_from, affected, failures, detected, false_pages, results, parameters = one
    assert (name, seed, fleet, failures) == ("shop", 5, "declared", 2)
    assert played_from == datetime(2026, 1, 7, tzinfo=UTC)
    assert affected == ["shop-db", "shop-web"]
    assert parameters["servers"] == {"shop-api": "api", "shop-db": "db", "shop-web": "web"}

    pure = rehearse(cast(find_scenario(str(file)), FLEET, 5).play)
    assert results == [json.loads(json.dumps(result.to_document())) for result in pure.results]
    assert (detected, false_pages) == (pure.detected, len(pure.false_pages))
    said = metadata(first, "scenario_execution_log")
    assert (said["logged_rows"], said["failures"], said["on_declared_servers"]) == (1, 2, 1)
    assert said["detected_failures"] + said["missed_failures"] == 2
    assert checks(first).keys() == {"failures_are_found"}
    shown = rows(
        deployment.database_url, "select kind, server_id, started_at, missed from holdfast.scenario_results limit 1"
    )
    assert shown == [("drop", "shop-web", datetime(2026, 1, 7, 1, tzinfo=UTC), pure.results[0].is_missed)]


def test_without_enough_declared_servers_the_sample_fleet_plays(file: Path) -> None:
    scenario = find_scenario(str(file))
    for declared, reason in (
        (FLEET[:2], "2 servers are declared"),
        ([FLEET[0], *(ServerTemplate(server_id=name, name=name, kind="web") for name in "ab")], "upstream"),
        ([FLEET[1], FLEET[2], ServerTemplate(server_id="c", name="c", kind="web")], "expected @db, found a fleet of"),
    ):
        chosen = cast(scenario, declared, 1)
        assert (chosen.fleet, chosen.play.fleet) == ("sample", SAMPLE_FLEET)
        assert reason in chosen.reason
    assert cast(scenario, FLEET, 1).fleet == "declared"


@pytest.mark.parametrize("name", [scenario.name for scenario in ready_scenarios()])
def test_every_ready_made_scenario_can_be_played(name: str) -> None:
    scenario = find_scenario(name)
    assert scenario.description
    if name != "report":
        assert cast(scenario, [], 1).play.truths


def test_a_scenario_with_mistakes_plays_and_logs_nothing(deployment: Deployment, file: Path) -> None:
    file.write_text(TEXT.replace("{kind}", "dbs"))
    result = deployment.run(
        scenario_execution_log,
        raise_on_error=False,
        run_config=dg.RunConfig(ops={"scenario_execution_log": ScenarioConfig(names=[str(file)])}),
    )
    assert not result.success
    assert rows(deployment.database_url, "select count(*) from holdfast.scenario_execution_log") == [(0,)]
