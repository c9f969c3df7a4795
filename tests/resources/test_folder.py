"""A folder as a vault of media: mounts that vanish, disks that fill, attempts that are killed."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    ConflictError,
    DamagedCopyError,
    PermanentError,
    TransientError,
    UploadLostError,
    VaultClosedError,
)
from holdfast.media.vaults import NewFile
from resources.folder import FolderVault
from resources.folder_place import MARKER

NAME = "upscale/2026-11/a.mp4"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path) -> FolderVault:
    made = FolderVault(folder, part_bytes=1000)
    made.reserve([NAME])
    return made


def file(content: bytes, name: str = NAME) -> NewFile:
    return NewFile(name=name, remote_id=name, content_type="video/mp4", size_bytes=len(content))


def put(vault: FolderVault, content: bytes, name: str = NAME) -> None:
    vault.put(file(content, name), [content], hashlib.sha256(content).digest())


@given(st.integers(0, 3000), st.integers(0, 3000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_attempt_that_was_killed_anywhere_is_gone_on_with(tmp_path: Path, size_bytes: int, written: int) -> None:
    folder = tmp_path / f"{size_bytes}-{written}"
    content = os.urandom(size_bytes)
    vault = FolderVault(folder, part_bytes=1000)
    vault.reserve([NAME])
    upload = vault.upload(file(content))
    upload.send(content[:written], total_bytes=size_bytes)
    state = upload.state
    upload.close()
    again = FolderVault(folder, part_bytes=1000).upload(file(content), state)
    assert again.offset == min(written, size_bytes)
    again.send(content[again.offset :], total_bytes=size_bytes)
    again.finish(hashlib.sha256(content).digest())
    assert (folder / NAME).read_bytes() == content
    shutil.rmtree(folder)


def test_a_killed_writer_leaves_a_half_that_is_nobodys_content(folder: Path, vault: FolderVault) -> None:
    script = (
        "import sys, time; from pathlib import Path; from resources.folder import FolderVault;"
        "from holdfast.media.vaults import NewFile; v = FolderVault(Path(sys.argv[1]), part_bytes=1000);"
        "f = NewFile(name=sys.argv[2], remote_id=sys.argv[2], content_type='video/mp4');"
        "u = v.upload(f); u.send(b'x' * 1000, total_bytes=None); print(u.state.decode(), flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(folder), NAME], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    state = child.stdout.readline().strip().encode()
    with pytest.raises(TransientError, match="being written by another process"):
        vault.upload(file(b""))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert list(vault.list()) == []
    assert vault.names() == []
    content = b"x" * 1000 + b"y"
    upload = vault.upload(file(content), state)
    assert upload.offset == 1000
    upload.send(b"y", total_bytes=1001)
    upload.finish(hashlib.sha256(content).digest())
    assert (folder / NAME).read_bytes() == content
    assert not list(folder.rglob(".partial-*"))


def test_a_half_that_is_longer_than_the_file_is_no_half_of_it(vault: FolderVault) -> None:
    upload = vault.upload(file(b"x" * 2000))
    upload.send(b"x" * 1500, total_bytes=2000)
    upload.close()
    with pytest.raises(UploadLostError, match="1500 bytes"):
        vault.upload(file(b"x" * 1000), upload.state)


def test_two_writers_that_end_at_once_leave_one_file(folder: Path, vault: FolderVault) -> None:
    put(vault, b"first", "other.mp4")
    upload = vault.upload(file(b"meow"))
    upload.send(b"meow", total_bytes=4)
    shutil.copy(folder / "other.mp4", folder / NAME)
    with pytest.raises(ConflictError, match="stays as it is"):
        upload.finish(hashlib.sha256(b"meow").digest())
    assert (folder / NAME).read_bytes() == b"first"
    assert not list(folder.rglob(".partial-*"))
    (listed,) = vault.list(NAME)
    assert listed.sha256 == hashlib.sha256(b"first").digest()


# A mount that is not there: the folder is gone, or is an empty one below the mount.
def gone(folder: Path) -> None:
    folder.rename(folder.with_name("unmounted"))


def empty(folder: Path) -> None:
    gone(folder)
    folder.mkdir()


CALLS: list[Callable[[FolderVault], object]] = [
    lambda vault: put(vault, b"x", "regular/b.mp4"),
    lambda vault: vault.upload(file(b"x", "regular/b.mp4")),
    lambda vault: vault.find(NAME),
    lambda vault: vault.read(NAME).__enter__(),
    lambda vault: list(vault.list()),
    lambda vault: vault.reserve(["regular/b.mp4"]),
    lambda vault: vault.probe(),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("vanish", [gone, empty])
def test_a_share_that_is_not_mounted_is_away_and_nothing_counts_as_missing(
    folder: Path, vault: FolderVault, vanish: Callable[[Path], None], call: Callable[[FolderVault], object]
) -> None:
    put(vault, b"meow")
    vanish(folder)
    for known in (vault, FolderVault(folder, was_used=lambda: True)):
        with pytest.raises(TransientError, match="not mounted"):
            call(known)
    assert not folder.exists() or not list(folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name("unmounted").rename(folder)
    call(FolderVault(folder))


def test_who_has_reserved_a_name_elsewhere_finds_no_new_vault(folder: Path) -> None:
    with pytest.raises(TransientError, match=MARKER):
        put(FolderVault(folder), b"x")
    assert not folder.exists()
    assert list(FolderVault(folder).list()) == []


def test_some_of_the_disk_stays_free(vault: FolderVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 10**9, 98 * 10**9, 2 * 10**9))
    put(vault, b"meow")
    with pytest.raises(VaultClosedError, match="4000000 bytes are missing") as caught:
        vault.upload(file(b"", "b.mp4")).send(b"x", total_bytes=1_004_000_000)
    assert (caught.value.by, caught.value.needed_bytes) == ("quota", 4_000_000)
    assert vault.space().free_bytes == 2 * 10**9


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, VaultClosedError, "Make room"),
        (errno.EDQUOT, VaultClosedError, "Make room"),
        (errno.EROFS, VaultClosedError, "readable and writable"),
        (errno.EACCES, VaultClosedError, "readable and writable"),
        (errno.EIO, TransientError, "network share"),
        (errno.ESTALE, TransientError, "network share"),
        (errno.EFBIG, PermanentError, "larger than this file system takes"),
    ],
)
def test_what_a_disk_says_is_told_and_leaves_the_half(
    vault: FolderVault, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], said: str
) -> None:
    upload = vault.upload(file(b"x" * 1500))
    upload.send(b"x" * 1000, total_bytes=1500)
    with monkeypatch.context() as patch:

        def broken(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        patch.setattr(os, "pwrite", broken)
        with pytest.raises(kind, match=said):
            upload.send(b"x" * 500, total_bytes=1500)
    assert upload.offset == 1000
    upload.send(b"x" * 500, total_bytes=1500)
    upload.finish(hashlib.sha256(b"x" * 1500).digest())


def test_a_put_that_fails_leaves_nothing(folder: Path, vault: FolderVault, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(VaultClosedError):
            put(vault, b"meow")
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [MARKER]


def test_where_there_are_no_hard_links_a_file_gets_its_name_as_well(
    folder: Path, vault: FolderVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "link", no_links)
    put(vault, b"meow")
    assert (folder / NAME).read_bytes() == b"meow"
    upload = vault.upload(file(b"wuff", "b.mp4"))
    upload.send(b"wuff", total_bytes=4)
    (folder / "b.mp4").write_bytes(b"mine")
    with pytest.raises(ConflictError):
        upload.finish(hashlib.sha256(b"wuff").digest())
    assert (folder / "b.mp4").read_bytes() == b"mine"


def test_checksums_are_beside_the_files_for_who_has_lost_the_books(folder: Path, vault: FolderVault) -> None:
    put(vault, b"meow")
    put(vault, b"wuff", "upscale/2026-11/b c.mp4")
    check = ["sha256sum", "--check", "--strict", ".sha256sums"]
    done = subprocess.run(check, cwd=folder / "upscale/2026-11", capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == ["a.mp4: OK", "b c.mp4: OK"]
    with (folder / "upscale/2026-11/.sha256sums").open("a") as sums:
        sums.write("torn")
    by_name = {one.name: one.sha256 for one in vault.list()}
    assert by_name[NAME] == hashlib.sha256(b"meow").digest()


def test_files_that_people_put_there_are_listed_and_read(folder: Path, vault: FolderVault) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "Ünïcode & (1).mp4").write_bytes(b"meow")
    (folder / "mine" / os.fsdecode(b"not-text-\xff.mp4")).write_bytes(b"x")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "b.mp4").write_bytes(b"x")
    (stored,) = vault.list()
    assert (stored.name, stored.sha256) == ("mine/Ünïcode & (1).mp4", None)
    found = vault.find(stored.remote_id)
    assert found is not None
    assert found.sha256 == hashlib.sha256(b"meow").digest()


@pytest.mark.parametrize("remote_id", ["../up", "/etc/passwd", "a/../../b", "", ".hidden", "a//b", "a\x00b"])
def test_no_remote_id_leads_out_of_the_folder(vault: FolderVault, remote_id: str) -> None:
    with pytest.raises(PermanentError, match="no remote id of a folder"):
        vault.find(remote_id)
    with pytest.raises(PermanentError, match="no remote id of a folder"):
        vault.read(remote_id).__enter__()


def test_a_folder_that_cannot_be_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("a file")
    with pytest.raises(PermanentError, match="nothing else stands where its folders should be"):
        FolderVault(tmp_path / "vault").probe()


def test_damage_that_the_disk_does_is_noticed_before_the_file_counts(folder: Path, vault: FolderVault) -> None:
    upload = vault.upload(file(b"x" * 1500))
    upload.send(b"x" * 1000, total_bytes=1500)
    (partial,) = folder.rglob(".partial-*")
    with partial.open("r+b") as half:
        half.seek(500)
        half.write(b"y")
    upload.send(b"x" * 500, total_bytes=1500)
    with pytest.raises(DamagedCopyError, match="look at the disk"):
        upload.finish(hashlib.sha256(b"x" * 1500).digest())
    assert not list(folder.rglob(".partial-*"))
    assert vault.names() == []
