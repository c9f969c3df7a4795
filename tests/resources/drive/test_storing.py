"""Small files: one call each, whatever happens to it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import ConflictError, DamagedCopyError, TransientError
from holdfast.media.vaults import NewFile
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import new, put, sha, some, whole


def test_a_small_file_is_one_call(drive: FakeDrive, vault: DriveVault) -> None:
    for number in range(50):
        put(vault, b"meow", f"images/2026-11/{number}.png")
    assert drive.counts() == {
        "token": 1,
        "files.generateIds": 1,
        "upload.multipart": 50,
        # Once in a process: the configured folder, and each of the two below it, looked for, made, looked for again.
        "files.get": 1,
        "files.list": 4,
        "files.create": 2,
    }


def test_a_second_process_finds_the_folders_by_one_list_each(drive: FakeDrive, open_vault: Open) -> None:
    put(open_vault(), b"meow")
    drive.calls.clear()
    put(open_vault(), b"meow")
    assert drive.counts()["files.list"] == 2
    assert drive.counts()["files.create"] == 0
    assert len({file.parent for file in drive.stored()}) == 1


def test_lines_are_kept(drive: FakeDrive, vault: DriveVault) -> None:
    for number in range(20):
        put(vault, b"meow", f"images/2026-11/{number}.png")
    assert drive.lines == 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: put(vault, b"x", f"images/2026-11/{n}.jpg"), range(40)))
    assert drive.lines <= 4


def test_a_server_that_drops_idle_lines_is_not_noticed(drive: FakeDrive, vault: DriveVault) -> None:
    put(vault, b"meow")
    drive.drop_lines()
    calls = len(drive.calls)
    put(vault, b"meow", "images/2026-11/dog.png")
    assert len(drive.calls) == calls + 1


def test_what_drive_says_of_a_file_is_kept(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(1)
    stored = put(vault, content)
    (file,) = drive.stored()
    assert (stored.remote_id, stored.size_bytes, stored.sha256) == (file.id, len(content), sha(content))
    assert stored.md5 is not None
    assert stored.md5.hex() == file.md5
    assert stored.url == f"https://drive.google.com/file/d/{file.id}/view?usp=drivesdk"
    assert file.mime == "video/mp4"
    assert drive.world.path(file) == "Backups/images/2026-11/cat.png"


def test_a_content_that_looks_like_the_end_is_stored_whole(vault: DriveVault) -> None:
    content = b"\r\n--holdfast-0--\r\n\r\n--\n\n{}\r\n\r\n" * 3
    assert whole(vault, put(vault, content).remote_id) == content


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "mine".mp4',
        "back\\slash'.mp4",
        "katze 🐈 übt.mp4",
        "猫" * 300 + ".mp4",
        "100% {x} & y=z?.mp4",
        "a\nb.mp4",
    ],
)
def test_any_name_goes(drive: FakeDrive, vault: DriveVault, name: str) -> None:
    folder = f"it's {name[:20]}"
    stored = put(vault, b"meow", f"{folder}/2026-11/{name}")
    assert [file.name for file in drive.stored()] == [name]
    assert [one.name for one in vault.list()] == [f"{folder}/2026-11/{name}"]
    found = vault.find(stored.remote_id)
    assert found is not None
    assert found.name == f"{folder}/2026-11/{name}"


def test_facts_are_cut_to_what_drive_keeps(drive: FakeDrive, vault: DriveVault) -> None:
    facts = (
        ("item", "gen_videos/7"),
        ("prompt", "猫" * 300),
        ("k" * 300, "v" * 300),
        *((str(n), "") for n in range(40)),
    )
    (remote_id,) = vault.reserve(["x"])
    file = NewFile(name="a/b/c.mp4", remote_id=remote_id, content_type="bad\r\ntype", size_bytes=1, facts=facts)
    vault.put(file, [b"x"], sha(b"x"))
    (found,) = drive.stored()
    assert found.app_properties["item"] == "gen_videos/7"
    assert found.app_properties["prompt"] == "猫" * 39
    assert len(found.app_properties) == 30
    assert found.mime == "application/octet-stream"


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "error_after", "html", "refuse"])
def test_no_trouble_makes_a_second_file(drive: FakeDrive, vault: DriveVault, kind: str) -> None:
    file = new(vault, b"meow")
    drive.faults.add(Fault("upload.multipart", kind, times=2))
    stored = vault.put(file, [b"meow"], sha(b"meow"))
    assert [found.id for found in drive.stored()] == [file.remote_id] == [stored.remote_id]
    assert not drive.uploads.violations


def test_trouble_that_stays_is_told_and_another_process_goes_on(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    file = new(vault, b"meow")
    drive.faults.add(Fault("upload.multipart", "error_after", times=-1))
    with pytest.raises(TransientError, match=r"in trouble \(503 backendError\)"):
        vault.put(file, [b"meow"], sha(b"meow"))
    drive.faults.clear()
    assert open_vault().put(file, [b"meow"], sha(b"meow")).sha256 == sha(b"meow")
    assert len(drive.stored()) == 1


def test_a_silent_server_is_not_waited_for_for_ever(drive: FakeDrive, vault: DriveVault) -> None:
    put(vault, b"x")
    drive.faults.add(Fault("upload.multipart", "hang", times=-1))
    vault._caller.lines._timeout_s = 0.2
    vault._caller.lines.close()
    with pytest.raises(TransientError, match="silent for too long"):
        put(vault, b"meow", "images/2026-11/dog.png")


def test_stored_damage_is_withdrawn(drive: FakeDrive, vault: DriveVault) -> None:
    drive.faults.add(Fault("upload.multipart", "corrupt"))
    with pytest.raises(DamagedCopyError, match=r"its checksum is another.*it is withdrawn"):
        put(vault, b"meow")
    assert not drive.stored()
    put(vault, b"meow")
    assert len(drive.stored()) == 1


def test_damage_by_an_attempt_whose_answer_was_lost_is_withdrawn(drive: FakeDrive, vault: DriveVault) -> None:
    # Only the second attempt learns of the file of the first, which holds something else.
    file = new(vault, b"meow")
    drive.faults.add(Fault("upload.multipart", "error_after"))
    content = bytearray(b"wuff")
    served = drive.uploads.multipart

    def changed(*args: object) -> object:
        made = served(*args)  # type: ignore[arg-type]
        content[:] = b"meow"
        return made

    drive.uploads.multipart = changed  # type: ignore[method-assign]
    with pytest.raises(DamagedCopyError):
        vault.put(file, [content], sha(b"meow"))
    assert not drive.stored()


def test_what_cannot_be_withdrawn_is_named(drive: FakeDrive, vault: DriveVault) -> None:
    file = new(vault, b"meow")
    drive.faults.add(
        Fault("upload.multipart", "corrupt"), Fault("files.delete", times=-1), Fault("files.update", times=-1)
    )
    with pytest.raises(DamagedCopyError, match=f"could not be removed and is still there as {file.remote_id}"):
        vault.put(file, [b"meow"], sha(b"meow"))


@pytest.mark.parametrize("is_deleted", [True, False])
def test_an_id_whose_file_is_gone_is_not_used_again(drive: FakeDrive, vault: DriveVault, is_deleted: bool) -> None:
    file = new(vault, b"meow")
    vault.put(file, [b"meow"], sha(b"meow"))
    if is_deleted:
        drive.world.delete(file.remote_id)
    else:
        drive.world.files[file.remote_id].trashed = True
    with pytest.raises(ConflictError, match="in the bin or was deleted since"):
        vault.put(file, [b"meow"], sha(b"meow"))
    with pytest.raises(ConflictError, match="in the bin or was deleted since"):
        vault.upload(file)


def test_an_id_of_nobody_needs_a_new_one(vault: DriveVault) -> None:
    file = NewFile(name="a/b.mp4", remote_id="1made-up", content_type="video/mp4", size_bytes=1)
    with pytest.raises(ConflictError, match="needs a new id"):
        vault.put(file, [b"x"], sha(b"x"))
    with pytest.raises(ConflictError, match="needs a new id"):
        vault.upload(file)


def test_a_checksum_that_comes_late_is_waited_for(drive: FakeDrive, vault: DriveVault) -> None:
    drive.world.hidden_sha256 = 3
    assert put(vault, b"meow").sha256 == sha(b"meow")
    assert drive.counts()["files.read"] == 0


def test_a_checksum_that_never_comes_is_made_by_reading_back(drive: FakeDrive, vault: DriveVault) -> None:
    drive.world.hidden_sha256 = 1000
    assert put(vault, b"meow").sha256 == sha(b"meow")
    assert drive.counts()["files.read"] == 1
    drive.faults.add(Fault("files.read", "corrupt"))
    with pytest.raises(DamagedCopyError):
        put(vault, b"meow", "images/2026-11/dog.png")
    assert len(drive.stored()) == 1


def test_ids_come_a_thousand_at_a_time(drive: FakeDrive, vault: DriveVault) -> None:
    seen = [vault.reserve([""])[0] for _ in range(1001)]
    assert len(set(seen)) == 1001
    assert drive.counts()["files.generateIds"] == 2
    assert len(vault.reserve([""] * 1500)) == 1500
    assert vault.reserve([]) == []


def test_one_in_seven_calls_goes_wrong_and_every_file_arrives_once(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    put(vault, b"warm")
    # No throttles: how slow they make it is the pace's to say, and tested there.
    kinds = ("refuse", "html", "reset_before", "reset_after", "error_after", "expire", "corrupt")
    drive.faults.by_chance(0.15, seed=11, kinds=kinds)

    def one(number: int) -> tuple[str, bytes]:
        content = some(number / 100)
        for _ in range(20):
            file = new_again(vault, content, number)
            try:
                return vault.put(file, [content], sha(content)).remote_id, content
            except (DamagedCopyError, TransientError):
                continue
        raise AssertionError(number)

    with ThreadPoolExecutor(8) as pool:
        sent = dict(pool.map(one, range(120)))
    drive.faults.clear()
    assert len(sent) == 120
    for remote_id, content in sent.items():
        assert whole(vault, remote_id) == content
    # Nothing but what was sent, but for copies whose withdrawal went wrong as well: those are named in the error.
    assert len(drive.stored()) <= 121 + sum(kind == "corrupt" for _, kind in drive.faults.happened)


def new_again(vault: DriveVault, content: bytes, number: int) -> NewFile:
    """A file with an id of its own, however often drawing one goes wrong."""
    for _ in range(20):
        try:
            return new(vault, content, f"images/2026-11/{number}.png")
        except TransientError:
            continue
    raise AssertionError(number)
