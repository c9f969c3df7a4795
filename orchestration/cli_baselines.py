"""``holdfast baselines``: learn, look, export and import, without Dagster."""

import logging
from datetime import UTC, datetime
from typing import Any

import click

from holdfast.errors import PermanentError
from orchestration.printing import print_json, print_table, settings_here
from orchestration.settings import Settings


@click.group()
def baselines() -> None:
    """Baselines: how far they are learned, learn anew, export, import.

    \b
    Examples:
      holdfast baselines status
      holdfast baselines export
    """


@baselines.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of rows.")
def status(as_json: bool) -> None:
    """Show how far every series is learned.

    Series that are still learning come first.

    \b
    Example:
      holdfast baselines status
    """
    from orchestration import wiring

    with wiring.open_postgres(settings_here()).transaction() as db:
        rows = db.rows("baselines/templates")
    names = ("server_id", "metric", "version", "status", "origin", "learned_from", "learned_until", "coverage")
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    shown = [
        (server, metric, str(version), state, origin, f"{until:%m-%d %H:%M}" if until else "", f"{coverage:.0%}")
        for server, metric, version, state, origin, _, until, coverage in rows
    ]
    columns = ("server", "metric", "version", "status", "judged by", "until (UTC)", "coverage")
    print_table(columns, shown, "nothing is learned yet: materialize baseline_templates, or wait for its schedule")


@baselines.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def learn(as_json: bool) -> None:
    """Learn the blocks that are over and not learned yet.

    A second run finds nothing to do. Killed anywhere, the next one goes on.

    \b
    Example:
      holdfast baselines learn
    """
    from orchestration import wiring
    from resources.baselines.learner import learn_due

    _report(learn_due(wiring.open_postgres(settings_here()), datetime.now(UTC), log=_log()), as_json)


@baselines.command()
@click.option("--server", help="Only this server.")
@click.option("--metric", help="Only this metric.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def relearn(server: str | None, metric: str | None, as_json: bool) -> None:
    """Learn series anew from the history.

    Up to 28 days of it, late samples included. What was learned before is set aside as a version, not lost.

    \b
    Examples:
      holdfast baselines relearn --server web1 --metric cpu_pct
      holdfast baselines relearn
    """
    from orchestration import wiring
    from resources.baselines.learner import relearn as learn_anew

    postgres = wiring.open_postgres(settings_here())
    done = learn_anew(postgres, datetime.now(UTC), server_id=server, metric=metric, log=_log())
    if not done.set_aside:
        chosen = " ".join(filter(None, (metric, f"of {server}" if server else None))) or "anything"
        raise PermanentError(
            f"nothing is learned of {chosen}, so nothing was set aside; holdfast baselines status tells"
        )
    _report(done, as_json)


@baselines.command()
@click.option("--to", "name", help="Name in the vault; default: baselines/<today>.json.gz.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def export(name: str | None, as_json: bool) -> None:
    """Write everything that was learned into the vault.

    One compressed JSON file; the same memories give the same bytes.

    \b
    Examples:
      holdfast baselines export
      holdfast baselines export --to baselines/before-the-move.json.gz
    """
    from orchestration import wiring
    from resources.baselines.vaulting import export_baselines, nightly_name

    settings = settings_here()
    to = name or nightly_name(datetime.now(UTC).date())
    done = export_baselines(wiring.open_postgres(settings), _vault(settings), to)
    left_out = [f"{metric} of {server}" for server, metric in done.left_out]
    if as_json:
        print_json({"name": done.name, "series": done.series, "bytes": done.bytes, "left_out": left_out})
    else:
        click.echo(f"{done.name}: {done.series} series, {done.bytes} bytes")
        for one in left_out:
            click.echo(f"  left out: {one}: its memory cannot be read; holdfast baselines learn makes it anew")
    raise SystemExit(1 if left_out else 0)


@baselines.command("import")
@click.argument("name")
@click.option("--server", "renames", multiple=True, metavar="OLD=NEW", help="A server's name now; may be given often.")
@click.option("--apply", "is_applied", is_flag=True, help="Write. Without it the plan is shown and nothing changes.")
@click.option("--json", "as_json", is_flag=True, help="For programs: every series and what it would replace.")
def import_(name: str, renames: tuple[str, ...], is_applied: bool, as_json: bool) -> None:
    """Take baselines from an export in the vault.

    Shows what would be replaced; --apply replaces it and sets aside what was there. What an imported baseline lacks is
    learned from the history by the next learning.

    \b
    Examples:
      holdfast baselines import baselines/2026-11-20.json.gz
      holdfast baselines import baselines/2026-11-20.json.gz --server web1=web9 --apply
    """
    from holdfast.baselines.exporting import WORDS
    from orchestration import wiring
    from resources.baselines.vaulting import import_baselines

    if wrong := [one for one in renames if not all(one.partition("="))]:
        raise click.UsageError(f"--server {wrong[0]}: expected OLD=NEW")
    settings = settings_here()
    mapping = dict(one.split("=", 1) for one in renames)
    postgres, vault, now = wiring.open_postgres(settings), _vault(settings), datetime.now(UTC)
    plan = import_baselines(postgres, vault, name, renames=mapping, now=now, apply=is_applied)
    if as_json:
        series = [{"server_id": s, "metric": m, "replaces": r} for (s, m), r in sorted(plan.replacements.items())]
        print_json({"name": name, "applied": is_applied, "series": series})
    else:
        for (server_id, metric), found in sorted(plan.replacements.items()):
            click.echo(f"  {metric} of {server_id}: {WORDS[found]}")
        click.echo(
            f"{name}: {len(plan.written)} of {len(plan.replacements)} series {'written' if is_applied else 'to write'}"
        )
        if not is_applied and plan.written:
            click.echo("nothing was changed; --apply writes")
    raise SystemExit(1 if plan.refused else 0)


def _report(learned: Any, as_json: bool) -> None:
    aside = {f"{metric} of {server}": why for (server, metric), why in sorted(learned.set_aside.items())}
    figures = {
        "folded_blocks": learned.folded_blocks,
        "changed_series": len(learned.changed_series),
        "new_series": len(learned.new_series),
        "inherited_series": len(learned.inherited_series),
        "set_aside": aside,
    }
    if as_json:
        print_json(figures)
        return
    click.echo(
        f"{learned.folded_blocks} blocks of {len(learned.changed_series)} series learned, {len(learned.new_series)} "
        f"series begun, {len(learned.inherited_series)} taken over from former names, {len(aside)} set aside"
    )
    for name, why in aside.items():
        click.echo(f"  set aside: {name}: {why}")


def _vault(settings: Settings) -> Any:
    from resources.folder import FolderVault

    return FolderVault(settings.vault)


def _log() -> logging.Logger:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    return logging.getLogger("holdfast")
