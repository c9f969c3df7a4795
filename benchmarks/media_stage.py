"""Both servers of the media benchmarks, their files, and books to work on."""

import json
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from benchmarks.stack import postgres_server

_IMAGE_BYTES = 293_000
# rclone's share where every call takes long: enough to see its pace.
SOME = 160
LOGIN = "oauth"


@dataclass(frozen=True, slots=True)
class Stage:
    """Both servers, and the files of the origin."""

    home: Path
    books: str
    drive: str
    origin: str
    login: dict[str, str]
    token: str

    def tell(self, **settings: object) -> None:
        """Change how Drive behaves."""
        body = json.dumps(settings).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.drive}/_fake/set", body, method="POST")).close()

    def counts(self) -> dict[str, int]:
        """API calls so far, by name."""
        with urllib.request.urlopen(f"{self.drive}/_fake/log") as answer:
            found: dict[str, int] = json.loads(answer.read())["counts"]
            return found


@contextmanager
def stage(home: Path, mib: int, images: int) -> Iterator[Stage]:
    """Start both servers and PostgreSQL."""
    served = home / "served"
    served.mkdir()
    for name, size in (("large", mib), ("m64", 64), ("m2048", 2048 if mib > 64 else 128)):
        _film(served / f"{name}.mp4", size << 20)
    image = _image()
    (served / "image.png").write_bytes(image)
    for name, count in (("images", images), ("some", SOME)):
        (served / name).mkdir()
        for number in range(count):
            (served / name / f"{number}.png").hardlink_to(served / "image.png")
    with (
        postgres_server(home / "books") as books,
        process("tests.fakes.drive", "--port", "0", "--discard") as drive,
        process("tests.fakes.origins", str(served)) as origin,
    ):
        login = drive["logins"][LOGIN]
        servers = Stage(home, books, drive["url"], origin["url"], login, _token(login))
        servers.tell(quota_bytes=1 << 50)
        yield servers


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that nobody else trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


def _film(path: Path, size: int) -> None:
    """A file that is an MP4 by its boxes; its picture is noise."""
    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"moov", _box(b"mvhd", bytes(100)))
    noise = b"".join(zlib.crc32(struct.pack(">I", n)).to_bytes(4, "big") for n in range(1 << 16))
    with path.open("wb") as file:
        file.write(head + struct.pack(">I4sQ", 1, b"mdat", size - len(head)))
        left = size - len(head) - 16
        while left:
            left -= file.write(noise[: min(left, len(noise))])


def _image() -> bytes:
    """A PNG of 293 KB by its chunks."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 512, 512, 8, 2, 0, 0, 0))
    end = _chunk(b"IEND", b"")
    return head + _chunk(b"IDAT", bytes(_IMAGE_BYTES - len(head) - len(end) - 12)) + end


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


@contextmanager
def process(module: str, *arguments: str) -> Iterator[dict[str, Any]]:
    running = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(running.stdout.readline())
    finally:
        running.terminate()
        running.wait()


def _token(login: dict[str, str]) -> str:
    form = {name: login[name] for name in ("refresh_token", "client_id", "client_secret")}
    asked = urllib.parse.urlencode({"grant_type": "refresh_token", **form}).encode()
    with urllib.request.urlopen(login["token_uri"], asked) as answer:
        return str(json.loads(answer.read())["access_token"])


def insert_items(url: str, urls: Sequence[str], kind: str, media_class: str) -> None:
    """Put files into the books, each with a copy to be made in Drive."""
    with psycopg.connect(url) as db:
        db.execute(_ITEMS, {"urls": list(urls), "kind": kind, "class": media_class})
        db.execute("analyze holdfast.media_items, holdfast.media_copies")


_ITEMS = """
with found as (
    insert into holdfast.media_items (source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at)
    select 'bench', md5(url), %(class)s, %(kind)s, url, url, now(), now() + interval '7 days'
    from unnest(%(urls)s::text[]) as url
    returning item_id, media_class, deadline_at
)
insert into holdfast.media_copies (item_id, vault, media_class, deadline_at)
select item_id, 'drive', media_class, deadline_at from found
"""
