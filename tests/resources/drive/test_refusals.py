"""Every reason of Drive its own way."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from holdfast.errors import PermanentError, ThrottledError, TransientError, VaultClosedError
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_errors import MESSAGES
from tests.fakes.drive_faults import Fault, daily_cap, throttled
from tests.fakes.drive_files import GB, USER
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import PART, new, put, send, some

CLOSES = {
    "storageQuotaExceeded": ("quota", "empty the bin"),
    "quotaExceeded": ("quota", "empty the bin"),
    "dailyLimitExceeded": ("daily_limit", "goes on tomorrow"),
    "teamDriveFileLimitExceeded": ("quota", "another shared drive"),
    "numChildrenInNonRootLimitExceeded": ("quota", "another folder"),
    "activeItemCreationLimitExceeded": ("quota", "another account"),
    "domainPolicy": ("rights", "administrators"),
    "insufficientFilePermissions": ("rights", "Content manager"),
    "insufficientParentPermissions": ("rights", "Content manager"),
    "appNotAuthorizedToFile": ("rights", "drive.file"),
    "insufficientPermissions": ("login", "scope"),
    "accessNotConfigured": ("settings", "Enable it in the Google Cloud console"),
    "somethingNew": ("rights", "look the reason up"),
}


@pytest.mark.parametrize("reason", CLOSES)
@pytest.mark.parametrize("where", ["upload.multipart", "upload.start", "upload.chunk"])
def test_a_reason_that_closes_the_vault_says_why_and_what_to_do(
    drive: FakeDrive, vault: DriveVault, reason: str, where: str
) -> None:
    by, remedy = CLOSES[reason]
    drive.faults.add(Fault(where, status=403, reason=reason, times=-1))
    content = some(2)
    with pytest.raises(VaultClosedError) as raised:
        put(vault, b"meow") if where == "upload.multipart" else send(vault.upload(new(vault, content)), content)
    assert raised.value.vault == "drive"
    assert raised.value.by == by
    assert remedy in str(raised.value)
    assert reason in str(raised.value)
    assert MESSAGES.get(reason, "Drive's own words") not in str(raised.value)
    assert drive.counts()[where] == 1


@pytest.mark.parametrize("reason", ["userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded"])
@pytest.mark.parametrize("status", [403, 429])
def test_a_throttle_asks_for_patience_only(drive: FakeDrive, vault: DriveVault, reason: str, status: int) -> None:
    drive.faults.add(Fault("upload.multipart", status=status, reason=reason))
    put(vault, b"meow")
    drive.faults.add(Fault("upload.multipart", status=status, reason=reason, times=-1))
    with pytest.raises(ThrottledError, match="asks for patience") as raised:
        put(vault, b"meow", "images/2026-11/dog.png")
    assert not isinstance(raised.value, VaultClosedError)


@pytest.mark.parametrize("wait_s", [1, 2])
@pytest.mark.parametrize("is_date", [False, True])
def test_nobody_calls_before_the_time_that_drive_names(
    drive: FakeDrive, vault: DriveVault, wait_s: int, is_date: bool
) -> None:
    put(vault, b"meow")
    until = datetime.now(UTC) + timedelta(seconds=wait_s + 1)
    said = format_datetime(until, usegmt=True) if is_date else str(wait_s)
    drive.faults.add(Fault("upload.multipart", status=429, reason="rateLimitExceeded", retry_after=said))
    put(vault, b"meow", "images/2026-11/dog.png")
    gap_s = drive.calls[-1].at_s - drive.calls[-2].at_s
    assert wait_s - (1 if is_date else 0) <= gap_s < wait_s + 1.5


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_trouble_is_tried_again(drive: FakeDrive, vault: DriveVault, status: int) -> None:
    drive.faults.add(Fault("*", status=status, reason="backendError", times=2))
    put(vault, b"meow")


def test_a_page_instead_of_an_answer_is_trouble(drive: FakeDrive, vault: DriveVault) -> None:
    drive.faults.add(Fault("upload.multipart", "html", times=-1))
    with pytest.raises(TransientError, match=r"in trouble \(502\)"):
        put(vault, b"meow")


def test_a_mistake_of_ours_is_not_repeated(drive: FakeDrive, vault: DriveVault) -> None:
    drive.faults.add(Fault("files.generateIds", status=400, reason="invalid", times=-1))
    with pytest.raises(PermanentError, match="a mistake in Holdfast"):
        vault.reserve([""])
    assert drive.counts()["files.generateIds"] == 1


def test_a_full_drive_says_how_much_is_missing(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault("oauth")
    put(vault, bytes(1000))
    drive.world.quota_bytes[USER] = 1500
    with pytest.raises(VaultClosedError, match="are missing for this file") as raised:
        put(vault, bytes(800), "images/2026-11/dog.png")
    assert (raised.value.by, raised.value.needed_bytes) == ("quota", 300)
    with pytest.raises(VaultClosedError) as raised:
        vault.upload(new(vault, bytes(2500)))
    assert raised.value.needed_bytes == 2000
    drive.world.quota_bytes[USER] = 15 * GB
    put(vault, bytes(800), "images/2026-11/dog.png")


def test_a_file_of_unknown_length_finds_out_at_its_end(drive: FakeDrive, open_vault: Open) -> None:
    vault, content = open_vault("oauth"), some(2)
    drive.world.quota_bytes[USER] = PART
    upload = vault.upload(new(vault))
    with pytest.raises(VaultClosedError) as raised:
        send(upload, content, knows_total=False)
    assert raised.value.by == "quota"


def test_a_shared_drive_that_is_full_of_items_is_told(drive: FakeDrive, vault: DriveVault) -> None:
    put(vault, b"meow")
    drive.set(item_limit=4)
    with pytest.raises(VaultClosedError, match="Empty its bin"):
        put(vault, b"meow", "images/2026-11/dog.png")


def test_the_cap_of_a_day_is_told_from_a_throttle_by_its_words_and_its_length(
    drive: FakeDrive, vault: DriveVault
) -> None:
    put(vault, b"meow")
    drive.faults.add(daily_cap())
    with pytest.raises(ThrottledError):
        put(vault, b"meow", "images/2026-11/dog.png")
    since_s = vault._caller._cap.throttled_since_s
    assert since_s is not None
    vault._caller._cap.throttled_since_s = since_s - 130
    with pytest.raises(VaultClosedError, match="750 GB") as raised:
        put(vault, b"meow", "images/2026-11/dog.png")
    assert raised.value.by == "daily_limit"
    assert raised.value.reopens_in is not None


def test_a_throttle_that_lasts_a_quarter_of_an_hour_is_the_cap_of_the_day(drive: FakeDrive, vault: DriveVault) -> None:
    put(vault, b"meow")
    drive.faults.add(throttled("upload.*", times=-1))
    since_s = time.monotonic()
    for passed_s, expected in ((0, ThrottledError), (130, ThrottledError), (901, VaultClosedError)):
        vault._caller._cap.throttled_since_s = since_s - passed_s
        with pytest.raises(expected):
            put(vault, b"meow", "images/2026-11/dog.png")


def test_what_other_runs_stored_today_counts(drive: FakeDrive, vault: DriveVault) -> None:
    vault.note_sent_today(750 * GB)
    content = some(2)
    calls = len(drive.calls)
    with pytest.raises(VaultClosedError, match="750 GB"):
        put(vault, b"meow")
    with pytest.raises(VaultClosedError, match="750 GB"):
        vault.upload(new(vault, content))
    assert len([call for call in drive.calls[calls:] if call.name.startswith("upload")]) == 0


def test_closing_a_vault_wakes_who_waits(drive: FakeDrive, vault: DriveVault) -> None:
    put(vault, b"meow")
    drive.faults.add(Fault("upload.multipart", status=429, reason="rateLimitExceeded", retry_after="7", times=-1))
    vault._caller._closing.set()
    began_s = time.monotonic()
    with pytest.raises(ThrottledError):
        put(vault, b"meow", "images/2026-11/dog.png")
    assert time.monotonic() - began_s < 2


def test_an_endpoint_that_is_nobodys_is_told(open_vault: Open) -> None:
    vault = open_vault(api_endpoint="http://127.0.0.1:9", token_uri="http://127.0.0.1:9/token")
    with pytest.raises(TransientError, match="away"):
        vault.probe()
