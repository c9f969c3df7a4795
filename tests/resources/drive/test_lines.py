"""Lines to Google: proven ends, whole answers, nothing that hangs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.errors import TransientError, VaultClosedError
from resources.drive.access import DriveAccess
from resources.drive.lines import Answer, Lines
from resources.drive.vault import DriveVault
from tests.fakes.drive import FakeDrive
from tests.resources.drive.conftest import QUICK
from tests.resources.drive.sending import put, send_whole, some, whole


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of this machine, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder()
    builder = builder.subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(minutes=5))
    builder = builder.not_valid_after(now + timedelta(days=1)).add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return str(paths[0]), str(paths[1])


def test_everything_works_through_tls(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with FakeDrive(tls=certificate) as drive:
        vault, content = DriveVault(DriveAccess(**drive.login()), patience=QUICK, part_bytes=262_144), some(5.5)
        assert vault.probe()
        assert whole(vault, put(vault, b"small").remote_id) == b"small"
        assert whole(vault, send_whole(vault, content).remote_id, 7) == content[7:]
        assert drive.lines <= 2
        vault.close()


def test_an_end_that_proves_nothing_gets_nothing(
    certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with FakeDrive(tls=certificate) as drive:
        vault = DriveVault(DriveAccess(**drive.login()), patience=QUICK)
        with pytest.raises(VaultClosedError, match="does not prove that it is localhost") as raised:
            vault.probe()
        assert raised.value.by == "settings"
        assert not drive.calls


def ask(method: str, url: str, *pieces: bytes) -> Answer:
    with closing(Lines(5)) as lines:
        return lines.exchange(method, url, {}, pieces)


@contextmanager
def speaks(*answers: bytes) -> Iterator[str]:
    """A server that gives these answers, one to a line, whatever it is asked, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65_536)
                    sock.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x?y=z"
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmeow", b"meow"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nme\r\n2\r\now\r\n0\r\n\r\n", b"meow"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmeow", b"meow"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmeow", b"meow"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 308 Resume Incomplete\r\nContent-Length: 0\r\nrange: bytes=0-9\r\n\r\n", b""),
    ],
)
def test_whole_answers_are_read_however_they_are_sent(answer: bytes, body: bytes) -> None:
    with speaks(answer) as url:
        found = ask("GET", url)
    assert found.body == body
    assert found.header("Range") in ("", "bytes=0-9")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmeow",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nme",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\n\r\nme",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with speaks(answer) as url, pytest.raises(TransientError, match="broke or could not be opened"):
        ask("POST", url, b"x" * 100)


def test_a_name_that_does_not_exist_is_away() -> None:
    with pytest.raises(TransientError, match=r"no-such-host\.invalid"):
        ask("GET", "http://no-such-host.invalid/")


def test_a_refusal_is_read_though_the_body_was_not_taken() -> None:
    said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(100)
                sock.sendall(said)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1 << 20):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert ask("PUT", url, bytes(8_000_000)).status == 403
