"""``holdfast consistency plan``, ``apply`` and ``undo``: repairs, without Dagster."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from holdfast.consistency.plan_rows import Direction, Limits
from holdfast.consistency.plans import RepairPlan, confirm
from holdfast.consistency.repairs import Repair
from holdfast.consistency.reports import Mark, Mode
from holdfast.consistency.tables import Authority, ComparedTable
from holdfast.errors import PermanentError, PlanError
from orchestration.cli_stores import store_options, stores_of, tables_of, tables_option
from orchestration.printing import print_json

if TYPE_CHECKING:
    from resources.repair.planning import Ask
    from resources.stores import Stores

_SHOWN = 10
_AUTHORITIES = ("a", "b", "newest")


@click.command()
@click.argument("table", required=False)
@store_options
@tables_option
@click.option(
    "--authority",
    type=click.Choice(_AUTHORITIES),
    help="Whose rows win: a, b, or newest by updated_at; default: as each table is declared.",
)
@click.option(
    "--direction",
    type=click.Choice(get_args(Direction)),
    default="both",
    show_default=True,
    help="Which store may be written.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the plan; default: it is printed."
)
@click.option("--mode", type=click.Choice(get_args(Mode)), default="full", show_default=True, help="What is compared.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Length of the window; default 24.")
@click.option(
    "--delete",
    "deletes",
    is_flag=True,
    help="Also delete rows that the authority lacks, where the catalogue allows it.",
)
@click.option(
    "--max-rows", type=click.IntRange(0), default=1000, show_default=True, help="More in a table are refused."
)
@click.option(
    "--max-share",
    type=click.FloatRange(0, 100),
    default=5,
    show_default=True,
    help="Per cent of a table's rows; more are refused.",
)
@click.option("--allow-empty", is_flag=True, help="A store may hold no row of a table at all.")
@click.option(
    "--tolerance",
    "tolerance_s",
    type=click.FloatRange(0),
    default=5,
    show_default=True,
    help="Seconds: rows written this close together are not told apart by newest.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: the plan itself.")
def plan(
    table: str | None,
    url_a: str | None,
    url_b: str | None,
    tables: str | None,
    authority: Authority | None,
    direction: Direction,
    out: Path | None,
    mode: Mode,
    hours: float | None,
    deletes: bool,
    max_rows: int,
    max_share: float,
    allow_empty: bool,
    tolerance_s: float,
    as_json: bool,
) -> None:
    """Plan what would make both stores agree on a table.

    Changes nothing. TABLE is a name as in the catalogue; left out: every declared table, as it is declared. A table
    that is not declared needs --authority. Exit code 1: a table was refused, and why.

    \b
    Examples:
      holdfast consistency plan Story --authority newest --out plan.json
      holdfast consistency plan gen_videos --authority a --direction b --out plan.json
      holdfast consistency apply plan.json --confirm SHA256
    """
    if table and tables:
        raise click.UsageError("give TABLE or --tables, not both")
    if hours and mode != "window":
        raise click.UsageError("--hours belongs to --mode window")
    from holdfast.consistency.planning import Policy
    from resources.repair.planning import Ask, Planner

    stores, declared = stores_of(url_a, url_b), tables_of(table or tables)
    limits = Limits(max_rows=max_rows, max_share=max_share / 100, allow_empty=allow_empty)
    since = datetime.now(UTC) - timedelta(hours=hours or 24) if mode == "window" else None
    asks: list[Ask] = []
    for one in declared:
        wins = authority or one.authority
        may_delete = deletes and one.may_delete
        policy = Policy(authority=wins, direction=direction, may_delete=may_delete, limits=limits)
        asks.append(Ask(declared=one, policy=policy, mode=mode, since=since, mark=_mark(stores, one)))
    _demand_authority(asks, is_named=bool(table or tables))
    planner = Planner(stores, tolerance_s=tolerance_s, say=lambda line: click.echo(line, err=True))
    made = planner.plan(asks, is_lenient=len(asks) > 1)
    if out:
        _write(out, made)
    _show_plan(made, out, as_json=as_json)
    raise SystemExit(1 if made.refused else 0)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@store_options
@click.option("--confirm", "sha256", required=True, metavar="SHA256", help="That of the plan, as it was shown.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that gets every row as it was and as it becomes; default: beside the plan.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: what was written, and what was left.")
def apply(file: Path, url_a: str | None, url_b: str | None, sha256: str, journal: Path | None, as_json: bool) -> None:
    """Apply the plan in FILE.

    Every row is looked at again right before it is written; one that changed since the plan is left and listed. What
    was written is in the journal before it is committed. Applied again, it does what is left. Exit code 1: rows are
    left.

    \b
    Examples:
      holdfast consistency apply plan.json --confirm 3b0c…
      holdfast consistency apply plan.json --confirm 3b0c… --journal /backup/story.jsonl --json
    """
    from resources.repair.applying import apply_plan

    made = RepairPlan.from_text(_read(file), source=str(file))
    confirm(made, sha256, source=str(file))
    into = journal or file.with_suffix(".journal.jsonl")
    repair = apply_plan(stores_of(url_a, url_b), made, journal=into, say=lambda line: click.echo(line, err=True))
    _show_repair(repair, into, as_json=as_json)


@click.command()
@click.argument("journal", type=click.Path(path_type=Path, dir_okay=False))
@store_options
@click.option(
    "--journal",
    "into",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that gets what the undo changes; default: beside JOURNAL.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: what was written, and what was left.")
def undo(journal: Path, url_a: str | None, url_b: str | None, into: Path | None, as_json: bool) -> None:
    """Take back the repair that JOURNAL is of.

    A row becomes what it was only where it still is what the repair made of it; others are left and listed. Undoing the
    journal of an undo does the repair again. Exit code 1: rows are left.

    \b
    Example:
      holdfast consistency undo plan.journal.jsonl
    """
    from resources.repair.journaling import read_file
    from resources.repair.undoing import undo_journal

    into = into or journal.with_suffix(".undo.jsonl")
    stores, found = stores_of(url_a, url_b), read_file(journal)
    repair = undo_journal(stores, found, into=into, say=lambda line: click.echo(line, err=True))
    _show_repair(repair, into, as_json=as_json)


def _mark(stores: "Stores", declared: ComparedTable) -> Mark | None:
    """The newest exact check that the primary remembers: it tells deleted rows from those that never arrived."""
    from resources.consistency import read_mark

    try:
        with stores.a.postgres.transaction() as db:
            return read_mark(db, str(declared.table))
    except PermanentError:
        # Not a primary of ours, or not for this role to read.
        return None


def _demand_authority(asks: "list[Ask]", *, is_named: bool) -> None:
    reported = [str(ask.declared.table) for ask in asks if ask.policy.authority == "report"]
    if is_named and reported:
        raise click.UsageError(f"{', '.join(reported)}: say whose rows win: --authority a, b or newest")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{file} cannot be read: {error}; nothing was changed") from error


def _write(out: Path, made: RepairPlan) -> None:
    try:
        out.write_text(made.to_text() + "\n", encoding="utf-8")
    except OSError as error:
        raise PermanentError(f"{out} cannot be written: {error.strerror}; nothing was changed") from error


def _show_plan(made: RepairPlan, out: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(made.to_document())
        return
    click.echo(str(made))
    for table in made.tables:
        for one in table.actions[:_SHOWN]:
            click.echo(f"  {table.table} {', '.join(one.key)}: {one.verb} in {one.into}, {one.reason}")
        if len(table.actions) > _SHOWN:
            click.echo(f"  … and {len(table.actions) - _SHOWN} more")
        for left in (*table.undecided, *table.left)[:_SHOWN]:
            click.echo(f"  {table.table} {', '.join(left.key)}: stays as it is, {left.reason}")
    click.echo(f"sha256 {made.sha256}")
    if out and made.action_count:
        click.echo(f"Nothing was changed. Apply it: holdfast consistency apply {out} --confirm {made.sha256}")


def _show_repair(repair: Repair, journal: Path, *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = repair.to_document() | {"journal": str(journal) if journal.exists() else None}
        print_json(document)
    else:
        for one in repair.skipped[:_SHOWN]:
            click.echo(f"  {one}")
        if len(repair.skipped) > _SHOWN:
            click.echo(f"  … and {len(repair.skipped) - _SHOWN} more (--json tells all)")
        for note in repair.notes:
            click.echo(f"  {note}")
        click.echo(str(repair))
        if repair.written_count:
            click.echo(f"Take it back: holdfast consistency undo {journal}")
    raise SystemExit(0 if repair.is_whole else 1)
