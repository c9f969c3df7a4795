"""Nothing that is a key gets out: not by errors, logs, books or what is printed."""

import json
import logging
import traceback

import pytest

from holdfast.errors import HoldfastError, UploadLostError
from resources.drive.access import DriveAccess
from resources.drive.uploads import DriveUpload
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_errors import MESSAGES
from tests.fakes.drive_faults import KINDS, Fault
from tests.resources.drive.conftest import Open
from tests.resources.drive.sending import PART, new, put, send, sha, some


def secrets(drive: FakeDrive) -> list[str]:
    """Everything that must not be seen."""
    login, user = drive.login(), drive.login("oauth")
    tokens = list(drive.tokens._tokens)
    lines = login["private_key"].split("\n")[1:-2]
    return [
        *lines,
        user["refresh_token"],
        user["client_secret"],
        *tokens,
        *drive.uploads.sessions,
        "upload_id",
        "ya29.",
    ]


def everything_said(error: BaseException) -> str:
    """The error, all that it stands on, and where it came from, as a log would show them."""
    chain, seen = [error], [error]
    while chain:
        one = chain.pop()
        below = [other for other in (one.__cause__, one.__context__) if other is not None and other not in seen]
        chain += below
        seen += below
    return "\n".join([*(f"{one!r} {one} {one.args}" for one in seen), *traceback.format_exception(error)])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "hang"])
@pytest.mark.parametrize("login", ["shared_drive", "oauth"])
def test_no_error_and_no_log_holds_a_secret(
    drive: FakeDrive, open_vault: Open, caplog: pytest.LogCaptureFixture, kind: str, login: str
) -> None:
    caplog.set_level(logging.DEBUG)
    vault, content, said = open_vault(login), some(2), []
    put(vault, b"x", "upscale/2026-11/first.mp4")
    for where in ("upload.multipart", "upload.start", "upload.chunk", "upload.status", "files.*", "token", "about.get"):
        for reason in ("backendError", "authError", "insufficientFilePermissions", "invalid"):
            drive.faults.clear()
            status = {"backendError": 503, "authError": 401, "invalid": 400}.get(reason, 403)
            drive.faults.add(Fault(where, kind, status, reason, message=MESSAGES["accessNotConfigured"], times=9))
            drive.tokens.expire()
            for attempt in (
                lambda: put(vault, b"meow"),
                lambda: send(vault.upload(new(vault, content)), content, tries=2),
            ):
                try:
                    attempt()
                except (HoldfastError, AssertionError) as error:
                    said.append(everything_said(error))
            if kind != "refuse":
                break
    told = "\n".join([*said, caplog.text])
    assert not [secret for secret in secrets(drive) if secret in told]
    assert "123456789" not in told
    assert "console.developers" not in told


def test_a_refused_login_does_not_tell_what_was_sent(drive: FakeDrive, open_vault: Open) -> None:
    for kind, answer in (("shared_drive", "invalid_grant"), ("oauth", "invalid_grant"), ("oauth", "weird thing")):
        drive.tokens.refuses = (400, answer, "description with ya29.secret in it")
        with pytest.raises(HoldfastError) as raised:
            open_vault(kind).probe()
        told = everything_said(raised.value)
        assert not [secret for secret in [*secrets(drive), "assertion", "description"] if secret in told]


def test_what_is_kept_of_an_upload_is_sealed(drive: FakeDrive, vault: DriveVault) -> None:
    content = some(2)
    upload = vault.upload(new(vault, content))
    (session,) = drive.uploads.sessions
    assert isinstance(upload, DriveUpload)
    for shown in (upload.state.decode(), repr(upload), repr(upload._session), str(upload._session)):
        assert session not in shown
        assert "http" not in shown
    assert upload.state.decode().isprintable()


@pytest.mark.parametrize(("one", "other"), [("shared_drive", "oauth"), ("oauth", "shared_drive")])
def test_another_login_cannot_read_it(drive: FakeDrive, open_vault: Open, one: str, other: str) -> None:
    content = some(2)
    vault = open_vault(one)
    file = new(vault, content)
    state = vault.upload(file).state
    with pytest.raises(UploadLostError, match="another login"):
        open_vault(other).upload(file, state)
    assert open_vault(one).upload(file, state).offset == 0


def test_a_key_pasted_in_another_way_is_the_same_login(drive: FakeDrive, open_vault: Open) -> None:
    content = some(2)
    vault = open_vault()
    file = new(vault, content)
    upload = vault.upload(file)
    upload.send(content[:PART], total_bytes=len(content))
    pasted = drive.login()["private_key"].replace("\n", "\\n")
    again = open_vault(private_key=pasted).upload(file, upload.state)
    assert send(again, content).finish(sha(content)).sha256 == sha(content)


@pytest.mark.parametrize("damage", [b"", b"drive1.", b"drive1.AAAA", b"{}", b"\xff\x00"])
def test_a_damaged_state_is_a_lost_upload(vault: DriveVault, damage: bytes) -> None:
    with pytest.raises(UploadLostError):
        vault.upload(new(vault), damage)


def test_a_state_of_another_file_is_a_lost_upload(vault: DriveVault) -> None:
    state = vault.upload(new(vault)).state
    with pytest.raises(UploadLostError, match="another file's"):
        vault.upload(new(vault), state)


def test_a_login_prints_without_its_secrets(drive: FakeDrive) -> None:
    for kind in ("shared_drive", "oauth"):
        login = drive.login(kind)
        printed = repr(DriveAccess(**login)) + str(DriveAccess(**login))
        for key in ("private_key", "refresh_token", "client_secret"):
            assert not login.get(key) or json.dumps(login[key])[1:-1] not in printed


def test_a_token_goes_to_drive_alone(drive: FakeDrive, vault: DriveVault) -> None:
    # Where a session is elsewhere, its address is all that it needs.
    content = some(1)
    with FakeDrive() as elsewhere:
        upload = vault.upload(new(vault, content))
        assert isinstance(upload, DriveUpload)
        object.__setattr__(upload._session, "address", upload._session.address.replace(drive.url, elsewhere.url))
        with pytest.raises(UploadLostError):
            upload.send(content, total_bytes=len(content))
        assert [call.principal for call in elsewhere.calls] == [""]
        assert [call.status for call in elsewhere.calls] == [404]
