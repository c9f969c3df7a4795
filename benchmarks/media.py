"""Media from an origin into Google Drive: against rclone, a temporary file with Google's client, and a splice relay.

Everybody talks to the same two servers over loopback: a Drive that hashes and keeps nothing, and an origin. Ratios are
those of one round, interleaved. Ours proves size and SHA-256 of every file and keeps its books in PostgreSQL; rclone
copyurl proves nothing.
"""

import json
import statistics
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import media_peers as peers
from benchmarks.media_peers import Rclone, Spent
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, folder, options, postgres_server

_IMAGE_BYTES = 293_000
# rclone's share where every call takes long: enough to see its pace.
_SOME = 160
_LOGIN = "oauth"


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


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the large file")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    mib, images, rounds = (64, 100, 1) if asked.quick else (asked.mib, asked.images, asked.rounds)
    with folder() as home, stage(home, mib, images) as servers:
        lines = [
            *large(servers, mib, rounds),
            *memory(servers),
            *small(servers, images, rounds),
            *slow(servers, images),
        ]
    notes = [
        "medians (range) of rounds; 'ours' is a whole run of the backup with its books in PostgreSQL, less its start",
        "rclone: its start is not counted; a pacer of 1 ms instead of its 100 ms",
    ]
    show(f"Media: {mib} MiB and {images:,} images of 293 KB, {processor()}", lines, notes)


def large(servers: Stage, mib: int, rounds: int) -> Iterator[Line]:
    """One large file."""
    url = f"{servers.origin}/large.mp4"
    rclone = Rclone(servers.home, servers.drive, servers.login, servers.token) if peers.has_rclone() else None
    ways: dict[str, list[Spent]] = {"ours": [], "rclone": [], "naive": [], "splice": []}
    for number in range(rounds + 1):
        before = servers.counts()
        spent = {"ours": ours(servers, ["/large.mp4"], 1)}
        calls = {name: count - before.get(name, 0) for name, count in servers.counts().items()}
        if rclone:
            spent["rclone"] = rclone.copyurl(url, f"copy-{number}.mp4")
        spent["naive"] = peers.naive(servers.drive, servers.token, servers.login["folder_id"], [url])
        spent["splice"] = peers.splice(url, servers.drive, servers.token, servers.login["folder_id"])
        say(
            f"large {number} of {rounds}: "
            + ", ".join(f"{k} {mib * 1.048576 / v.seconds:.0f} MB/s" for k, v in spent.items())
        )
        for name, one in spent.items() if number else ():
            ways[name].append(one)
    speeds = {name: _speeds(mib, found) for name, found in ways.items() if found}
    for peer, must, aim in (("rclone", "0.8", "1.0"), ("naive", "1.7", ""), ("splice", "", "0.9")):
        if ways[peer]:
            ratio = [b.seconds / a.seconds for a, b in zip(ways["ours"], ways[peer], strict=True)]
            yield Line(f"{mib} MiB, MB/s ÷ {_NAMES[peer]}", speeds["ours"], speeds[peer], _range(ratio), must, aim)
    gb = mib * 1.048576 / 1000
    cpu = {name: [one.cpu_s / gb for one in found] for name, found in ways.items() if found}
    told = ", ".join(f"{name} {statistics.median(found):.2f}" for name, found in cpu.items() if name != "ours")
    yield Line("client CPU, s per GB, plain", _range(cpu["ours"]), told, "", "1.5", "1.1")
    made = ", ".join(
        f"{count} {name}" for name, count in sorted(calls.items()) if count and name not in ("token", "about.get")
    )
    yield Line(f"API calls for {mib} MiB", made)


_NAMES = {"rclone": "rclone copyurl", "naive": "temporary file + MediaFileUpload", "splice": "splice relay"}


def memory(servers: Stage) -> Iterator[Line]:
    """Memory above the idle process, for a small and a large file, and for several at once."""
    grown = {name: ours(servers, [f"/{name}.mp4"], 1).grown_mb for name in ("m64", "m2048", "large")}
    four = ours(servers, [f"/large.mp4?{n}" for n in range(4)], 4).grown_mb / 4
    yield Line("memory above idle, MiB, one large file", f"{grown['large'] / 1.048576:.1f}", "", "", "40", "25")
    yield Line("… four at once, each", f"{four / 1.048576:.1f}", "", "", "40", "25")
    yield Line("… 2 GiB less 64 MiB file", f"{(grown['m2048'] - grown['m64']) / 1.048576:.1f}", "", "", "8", "")


def small(servers: Stage, images: int, rounds: int) -> Iterator[Line]:
    """Many small files, from the origin; rclone from the same origin, and from a local folder."""
    found: dict[str, list[Spent]] = {"ours": [], "rclone": [], "rclone, local folder": []}
    rclone = Rclone(servers.home, servers.drive, servers.login, servers.token) if peers.has_rclone() else None
    paths = [f"/images/{number}.png" for number in range(images)]
    for number in range(rounds + 1):
        before = servers.counts()
        spent = {"ours": ours(servers, paths, 8)}
        calls = {name: count - before.get(name, 0) for name, count in servers.counts().items()}
        if rclone:
            spent["rclone"] = rclone.copy(f"{servers.origin}/images/", f"remote-{number}")
            spent["rclone, local folder"] = rclone.copy(str(servers.home / "served" / "images"), f"local-{number}")
        rates = ", ".join(f"{name} {images / one.seconds:.0f}/s" for name, one in spent.items())
        say(f"small {number} of {rounds}: {rates}")
        for name, one in spent.items() if number else ():
            found[name].append(one)
    yield from _against(found, images)
    yield Line("client CPU, ms per image", _range([one.cpu_s / images * 1000 for one in found["ours"]]))
    made = ", ".join(f"{count} {name}" for name, count in sorted(calls.items()) if count)
    yield Line(f"API calls for {images:,} images", made, "", "", "1 each + 1 per 1 000 ids, no list")


def _against(found: dict[str, list[Spent]], images: int) -> Iterator[Line]:
    for peer, must, aim in (("rclone", "1.6", "2.5"), ("rclone, local folder", "", "")):
        if found[peer]:
            ratio = [b.seconds / a.seconds for a, b in zip(found["ours"], found[peer], strict=True)]
            rates = [_range([images / one.seconds for one in found[way]], "{:.0f}") for way in ("ours", peer)]
            yield Line(f"{images:,} images, files/s ÷ {peer}, 8 transfers", *rates, _range(ratio), must, aim)


def slow(servers: Stage, images: int) -> Iterator[Line]:
    """The same when every API call takes 250 ms more."""
    if not peers.has_rclone():
        return
    count = min(images, 480)
    rclone = Rclone(servers.home, servers.drive, servers.login, servers.token)
    some = servers.home / "served" / "some"
    servers.tell(latency_ms=250)
    mine = ours(servers, [f"/images/{number}.png" for number in range(count)], 8)
    other = rclone.copy(str(some), "some")
    servers.tell(latency_ms=0)
    rates = [f"{files / one.seconds:.1f}" for files, one in ((count, mine), (_SOME, other))]
    ratio = float(rates[0]) / float(rates[1])
    yield Line("images, 250 ms more per API call, files/s ÷ rclone", *rates, f"{ratio:.1f}", "", "4")


def ours(servers: Stage, paths: Sequence[str], workers: int) -> Spent:
    """A run of the backup over these files of the origin, in books of its own."""
    kind, media_class = ("image", "images") if ".png" in paths[0] else ("video", "upscale")
    with database(servers.books) as url:
        insert_items(url, [servers.origin + path for path in paths], kind, media_class)
        login = servers.home / "login.json"
        login.write_text(json.dumps(servers.login))
        command = [sys.executable, "-m", "benchmarks.media_client", "--database-url", url, "--login", str(login)]
        ran = subprocess.run(
            [*command, "--origin", servers.origin, "--workers", str(workers)],
            capture_output=True,
            text=True,
            check=False,
        )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-1000:])
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["verified"] == len(paths), told
    return Spent(told["seconds"], told["cpu_s"], told["grown_mb"])


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


@contextmanager
def stage(home: Path, mib: int, images: int) -> Iterator[Stage]:
    """Start both servers and PostgreSQL."""
    served = home / "served"
    served.mkdir()
    for name, size in (("large", mib), ("m64", 64), ("m2048", 2048 if mib > 64 else 128)):
        _film(served / f"{name}.mp4", size << 20)
    image = _image()
    (served / "image.png").write_bytes(image)
    for name, count in (("images", images), ("some", _SOME)):
        (served / name).mkdir()
        for number in range(count):
            (served / name / f"{number}.png").hardlink_to(served / "image.png")
    with (
        postgres_server(home / "books") as books,
        _process("tests.fakes.drive", "--port", "0", "--discard") as drive,
        _process("tests.fakes.origins", str(served)) as origin,
    ):
        login = drive["logins"][_LOGIN]
        servers = Stage(home, books, drive["url"], origin["url"], login, _token(login))
        servers.tell(quota_bytes=1 << 50)
        yield servers


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
def _process(module: str, *arguments: str) -> Iterator[dict]:
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


def _speeds(mib: int, found: Sequence[Spent]) -> str:
    return _range([mib * 1.048576 / one.seconds for one in found], "{:.0f}")


def _range(values: Sequence[float], form: str = "{:.2f}") -> str:
    median, least, most = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least}-{most})"


if __name__ == "__main__":
    main()
