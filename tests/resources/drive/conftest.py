"""A Drive over HTTP for every test, and vaults that lose no time."""

from collections.abc import Callable, Iterator

import pytest

from holdfast.retries import Backoff
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive

QUICK = Backoff(attempts=4, first_s=0.01, most_s=0.05)
Open = Callable[..., DriveVault]


@pytest.fixture
def drive() -> Iterator[FakeDrive]:
    with FakeDrive() as drive:
        yield drive


@pytest.fixture
def open_vault(drive: FakeDrive) -> Iterator[Open]:
    """Makes vaults of this Drive, each as another process would have it; fields of the login may be other ones."""
    opened = []

    def make(kind: str = "shared_drive", *, part_bytes: int = 262_144, **other: str) -> DriveVault:
        access = DriveAccess(**drive.login(kind) | other)
        vault = DriveVault(access, patience=QUICK, part_bytes=part_bytes, timeout_s=2)
        opened.append(vault)
        return vault

    yield make
    for vault in opened:
        vault.close()


@pytest.fixture
def vault(open_vault: Open) -> DriveVault:
    return open_vault()
