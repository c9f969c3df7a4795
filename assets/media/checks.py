"""Checks of the media backup: each is named as the sentence that holds when it passes."""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from assets.media.inventory import media_inventory
from holdfast.media.backups import megabytes
from holdfast.media.room import Room
from resources.media.books import Risk, VaultBooks, at_risk, lost, odd_files, vaults
from resources.media.vaults_resource import MediaVaultsResource
from resources.postgres_resource import PostgresResource

DAYS_LEFT: Final = 30.0
_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
_SHOWN: Final = 5
# Looked at after each backup, so that what a run has just saved counts.
BACKUP: Final = dg.AssetKey("media_backup")


@dg.asset_check(asset=BACKUP)
def nothing_expires_unsaved(postgres: PostgresResource) -> dg.AssetCheckResult:
    """No file whose link dies within 24 hours, or has died, lacks a copy that is asked for.

    A file that was found in the last 15 minutes is on its way: it counts only when its link has died or a copy failed.
    """
    with postgres.client().transaction() as db:
        found = at_risk(db)
    waiting = sum(one.state != "failed" for one in found)
    return dg.AssetCheckResult(
        passed=not found,
        severity=_ERROR,
        description=_sentences(found, nothing="Nothing expires unsaved."),
        metadata={
            "copies_at_risk": found[0].copies if found else 0,
            "listed_copies": len(found),
            "waiting_of_listed": waiting,
            "failed_of_listed": len(found) - waiting,
            "earliest_deadline": found[0].deadline_at.isoformat() if found else "",
            "copies": _table(found),
        },
    )


@dg.asset_check(asset=BACKUP)
def no_media_lost(postgres: PostgresResource) -> dg.AssetCheckResult:
    """No file is gone from its link without a verified copy anywhere."""
    with postgres.client().transaction() as db:
        found = lost(db)
    remedy = " If the application can make them again, let it: the rows' new links are found by themselves."
    return dg.AssetCheckResult(
        passed=not found,
        severity=_ERROR,
        description=_sentences(found, nothing="Nothing is lost.") + (remedy if found else ""),
        metadata={"lost_copies": found[0].copies if found else 0, "copies": _table(found)},
    )


@dg.asset_check(asset=media_inventory)
def vault_matches_the_books(postgres: PostgresResource) -> dg.AssetCheckResult:
    """Every verified copy is in its vault, and every file of the vaults is in the books, as of the last look.

    A copy whose file is gone is an error: it is made anew, from the link or from another copy. A file that the books do
    not know is a warning: it is adopted when a file of the same content is backed up, and never deleted.
    """
    with postgres.client().transaction() as db:
        known, odd = vaults(db), odd_files(db)
    missing, strays = sum(one.missing_files for one in known), sum(one.stray_files for one in known)
    never = [one.vault for one in known if one.looked_at is None]
    told = [
        f"{one.vault}: {'gone: ' if one.is_missing else 'unknown: '}{one.name}, {megabytes(one.size_bytes)}"
        for one in odd[:_SHOWN]
    ]
    told += [f"{label} was never looked into" for label in never]
    sentence = f"{missing} copies are gone, {strays} files are unknown. {'; '.join(told)}"
    return dg.AssetCheckResult(
        passed=not missing and not strays and not never,
        severity=_ERROR if missing else _WARN,
        description=sentence.strip() if told else "The vaults hold what the books say.",
        metadata={
            "missing_files": missing,
            "stray_files": strays,
            "listed_files": sum(one.looked_files for one in known),
            **{f"stray_files_{one.vault}": one.stray_files for one in known},
            **{f"missing_files_{one.vault}": one.missing_files for one in known},
            **{f"looked_at_{one.vault}": one.looked_at.isoformat() if one.looked_at else "" for one in known},
        },
    )


@dg.asset_check(asset=media_inventory)
def the_vaults_have_room(postgres: PostgresResource, media_vaults: MediaVaultsResource) -> dg.AssetCheckResult:
    """What waits fits into every vault, and after it what comes in 30 days, as of the last 14.

    A vault that has no room for what waits is an error, and so is one that takes nothing at all; fewer than 30 days are
    a warning. -1 means that it is not known: no vault says how much it holds, or nothing comes. Of files whose size
    nobody knows nothing is counted. A vault that does not say how much it holds has HOLDFAST_MEDIA_BUDGET_GB, if that
    is set, and what is used of it are the copies in the books.
    """
    with postgres.client().transaction() as db:
        known = vaults(db)
    found = [_room(one, media_vaults.budget_gb) for one in known]
    full = [one for one in known if not one.is_open]
    lacking = sum(one.lacking_bytes for one in found)
    least = min((one.days_left for one in found if one.days_left is not None), default=None)
    told = [f"{one.vault} is closed: {one.closed_reason.rstrip('.')}" for one in full] + [str(one) for one in found]
    return dg.AssetCheckResult(
        passed=not lacking and not full and (least is None or least >= DAYS_LEFT),
        severity=_ERROR if lacking or full else _WARN,
        description="; ".join(told) + "." if told else "No vault is configured.",
        metadata={
            "lacking_bytes": lacking,
            "days_left": -1.0 if least is None else round(least, 1),
            "warn_below_days": DAYS_LEFT,
            "closed_vaults": len(full),
            **{name: number for each in zip(known, found, strict=True) for name, number in _numbers(*each).items()},
        },
    )


def _room(vault: VaultBooks, budget_gb: float) -> Room:
    """What it says of itself; what is configured where it does not."""
    is_told = vault.limit_bytes is not None or not budget_gb
    return Room(
        vault=vault.vault,
        used_bytes=vault.used_bytes if is_told or vault.used_bytes is not None else vault.verified_bytes,
        limit_bytes=vault.limit_bytes if is_told else int(budget_gb * 1e9),
        waiting_bytes=vault.waiting_bytes,
        daily_bytes=vault.daily_bytes,
    )


def _numbers(vault: VaultBooks, room: Room) -> dict[str, int]:
    """Days left are (free - waiting) / daily."""
    free = room.free_bytes
    return {
        f"free_bytes_{vault.vault}": -1 if free is None else free,
        f"waiting_bytes_{vault.vault}": vault.waiting_bytes,
        f"daily_bytes_{vault.vault}": vault.daily_bytes,
        f"copies_of_unknown_size_{vault.vault}": vault.unknown_copies,
    }


def _sentences(found: Sequence[Risk], *, nothing: str) -> str:
    if not found:
        return nothing
    more = found[0].copies - min(len(found), _SHOWN)
    rest = f"; and {more} more, all of them in holdfast.media_file_copies" if more else ""
    return f"{found[0].copies} copies: " + "; ".join(str(one) for one in found[:_SHOWN]) + rest + "."


def _table(found: Sequence[Risk]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "deadline_at": f"{one.deadline_at:%Y-%m-%d %H:%M}",
                "class": one.media_class,
                "row": one.source,
                "vault": one.vault,
                "state": one.state,
                "problem": one.problem,
                "remedy": one.remedy,
            }
        )
        for one in found
    ]
    names = ("deadline_at", "class", "row", "vault", "state", "problem", "remedy")
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name, "string") for name in names]))


CHECKS: Final = (nothing_expires_unsaved, no_media_lost, vault_matches_the_books, the_vaults_have_room)
