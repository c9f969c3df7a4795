"""Large files: in parts, from wherever Drive says that it is."""

import time

import pytest

from holdfast.errors import AlreadyStoredError, DamagedCopyError, ThrottledError, TransientError, UploadLostError
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault, throttled
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import PART, new, send, send_whole, sha, some, whole


@pytest.mark.parametrize("parts", [1, 3, 3.5, 1 / PART])
@pytest.mark.parametrize("knows_size", [True, False])
def test_a_large_file_is_one_start_and_one_call_for_each_part(
    drive: FakeDrive, vault: DriveVault, parts: float, knows_size: bool
) -> None:
    content = some(parts)
    upload = vault.upload(new(vault, content if knows_size else None))
    stored = send(upload, content, knows_total=knows_size).finish(sha(content))
    assert whole(vault, stored.remote_id) == content
    counts = drive.counts()
    assert counts["upload.start"] == 1
    assert counts["upload.chunk"] == -(-len(content) // PART)
    assert counts["upload.status"] == 0
    assert not drive.uploads.violations


def test_a_length_may_be_told_after_the_last_byte(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    upload = vault.upload(new(vault))
    for begin in (0, PART):
        assert upload.send(content[begin : begin + PART], total_bytes=None) == PART
    assert upload.send(b"", total_bytes=len(content)) == 0
    assert upload.finish(sha(content)).size_bytes == len(content)


def test_finishing_tells_the_length_where_no_part_did(vault: DriveVault) -> None:
    content = some(2)
    upload = vault.upload(new(vault))
    for begin in (0, PART):
        upload.send(content[begin : begin + PART], total_bytes=None)
    assert upload.finish(sha(content)).size_bytes == len(content)


def test_a_file_that_is_not_all_there_cannot_be_finished(vault: DriveVault) -> None:
    content = some(3)
    upload = vault.upload(new(vault, content))
    upload.send(content[:PART], total_bytes=None)
    with pytest.raises(TransientError, match="more have to come"):
        upload.finish(sha(content))


@pytest.mark.parametrize("kind", ["reset_mid", "partial"])
@pytest.mark.parametrize("kept", [0, 262_144, 3 * 262_144])
def test_a_part_that_is_taken_in_part_goes_on_from_there(
    drive: FakeDrive, open_vault: Open, kind: str, kept: int
) -> None:
    vault = open_vault(part_bytes=4 * 262_144)
    content = some(9)
    upload = vault.upload(new(vault, content))
    drive.faults.add(Fault("upload.chunk", kind, keep_bytes=kept))
    assert upload.send(content[: 4 * PART], total_bytes=len(content)) == kept == upload.offset
    assert send(upload, content).finish(sha(content)).sha256 == sha(content)
    assert not drive.uploads.violations


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "error_after", "html", "refuse", "reset_mid", "hang"])
def test_no_trouble_sends_a_part_twice_that_was_taken(drive: FakeDrive, vault: DriveVault, kind: str) -> None:
    content = some(4)
    vault._caller.lines._timeout_s = 0.3
    drive.faults.add(Fault("upload.chunk", kind, skip=1, keep_bytes=0))
    stored = send_whole(vault, content)
    assert whole(vault, stored.remote_id) == content
    assert len(drive.stored()) == 1
    assert not drive.uploads.violations


@pytest.mark.parametrize("kind", ["reset_after", "error_after"])
def test_a_last_part_whose_answer_is_lost_is_not_lost(drive: FakeDrive, vault: DriveVault, kind: str) -> None:
    content = some(2.5)
    drive.faults.add(Fault("upload.chunk", kind, skip=2))
    assert send_whole(vault, content).sha256 == sha(content)
    assert drive.counts()["upload.chunk"] == 3


def test_after_a_doubt_drive_is_asked_before_anything_is_sent(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(3)
    upload = vault.upload(new(vault, content))
    drive.faults.add(Fault("upload.chunk", "error_after"), Fault("upload.status", times=3))
    with pytest.raises(TransientError):
        upload.send(content[:PART], total_bytes=len(content))
    assert upload.offset == 0
    assert upload.send(content[:PART], total_bytes=len(content)) == PART
    assert drive.counts()["upload.chunk"] == 1
    assert send(upload, content).finish(sha(content)).sha256 == sha(content)
    assert not drive.uploads.violations


def test_another_process_goes_on(drive: FakeDrive, open_vault: Open) -> None:
    content = some(5.5)
    vault = open_vault()
    file = new(vault, content)
    upload = vault.upload(file)
    upload.send(content[:PART], total_bytes=len(content))
    again = open_vault().upload(file, upload.state)
    assert again.offset == PART
    assert send(again, content).finish(sha(content)).sha256 == sha(content)
    assert drive.counts()["upload.chunk"] == 6


def test_another_process_goes_on_where_a_part_broke_off(drive: FakeDrive, open_vault: Open) -> None:
    content = some(12)
    vault = open_vault(part_bytes=8 * PART)
    file = new(vault, content)
    upload = vault.upload(file)
    drive.faults.add(Fault("upload.chunk", "reset_mid", keep_bytes=5 * PART), Fault("upload.status", times=9))
    with pytest.raises(TransientError):
        upload.send(content[: 8 * PART], total_bytes=len(content))
    drive.faults.clear()
    assert open_vault().upload(file, upload.state).offset == 5 * PART


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_is_gone_is_begun_anew_under_the_same_id(
    drive: FakeDrive, vault: DriveVault, status: int
) -> None:
    content = some(3)
    file = new(vault, content)
    drive.uploads.lost_status = status
    drive.faults.add(Fault("upload.chunk", "lost", skip=1))
    upload = vault.upload(file)
    with pytest.raises(UploadLostError, match="begun anew"):
        send(upload, content)
    with pytest.raises(UploadLostError):
        vault.upload(file, upload.state)
    stored = send(vault.upload(file), content).finish(sha(content))
    assert stored.remote_id == file.remote_id
    assert len(drive.stored()) == 1


def test_two_sessions_of_one_id_make_one_file(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    file = new(vault, content)
    slow, fast = vault.upload(file), vault.upload(file)
    slow.send(content[:PART], total_bytes=len(content))
    send(fast, content).finish(sha(content))
    with pytest.raises(UploadLostError):
        send(slow, content)
    with pytest.raises(AlreadyStoredError):
        vault.upload(file)
    assert len(drive.stored()) == 1


def test_a_token_that_expires_midway_is_renewed(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(4)
    upload = vault.upload(new(vault, content))
    upload.send(content[:PART], total_bytes=len(content))
    drive.tokens.expire()
    assert send(upload, content).finish(sha(content)).sha256 == sha(content)
    assert not drive.uploads.violations
    assert drive.counts()["token"] == 2


@pytest.mark.parametrize("where", ["upload.start", "upload.chunk"])
def test_retry_after_is_honoured(drive: FakeDrive, vault: DriveVault, where: str) -> None:
    content = some(2)
    drive.faults.add(Fault(where, status=429, reason="rateLimitExceeded", retry_after="1"))
    assert send_whole(vault, content).sha256 == sha(content)
    (at,) = [n for n, call in enumerate(drive.calls) if call.status == 429]
    assert drive.calls[at + 1].at_s - drive.calls[at].at_s >= 1.0


def test_a_long_retry_after_is_left_to_the_caller(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    upload = vault.upload(new(vault, content))
    drive.faults.add(Fault("upload.chunk", status=429, reason="rateLimitExceeded", retry_after="60"))
    began_s = time.monotonic()
    with pytest.raises(ThrottledError) as raised:
        upload.send(content[:PART], total_bytes=len(content))
    assert raised.value.wait_s == 60
    calls = len(drive.calls)
    with pytest.raises(ThrottledError) as raised:
        upload.send(content[:PART], total_bytes=len(content))
    assert raised.value.wait_s is not None
    assert 50 < raised.value.wait_s <= 60
    assert len(drive.calls) == calls
    assert time.monotonic() - began_s < 5


def test_a_throttle_is_waited_out(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(3)
    drive.faults.add(throttled("upload.start"), throttled("upload.chunk", skip=1, times=2))
    assert send_whole(vault, content).sha256 == sha(content)
    assert not drive.uploads.violations


def test_stored_damage_is_withdrawn(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(3)
    drive.faults.add(Fault("upload.chunk", "corrupt", skip=1))
    with pytest.raises(DamagedCopyError, match=r"its checksum is another.*it is withdrawn"):
        send_whole(vault, content)
    assert not drive.stored()


def test_a_file_that_was_not_proven_is_withdrawn_when_it_is_abandoned(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    upload = send(vault.upload(new(vault, content)), content)
    assert len(drive.stored()) == 1
    upload.abandon()
    assert not drive.stored()


def test_a_proven_file_outlives_abandoning(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    upload = send(vault.upload(new(vault, content)), content)
    upload.finish(sha(content))
    upload.abandon()
    assert len(drive.stored()) == 1


def test_what_is_abandoned_is_forgotten(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    file = new(vault, content)
    upload = vault.upload(file)
    upload.send(content[:PART], total_bytes=len(content))
    upload.abandon()
    upload.abandon()
    assert not drive.uploads.sessions
    with pytest.raises(UploadLostError):
        vault.upload(file, upload.state)


def test_a_folder_that_vanishes_midway_is_made_again(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    send_whole(vault, content)
    for file in [file for file in drive.world.files.values() if file.name == "2026-11"]:
        drive.world.delete(file.id)
    send_whole(vault, content)
    assert [drive.world.path(file) for file in drive.stored()] == ["Backups/upscale/2026-11/cat.mp4"]


def test_one_in_ten_calls_goes_wrong_and_every_file_arrives_once(drive: FakeDrive, vault: DriveVault) -> None:
    drive.faults.by_chance(0.1, seed=7)
    sent = {}
    for number in range(12):
        content = some(4 + number / 3)
        for _ in range(8):
            file = new(vault, content, f"upscale/2026-11/{number}.mp4")
            try:
                sent[send(vault.upload(file), content).finish(sha(content)).remote_id] = content
            except (TransientError, AlreadyStoredError):
                continue
            break
    assert len(sent) == 12
    drive.faults.clear()
    for remote_id, content in sent.items():
        assert whole(vault, remote_id) == content
    assert not drive.uploads.violations
    assert drive.faults.happened
