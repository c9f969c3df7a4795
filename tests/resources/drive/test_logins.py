"""Three logins, and what is said of each that does not work."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from holdfast.errors import TransientError, VaultClosedError
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault
from tests.fakes.drive_files import SERVICE_ACCOUNT, USER
from tests.fakes.drive_tokens import private_key
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import put, send_whole, some, whole


@pytest.mark.parametrize(("kind", "owner"), [("shared_drive", SERVICE_ACCOUNT), ("delegation", USER), ("oauth", USER)])
def test_every_login_stores_and_reads(drive: FakeDrive, open_vault: Open, kind: str, owner: str) -> None:
    vault, content = open_vault(kind), some(2.5)
    assert "go into the folder" in vault.probe()
    assert whole(vault, put(vault, b"small").remote_id) == b"small"
    assert whole(vault, send_whole(vault, content).remote_id) == content
    assert {call.principal for call in drive.calls if call.name.startswith("files.")} == {owner}


@pytest.mark.parametrize(
    "pasted",
    [
        private_key(),
        private_key().replace("\n", "\\n"),
        private_key().strip().replace("\n", "\\n"),
        f'"{private_key()}"'.replace("\n", "\\n"),
        private_key().replace("\n", "\r\n"),
        private_key().replace("\n", "\\r\\n"),
    ],
)
def test_a_key_may_be_pasted_in_any_way(open_vault: Open, pasted: str) -> None:
    assert open_vault(private_key=pasted).probe()


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("correct horse", "13 characters that do not begin with -----BEGIN PRIVATE KEY-----"),
        ("", "0 characters that do not begin"),
        ('{"private_key": "x"}', "the whole key file"),
        (private_key()[:200], "without an -----END line: it is cut off"),
        (private_key().replace("\n", " "), "its line breaks are lost"),
        (private_key().replace("a", "b"), "what is between is damaged"),
    ],
)
def test_a_bad_key_is_described_and_not_printed(drive: FakeDrive, open_vault: Open, pasted: str, found: str) -> None:
    with pytest.raises(VaultClosedError, match=re.escape(found)) as raised:
        open_vault(private_key=pasted).probe()
    assert raised.value.by == "login"
    body = "".join(pasted.split("\n")[1:3])
    assert not body or body not in str(raised.value)
    assert not drive.calls


def other_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


@pytest.mark.parametrize(
    ("kind", "changed", "remedy"),
    [
        ("shared_drive", {"private_key": other_key()}, "make a new key"),
        ("shared_drive", {"client_email": "gone@acme-media.iam.gserviceaccount.com"}, "GOOGLE_DRIVE_CLIENT_EMAIL"),
        ("shared_drive", {"client_email": ""}, "GOOGLE_DRIVE_CLIENT_EMAIL not: set both"),
        ("delegation", {"subject": "boss@acme.example"}, "Domain-wide delegation"),
        ("oauth", {"refresh_token": "1//0nonsense"}, "after 7 days. Publish the consent screen"),
        ("oauth", {"client_secret": "GOCSPX-nonsense"}, "GOOGLE_DRIVE_CLIENT_SECRET are not those of an OAuth client"),
        ("oauth", {"client_id": "", "client_secret": ""}, "GOOGLE_DRIVE_CLIENT_ID and GOOGLE_DRIVE_CLIENT_SECRET not"),
    ],
)
def test_a_login_that_is_refused_says_what_to_do(
    open_vault: Open, kind: str, changed: dict[str, str], remedy: str
) -> None:
    with pytest.raises(VaultClosedError, match=re.escape(remedy)) as raised:
        open_vault(kind, **changed).probe()
    assert raised.value.by == "login"


def test_a_token_endpoint_in_trouble_is_asked_again(drive: FakeDrive, open_vault: Open) -> None:
    drive.faults.add(Fault("token", "reset_before"))
    assert open_vault().probe()
    drive.faults.add(Fault("token", "reset_before", times=-1))
    with pytest.raises(TransientError, match="token endpoint is away") as raised:
        open_vault().probe()
    assert not isinstance(raised.value, VaultClosedError)


def test_one_token_serves_all_threads(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(vault, b"x", f"images/2026-11/{n}.png"), range(32)))
    assert drive.counts()["token"] == 1


def test_an_expired_token_is_renewed_once_and_for_all_threads(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    put(vault, b"x")
    drive.tokens.expire()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(vault, b"x", f"images/2026-11/{n}.png"), range(32)))
    assert drive.counts()["token"] == 2


def test_a_token_is_renewed_before_it_ends(drive: FakeDrive, open_vault: Open) -> None:
    drive.tokens.life_s = 1.0
    vault = open_vault()
    put(vault, b"x")
    time.sleep(1.0)
    put(vault, b"y", "images/2026-11/dog.png")
    assert drive.counts()["token"] >= 2
    assert not [call for call in drive.calls if call.status == 401]


def test_a_token_that_is_refused_twice_closes_the_vault(drive: FakeDrive, open_vault: Open) -> None:
    vault = open_vault()
    drive.faults.add(Fault("files.*", status=401, reason="authError", times=-1))
    with pytest.raises(VaultClosedError, match="refuses the login's tokens") as raised:
        vault.probe()
    assert raised.value.by == "login"
    assert drive.counts() == {"token": 2, "files.get": 2}
