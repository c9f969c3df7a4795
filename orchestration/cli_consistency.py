"""``holdfast consistency``: whether both stores hold the same rows, without Dagster."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from holdfast.consistency.reports import KINDS, Comparison, Mode, TableReport, key_document
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import TransientError
from orchestration.cli_repair import apply, plan, undo
from orchestration.cli_stores import store_options, stores_of, tables_of, tables_option
from orchestration.printing import print_json, print_table

if TYPE_CHECKING:
    from orchestration.comparison_state import StateFile
    from resources.stores import Stores
    from resources.tables.asking import Options
    from resources.tables.slicing import Progress

_SHOWN_KEYS = 5
_COLUMNS = ("table", "status", "primary", "secondary", "differ", "share", "")


@click.group()
def consistency() -> None:
    """Both stores: what they disagree about, and how it is mended.

    A is the primary (DATABASE_URL), B the secondary (SUPABASE_DB_URL). Comparing needs no more than the right to read.

    \b
    Examples:
      holdfast consistency diff
      holdfast consistency diff --mode window --hours 24 --json
      holdfast consistency plan Story --authority newest --out plan.json
    """


@consistency.command()
@store_options
@tables_option
@click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    default="full",
    show_default=True,
    help="full: every row; window: what was written lately; incremental: what was written since --state was.",
)
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Length of the window; default 24.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Start of the window, UTC.")
@click.option(
    "--state",
    "state_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that remembers how far a comparison came, and what an incremental one starts from.",
)
@click.option("--max-keys", type=click.IntRange(1), default=100_000, show_default=True, help="Rows listed per table.")
@click.option("--sample", type=click.IntRange(0), default=50, show_default=True, help="Rows shown with their values.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), default=60, help="Longest seconds of one statement.")
@click.option("--rows-per-second", type=click.FloatRange(1), help="Longest pace of a scan; default: no limit.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of reports, one per table.")
def diff(
    url_a: str | None,
    url_b: str | None,
    tables: str | None,
    mode: Mode,
    hours: float | None,
    since: datetime | None,
    state_path: Path | None,
    max_keys: int,
    sample: int,
    timeout_s: float,
    rows_per_second: float | None,
    as_json: bool,
) -> None:
    """Compare tables row by row and say exactly where they differ.

    Changes nothing. What differs is looked at again before it counts, so rows that are being written do no harm. Exit
    code 1: rows differ, or a table could not be compared; the other tables are.

    \b
    Examples:
      holdfast consistency diff --tables Story,gen_videos
      holdfast consistency diff --mode incremental --state consistency.json
      holdfast consistency diff --a postgresql://…/app --b postgresql://…/postgres --json
    """
    from orchestration.comparison_state import StateFile
    from resources.tables.asking import Options

    options = Options(max_keys=max_keys, sample=sample, statement_timeout_s=timeout_s, rows_per_s=rows_per_second)
    stores, state = stores_of(url_a, url_b), StateFile(state_path)
    start = _start(mode, hours, since)
    reports = []
    for declared in tables_of(tables):
        report = _compared(stores, declared, mode, start, options, state)
        reports.append(report)
        click.echo(_line(report), err=True)
    if as_json:
        print_json([report.to_document() for report in reports])
    else:
        _show(reports)
    raise SystemExit(0 if all(report.status == "ok" for report in reports) else 1)


def _start(mode: Mode, hours: float | None, since: datetime | None) -> datetime | None:
    if mode != "window":
        if hours or since:
            raise click.UsageError("--hours and --since belong to --mode window")
        return None
    if hours and since:
        raise click.UsageError("give --hours or --since, not both")
    return since.replace(tzinfo=UTC) if since else datetime.now(UTC) - timedelta(hours=hours or 24)


def _compared(
    stores: "Stores",
    declared: ComparedTable,
    mode: Mode,
    since: datetime | None,
    options: "Options",
    state: "StateFile",
) -> TableReport:
    from resources.tables.asking import Listener
    from resources.tables.comparing import compare

    name = str(declared.table)
    listener = Listener(tell=_tell, keep=lambda checkpoint: state.keep(name, checkpoint))
    try:
        comparison: Comparison = compare(
            stores,
            declared,
            mode=mode,
            since=since,
            mark=state.mark(name),
            options=options,
            listener=listener,
            checkpoint=state.checkpoint(name) if mode == "full" else None,
        )
    except TransientError as error:
        return TableReport(table=name, mode=mode, status="error", reason=str(error))
    state.finish(name, comparison.mark)
    return comparison.report


def _tell(progress: "Progress") -> None:
    if progress.done_blocks < progress.block_count:
        share = progress.done_blocks / progress.block_count
        click.echo(f"  {progress.table}, {'primary' if progress.side == 'a' else 'secondary'}: {share:.0%}", err=True)


def _line(report: TableReport) -> str:
    if report.rate is None:
        return f"{report.table}: {report.status}, {report.reason}"
    rows = f"{report.union_rows:,} rows" if report.union_rows is not None else ""
    return f"{report.table}: {report.status}, {rows}, {report.mismatch_count:,} differ, {report.seconds:.1f} s"


def _show(reports: list[TableReport]) -> None:
    rows = []
    for report in reports:
        numbers = (report.rows_a, report.rows_b, None if report.rate is None else report.mismatch_count)
        share = "" if report.rate is None else f"{report.rate:.4%}"
        told = ["" if number is None else f"{number:,}" for number in numbers]
        rows.append([report.table, report.status, *told, share, report.severity])
    print_table(_COLUMNS, rows, "no table is declared: assets/catalog.py")
    for report in reports:
        for text in (report.reason, *report.notes):
            if text:
                click.echo(f"  {report.table}: {text}")
        for kind in KINDS:
            found = report.of(kind)
            _show_keys(report, kind, found.count, [key_document(key) for key in found.keys[:_SHOWN_KEYS]])


def _show_keys(report: TableReport, kind: str, count: int, keys: list[str | list[str]]) -> None:
    if not count:
        return
    more = f" and {count - len(keys):,} more" if count > len(keys) else ""
    columns = f" in {', '.join(f'{c} ({n})' for c, n in report.by_column.items())}" if kind == "mismatched" else ""
    words = kind.replace("_", " ")
    click.echo(f"  {report.table}, {count:,} {words}{columns}: {', '.join(map(str, keys))}{more}")


consistency.add_command(plan)
consistency.add_command(apply)
consistency.add_command(undo)
