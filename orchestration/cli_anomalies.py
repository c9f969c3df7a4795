"""``holdfast anomalies``: incidents, and what to do about them, without Dagster."""

import getpass
import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from orchestration.settings import load


@click.group()
def anomalies() -> None:
    """Incidents: look, acknowledge, mute, pin, close.

    \b
    Examples:
      holdfast anomalies list
      holdfast anomalies show 7
      holdfast anomalies acknowledge 7 --note "known, ticket 41"
    """


@anomalies.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones as well.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1), help="Most of them.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_incidents(everything: bool, limit: int, as_json: bool) -> None:
    """List incidents, the open ones first.

    Exit code 1 while a critical one is open that nobody acknowledged.

    \b
    Examples:
      holdfast anomalies list
      holdfast anomalies list --all --json | jq '.[0].sentence'
    """
    from resources.anomalies import store

    with _postgres().transaction() as db:
        found = store.listed(db, everything=everything, limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], default=_json))
    for one in [] if as_json else found:
        state = "open" if one.closed_at is None else f"closed {one.closed_at:%Y-%m-%d %H:%M}"
        noted = f", acknowledged by {one.acknowledged_by}" if one.is_acknowledged else ""
        click.echo(f"{one.incident_id:>5}  {one.severity:<8}  {one.opened_at:%Y-%m-%d %H:%M}  {state}{noted}")
        click.echo(f"       {one.sentence}")
    if not found and not as_json:
        click.echo("no incident was ever opened" if everything else "no incident is open")
    raise SystemExit(1 if any(one.is_calling for one in found) else 0)


@anomalies.command()
@click.argument("incident_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(incident_id: int, as_json: bool) -> None:
    """Show one incident and its series.

    \b
    Example:
      holdfast anomalies show 7
    """
    from holdfast.errors import PermanentError
    from resources.anomalies import store

    with _postgres().transaction() as db:
        found = store.listed(db, everything=True, incident_id=incident_id)
        series = store.series_of(db, incident_id)
    if not found:
        raise PermanentError(
            f"incident {incident_id}: there is none with this number, or it became part of an older one; "
            "see: holdfast anomalies list --all"
        )
    if as_json:
        click.echo(json.dumps({**asdict(found[0]), "series": [asdict(one) for one in series]}, default=_json))
        return
    click.echo(f"incident {incident_id}, {found[0].severity}: {found[0].sentence}")
    for one in series:
        until = f"{one.ended_at:%H:%M}" if one.ended_at else "now"
        root = " (root)" if one.is_root else ""
        click.echo(f"  {one.started_at:%Y-%m-%d %H:%M} to {until}  {one.server_id}{root}: {one.sentence} [{one.rule}]")


@anomalies.command()
@click.argument("incident_id", type=int)
@click.option("--note", help="What to remember of it.")
@click.option("--by", default=getpass.getuser, help="Who takes note; default: the user of this shell.")
def acknowledge(incident_id: int, note: str | None, by: str) -> None:
    """Take note of an incident.

    Its check passes, and it calls again only if it becomes worse.

    \b
    Example:
      holdfast anomalies acknowledge 7 --note "known, ticket 41"
    """
    from resources.anomalies import acting

    _say(acting.acknowledge(_postgres(), incident_id, by=by, note=note, now=datetime.now(UTC)))


@anomalies.command()
@click.argument("incident_id", type=int)
@click.option("--note", help="Why it is closed.")
@click.option("--by", default=getpass.getuser, help="Who closes it; default: the user of this shell.")
def close(incident_id: int, note: str | None, by: str) -> None:
    """Close an incident by hand.

    For six hours its series open none again, unless it becomes worse.

    \b
    Example:
      holdfast anomalies close 7 --note "mended"
    """
    from resources.anomalies import acting

    _say(acting.close(_postgres(), incident_id, by=by, note=note, now=datetime.now(UTC)))


@anomalies.command()
@click.option("--server", help="The server; without it all servers.")
@click.option("--metric", help="The metric, as cpu_pct; without it all metrics.")
@click.option("--hours", default=24.0, show_default=True, help="For how long.")
@click.option("--reason", required=True, help="Why.")
@click.option("--by", default=getpass.getuser, help="Who says so; default: the user of this shell.")
def mute(server: str | None, metric: str | None, hours: float, reason: str, by: str) -> None:
    """Leave series alone for a while.

    They make no incident; what they would have made is counted.

    \b
    Example:
      holdfast anomalies mute --server web1 --metric cpu_pct --hours 8 --reason "load test"
    """
    from resources.anomalies import acting

    now = datetime.now(UTC)
    _say(acting.mute(_postgres(), server_id=server, metric=metric, hours=hours, reason=reason, by=by, now=now))


@anomalies.command()
@click.option("--server", help="The server the mute names; without it the mutes of all servers.")
@click.option("--metric", help="The metric the mute names; without it the mutes of all metrics.")
def unmute(server: str | None, metric: str | None) -> None:
    """End the mutes that were set with exactly these options.

    Without options: the mutes of everything. What is muted otherwise stays muted, and is listed.

    \b
    Example:
      holdfast anomalies unmute --server web1 --metric cpu_pct
    """
    from resources.anomalies import acting, store

    postgres, now = _postgres(), datetime.now(UTC)
    _say(acting.unmute(postgres, server_id=server, metric=metric, now=now))
    with postgres.transaction() as db:
        for one in store.mutes_in_force(db, now):
            click.echo(f"still muted: {one}")


@anomalies.command()
@click.argument("incident_id", type=int)
@click.option("--by", default=getpass.getuser, help="Who keeps it; default: the user of this shell.")
def pin(incident_id: int, by: str) -> None:
    """Keep the raw samples of an incident.

    Of its servers, from an hour before it to an hour after; whatever retention says, they stay.

    \b
    Example:
      holdfast anomalies pin 7
    """
    from resources.anomalies import acting

    _say(acting.pin(_postgres(), incident_id, by=by, now=datetime.now(UTC)))


@anomalies.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def judge(as_json: bool) -> None:
    """Judge the slots that are due.

    What the asset metric_anomalies does, without Dagster; a second run finds nothing to do.

    \b
    Example:
      holdfast anomalies judge --json
    """
    from resources.anomalies.judging import judge_due

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    done = judge_due(_postgres(), datetime.now(UTC), logging.getLogger("holdfast"))
    if as_json:
        click.echo(json.dumps(asdict(done), default=_json))
    else:
        click.echo(
            f"{done.judged_slots} slots of up to {done.series} series judged: {len(done.opened)} incidents opened, "
            f"{len(done.closed)} closed, {done.open_incidents} open; {done.late_slots} slots came too late"
        )
    raise SystemExit(1 if done.calling_incidents else 0)


def _say(acted: Any) -> None:
    click.echo(acted.sentence)


def _postgres() -> Any:
    from orchestration import wiring

    return wiring.open_postgres(wiring.connected(load()))


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else list(value)
