"""``holdfast restore``: what was backed up comes home, without Dagster."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from holdfast.media.items import MediaClass
from orchestration.printing import print_json, settings_here

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.media.restores import Choice, Outcome, Report, Wanted
    from holdfast.media.vaults import MediaVault
    from orchestration.settings import Settings

_SHOWN: Final = 20
_MB: Final = 1e6
_VAULTS: Final = ("drive", "s3", "folder")


@click.group()
def restore() -> None:
    """Bring back what was backed up.

    \b
    Example:
      holdfast restore media --all --to /mnt/restored
    """


@restore.command()
@click.option("--id", "which", metavar="ID", help="Files of this row of the application, or the file of this number.")
@click.option("--class", "media_class", type=click.Choice(get_args(MediaClass)), help="Files of this class.")
@click.option(
    "--day", metavar="DAY", help="Files of rows made on this day (2026-11-20) or in this month (2026-11), UTC."
)
@click.option("--all", "is_all", is_flag=True, help="Every file.")
@click.option(
    "--to",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that files go into, under their names in the vault.",
)
@click.option("--vault", type=click.Choice(_VAULTS), help="Read from this vault only; default: as the catalogue says.")
@click.option("--from-vault", is_flag=True, help="Ask the vaults what they have, not the books: these may be lost.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help="Files at once.")
@click.option("--dry-run", is_flag=True, help="Say what would be restored, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the numbers, and every file that is not there.")
def media(
    which: str | None,
    media_class: MediaClass | None,
    day: str | None,
    is_all: bool,
    folder: Path,
    vault: str | None,
    from_vault: bool,
    workers: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring media files back from their vaults, each proven by its checksum.

    What is there already is compared and left; another file of the same name is never overwritten. Where a vault
    fails, the next one is read. Cut off, the same command goes on where it was. Exit code 1: some file is not there.

    \b
    Examples:
      holdfast restore media --id 42 --to .
      holdfast restore media --class upscale --day 2026-11 --to /mnt/restored
      holdfast restore media --all --from-vault --vault drive --to /mnt/restored
    """
    if is_all == any(option is not None for option in (which, media_class, day)):
        raise click.UsageError("choose files: --id, --class or --day (together: what all of them say), or --all")
    from holdfast.media.restores import Choice, days
    from resources.media.restoring import Restoring

    since, until = days(day) if day else (None, None)
    choice = Choice(id=which, media_class=media_class, since=since, until=until)
    settings = settings_here()
    vaults = _vaults(settings, vault)
    try:
        wanted = _wanted(settings, vaults, choice, from_vault=from_vault)
        restoring = Restoring(vaults, folder, workers=workers, say=lambda line: click.echo(line, err=True))
        if dry_run:
            _tell_plan(restoring.plan(wanted), wanted, as_json=as_json)
        else:
            _tell(restoring.run(wanted), as_json=as_json)
    finally:
        for one in vaults.values():
            one.close()


def _vaults(settings: "Settings", label: str | None) -> "Mapping[str, MediaVault]":
    from holdfast.errors import SettingsError
    from orchestration import wiring_media

    found = wiring_media.media_vaults(settings)
    if label is None:
        return found
    if label not in found:
        raise SettingsError(
            f"{label} is no vault of these settings, only {', '.join(found) or 'none'} is; nothing was restored. Set "
            "the variables that lead to it: holdfast doctor says which are missing"
        )
    return {label: found[label]}


def _wanted(
    settings: "Settings", vaults: "Mapping[str, MediaVault]", choice: "Choice", *, from_vault: bool
) -> "list[Wanted]":
    from resources.media.restoring import wanted_in_books, wanted_in_vaults

    if from_vault:
        return wanted_in_vaults(vaults, choice)
    from assets.catalog import MEDIA_SOURCES
    from orchestration.reaching import open_postgres

    return wanted_in_books(open_postgres(settings), choice, MEDIA_SOURCES, list(vaults))


def _tell_plan(report: "Report", wanted: "list[Wanted]", *, as_json: bool) -> None:
    lacking = [one for one in wanted if not one.sources]
    if as_json:
        files = [
            {"name": one.name, "title": one.title, "bytes": one.size_bytes, "vaults": [s.vault for s in one.sources]}
            for one in wanted
        ]
        print_json({"wanted_files": len(wanted), "wanted_bytes": report.wanted_bytes, "files": files})
    else:
        for one in wanted[:_SHOWN]:
            where = ", else ".join(source.vault for source in one.sources) or one.problem
            click.echo(f"  {one.name}: {one.size_bytes:,} bytes, {where}")
        if len(wanted) > _SHOWN:
            click.echo(f"  … and {len(wanted) - _SHOWN:,} more (--json tells all)")
        click.echo(
            f"{len(wanted):,} files, {report.wanted_bytes / _MB:.1f} MB, {len(lacking):,} of them in no vault that "
            f"can be read; would go into {report.folder}. Nothing was written"
        )
    raise SystemExit(1 if lacking else 0)


def _tell(report: "Report", *, as_json: bool) -> None:
    if as_json:
        numbers = {name: value for name, value in asdict(report).items() if name not in ("failed", "notes")}
        print_json(numbers | {"failed": _lines(report.failed), "notes": _lines(report.notes)})
    else:
        _print(report)
    raise SystemExit(1 if report.failed else 0)


def _lines(outcomes: "list[Outcome]") -> list[dict[str, Any]]:
    return [{"name": one.wanted.name, "title": one.wanted.title, "problem": one.problem} for one in outcomes]


def _print(report: "Report") -> None:
    for said, outcomes in (("restored, but", report.notes), ("not restored", report.failed)):
        for one in outcomes[:_SHOWN]:
            click.echo(f"  {said}: {one.wanted.title}: {one.problem}")
        if len(outcomes) > _SHOWN:
            click.echo(f"  … and {len(outcomes) - _SHOWN:,} more (--json tells all)")
    if report.unproven_files:
        click.echo(f"  compared by size only, as their vault has no checksum of them: {report.unproven_files:,}")
    where = ", ".join(f"{count:,} from {vault}" for vault, count in sorted(report.by_vault.items()))
    from_where = f" ({where})" if where else ""
    click.echo(
        f"{report.wanted_files:,} files in {report.folder}: {report.restored_files:,} restored{from_where}, "
        f"{report.already_files:,} were there, {len(report.failed):,} not restored; "
        f"{report.received_bytes / _MB:.1f} MB in {report.seconds:.1f} s"
    )
