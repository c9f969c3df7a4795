"""What a user would pick instead: rclone, a temporary file with Google's client, and the limit, a splice relay."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_GOOGLE = b"https://www.googleapis.com/"
_NAIVE = """
import hashlib, json, sys, tempfile, time, resource, shutil, urllib.request
import google.oauth2.credentials, google_auth_httplib2, httplib2
from googleapiclient.discovery_cache import DISCOVERY_DOC_MAX_AGE
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache.base import Cache
from googleapiclient.http import MediaFileUpload
import googleapiclient.discovery_cache as d, pathlib
endpoint, token, folder, *urls = sys.argv[1:]
document = json.loads((pathlib.Path(d.__file__).parent / "documents" / "drive.v3.json").read_text())
document["rootUrl"] = endpoint + "/"
document["baseUrl"] = endpoint + "/drive/v3/"
http = google_auth_httplib2.AuthorizedHttp(
    google.oauth2.credentials.Credentials(token), http=httplib2.Http(timeout=60)
)
http.http.redirect_codes = set(http.http.redirect_codes) - {308}
drive = build_from_document(document, http=http)
used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
before, began = used(), time.perf_counter()
for number, url in enumerate(urls):
    with tempfile.NamedTemporaryFile() as file:
        with urllib.request.urlopen(url) as origin:
            shutil.copyfileobj(origin, file)
        file.flush()
        media = MediaFileUpload(file.name, mimetype="video/mp4", resumable=True)
        request = drive.files().create(
            body={"name": f"naive-{number}", "parents": [folder]}, media_body=media, supportsAllDrives=True,
            fields="id,md5Checksum"
        )
        answer = None
        while answer is None:
            _, answer = request.next_chunk()
        file.seek(0)
        assert hashlib.file_digest(file, "md5").hexdigest() == answer["md5Checksum"]
print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": used() - before}))
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a way needed.

    Attributes:
        cpu_s: processor time of the client.
    """

    seconds: float
    cpu_s: float
    grown_mb: float = 0.0


class Rclone:
    """rclone on the same server: a copy of its program with another address than Google's, for this run only."""

    def __init__(self, folder: Path, drive: str, login: dict[str, str], token: str) -> None:
        port = int(urlsplit(drive).port or 0)
        address = f"http://127.0.0.1:{port:09d}/".encode()
        assert len(address) == len(_GOOGLE)
        program = Path(str(shutil.which("rclone"))).read_bytes().replace(_GOOGLE, address)
        self._program = folder / "rclone"
        self._program.write_bytes(program)
        self._program.chmod(0o755)
        lasting = {
            "access_token": token,
            "token_type": "Bearer",
            "refresh_token": "r",
            "expiry": "2099-01-01T00:00:00Z",
        }
        self._config = folder / "rclone.conf"
        lines = ["[d]", "type = drive", "client_id = x", "client_secret = y", "scope = drive"]
        lines += [f"token = {json.dumps(lasting)}", f"root_folder_id = {login.get('folder_id', '')}"]
        self._config.write_text("\n".join(lines))
        self._start_s = min(self._run(["version"]).seconds for _ in range(3))

    def copyurl(self, url: str, name: str) -> Spent:
        """One file from a link, with rclone's own chunks of 8 MiB; its start is not counted."""
        return self._less_start(self._run(["copyurl", url, f"d:{name}"]))

    def copy(self, source: str, name: str) -> Spent:
        """Small files, 8 at once, destination listed first: from a folder, or from the listing of an origin."""
        of = [f":http,url='{source}':"] if source.startswith("http") else [source]
        return self._less_start(self._run(["copy", *of, f"d:{name}", "--transfers", "8"]))

    def _less_start(self, spent: Spent) -> Spent:
        return Spent(max(spent.seconds - self._start_s, 1e-6), spent.cpu_s, spent.grown_mb)

    def _run(self, arguments: Sequence[str]) -> Spent:
        pace = ["--drive-pacer-min-sleep", "1ms", "--drive-pacer-burst", "10000", "--retries", "1"]
        return measured([str(self._program), "--config", str(self._config), *arguments, *pace])


def has_rclone() -> bool:
    """Whether rclone is installed."""
    return shutil.which("rclone") is not None


def naive(drive: str, token: str, folder: str, urls: Sequence[str]) -> Spent:
    """Download into a temporary file, upload with Google's client, compare the MD5."""
    ran = subprocess.run(
        [sys.executable, "-c", _NAIVE, drive, token, folder, *urls], capture_output=True, text=True, check=True
    )
    return Spent(**json.loads(ran.stdout))


def splice(origin: str, drive: str, token: str, folder: str) -> Spent:
    """The limit: bytes go from one line to the other inside the kernel; nothing is hashed, nothing is proven."""
    began_s, before_s = time.perf_counter(), _own_cpu_s()
    place = urlsplit(origin)
    with socket.create_connection((str(place.hostname), int(place.port or 80))) as source:
        source.sendall(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        length = int(_header(_head(source), "content-length"))
        target = _session(drive, token, folder, length)
        there = urlsplit(target)
        with socket.create_connection((str(there.hostname), int(there.port or 80))) as sink:
            asked = (
                f"PUT {there.path}?{there.query} HTTP/1.1\r\nHost: {there.netloc}\r\nContent-Length: {length}\r\n\r\n"
            )
            sink.sendall(asked.encode())
            _relay(source.fileno(), sink.fileno(), length)
            _head(sink)
    return Spent(time.perf_counter() - began_s, _own_cpu_s() - before_s)


def _session(drive: str, token: str, folder: str, length: int) -> str:
    body = json.dumps({"name": "splice", "parents": [folder]}).encode()
    asked = urllib.request.Request(
        f"{drive}/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true",
        body,
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Upload-Content-Length": str(length),
        },
    )
    with urllib.request.urlopen(asked) as answer:
        return str(answer.headers["Location"])


def _relay(source: int, sink: int, left: int) -> None:
    reading, writing = os.pipe()
    try:
        while left:
            count = os.splice(source, writing, min(left, 1 << 20))
            left -= count
            while count:
                count -= os.splice(reading, sink, count)
    finally:
        os.close(reading)
        os.close(writing)


def _head(line: socket.socket) -> bytes:
    """The head of an answer, to its last byte and no further."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += line.recv(1)
    return bytes(head)


def _header(head: bytes, name: str) -> str:
    lines = head.decode("latin-1").split("\r\n")
    return next(line.partition(":")[2].strip() for line in lines if line.lower().startswith(f"{name}:"))


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(command: Sequence[str], read: Callable[[str], None] | None = None) -> Spent:
    """Run a program: wall and processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        ran = subprocess.run(command, stdout=said, stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - began_s
        if ran.returncode:
            raise RuntimeError(f"{' '.join(command[:4])}: {ran.stderr[-600:]}")
        said.seek(0)
        if read:
            read(said.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(seconds, used_s)
