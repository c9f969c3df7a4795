"""Which vaults this deployment has."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from holdfast.media.vaults import MediaVault
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from resources.folder import FolderVault
from resources.object_store import S3Access, S3Vault
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultsAccess:
    """How each vault is reached; None: there is none of this kind.

    Attributes:
        books: they know whether the folder was used: asked where it does not look so, as its share may be away.
    """

    drive: DriveAccess | None = None
    s3: S3Access | None = None
    folder: Path | None = None
    books: Postgres | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Which there are, in the order in which copies are given out."""
        given = {"drive": self.drive, "s3": self.s3, "folder": self.folder}
        return tuple(label for label, access in given.items() if access)


def open_vaults(access: VaultsAccess) -> Mapping[str, MediaVault]:
    """Every vault there is, by its label. Opens no line yet."""
    found: list[MediaVault] = []
    if access.drive:
        found.append(DriveVault(access.drive))
    if access.s3:
        found.append(S3Vault(access.s3))
    if access.folder:
        found.append(FolderVault(access.folder, was_used=partial(_was_used, access.books, "folder")))
    return {vault.label: vault for vault in found}


def _was_used(books: Postgres | None, label: str) -> bool:
    if books is None:
        return False
    with books.transaction() as db:
        return bool(db.value("media_reading/has_copies", vault=label))
