"""Folders, listings and reading."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import NotInVaultError, PermanentError, TransientError
from holdfast.media.vaults import Content
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault
from tests.fakes.drive_files import FOLDER
from tests.resources.drive.conftest import QUICK, Open
from tests.resources.drive.sending import put, sha, some, whole


def folders(drive: FakeDrive) -> list[str]:
    return sorted(drive.world.path(file) for file in drive.world.files.values() if file.is_folder and file.parent)


def test_threads_make_one_folder(drive: FakeDrive, vault: DriveVault) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(vault, b"x", f"images/2026-11/{n}.png"), range(16)))
    assert folders(drive) == ["Backups", "Backups/images", "Backups/images/2026-11", "Media"]


def test_processes_that_make_a_folder_at_once_agree_on_the_oldest(drive: FakeDrive, open_vault: Open) -> None:
    vaults = [open_vault() for _ in range(4)]
    for vault in vaults:
        vault._folders.place()
    drive.latency_s = 0.05
    barrier = threading.Barrier(4)

    def one(vault: DriveVault) -> None:
        barrier.wait()
        put(vault, b"x", f"images/2026-11/{id(vault)}.png")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, vaults))
    drive.latency_s = 0
    # However many were made, all files are in one of them, and whoever comes later uses the same.
    put(open_vault(), b"x", "images/2026-11/late.png")
    assert len({file.parent for file in drive.stored()}) == 1
    assert len(list(open_vault().list())) == 5


def test_a_listing_that_lags_parts_no_later_process(drive: FakeDrive, open_vault: Open) -> None:
    drive.world.list_lag_s = 3600
    for number in range(2):
        put(open_vault(), b"x", f"images/2026-11/{number}.png")
    assert len({file.parent for file in drive.stored()}) == 2
    for file in drive.world.files.values():
        file.visible_s = 0
    drive.world.list_lag_s = 0
    for number in range(2, 5):
        put(open_vault(), b"x", f"images/2026-11/{number}.png")
    oldest = min(
        (f for f in drive.world.files.values() if f.mime == FOLDER and f.name == "images"), key=lambda f: f.created_s
    )
    above = {drive.world.files[f.parent].parent for f in drive.stored() if f.name[0] in "234"}
    assert above == {oldest.id}
    assert len({one.name for one in open_vault().list()}) == 5


def _store(login: dict[str, str], number: int) -> None:
    vault = DriveVault(DriveAccess(**login), patience=QUICK)
    put(vault, b"x", f"images/2026-11/{number}.png")
    vault.close()


def test_real_processes_share_a_folder(drive: FakeDrive) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_store, args=(drive.login(), number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len({file.parent for file in drive.stored()}) == 1


def test_files_of_other_tools_are_listed_wherever_they_are(drive: FakeDrive, vault: DriveVault) -> None:
    world = drive.world
    world.add_file("loose.mp4", b"loose", world.shared_folder)
    for number in range(40):
        folder = world.add_folder(f"job {number}", world.shared_folder)
        world.add_file("out.mp4", b"%d" % number, folder.id)
    world.add_file("notes", b"", world.shared_folder, "application/vnd.google-apps.document")
    world.add_file("binned.mp4", b"x", world.shared_folder).trashed = True
    world.add_file("elsewhere.mp4", b"x", world.shared_drive)
    found = {one.name: one for one in vault.list()}
    assert found.keys() == {"loose.mp4", *(f"job {number}/out.mp4" for number in range(40))}
    assert found["job 7/out.mp4"].sha256 == sha(b"7")
    assert drive.counts()["files.list"] == 4


def test_a_listing_has_every_page(drive: FakeDrive, vault: DriveVault) -> None:
    for number in range(25):
        drive.world.add_file(f"{number}.mp4", b"x", drive.world.shared_folder)
    drive._api.page_limit = 10
    assert len(list(vault.list())) == 25
    drive.faults.add(Fault("files.list", skip=1), Fault("files.list", "reset_before"))
    assert len(list(vault.list())) == 25


def test_a_listing_that_did_not_look_everywhere_is_no_listing(drive: FakeDrive, vault: DriveVault) -> None:
    answered = drive._api.list

    def partial(request: object, fault: object) -> object:
        response = answered(request, fault)  # type: ignore[arg-type]
        response.content = response.content.replace(b"false", b"true")  # type: ignore[union-attr]
        return response

    from tests.fakes.drive_api import ANSWERS

    before = ANSWERS["files.list"]
    ANSWERS["files.list"] = lambda _, request, fault: partial(request, fault)  # type: ignore[assignment,return-value]
    try:
        with pytest.raises(TransientError, match="did not look everywhere"):
            list(vault.list())
    finally:
        ANSWERS["files.list"] = before


def test_only_folders_that_may_hold_the_prefix_are_asked_for(drive: FakeDrive, open_vault: Open) -> None:
    for media_class in ("images", "upscale", "regular"):
        for month in ("2026-10", "2026-11"):
            put(open_vault(), b"x", f"{media_class}/{month}/a.png")
    drive.calls.clear()
    assert [one.name for one in open_vault().list("upscale/2026-11/")] == ["upscale/2026-11/a.png"]
    assert drive.counts()["files.list"] == 3
    assert len(list(open_vault().list("upscale/2026-1"))) == 2
    assert list(open_vault().list("upscale/2026-11/b")) == []


def test_what_is_in_the_bin_is_not_found(drive: FakeDrive, vault: DriveVault) -> None:
    stored = put(vault, b"meow")
    drive.world.files[stored.remote_id].trashed = True
    assert vault.find(stored.remote_id) is None
    drive.world.files[stored.remote_id].trashed = False
    drive.world.files[drive.world.files[stored.remote_id].parent].trashed = True
    assert vault.find(stored.remote_id) is None


def test_what_somebody_moved_is_found_still(drive: FakeDrive, open_vault: Open) -> None:
    stored = put(open_vault(), b"meow")
    drive.world.files[stored.remote_id].parent = drive.world.shared_drive
    found = open_vault().find(stored.remote_id)
    assert found is not None
    assert found.name == "cat.png"


def test_a_content_manager_moves_into_the_bin_and_a_manager_deletes(drive: FakeDrive, open_vault: Open) -> None:
    stored = put(open_vault(), b"meow")
    open_vault().remove(stored.remote_id)
    assert drive.world.files[stored.remote_id].trashed
    stored = put(open_vault("oauth"), b"meow")
    open_vault("oauth").remove(stored.remote_id)
    assert stored.remote_id not in drive.world.files


@pytest.mark.parametrize("offset", [0, 1, 100_000, 262_144, 655_359, 655_360])
def test_reading_begins_anywhere(vault: DriveVault, offset: int) -> None:
    content = some(2.5)
    assert whole(vault, put(vault, content).remote_id, offset) == content[offset:]


def test_reading_leaves_the_line_for_the_next(drive: FakeDrive, vault: DriveVault) -> None:
    stored = put(vault, some(3))
    for _ in range(5):
        whole(vault, stored.remote_id)
    assert drive.lines == 1
    with vault.read(stored.remote_id) as content:
        content.readinto(memoryview(bytearray(10)))
    assert whole(vault, stored.remote_id)
    assert drive.lines == 2


def test_a_reading_that_breaks_off_says_so(drive: FakeDrive, vault: DriveVault) -> None:
    stored = put(vault, some(4))
    with vault.read(stored.remote_id) as content:
        assert content.readinto(memoryview(bytearray(1000))) == 1000
        drive.world.files[stored.remote_id].content = b""
        line = content._line  # type: ignore[attr-defined]
        line._socket.shutdown(0)
        with pytest.raises(TransientError, match="broke"):
            read_on(content)


def read_on(content: Content) -> None:
    buffer = memoryview(bytearray(100_000))
    while content.readinto(buffer):
        pass


@pytest.mark.parametrize("kind", ["refuse", "html", "reset_before", "expire"])
def test_reading_is_begun_again(drive: FakeDrive, vault: DriveVault, kind: str) -> None:
    stored = put(vault, b"meow")
    drive.faults.add(Fault("files.read", kind))
    assert whole(vault, stored.remote_id) == b"meow"


def test_what_is_not_there_cannot_be_read(vault: DriveVault) -> None:
    with pytest.raises(NotInVaultError), vault.read("1nonsense"):
        pass


@pytest.mark.parametrize("reason", ["cannotDownloadAbusiveFile", "downloadQuotaExceeded"])
def test_a_file_that_drive_keeps_to_itself_closes_nothing(drive: FakeDrive, vault: DriveVault, reason: str) -> None:
    stored = put(vault, b"meow")
    drive.faults.add(Fault("files.read", status=403, reason=reason))
    with pytest.raises(PermanentError, match="does not hand out this file"), vault.read(stored.remote_id):
        pass
    assert whole(vault, stored.remote_id) == b"meow"


@pytest.mark.parametrize("remote_id", ["../about", "a b", "x?alt=json", "a\r\nHost: evil", "é"])
def test_an_id_is_an_id_whatever_is_in_it(drive: FakeDrive, vault: DriveVault, remote_id: str) -> None:
    assert vault.find(remote_id) is None
    with pytest.raises(NotInVaultError), vault.read(remote_id):
        pass
    assert drive.counts().keys() <= {"token", "files.get", "files.read", "unknown"}
