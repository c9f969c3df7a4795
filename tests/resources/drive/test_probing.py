"""What the probe finds, and what it says to do."""

import re
from collections.abc import Callable

import pytest

from holdfast.errors import VaultClosedError
from holdfast.media.vaults import Space
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault
from tests.fakes.drive_files import GB, SERVICE_ACCOUNT, USER
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import put

Change = Callable[[FakeDrive], dict[str, str]]


def role(name: str) -> Change:
    def change(drive: FakeDrive) -> dict[str, str]:
        members = drive.world.drives[drive.world.shared_drive].members
        members.pop(SERVICE_ACCOUNT)
        if name:
            members[SERVICE_ACCOUNT] = name
        return {}

    return change


def fault(where: str, reason: str, status: int = 403) -> Change:
    def change(drive: FakeDrive) -> dict[str, str]:
        drive.faults.add(Fault(where, status=status, reason=reason, times=-1))
        return {}

    return change


def binned(drive: FakeDrive) -> dict[str, str]:
    drive.world.files[drive.world.shared_folder].trashed = True
    return {}


def a_file(drive: FakeDrive) -> dict[str, str]:
    return {"folder_id": drive.world.add_file("notes.txt", b"x", drive.world.shared_drive).id}


def somewhere_else(drive: FakeDrive) -> dict[str, str]:
    return {"folder_id": drive.world.add_folder("private", drive.world.my_drive).id}


@pytest.mark.parametrize(
    ("kind", "change", "by", "remedy"),
    [
        ("my_drive", lambda _: {}, "settings", "a folder in a shared drive that holdfast@acme-media"),
        ("my_drive", lambda _: {}, "settings", "GOOGLE_DRIVE_REFRESH_TOKEN (OAuth) or GOOGLE_DRIVE_SUBJECT"),
        ("my_drive", lambda _: {"folder_id": ""}, "settings", "GOOGLE_DRIVE_FOLDER_ID is not set"),
        ("shared_drive", lambda _: {"folder_id": "1nonsense"}, "settings", "the last part of the folder's address"),
        ("shared_drive", lambda _: {"folder_id": "1nonsense"}, "settings", f"with {SERVICE_ACCOUNT}"),
        ("shared_drive", somewhere_else, "settings", "may not see it"),
        ("shared_drive", role(""), "settings", "share the folder (or the shared drive) with"),
        ("shared_drive", role("reader"), "rights", "may not add files to the folder 'Backups'"),
        ("shared_drive", role("writer"), "rights", "may not remove files from the folder 'Backups'"),
        ("shared_drive", binned, "settings", "is in the bin"),
        ("shared_drive", a_file, "settings", "a file, not a folder"),
        (
            "shared_drive",
            fault("files.get", "accessNotConfigured"),
            "settings",
            "Enable it in the Google Cloud console",
        ),
        ("oauth", fault("files.get", "insufficientPermissions"), "login", "scope"),
        ("oauth", fault("upload.*", "storageQuotaExceeded"), "quota", "Make room"),
    ],
)
def test_what_does_not_work_is_told_with_its_remedy(
    drive: FakeDrive, open_vault: Open, kind: str, change: Change, by: str, remedy: str
) -> None:
    vault = open_vault(kind, **change(drive))
    with pytest.raises(VaultClosedError, match=re.escape(remedy)) as raised:
        vault.probe()
    assert raised.value.by == by
    assert [file.name for file in drive.stored()] in ([], ["notes.txt"])


@pytest.mark.parametrize("name", ["fileOrganizer", "organizer"])
def test_a_probe_leaves_nothing_behind(drive: FakeDrive, open_vault: Open, name: str) -> None:
    role(name)(drive)
    assert open_vault().probe() == f"files go into the folder 'Backups' in a shared drive, as {SERVICE_ACCOUNT}"
    assert not drive.stored()


def test_the_top_of_a_shared_drive_is_a_folder_too(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault(folder_id=drive.world.shared_drive)
    assert "in a shared drive" in vault.probe()
    put(vault, b"meow")
    assert [one.name for one in vault.list()] == ["images/2026-11/cat.png"]


@pytest.mark.parametrize("kind", ["oauth", "delegation"])
def test_a_user_without_a_folder_stores_in_my_drive(drive: FakeDrive, open_vault: Open, kind: str) -> None:
    vault = open_vault(kind, folder_id="")
    assert "'My Drive' in My Drive" in vault.probe()
    put(vault, b"meow")
    assert "images/2026-11/cat.png" in {drive.world.path(file) for file in drive.stored()}


def test_a_shared_drive_does_not_say_how_full_it_is(open_vault: Open) -> None:
    assert open_vault().space() == Space()


def test_my_drive_says_how_full_it_is(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault("oauth")
    put(vault, bytes(1000))
    assert vault.space() == Space(used_bytes=1000, limit_bytes=15 * GB)
    drive.world.quota_bytes[USER] = None
    assert vault.space() == Space(used_bytes=1000)


def test_opening_a_vault_asks_nothing(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    assert (vault.label, vault.part_bytes, vault.draws_ids) == ("drive", 262_144, True)
    assert not drive.calls
    assert not drive.lines
