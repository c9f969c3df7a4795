"""``holdfast scenarios``: play failures on simulated servers, and see what of them is found."""

import json
import logging
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestration.settings import load

if TYPE_CHECKING:
    from holdfast.scenarios.outcome import Result
    from resources.postgres import Postgres
    from resources.scenarios.executions import Execution


@click.group()
def scenarios() -> None:
    """Failure scenarios: list, show, play, look back.

    \b
    Examples:
      holdfast scenarios list
      holdfast scenarios run cascade --seed 7
    """


@scenarios.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_scenarios(as_json: bool) -> None:
    """List the ready-made scenarios.

    \b
    Example:
      holdfast scenarios list
    """
    from resources.scenarios.ready import ready_scenarios

    known = ready_scenarios()
    if as_json:
        click.echo(json.dumps([one.to_document() for one in known]))
        return
    for one in known:
        click.echo(f"{one.name:<11}{one.learning_s / 86_400:>3g} d + {one.plays_s / 3600:>4g} h  {one.description}")


@scenarios.command()
@click.argument("name")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Decides what is drawn.")
@click.option("--json", "as_json", is_flag=True, help="The scenario as it is declared.")
def show(name: str, seed: int, as_json: bool) -> None:
    """Show what breaks in a scenario, as a seed has it on the sample fleet.

    NAME is a ready-made one, or the path of a .toml file.

    \b
    Examples:
      holdfast scenarios show mixed
      holdfast scenarios show my-outage.toml --seed 7
    """
    from holdfast.scenarios.fleet import SAMPLE_FLEET
    from holdfast.scenarios.rehearsal import play_of
    from resources.scenarios.ready import find_scenario

    scenario = find_scenario(name)
    if as_json:
        click.echo(json.dumps(scenario.to_document()))
        return
    play = play_of(scenario, SAMPLE_FLEET, seed)
    click.echo(f"{scenario.description}. {scenario.learning_s / 86_400:g} healthy days, then:")
    for truth in play.truths:
        failure = truth.failure
        where = ", ".join(truth.reached) if len(truth.reached) > 1 else failure.server_id
        size = f" of {failure.size:g} {_unit(failure.unit)}" if failure.size else ""
        what = ", ".join(failure.metrics) or "all that it touches"
        after = f"{(failure.start_s - play.live_s) / 3600:.1f} h"
        click.echo(f"  after {after:>7}  {failure.kind}{size} on {where}: {what}, {failure.lasts_s / 60:g} min")


@scenarios.command()
@click.argument("name")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="The same gives the same.")
@click.option("--learning-days", type=click.IntRange(1, 33), help="Healthy days before; default: as declared.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def run(name: str, seed: int, learning_days: int | None, as_json: bool) -> None:
    """Play a scenario through the whole chain and log what was found.

    Servers of its own are started in a temporary folder and are gone afterwards; the real database gets one row in
    the log and nothing else. NAME is a ready-made one, or the path of a .toml file. Exit code 1: something was missed.

    \b
    Examples:
      holdfast scenarios run mixed
      holdfast scenarios run cascade --seed 7 --json | jq '.results[0].sentence'
    """
    from holdfast.scenarios.casting import with_learning
    from orchestration.drill import EmbeddedStage
    from resources.scenarios.executions import execute
    from resources.scenarios.ready import find_scenario

    logging.basicConfig(level=logging.WARNING if as_json else logging.INFO, format="%(message)s")
    # Whoever stops it politely finds nothing left of the servers it started. With Python's own handler asyncio would
    # make a cancellation of Ctrl-C, and forget it where what it cancels is just done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    scenario = find_scenario(name)
    if learning_days is not None:
        scenario = with_learning(scenario, learning_days)
    done = execute(_postgres(), EmbeddedStage(), scenario, seed, log=logging.getLogger("holdfast"))
    if as_json:
        click.echo(json.dumps(_document(done)))
    else:
        _report(done)
    raise SystemExit(1 if any(result.is_missed for result in done.outcome.results) else 0)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@scenarios.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Most of them.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def log(limit: int, as_json: bool) -> None:
    """List the newest executions.

    \b
    Examples:
      holdfast scenarios log
      holdfast scenarios log --json | jq '.[0].results[] | select(.missed)'
    """
    from dataclasses import asdict

    from resources.scenarios.executions import newest

    found = newest(_postgres(), limit)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], default=str))
        return
    for one in found:
        click.echo(
            f"{one.execution_id:>5}  {one.started_at:%Y-%m-%d %H:%M}  {one.name:<11} seed {one.seed:<5} "
            f"{one.detected} of {one.failures} found, {one.false_pages} false pages, {one.fleet} fleet"
        )
    if not found:
        click.echo("no scenario was ever played: holdfast scenarios run mixed")


def _report(done: "Execution") -> None:
    play, outcome = done.cast.play, done.outcome
    lines = [(result.started_s, _words(result)) for result in outcome.results]
    lines += [(page.at_s, f"FALSE PAGE: {page.incident.sentence}") for page in outcome.false_pages]
    for at_s, words in sorted(lines):
        click.echo(f"  after {(at_s - play.live_s) / 3600:5.1f} h  {words}")
    click.echo(
        f"execution {done.execution_id}: {outcome.detected} of {len(outcome.results)} failures found, "
        f"{len(outcome.false_pages)} false pages ({outcome.false_pages_a_server_day:.2f} per server and day), "
        f"{done.cast.fleet} fleet, {done.seconds:.1f} s"
    )


def _words(result: "Result") -> str:
    head = f"{result.kind} on {result.server}"
    if result.delay_s is None:
        return f"{head}: MISSED"
    return f"{head}: found after {result.delay_s / 60:.0f} min: {result.sentence}"


def _unit(unit: str) -> str:
    return "healthy spreads" if unit == "spreads" else "(in the metric's unit)"


def _document(done: "Execution") -> dict[str, Any]:
    play, outcome = done.cast.play, done.outcome
    instants: Sequence[datetime] = [datetime.fromtimestamp(at_s, UTC) for at_s in (play.live_s, play.until_s)]
    return {
        "execution_id": done.execution_id,
        "name": play.scenario.name,
        "seed": done.seed,
        "fleet": done.cast.fleet,
        "played_from": instants[0].isoformat(),
        "played_until": instants[1].isoformat(),
        "failures": len(outcome.results),
        "detected": outcome.detected,
        "false_pages": [page.to_document() for page in outcome.false_pages],
        "false_pages_a_server_day": outcome.false_pages_a_server_day,
        "results": [result.to_document() for result in outcome.results],
        "seconds": done.seconds,
    }


def _postgres() -> "Postgres":
    from orchestration import wiring

    return wiring.open_postgres(wiring.connected(load()))
