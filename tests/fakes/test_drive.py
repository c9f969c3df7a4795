"""The fake Drive, asked by Google's own client: what it shows is what Drive's protocol says."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import google.oauth2.credentials
import google.oauth2.service_account
import google_auth_httplib2
import pytest
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload, build_http

from orchestration.settings import PROJECT
from tests.fakes.drive import LOGINS, FakeDrive
from tests.fakes.drive_errors import NO_STORAGE

SHARED = {"supportsAllDrives": True}


@pytest.fixture
def drive() -> Iterator[FakeDrive]:
    with FakeDrive() as drive:
        yield drive


@contextmanager
def client(login: dict[str, str]) -> Iterator[Any]:
    """Google's client, whole: its tokens, its transport, its uploads."""
    if "refresh_token" in login:
        names = ("refresh_token", "client_id", "client_secret", "token_uri")
        credentials = google.oauth2.credentials.Credentials(None, **{name: login[name] for name in names})
    else:
        credentials = google.oauth2.service_account.Credentials.from_service_account_info(
            {name: login[name] for name in ("private_key", "client_email", "token_uri")},
            scopes=["https://www.googleapis.com/auth/drive"],
            subject=login.get("subject"),
        )
    document = json.loads(get_static_doc("drive", "v3"))
    document["rootUrl"] = f"{login['api_endpoint']}/"
    with closing(google_auth_httplib2.AuthorizedHttp(credentials, http=build_http())) as http:
        yield build_from_document(document, http=http)


def media(content: bytes, **more: Any) -> MediaIoBaseUpload:
    return MediaIoBaseUpload(io.BytesIO(content), "video/mp4", **more)


@pytest.mark.parametrize("kind", [kind for kind in LOGINS if kind != "my_drive"])
def test_googles_client_stores_lists_and_reads(drive: FakeDrive, kind: str) -> None:
    login = drive.login(kind)
    with client(login) as service:
        check(drive, login, service.files())


def check(drive: FakeDrive, login: dict[str, str], files: Any) -> None:
    small, large = files.generateIds(count=2).execute()["ids"]
    body = {"name": 'it\'s "ä🐈".mp4', "parents": [login["folder_id"]]}
    fields = "id,size,md5Checksum,sha256Checksum"
    files.create(body={"id": small, **body}, media_body=media(b"meow"), fields=fields, **SHARED).execute()
    made = files.create(
        body={"id": large, **body}, media_body=media(bytes(600_000), resumable=True, chunksize=262_144), **SHARED
    ).execute()
    assert made == {"kind": "drive#file", "id": large, "name": body["name"], "mimeType": "video/mp4"}
    query = f"'{login['folder_id']}' in parents and name = 'it\\'s \"ä🐈\".mp4' and trashed = false"
    page = files.list(q=query, includeItemsFromAllDrives=True, pageSize=1, **SHARED).execute()
    assert len(page["files"]) == 1
    assert page["nextPageToken"]
    assert files.get_media(fileId=large, **SHARED).execute() == bytes(600_000)
    assert drive.counts()["upload.chunk"] == 3
    assert not drive.uploads.violations


def refused(request: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as raised:
        request.execute()
    return raised.value.status_code, json.loads(raised.value.content)["error"]["errors"][0]["reason"]


def test_it_refuses_as_drive_does(drive: FakeDrive) -> None:
    login = drive.login()
    with client(login) as service:
        check_refusals(login, service.files())


def check_refusals(login: dict[str, str], files: Any) -> None:
    (file_id,) = files.generateIds(count=1).execute()["ids"]
    body = {"id": file_id, "name": "x", "parents": [login["folder_id"]]}
    assert refused(files.create(body=body)) == (404, "notFound")
    assert refused(files.create(body=body | {"id": "1made-up"}, **SHARED)) == (400, "invalid")
    files.create(body=body, **SHARED).execute()
    assert refused(files.create(body=body, **SHARED)) == (409, "fileIdInUse")
    assert refused(files.get(fileId=file_id)) == (404, "notFound")
    assert refused(files.delete(fileId=file_id, **SHARED)) == (403, "insufficientFilePermissions")
    assert refused(files.generateIds(count=1001)) == (400, "invalid")
    assert refused(files.get(fileId=file_id, fields="nonsense", **SHARED)) == (400, "invalidParameter")
    long = body | {"id": files.generateIds(count=1).execute()["ids"][0], "appProperties": {"k": "v" * 124}}
    assert refused(files.create(body=long, **SHARED)) == (400, "invalid")


def test_a_service_account_owns_no_storage(drive: FakeDrive) -> None:
    login = drive.login("my_drive")
    with client(login) as service, pytest.raises(HttpError) as raised:
        service.files().create(body={"name": "x", "parents": [login["folder_id"]]}, media_body=media(b"x")).execute()
    assert raised.value.status_code == 403
    assert raised.value.reason == NO_STORAGE


def test_it_runs_as_a_process_of_its_own() -> None:
    argv = [sys.executable, "-m", "tests.fakes.drive", "--discard", "--latency-ms", "1"]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            with client(told["logins"]["shared_drive"]) as service, closing(build_http()) as http:
                check_process(told, service.files(), http)
        finally:
            process.terminate()


def check_process(told: dict[str, Any], files: Any, http: Any) -> None:
    body = {"name": "x", "parents": [told["logins"]["shared_drive"]["folder_id"]]}
    files.create(body=body, media_body=media(b"meow"), **SHARED).execute()
    http.request(f"{told['url']}/_fake/set", "POST", body=json.dumps({"fault": {"where": "files.get"}}))
    assert refused(files.get(fileId="root", **SHARED))[0] == 503
    log = json.loads(http.request(f"{told['url']}/_fake/log")[1])
    assert log["counts"]["upload.multipart"] == 1
    (file,) = json.loads(http.request(f"{told['url']}/_fake/files")[1])
    assert (file["path"], file["size"]) == ("Backups/x", 4)
