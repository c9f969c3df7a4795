"""``media_restore``: files are brought back from the vaults, from the Launchpad."""

from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.catalog import MEDIA_SOURCES
from holdfast.errors import HoldfastError, SettingsError
from holdfast.media.items import MediaClass
from holdfast.media.restores import Choice, Report, Wanted, days
from holdfast.media.vaults import MediaVault
from resources.media.restoring import Restoring, wanted_in_books, wanted_in_vaults
from resources.media.vaults_resource import MediaVaultsResource
from resources.postgres_resource import PostgresResource


class MediaRestoreConfig(dg.Config):
    """Which files are brought back, and where to."""

    to: str = Field(description="Folder, on the machine that runs Dagster, that files go into.")
    id: str = Field(default="", description="Files of this row of the application, or the file of this number.")
    media_class: Literal["", "upscale", "regular", "images"] = Field(default="", description="Files of this class.")
    day: str = Field(default="", description="Files of rows made on this day (2026-11-20) or in this month (2026-11).")
    everything: bool = Field(default=False, description="Every file; without it one of the three above is needed.")
    vault: Literal["", "drive", "s3", "folder"] = Field(
        default="", description="Read from this vault only; left out: as the catalogue says."
    )
    from_vault: bool = Field(default=False, description="Ask the vaults what they have, not the books.")
    workers: int = Field(default=4, ge=1, le=64, description="Files at once.")
    dry_run: bool = Field(default=False, description="Say what would be restored, and write nothing.")


@dg.op(description="Bring files back from the vaults, each proven by its checksum, as the config says.")
def restore_media(
    context: dg.OpExecutionContext,
    config: MediaRestoreConfig,
    postgres: PostgresResource,
    media_vaults: MediaVaultsResource,
) -> None:
    """Do what the config says; safe to run twice: what is there is compared and left."""
    chosen = (config.id, config.media_class, config.day)
    if config.everything == any(chosen):
        raise dg.Failure(
            "expected id, media_class or day, or everything: true; nothing was restored", allow_retries=False
        )

    def say(line: str) -> None:
        context.log.info("media: %s", line)

    opened = media_vaults.open()
    try:
        vaults = _vaults(opened, config.vault)
        wanted = _wanted(config, postgres, vaults)
        restoring = Restoring(vaults, Path(config.to), workers=config.workers, say=say)
        report = restoring.plan(wanted) if config.dry_run else restoring.run(wanted)
    except HoldfastError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    finally:
        for vault in opened.values():
            vault.close()
    told = _told(report, wanted, is_dry=config.dry_run)
    if report.failed:
        raise dg.Failure(_sentence(report), metadata=told, allow_retries=False)
    say(_sentence(report))
    context.add_output_metadata(told)


@dg.job(
    description="Bring files back from the vaults: open the Launchpad, say which and where to, launch.",
    tags={"dagster/max_runtime": "86400"},
)
def media_restore() -> None:
    """One restore by an operator."""
    restore_media()


def _vaults(opened: dict[str, MediaVault] | Any, label: str) -> dict[str, MediaVault]:
    if label and label not in opened:
        raise SettingsError(f"{label} is no vault here, only {', '.join(opened) or 'none'} is; nothing was restored")
    return {name: vault for name, vault in opened.items() if label in ("", name)}


def _wanted(config: MediaRestoreConfig, postgres: PostgresResource, vaults: dict[str, MediaVault]) -> list[Wanted]:
    since, until = days(config.day) if config.day else (None, None)
    media_class: MediaClass | None = config.media_class or None
    choice = Choice(id=config.id or None, media_class=media_class, since=since, until=until)
    if config.from_vault:
        return wanted_in_vaults(vaults, choice)
    return wanted_in_books(postgres.client(), choice, MEDIA_SOURCES, list(vaults))


def _sentence(report: Report) -> str:
    return (
        f"{report.restored_files} of {report.wanted_files} files restored to {report.folder}, {report.already_files} "
        f"were there, {len(report.failed)} could not be restored"
    )


def _told(report: Report, wanted: list[Wanted], *, is_dry: bool) -> dict[str, Any]:
    """Wanted files are restored, there already, or failed; in a dry run none of them yet."""
    lines = [f"{one.wanted.title}: {one.problem}" for one in report.failed]
    lines += [f"restored, but {one.wanted.title}: {one.problem}" for one in report.notes]
    if is_dry:
        lines += [f"{one.title}: {one.problem}" for one in wanted if one.problem]
        lines += [f"{one.name}, {one.size_bytes:,} bytes" for one in wanted if one.sources]
    return {
        "what": paragraphs(lines, nothing="Every file is there.", rest="holdfast restore media --json tells all"),
        "folder": report.folder,
        "wanted_files": report.wanted_files,
        "wanted_bytes": report.wanted_bytes,
        "restored_files": report.restored_files,
        "already_files": report.already_files,
        "failed_files": len(report.failed),
        "unproven_files": report.unproven_files,
        "received_bytes": report.received_bytes,
        "seconds": round(report.seconds, 3),
        "is_dry_run": is_dry,
    }
