"""``holdfast metrics``: what the metrics assets do, without Dagster."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from orchestration.settings import Settings, load


@click.group()
def metrics() -> None:
    """Server metrics: move, look, compact, thin, pin.

    \b
    Examples:
      holdfast metrics move
      holdfast metrics show
    """


@metrics.command()
@click.option(
    "--batch-cycles", default=100, show_default=True, type=click.IntRange(min=1), help="Most cycles in one transaction."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def move(batch_cycles: int, as_json: bool) -> None:
    """Move what the buffer holds into the history.

    A second move finds nothing to do. Killed anywhere, the next one goes on.

    \b
    Example:
      holdfast metrics move --json
    """
    from orchestration import wiring
    from resources.metrics import mover

    settings, log = _settings(), _log()
    postgres, buffer = wiring.open_postgres(settings), wiring.open_buffer(settings)
    moved = mover.move(postgres, buffer, batch_cycles=batch_cycles, log=log)
    if as_json:
        click.echo(json.dumps({**asdict(moved), "servers": sorted(moved.servers)}, default=str))
    else:
        click.echo(
            f"{moved.cycles} cycles: {moved.stored_rows} rows stored, {moved.duplicate_rows} were there already, "
            f"{moved.rejected_rows} rows and {moved.rejected_entries} entries set aside; {len(moved.failed)} of "
            f"{len(moved.servers | moved.failed.keys())} servers failed"
        )
    raise SystemExit(1 if moved.rejected_rows or moved.rejected_entries or moved.gaps else 0)


@metrics.command()
@click.option("--json", "as_json", is_flag=True, help="The document the dashboard reads.")
def show(as_json: bool) -> None:
    """Show every server's newest values.

    \b
    Examples:
      holdfast metrics show
      holdfast metrics show --json | jq .stale
    """
    from rich.console import Console
    from rich.table import Table

    from holdfast.metrics.dashboard import snapshot
    from orchestration import wiring
    from resources.metrics.dashboard import fleet

    settings = _settings()
    stale_after = timedelta(seconds=settings.stale_after_s)
    document = snapshot(fleet(wiring.open_postgres(settings)), now=datetime.now(UTC), stale_after=stale_after)
    if as_json:
        click.echo(json.dumps(document))
        return
    table = Table(
        "server", "status", "cpu %", "memory %", "disk %", "load", "in B/s", "out B/s", "newest (UTC)", box=None
    )
    for server in document["servers"]:
        values = [server["metrics"].get(name) for name in ("cpu", "memory", "disk", "load", "networkIn", "networkOut")]
        shown = ["·" if value is None else f"{value:g}" for value in values]
        table.add_row(server["id"], server["status"], *shown, server["lastUpdated"][5:19].replace("T", " "))
    Console().print(table if document["servers"] else "no server was ever sampled: holdfast collect, then move")


@metrics.command()
def compact() -> None:
    """Pack the days that are over.

    Their chunks are verified before the hot rows go.

    \b
    Example:
      holdfast metrics compact
    """
    from orchestration import wiring
    from resources.metrics.compaction import closed_days, compact_day

    postgres = wiring.open_postgres(_settings())
    days = closed_days(postgres, datetime.now(UTC))
    for day in days:
        done = compact_day(postgres, day)
        click.echo(f"{day}: {done.rows} rows in {done.chunks} chunks")
    if not days:
        click.echo("no day that is over is still hot")


@metrics.command()
@click.option("--apply", "is_applied", is_flag=True, help="Thin. Without it the plan is shown and nothing changes.")
def retention(is_applied: bool) -> None:
    """Show what would be thinned, or thin it.

    Goes by age and by the size of the database; the plan is the default.

    \b
    Examples:
      holdfast metrics retention
      holdfast metrics retention --apply
    """
    from orchestration import wiring
    from resources.metrics import retention as keeping

    settings, today = _settings(), datetime.now(UTC).date()
    postgres, budget_bytes = wiring.open_postgres(settings), settings.database_budget_mb * 1_000_000
    plan = keeping.look(postgres, budget_bytes=budget_bytes, raw_days=settings.raw_days, today=today)
    click.echo(str(plan))
    if is_applied:
        thinned = keeping.apply(postgres, plan, hourly_days=settings.hourly_days, today=today)
        click.echo(f"{thinned.weeks} weeks thinned, {thinned.freed_bytes / 1e6:.1f} MB freed")
    elif plan.weeks:
        click.echo("nothing was changed; --apply thins")
    if plan.is_short:
        click.echo("that is not enough; the largest tables:")
        for name, size in keeping.largest_relations(postgres):
            click.echo(f"  {size / 1e6:8.1f} MB  {name}")
        raise SystemExit(1)


@metrics.command()
@click.option("--server", help="The server; without it all servers.")
@click.option("--from", "from_at", type=click.DateTime(), required=True, help="Start, UTC.")
@click.option("--until", "until_at", type=click.DateTime(), required=True, help="End, UTC, not included.")
@click.option("--reason", required=True, help="Why it is kept.")
def pin(server: str | None, from_at: datetime, until_at: datetime, reason: str) -> None:
    """Keep the raw samples of a range.

    Whatever retention says, they stay.

    \b
    Example:
      holdfast metrics pin --server web1 --from 2026-11-20T08:00:00 --until 2026-11-20T12:00:00 --reason "outage 41"
    """
    from orchestration import wiring

    if from_at >= until_at:
        raise click.UsageError(f"--from {from_at} is not before --until {until_at}")
    with wiring.open_postgres(_settings()).transaction() as db:
        number = db.value(
            "metrics_retention/pin",
            server_id=server,
            pinned_from=from_at.replace(tzinfo=UTC),
            pinned_until=until_at.replace(tzinfo=UTC),
            reason=reason,
        )
    click.echo(f"pin {number}: raw samples of {server or 'all servers'} from {from_at} to {until_at} UTC stay")


@metrics.command("acknowledge-gaps")
def acknowledge_gaps() -> None:
    """Take note of data-loss events.

    The check no_cycle_was_lost passes again.

    \b
    Example:
      holdfast metrics acknowledge-gaps
    """
    from orchestration import wiring

    with wiring.open_postgres(_settings()).transaction() as db:
        gaps = db.rows("metrics_moving/open_gaps")
        db.execute("metrics_moving/acknowledge_gaps")
    for number, lost_from, lost_until, reason in gaps:
        click.echo(f"event {number}: {lost_from} to {lost_until or '?'}: {reason}")
    click.echo(f"{len(gaps)} events noted")


def _settings() -> Settings:
    from orchestration import wiring

    return wiring.connected(load())


def _log() -> logging.Logger:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    return logging.getLogger("holdfast")
