"""Executions of scenarios: played on a stage, logged in the primary."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.scenarios.casting import Cast, cast
from holdfast.scenarios.declared import Scenario
from holdfast.scenarios.outcome import Outcome
from resources.postgres import Postgres
from resources.scenarios.drill import drill
from resources.scenarios.stage import Stage
from resources.servers import read_templates
from resources.sources.surprises import Log


@dataclass(frozen=True, slots=True)
class Execution:
    """One scenario that was played and logged.

    Attributes:
        execution_id: its number in the log.
        seed: of the simulation.
        cast: the play and who played it.
        outcome: what became of it.
        seconds: how long it took.
    """

    execution_id: int
    seed: int
    cast: Cast
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of the log, as people read it."""

    execution_id: int
    name: str
    seed: int
    fleet: str
    started_at: datetime
    ended_at: datetime
    failures: int
    detected: int
    false_pages: int
    false_pages_a_server_day: float
    affected_servers: Sequence[str]
    results: Sequence[Any]


def execute(postgres: Postgres, stage: Stage, scenario: Scenario, seed: int, *, log: Log) -> Execution:
    """Play a scenario and log what of it was found.

    Of the primary only the templates are read, and only the log is written; all else happens on the stage.

    Raises:
        ScenarioError: no fleet has what the scenario needs; nothing was played.
        PermanentError: the stage could not be set, or the play was worth nothing; nothing is logged.
    """
    started_at = datetime.now(UTC)
    with postgres.transaction() as db:
        stored = read_templates(db).values()
    declared = [one.template for one in stored if one.origin == "declared" and one.retired_at is None]
    chosen = cast(scenario, declared, seed)
    if chosen.reason:
        log.info("scenarios: %s is played on the sample fleet: %s", scenario.name, chosen.reason)
    outcome = drill(stage, chosen.play, log=log)
    ended_at = datetime.now(UTC)
    with postgres.transaction() as db:
        row = _row(chosen, seed, outcome)
        execution_id = db.value("scenarios/log_execution", **row, started_at=started_at, ended_at=ended_at)
    return Execution(execution_id, seed, chosen, outcome, (ended_at - started_at).total_seconds())


def newest(postgres: Postgres, limit: int) -> list[Logged]:
    """The newest executions, newest first."""
    with postgres.transaction() as db:
        return db.fetch("scenarios/executions", Logged, row_limit=limit)


def _row(chosen: Cast, seed: int, outcome: Outcome) -> dict[str, Any]:
    play = chosen.play
    roots = [result.is_root_right for result in outcome.results if result.is_root_right is not None]
    servers = {server.server_id: server.kind for server in play.fleet}
    return {
        "name": play.scenario.name,
        "seed": seed,
        "parameters": json.dumps({**play.scenario.to_document(), "servers": servers}),
        "fleet": chosen.fleet,
        "played_from": _at(play.live_s),
        "played_until": _at(play.until_s),
        "affected_servers": sorted({server for truth in play.truths for server in truth.reached}),
        "failures": len(outcome.results),
        "detected": outcome.detected,
        "false_pages": len(outcome.false_pages),
        "false_pages_a_server_day": outcome.false_pages_a_server_day,
        "are_roots_right": all(roots) if roots else None,
        "results": json.dumps([result.to_document() for result in outcome.results]),
        "false_page_details": json.dumps([page.to_document() for page in outcome.false_pages]),
    }


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
