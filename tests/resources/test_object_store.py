"""An object store that is away, full, closed or wrong, each in its own way."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from holdfast.errors import (
    DamagedCopyError,
    HoldfastError,
    NotInVaultError,
    PermanentError,
    ThrottledError,
    TransientError,
    VaultClosedError,
)
from holdfast.media.etags import EtagOfParts
from holdfast.media.vaults import MediaVault, NewFile
from resources.object_store import S3Access, S3Vault
from tests.fakes.s3 import SECRET, Fault, S3Server, s3_server

PART_BYTES = 1000


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def server(running: S3Server) -> Iterator[S3Server]:
    client = running.client()
    with suppress(client.exceptions.NoSuchBucket):
        for one in client.list_objects_v2(Bucket="media").get("Contents", ()):
            client.delete_object(Bucket="media", Key=one["Key"])
    running.make_bucket()
    running.door.seen.clear()
    yield running
    running.door.faults.clear()


@pytest.fixture
def vault(server: S3Server) -> S3Vault:
    return S3Vault(server.access(), part_bytes=PART_BYTES)


def file(content: bytes, name: str = "upscale/2026-11/a.mp4") -> NewFile:
    return NewFile(name=name, remote_id=name, content_type="video/mp4", size_bytes=len(content))


def put(vault: MediaVault, content: bytes, name: str = "upscale/2026-11/a.mp4") -> None:
    vault.put(file(content, name), [content], hashlib.sha256(content).digest())


def large(vault: MediaVault, content: bytes) -> Any:
    upload = vault.upload(file(content))
    while upload.offset < len(content):
        upload.send(content[upload.offset : upload.offset + PART_BYTES], total_bytes=len(content))
    return upload


@pytest.mark.parametrize(
    ("status", "code", "by", "remedy"),
    [
        (403, "InvalidAccessKeyId", "login", "STORAGE_S3_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "login", "STORAGE_S3_REGION"),
        (401, "Unauthorized", "login", "S3 access keys"),
        (403, "RequestTimeTooSkewed", "login", "clock"),
        (403, "AccessDenied", "rights", "Let this key read, write and delete"),
        (404, "NoSuchBucket", "settings", "STORAGE_S3_BUCKET"),
        (507, "InsufficientStorage", "quota", "Make room"),
        (400, "QuotaExceeded", "quota", "larger plan"),
        (403, "SomethingNew", "rights", "STORAGE_S3_ACCESS_KEY_ID"),
    ],
)
def test_what_needs_a_person_closes_the_vault_and_says_what_to_do(
    server: S3Server, vault: S3Vault, status: int, code: str, by: str, remedy: str
) -> None:
    for about, call in (("PUT", lambda: vault.probe()), ("POST|PUT", lambda: vault.upload(file(b"x")))):
        server.door.faults.append(Fault(about, status=status, code=code))
        with pytest.raises(VaultClosedError) as caught:
            call()
        assert caught.value.vault == "s3"
        assert caught.value.by == by
        assert remedy in str(caught.value)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (429, "TooManyRequests"), (503, "ServiceUnavailable")])
def test_patience_is_asked_for_as_long_as_it_is_asked(server: S3Server, vault: S3Vault, status: int, code: str) -> None:
    server.door.faults.append(Fault("PUT", times=9, status=status, code=code, headers=(("Retry-After", "7"),)))
    with pytest.raises(ThrottledError) as caught:
        put(vault, b"x")
    assert caught.value.wait_s == 7
    assert sum(asked.startswith("PUT") for asked in server.door.seen) <= 3


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (502, ""), (504, ""), (400, "RequestTimeout")])
def test_what_passes_is_tried_again_and_then_left_to_the_next_attempt(
    server: S3Server, vault: S3Vault, status: int, code: str
) -> None:
    server.door.faults.append(Fault("PUT", times=2, status=status, code=code))
    put(vault, b"x")
    server.door.faults.append(Fault("PUT", times=9, status=status, code=code))
    with pytest.raises(TransientError) as caught:
        put(vault, b"x", "regular/b.mp4")
    assert not isinstance(caught.value, VaultClosedError | ThrottledError)


def test_a_file_above_the_limit_of_a_plan_is_refused_for_good(server: S3Server, vault: S3Vault) -> None:
    server.door.faults.append(Fault("PUT", status=413, code="EntityTooLarge"))
    with pytest.raises(PermanentError, match="50 MB on the free plan"):
        put(vault, b"x")


@pytest.mark.parametrize("loses", [Fault("PUT", loses=True), Fault("PUT", times=2, loses=True)])
def test_an_answer_that_is_lost_makes_no_second_object(server: S3Server, vault: S3Vault, loses: Fault) -> None:
    server.door.faults.append(loses)
    put(vault, b"meow")
    assert vault.names() == ["upscale/2026-11/a.mp4"]


def test_a_join_whose_answer_is_lost_is_found_done(server: S3Server, vault: S3Vault) -> None:
    content = os.urandom(2 * PART_BYTES + 1)
    upload = large(vault, content)
    server.door.faults.append(Fault("POST", loses=True))
    stored = upload.finish(hashlib.sha256(content).digest())
    assert stored.size_bytes == len(content)
    assert vault.find(stored.remote_id) == stored


def test_parts_sent_by_one_process_are_proven_without_reading_back(server: S3Server, vault: S3Vault) -> None:
    content = os.urandom(3 * PART_BYTES + 1)
    large(vault, content).finish(hashlib.sha256(content).digest())
    assert not [asked for asked in server.door.seen if asked.startswith("GET")]


def test_the_etag_of_a_joined_object_is_the_one_that_we_work_out(vault: S3Vault) -> None:
    for size_bytes in (1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES):
        content = os.urandom(size_bytes)
        stored = large(vault, content).finish(hashlib.sha256(content).digest())
        ours = EtagOfParts(PART_BYTES)
        for at in range(0, size_bytes, 77):
            ours.feed(content[at : at + 77])
        assert ours.finish() == stored.etag
        vault.remove(stored.remote_id)


def test_a_line_that_breaks_while_reading_is_told(server: S3Server, vault: S3Vault) -> None:
    put(vault, b"x" * 1000)
    server.door.faults.append(Fault("GET", cuts=True))
    buffer = memoryview(bytearray(500))
    with vault.read("upscale/2026-11/a.mp4") as found:
        assert found.readinto(buffer) == 500
        with pytest.raises(TransientError, match="500 bytes of it were read"):
            found.readinto(buffer)


@pytest.mark.parametrize(
    "call",
    [
        lambda vault: vault.probe(),
        lambda vault: vault.find("a"),
        lambda vault: list(vault.list()),
        lambda vault: vault.upload(file(b"x")),
        lambda vault: vault.read("a").__enter__(),
    ],
)
def test_a_store_that_is_away_is_away(call: Callable[[S3Vault], object]) -> None:
    access = S3Access(endpoint="http://127.0.0.1:1", access_key_id="k", secret_access_key=SECRET, bucket="media")
    with pytest.raises(TransientError, match="is away") as caught:
        call(S3Vault(access))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (S3Access(endpoint="http://127.0.0.1:1"), "STORAGE_S3_BUCKET, STORAGE_S3_ACCESS_KEY_ID, STORAGE_S3_SECRET"),
        (S3Access(endpoint="http://x", bucket="b", access_key_id="k"), "STORAGE_S3_SECRET_ACCESS_KEY is not set"),
        (S3Access(endpoint="no address", bucket="b", access_key_id="k", secret_access_key="s"), "STORAGE_S3_ENDPOINT"),
    ],
)
def test_settings_that_lead_nowhere_are_named(access: S3Access, said: str) -> None:
    with pytest.raises(VaultClosedError, match=said) as caught:
        S3Vault(access).probe()
    assert caught.value.by == "settings"


def test_a_bucket_that_is_not_there_is_named(server: S3Server) -> None:
    with pytest.raises(VaultClosedError, match="Make the bucket"):
        S3Vault(server.access("nobodys")).probe()


def test_a_link_for_a_while_works_without_a_login(server: S3Server, vault: S3Vault) -> None:
    put(vault, b"meow")
    url = vault.signed_url("upscale/2026-11/a.mp4", 60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"meow"
    assert "X-Amz-Expires=60" in url
    assert SECRET not in url
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(vault.signed_url("upscale/2026-11/none.mp4", 60))


def test_objects_are_where_their_kind_of_store_has_them() -> None:
    def url(endpoint: str, region: str = "") -> str | None:
        access = S3Access(endpoint=endpoint, region=region, access_key_id="k", secret_access_key="s", bucket="media")
        return S3Vault(access)._client.url("upscale/a b+c.mp4")

    assert url("https://s3.example/") == "https://s3.example/media/upscale/a%20b%2Bc.mp4"
    assert url("", "eu-central-1") == "https://s3.eu-central-1.amazonaws.com/media/upscale/a%20b%2Bc.mp4"
    supabase = "https://ref.storage.supabase.co/storage/v1"
    assert url(f"{supabase}/s3") == f"{supabase}/object/public/media/upscale/a%20b%2Bc.mp4"


def test_an_etag_that_is_no_checksum_is_made_up_for_by_reading_back(server: S3Server, vault: S3Vault) -> None:
    server.door.faults.append(Fault("PUT", times=99, adds=(("x-amz-server-side-encryption", "aws:kms"),)))
    content = os.urandom(2 * PART_BYTES + 1)
    put(vault, b"meow", "images/a.png")
    large(vault, content).finish(hashlib.sha256(content).digest())
    assert len([asked for asked in server.door.seen if asked.startswith("GET")]) == 2
    other = vault.upload(file(content, "regular/b.mp4"))
    other.send(content[:PART_BYTES], total_bytes=PART_BYTES)
    with pytest.raises(DamagedCopyError, match="joined something else"):
        other.finish(hashlib.sha256(content).digest())
    assert vault.find("regular/b.mp4") is None


def test_placeholders_of_empty_folders_are_no_files(server: S3Server, vault: S3Vault) -> None:
    put(vault, b"meow")
    client = server.client()
    client.put_object(Bucket="media", Key="upscale/.emptyFolderPlaceholder", Body=b"")
    client.put_object(Bucket="media", Key="upscale/2026-12/", Body=b"")
    assert vault.names() == ["upscale/2026-11/a.mp4"]


def test_a_document_that_is_not_there_is_no_surprise(vault: S3Vault) -> None:
    with pytest.raises(NotInVaultError, match="it has nothing of this kind"):
        vault.get("baselines/none")


def test_a_secret_is_in_no_text() -> None:
    access = S3Access(endpoint="https://u:p4ss@s3.example", bucket="b", access_key_id="k", secret_access_key=SECRET)
    assert SECRET not in repr(access)
    with pytest.raises(HoldfastError) as caught:
        S3Vault(access).probe()
    assert "p4ss" not in str(caught.value)
