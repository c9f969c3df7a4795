"""``holdfast media``: what the media backup does, without Dagster."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

import click

from holdfast.media.backups import Ask, Report, megabytes
from holdfast.media.items import MediaClass
from orchestration.printing import print_json, print_table, settings_here

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from resources.media.status import Status

_CLASS = click.Choice(get_args(MediaClass))


@click.group()
def media() -> None:
    """Media: files whose links die, and the copies that outlive them.

    \b
    Examples:
      holdfast media run --class upscale --limit 10
      holdfast media run --dry-run
      holdfast media status
      holdfast media retry --all
    """


@media.command()
@click.option("--class", "media_class", type=_CLASS, help="Only files of it; default: all, the most pressing first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Files at most.")
@click.option("--max-bytes", type=click.IntRange(min=1), metavar="N", help="Bytes at most, as the rows say.")
@click.option("--max-seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop after so long.")
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Transfers at once; default: as configured.")
@click.option("--only-urgent", is_flag=True, help="Only what expires within 24 hours, or has already.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the numbers of the run.")
def run(
    media_class: MediaClass | None,
    limit: int | None,
    max_bytes: int | None,
    max_seconds: float | None,
    workers: int | None,
    only_urgent: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find new files and make the copies that are due.

    What the asset media_backup does, with the same books: both may run at once. Ctrl-C leaves half-sent files; the
    next run goes on where they are. Exit code 1: something could not be saved.

    \b
    Examples:
      holdfast media run --class upscale --limit 50
      holdfast media run --only-urgent --max-seconds 600
    """
    settings = settings_here()
    ask = Ask(
        media_class=media_class,
        limit=limit,
        max_bytes=max_bytes,
        max_seconds=max_seconds,
        workers=workers or settings.media_workers,
        only_urgent=only_urgent,
    )
    if dry_run:
        report = _look(settings, ask)
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        report = _make(settings, ask)
    _tell(report, as_json=as_json, is_dry=dry_run)
    raise SystemExit(1 if report.copies["failed"] or report.copies["gone"] or report.closed else 0)


@media.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: classes, vaults and troubled copies.")
def status(as_json: bool) -> None:
    """Print how far each class is, how each vault is, and what went wrong.

    Exit code 1: a file is lost, a copy failed, or a vault takes nothing.

    \b
    Examples:
      holdfast media status
      holdfast media status --json | jq '.classes[] | select(.status == "verified")'
    """
    from orchestration import reaching
    from resources.media.status import read_status

    found = read_status(reaching.open_postgres(settings_here()))
    if as_json:
        print_json(asdict(found))
    else:
        _print_status(found)
    is_bad = any(one.state in ("failed", "lost") for one in found.troubled) or not all(v.is_open for v in found.vaults)
    raise SystemExit(1 if is_bad else 0)


@media.command()
@click.option("--id", "which", metavar="ID", help="The file's number, or the id of the application's row.")
@click.option("--all", "is_all", is_flag=True, help="Everything that failed, expired or was lost.")
def retry(which: str | None, is_all: bool) -> None:
    """Queue again what failed, expired or was lost.

    \b
    Examples:
      holdfast media retry --id 42
      holdfast media retry --all
    """
    from orchestration import reaching
    from resources.media.status import retry as queue_again

    if (which is None) == (not is_all):
        raise click.UsageError("give either --id ID or --all")
    count = queue_again(reaching.open_postgres(settings_here()), which)
    click.echo(f"{count} {'copy is' if count == 1 else 'copies are'} queued again; holdfast media run makes them")
    raise SystemExit(0 if count or is_all else 1)


def _look(settings: "Settings", ask: Ask) -> Report:
    from orchestration import reaching, wiring_media
    from resources.media.queue import Queue

    queue = Queue(reaching.open_postgres(settings), owner="terminal")
    try:
        due = queue.due(ask.media_class, wiring_media.vaults_access(settings).labels)
        report = Report(media_class=ask.media_class, due_items=due.items, due_bytes=due.bytes)
        report.closed.update(queue.closed_vaults())
    finally:
        queue.close()
    return report


def _make(settings: "Settings", ask: Ask) -> Report:
    from orchestration import reaching, wiring_media
    from resources.media.backup import Backup
    from resources.media.queue import Queue

    vaults, origin = wiring_media.media_vaults(settings), wiring_media.media_origin(settings)
    queue = Queue(reaching.open_postgres(settings), owner=f"terminal of {wiring_media.who()}")
    say = logging.getLogger("holdfast").info
    try:
        _scan(settings, list(vaults))
        return Backup(queue, origin, vaults, say=say).run(ask)
    finally:
        queue.close()
        origin.close()
        for vault in vaults.values():
            vault.close()


def _scan(settings: "Settings", vaults: list[str]) -> None:
    from assets.catalog import MEDIA_SOURCES
    from orchestration import reaching
    from resources.media.scanning import scan

    found = scan(reaching.open_postgres(settings), MEDIA_SOURCES, vaults)
    logging.getLogger("holdfast").info("%d new files are in the books", found.new_items)
    for line in found.lines():
        logging.getLogger("holdfast").warning("%s", line)


def _tell(report: Report, *, as_json: bool, is_dry: bool) -> None:
    if as_json:
        print_json(report.numbers() | {"is_dry_run": is_dry})
        return
    if is_dry:
        size = megabytes(report.due_bytes)
        click.echo(f"{report.due_items:,} files are due, {size} as far as sizes are known; nothing was done")
    for line in () if is_dry else report.lines():
        click.echo(line)


def _print_status(found: "Status") -> None:
    rows = [
        (one.media_class, one.status, f"{one.files:,}", megabytes(one.bytes), f"{one.completion_percentage:.2f} %",
         f"{one.oldest_deadline_at:%Y-%m-%d %H:%M}")
        for one in found.classes
    ]  # fmt: skip
    columns = ("class", "status", "files", "size", "class complete", "oldest deadline (UTC)")
    print_table(columns, rows, "there is nothing in the books yet: holdfast media run")
    for vault in found.vaults:
        room = "" if vault.limit_bytes is None else f" of {megabytes(vault.limit_bytes)}"
        used = "" if vault.used_bytes is None else f", {megabytes(vault.used_bytes)}{room} used"
        how = "" if vault.is_open else f"; takes nothing: {vault.closed_reason}"
        click.echo(f"{vault.vault}: {vault.copies:,} copies, {megabytes(vault.copies_bytes)}{used}{how}")
    for one in found.troubled:
        where = f"{one.source_table}/{one.source_id} ({one.media_class}, item {one.item_id}) in {one.vault}"
        click.echo(f"{one.state}: {where}: {one.problem}. {one.remedy}")
