"""``holdfast doctor`` on the S3 vault and the media folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.doctor_store_vaults import media_folder_row, s3_row
from orchestration.settings import Settings, load
from resources.folder import FolderVault
from tests.fakes.s3 import SECRET, Fault, S3Server, s3_server


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with s3_server() as found:
        found.make_bucket("doctor")
        yield found


@pytest.fixture
def server(running: S3Server) -> Iterator[S3Server]:
    yield running
    running.door.faults.clear()


def s3_settings(server: S3Server, **more: str) -> Settings:
    access = server.access("doctor")
    given = {
        "STORAGE_S3_ENDPOINT": access.endpoint,
        "STORAGE_S3_BUCKET": access.bucket,
        "STORAGE_S3_ACCESS_KEY_ID": access.access_key_id,
        "STORAGE_S3_SECRET_ACCESS_KEY": access.secret_access_key,
    }
    return load(given | more)


def test_a_bucket_that_takes_and_gives_is_good(server: S3Server) -> None:
    row = s3_row(s3_settings(server))
    assert (row.ok, row.configured, row.reachable) == (True, "STORAGE_S3_BUCKET", "yes")
    assert row.latency_ms is not None
    assert server.client().list_objects_v2(Bucket="doctor").get("KeyCount") == 0


def test_what_is_not_configured_is_off() -> None:
    assert (s3_row(load({})).ok, s3_row(load({})).configured) == (None, "off")
    only_s3 = load({"STORAGE_S3_BUCKET": "b"})
    assert (media_folder_row(only_s3).ok, media_folder_row(only_s3).configured) == (None, "off")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("PUT", status=403, code="SignatureDoesNotMatch"), "STORAGE_S3_SECRET_ACCESS_KEY"),
        (Fault("PUT", status=403, code="AccessDenied"), "Let this key read, write and delete"),
        (Fault("DELETE", status=403, code="AccessDenied"), "it may still be there"),
        (Fault("PUT", status=507, code="InsufficientStorage"), "Make room"),
        (Fault("PUT", times=9, status=500, code="InternalError"), "Another attempt may succeed"),
    ],
)
def test_what_is_in_the_way_says_what_to_do(server: S3Server, fault: Fault, said: str) -> None:
    server.door.faults.append(fault)
    row = s3_row(s3_settings(server))
    assert row.ok is False
    assert row.problem == "nothing can be stored"
    assert row.remedy is not None
    assert said in row.remedy
    assert SECRET not in row.remedy


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"STORAGE_S3_BUCKET": "nobodys"}, "Make the bucket"),
        ({"STORAGE_S3_ENDPOINT": "http://127.0.0.1:1"}, "is away"),
        ({"STORAGE_S3_ACCESS_KEY_ID": ""}, "STORAGE_S3_ACCESS_KEY_ID is not set"),
    ],
)
def test_settings_that_lead_nowhere_are_named(server: S3Server, more: dict[str, str], said: str) -> None:
    row = s3_row(s3_settings(server, **more))
    assert row.ok is False
    assert said in (row.remedy or "")


def test_a_folder_that_takes_and_gives_is_good(tmp_path: Path) -> None:
    settings = load({"HOLDFAST_MEDIA_FOLDER": str(tmp_path / "nas")})
    row = media_folder_row(settings)
    assert (row.ok, row.configured) == (True, "HOLDFAST_MEDIA_FOLDER")
    assert row.quota is not None
    assert row.quota.endswith("GB free")
    assert list((tmp_path / "nas").iterdir()) == []


def test_the_embedded_folder_is_made_by_its_first_file_and_not_by_the_doctor(tmp_path: Path) -> None:
    settings = load({"HOLDFAST_HOME": str(tmp_path / "home")})
    row = media_folder_row(settings)
    assert (row.ok, row.configured, row.reachable) == (None, "embedded", "not used yet")
    assert not (tmp_path / "home").exists()
    FolderVault(tmp_path / "home" / "vault").reserve(["a"])
    assert media_folder_row(settings).ok is True


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "nas").write_text("a file")
    row = media_folder_row(load({"HOLDFAST_MEDIA_FOLDER": str(tmp_path / "nas")}))
    assert row.ok is False
    assert "nothing else stands where its folders should be" in (row.remedy or "")
