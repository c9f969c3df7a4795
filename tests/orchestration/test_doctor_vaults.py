"""What the doctor says of Google Drive."""

from collections.abc import Iterator

import pytest

from orchestration.doctor_rows import Row
from orchestration.doctor_vaults import drive_row
from orchestration.settings import load
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_files import USER


@pytest.fixture
def drive() -> Iterator[FakeDrive]:
    with FakeDrive() as drive:
        yield drive


def row(drive: FakeDrive, kind: str, **other: str) -> Row:
    given = {f"GOOGLE_DRIVE_{name.upper()}": value for name, value in drive.login(kind).items()}
    return drive_row(load(given | other))


def test_without_a_login_drive_is_off() -> None:
    assert drive_row(load({})) == Row(dependency="Google Drive", configured="off", ok=None)


@pytest.mark.parametrize(
    ("kind", "configured", "quota"),
    [
        ("shared_drive", "GOOGLE_DRIVE_PRIVATE_KEY", None),
        ("delegation", "GOOGLE_DRIVE_PRIVATE_KEY", "3.2 of 15 GB"),
        ("oauth", "GOOGLE_DRIVE_REFRESH_TOKEN", "3.2 of 15 GB"),
    ],
)
def test_a_login_that_works_says_how_full_it_is(
    drive: FakeDrive, kind: str, configured: str, quota: str | None
) -> None:
    drive.world._owned_bytes[USER] = 3_210_000_000
    found = row(drive, kind)
    assert (found.configured, found.ok, found.quota, found.remedy) == (configured, True, quota, None)
    assert (found.reachable, found.problem) == ("yes", None)
    assert found.latency_ms is not None
    assert not drive.stored()


def test_storage_without_a_limit_has_none(drive: FakeDrive) -> None:
    drive.world.quota_bytes[USER] = None
    assert row(drive, "oauth").quota == "0.0 GB used"


def test_a_service_account_without_storage_is_told_the_way_out(drive: FakeDrive) -> None:
    found = row(drive, "my_drive")
    assert found.ok is False
    assert found.problem == "nothing can be stored"
    for way_out in ("shared drive", "GOOGLE_DRIVE_REFRESH_TOKEN", "GOOGLE_DRIVE_SUBJECT", "docs/drive.md"):
        assert way_out in (found.remedy or "")


def test_a_key_with_its_line_breaks_written_out_works(drive: FakeDrive) -> None:
    assert row(drive, "shared_drive", GOOGLE_DRIVE_PRIVATE_KEY=drive.login()["private_key"].replace("\n", "\\n")).ok


def test_a_drive_that_is_away_is_told(drive: FakeDrive) -> None:
    found = row(drive, "oauth", GOOGLE_DRIVE_TOKEN_URI="http://127.0.0.1:9/token")
    assert found.ok is False
    assert "away" in (found.remedy or "")
