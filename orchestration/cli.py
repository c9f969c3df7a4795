"""``holdfast``: what must work when Dagster does not."""

import asyncio
import logging
import shlex
import sys

import click

from holdfast.errors import HoldfastError, PermanentError
from orchestration.cli_anomalies import anomalies
from orchestration.cli_baselines import baselines
from orchestration.cli_consistency import consistency
from orchestration.cli_health import breakers, health
from orchestration.cli_links import links, url
from orchestration.cli_media import media
from orchestration.cli_metrics import metrics
from orchestration.cli_restore import restore
from orchestration.cli_scenarios import scenarios
from orchestration.cli_schema import schema
from orchestration.cli_servers import servers
from orchestration.runs import alive
from orchestration.settings import load, read_dotenv


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Holdfast keeps a small platform's data from being lost or quietly going wrong.

    Every setting is an environment variable (or a line in .env) and optional: what is not set is
    embedded by "run". Exit codes: 0 done, 1 found a problem, 2 wrong usage.
    """


@cli.command()
@click.option("--once", is_flag=True, help="Stop after the summary; exit code 0 only if everything is good.")
def run(once: bool) -> None:
    """Start everything; the Dagster UI until Ctrl-C.

    Embedded servers for what is not configured, migrations, the collector, every asset once with a
    summary, then the UI with schedules and sensors.

    \b
    Examples:
      holdfast run
      HOLDFAST_PORT=3001 holdfast run
      holdfast run --once
    """
    from orchestration.run import run as run_all

    sys.exit(run_all(load(), once=once, say=_say))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of rows.")
def doctor(as_json: bool) -> None:
    """Ask every dependency how it is.

    Says what to do about what fails; exit code 1 if anything that is configured does not work.

    \b
    Examples:
      holdfast doctor
      holdfast doctor --json | jq '.[] | select(.ok == false)'
    """
    from orchestration.doctor import examine, report

    rows = examine(load())
    report(rows, as_json=as_json)
    sys.exit(1 if any(row.ok is False for row in rows) else 0)


@cli.command()
def migrate() -> None:
    """Bring the primary database to this version.

    What is applied already is left alone; two at once do no harm.

    \b
    Example:
      DATABASE_URL=postgresql://… holdfast migrate
    """
    from orchestration import wiring
    from resources.migrations import migrate as migrate_all

    applied = migrate_all(wiring.open_postgres(wiring.connected(load())))
    for name in applied:
        _say(f"applied {name}")
    if not applied:
        _say("nothing to apply")


@cli.command()
@click.option("--once", is_flag=True, help="Make one cycle and stop.")
def collect(once: bool) -> None:
    """Collect metrics from every target.

    One packed cycle at a time, until Ctrl-C.

    \b
    Examples:
      holdfast collect
      METRICS_TARGETS=http://10.0.0.5:9100/metrics holdfast collect --once
    """
    from orchestration import wiring

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(wiring.collect(wiring.connected(load()), once=once))


@cli.command()
def env() -> None:
    """Print how to reach a running "make run".

    The variables that lead to its servers, for a shell.

    \b
    Examples:
      eval "$(holdfast env)"; psql "$DATABASE_URL"
      eval "$(holdfast env)"; dagster dev -w workspace.yaml
    """
    settings = load()
    found = alive(settings.state)
    if found is None:
        raise PermanentError(f"nothing runs in {settings.state}; start it (make run) in another terminal")
    from orchestration import wiring

    storage = {"DAGSTER_DATABASE_URL": wiring.storage_url(wiring.connected(settings))}
    for name, value in sorted((storage | dict(found.environment)).items()):
        _say(f"export {name}={shlex.quote(value)}")


cli.add_command(metrics)
cli.add_command(servers)
cli.add_command(baselines)
cli.add_command(anomalies)
cli.add_command(scenarios)
cli.add_command(schema)
cli.add_command(health)
cli.add_command(breakers)
cli.add_command(consistency)
media.add_command(links)
media.add_command(url)
cli.add_command(media)
cli.add_command(restore)


def main() -> None:
    """Entry point: an expected failure is one line, never a traceback.

    Commands import what they need when they run: Dagster alone takes two seconds, and ``--help`` should not.
    """
    try:
        read_dotenv()
        cli.main(prog_name="holdfast")
    except HoldfastError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
