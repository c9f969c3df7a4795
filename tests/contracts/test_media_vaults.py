"""What every vault of media promises; a folder, an S3 server and Drive pass alike."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    AlreadyStoredError,
    ConflictError,
    DamagedCopyError,
    NotInVaultError,
    PermanentError,
    TransientError,
    UploadLostError,
)
from holdfast.media.vaults import MediaVault, NewFile, Stored, Upload
from tests.contracts.houses import HOUSES, House, house
from tests.servers import eventually

NAME = "upscale/2026-11/cat-0123456789.mp4"


@pytest.fixture(params=HOUSES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with house(request.param, tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def vault(place: House) -> Iterator[MediaVault]:
    opened = place.open()
    yield opened
    opened.close()


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def new(vault: MediaVault, name: str = NAME, size_bytes: int | None = None) -> NewFile:
    (remote_id,) = vault.reserve([name])
    facts = (("item", "gen_videos/7"),)
    return NewFile(name=name, remote_id=remote_id, content_type="video/mp4", size_bytes=size_bytes, facts=facts)


def put(vault: MediaVault, content: bytes, name: str = NAME) -> Stored:
    return vault.put(new(vault, name, len(content)), [content], sha(content))


def send(vault: MediaVault, file: NewFile, content: bytes, *, state: bytes | None = None, parts: int = 10**6) -> bytes:
    """Send so many parts; the state it leaves."""
    upload = vault.upload(file, state)
    for _ in range(parts):
        if upload.offset >= len(content):
            break
        part = memoryview(content)[upload.offset : upload.offset + vault.part_bytes]
        upload.send(part, total_bytes=len(content))
    state = upload.state
    upload.close()
    return state


def send_rest(vault: MediaVault, upload: Upload, content: bytes) -> Stored:
    while upload.offset < len(content):
        part = content[upload.offset : upload.offset + vault.part_bytes]
        upload.send(part, total_bytes=len(content))
    return upload.finish(sha(content))


def finish(vault: MediaVault, file: NewFile, content: bytes, state: bytes) -> Stored:
    try:
        upload = vault.upload(file, state)
    except AlreadyStoredError:
        # Drive makes a file of the last part by itself.
        found = vault.find(file.remote_id)
        assert found is not None
        return found
    try:
        return upload.finish(sha(content))
    finally:
        upload.close()


def whole(vault: MediaVault, remote_id: str, offset: int = 0) -> bytes:
    buffer, found = memoryview(bytearray(777)), b""
    with vault.read(remote_id, offset=offset) as content:
        while count := content.readinto(buffer):
            found += buffer[:count]
    return found


def agrees(stored: Stored, content: bytes) -> bool:
    """Whether what the vault says of itself is this content."""
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    return stored.size_bytes == len(content) and stored.sha256 in (None, sha(content)) and stored.md5 in (None, md5)


@pytest.mark.parametrize("pieces", [[b"meow"], [b"me", b"o", b"w"], [memoryview(b"meow")], [bytearray(b"meow")]])
def test_a_small_file_comes_back_as_it_was(place: House, vault: MediaVault, pieces: list[bytes]) -> None:
    stored = vault.put(new(vault, size_bytes=4), pieces, sha(b"meow"))
    other = place.open()
    assert agrees(stored, b"meow")
    assert stored.sha256 or stored.md5
    assert whole(other, stored.remote_id) == b"meow"
    found = other.find(stored.remote_id)
    assert found is not None
    assert agrees(found, b"meow")
    assert [(one.remote_id, one.name, one.size_bytes) for one in other.list()] == [(stored.remote_id, NAME, 4)]


def test_a_second_put_of_the_same_file_makes_no_second_one(place: House, vault: MediaVault) -> None:
    file = new(vault, size_bytes=4)
    first = vault.put(file, [b"meow"], sha(b"meow"))
    second = place.open().put(file, [b"meow"], sha(b"meow"))
    assert second.remote_id == first.remote_id
    assert agrees(second, b"meow")
    assert place.names() == [NAME]


def test_another_file_under_the_same_id_is_left_as_it_is(place: House, vault: MediaVault) -> None:
    file = new(vault, size_bytes=4)
    vault.put(file, [b"meow"], sha(b"meow"))
    with pytest.raises(ConflictError, match="stays as it is"):
        vault.put(file, [b"wuff"], sha(b"wuff"))
    assert whole(vault, file.remote_id) == b"meow"
    assert place.names() == [NAME]


def test_nothing_is_a_content_too(vault: MediaVault) -> None:
    stored = put(vault, b"")
    found = vault.find(stored.remote_id)
    assert found is not None
    assert found.size_bytes == 0
    assert whole(vault, stored.remote_id) == b""


def test_a_large_file_goes_in_parts(place: House, vault: MediaVault) -> None:
    content = os.urandom(3 * vault.part_bytes + 1)
    file = new(vault, size_bytes=len(content))
    upload = vault.upload(file)
    assert upload.offset == 0
    while upload.offset < len(content):
        assert place.names() == []
        assert list(vault.list()) == []
        assert vault.find(file.remote_id) is None
        before = upload.offset
        taken = upload.send(content[before : before + vault.part_bytes], total_bytes=len(content))
        assert upload.offset == before + taken
    stored = upload.finish(sha(content))
    upload.close()
    assert agrees(stored, content)
    assert stored.name == NAME
    assert whole(place.open(), stored.remote_id) == content
    assert place.names() == [NAME]


def test_a_length_that_nobody_knew_is_told_with_the_last_part(vault: MediaVault) -> None:
    content = os.urandom(2 * vault.part_bytes + 5)
    file = new(vault)
    upload = vault.upload(file)
    while upload.offset < len(content):
        part = content[upload.offset : upload.offset + vault.part_bytes]
        is_last = upload.offset + len(part) == len(content)
        upload.send(part, total_bytes=len(content) if is_last else None)
    assert agrees(upload.finish(sha(content)), content)
    assert whole(vault, file.remote_id) == content


@given(st.integers(1, 5), st.integers(0, 999), st.lists(st.integers(0, 3), max_size=5), st.booleans())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_processes_may_send_one_file(
    place: House, parts: int, odd: int, turns: list[int], knows_size: bool
) -> None:
    content = os.urandom(max(parts * place.open().part_bytes - odd, 1))
    name = f"regular/2026-11/{sha(content).hex()}.mp4"
    file = new(place.open(), name, len(content) if knows_size else None)
    state: bytes | None = None
    for turn in (*turns, parts):
        with suppress(AlreadyStoredError):
            state = send(place.open(), file, content, state=state, parts=turn)
    stored = finish(place.open(), file, content, state or b"")
    assert agrees(stored, content)
    assert whole(place.open(), stored.remote_id) == content
    place.close()


def test_a_file_that_is_whole_is_not_begun_again(vault: MediaVault) -> None:
    content = os.urandom(vault.part_bytes + 1)
    file = new(vault, size_bytes=len(content))
    state = send(vault, file, content)
    finish(vault, file, content, state)
    for known in (None, state):
        with pytest.raises(AlreadyStoredError):
            vault.upload(file, known)
    found = vault.find(file.remote_id)
    assert found is not None
    assert agrees(found, content)


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", b"{}", b"[]", b'{"form": 1}', b"folder 1 x"])
def test_a_state_that_cannot_be_read_is_a_lost_upload(vault: MediaVault, garbage: bytes) -> None:
    with pytest.raises(UploadLostError):
        vault.upload(new(vault), garbage)


def test_an_upload_that_the_vault_forgot_begins_anew(place: House, vault: MediaVault) -> None:
    content = os.urandom(3 * vault.part_bytes)
    file = new(vault, size_bytes=len(content))
    state = send(vault, file, content, parts=1)
    place.forget_halves()
    with pytest.raises(UploadLostError):
        send(place.open(), file, content, state=state)
    state = send(vault, file, content)
    assert agrees(finish(vault, file, content, state), content)
    assert place.names() == [NAME]


def test_what_is_begun_without_a_state_begins_at_nothing(vault: MediaVault) -> None:
    content = os.urandom(2 * vault.part_bytes)
    file = new(vault, size_bytes=len(content))
    send(vault, file, bytes(len(content)), parts=1)
    assert agrees(finish(vault, file, content, send(vault, file, content)), content)


def test_what_is_abandoned_leaves_nothing(place: House, vault: MediaVault) -> None:
    content = os.urandom(2 * vault.part_bytes)
    file = new(vault, size_bytes=len(content))
    upload = vault.upload(file)
    upload.send(content[: vault.part_bytes], total_bytes=len(content))
    state = upload.state
    upload.abandon()
    upload.abandon()
    upload.close()
    assert place.names() == []
    with pytest.raises(UploadLostError):
        send(vault, file, content, state=state)


def test_a_small_file_that_arrives_as_another_is_withdrawn(place: House, vault: MediaVault) -> None:
    file = new(vault, size_bytes=4)
    place.damage_next()
    with pytest.raises(DamagedCopyError):
        vault.put(file, [b"meow"], sha(b"meow"))
    assert place.names() == []
    assert vault.find(file.remote_id) is None


def test_a_large_file_that_arrives_as_another_is_withdrawn(place: House, vault: MediaVault) -> None:
    content = os.urandom(2 * vault.part_bytes + 3)
    file = new(vault, size_bytes=len(content))
    upload = vault.upload(file)
    place.damage_next()
    with pytest.raises(DamagedCopyError):
        send_rest(vault, upload, content)
    upload.close()
    assert place.names() == []
    assert vault.find(file.remote_id) is None


def test_what_another_process_sent_has_to_be_what_is_received_now(place: House, vault: MediaVault) -> None:
    content = os.urandom(2 * vault.part_bytes + 3)
    file = new(vault, size_bytes=len(content))
    state = send(vault, file, bytes(len(content)), parts=1)
    upload = place.open().upload(file, state)
    with pytest.raises(DamagedCopyError):
        send_rest(vault, upload, content)
    assert place.names() == []


def test_a_copy_that_rots_gives_other_bytes_and_no_error(place: House, vault: MediaVault) -> None:
    content = os.urandom(100)
    stored = put(vault, content)
    place.damage(stored.remote_id)
    assert whole(vault, stored.remote_id) != content


def test_reading_begins_anywhere(vault: MediaVault) -> None:
    content = os.urandom(2000)
    stored = put(vault, content[: vault.most_at_once_bytes])
    for offset in (0, 1, 500, stored.size_bytes - 1, stored.size_bytes):
        assert whole(vault, stored.remote_id, offset) == content[: stored.size_bytes][offset:]


def test_what_is_not_there_is_not_found(vault: MediaVault) -> None:
    stored = put(vault, b"x", "images/2026-11/other.png")
    missing = new(vault).remote_id
    assert vault.find(missing) is None
    with pytest.raises(NotInVaultError), vault.read(missing):
        pass
    vault.remove(missing)
    assert vault.find(stored.remote_id) is not None


def test_what_is_removed_is_gone(place: House, vault: MediaVault) -> None:
    stored = put(vault, b"x")
    vault.remove(stored.remote_id)
    vault.remove(stored.remote_id)
    assert vault.find(stored.remote_id) is None
    assert place.names() == []


def test_a_listing_has_the_names_of_a_prefix(vault: MediaVault) -> None:
    names = ["images/2026-10/a.png", "images/2026-11/a.png", "images/2026-11/b.png", "upscale/2026-11/a.mp4"]
    assert list(vault.list()) == []
    for name in names:
        put(vault, name.encode(), name)
    assert sorted(one.name for one in vault.list()) == names
    assert sorted(one.name for one in vault.list("images/2026-11/")) == names[1:3]
    assert list(vault.list("nothing/")) == []
    for one in vault.list():
        assert whole(vault, one.remote_id) == one.name.encode()


@pytest.mark.parametrize("name", ["a b+c@d_e-f.mp4", "x", "a/b/c/d/e.png", f"upscale/2026-11/{'x' * 180}.mp4"])
def test_every_name_that_a_vault_may_have_works(vault: MediaVault, name: str) -> None:
    stored = put(vault, b"x", name)
    assert whole(vault, stored.remote_id) == b"x"
    assert [one.name for one in vault.list()] == [name]


def test_eight_threads_share_a_vault(place: House, vault: MediaVault) -> None:
    def one(number: int) -> bool:
        content = os.urandom(200 + number)
        return whole(vault, put(vault, content, f"images/2026-11/{number}.png").remote_id) == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(48)))
    assert len(place.names()) == 48
    # A listing of Drive lags.
    eventually(lambda: len(list(vault.list())) == 48)


def test_one_file_that_is_put_by_eight_threads_at_once_is_one_file(place: House, vault: MediaVault) -> None:
    file = new(vault, size_bytes=4)

    def one(_: int) -> bool:
        try:
            return agrees(vault.put(file, [b"meow"], sha(b"meow")), b"meow")
        except TransientError:
            # Another one is at it.
            return False

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(one, range(16)))
    assert place.names() == [NAME]
    assert whole(vault, file.remote_id) == b"meow"


@pytest.mark.parametrize(
    "name", ["../up", "/a", "a//b", ".hidden", "a/.b", "a\\b", "a\nb", "🐈.mp4", "x" * 201, "a'b", ""]
)
def test_a_name_that_is_made_of_what_people_typed_is_refused(vault: MediaVault, name: str) -> None:
    if vault.draws_ids:
        assert len(vault.reserve([name])) == 1
        return
    with pytest.raises(PermanentError, match="is no name for the vault"):
        vault.reserve([name])


def test_a_large_file_of_nothing_is_a_file(vault: MediaVault) -> None:
    file = new(vault, size_bytes=0)
    upload = vault.upload(file)
    if vault.label == "drive":
        upload.send(b"", total_bytes=0)
    assert upload.finish(sha(b"")).size_bytes == 0
    assert whole(vault, file.remote_id) == b""


def test_it_says_what_it_is(vault: MediaVault) -> None:
    assert vault.label in ("folder", "s3", "drive")
    assert vault.part_bytes > 0
    assert vault.most_at_once_bytes > 0
    names = ["a/b.png", "a/c.png", "a/d.png"]
    remote_ids = vault.reserve(names)
    assert len(set(remote_ids)) == 3
    assert vault.draws_ids == (remote_ids != names)
    free = vault.space().free_bytes
    assert free is None or free > 0


def test_a_probe_leaves_nothing_and_says_where_files_go(place: House, vault: MediaVault) -> None:
    assert "go into" in vault.probe()
    assert place.names() == []


def test_closing_twice_is_fine_and_so_is_going_on_behind_it(vault: MediaVault) -> None:
    stored = put(vault, b"x")
    vault.close()
    vault.close()
    assert whole(vault, stored.remote_id) == b"x"


def test_where_a_file_is_holds_no_secret(place: House, vault: MediaVault) -> None:
    url = put(vault, b"x").url
    assert url is None or not {"signature", "secret", "token", "x-amz"} & set(url.lower().replace("?", "&").split("&"))
    assert "secret" not in repr(vault.__dict__)


# Sends a large file and reads it back; prints how much memory the process used at most, in MiB.
LARGE = """
import hashlib, resource, sys
from pathlib import Path
from holdfast.media.vaults import NewFile
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from resources.folder import FolderVault
from resources.object_store import S3Access, S3Vault
vault, size = eval(sys.argv[1]), int(sys.argv[2])
name = f"regular/2026-11/{size}.mp4"
(remote_id,) = vault.reserve([name])
upload = vault.upload(NewFile(name=name, remote_id=remote_id, content_type="video/mp4", size_bytes=size))
part, digest = memoryview(bytearray(vault.part_bytes)), hashlib.sha256()
while upload.offset < size:
    now = part[: size - upload.offset]
    digest.update(now[: upload.send(now, total_bytes=size)])
stored = upload.finish(digest.digest())
upload.close()
read = hashlib.sha256()
with vault.read(stored.remote_id) as content:
    while count := content.readinto(part):
        read.update(part[:count])
assert read.digest() == digest.digest()
vault.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_is_the_same_whatever_the_size(place: House) -> None:
    def used_mib(size_mib: int) -> int:
        argv = [sys.executable, "-c", LARGE, place.expression, str(size_mib << 20)]
        return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)

    assert used_mib(96) - used_mib(24) <= 8
