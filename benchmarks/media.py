"""Media from an origin into Google Drive: against rclone, a temporary file with Google's client, and a splice relay.

Everybody talks to the same two servers over loopback: a Drive that hashes and keeps nothing, and an origin. Ratios are
those of one round, interleaved. Ours proves size and SHA-256 of every file and keeps its books in PostgreSQL; rclone
copyurl proves nothing.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from benchmarks import media_peers as peers
from benchmarks.media_peers import Rclone, Spent
from benchmarks.media_stage import LOGIN, SOME, Stage, certify, insert_items, process, stage
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, folder, options


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
            *secure(servers, mib, rounds),
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


def secure(servers: Stage, mib: int, rounds: int) -> Iterator[Line]:
    """The client's processor time where Drive is spoken to by TLS."""
    certificate, key = certify(servers.home)
    with process("tests.fakes.drive", "--port", "0", "--discard", "--tls", str(certificate), str(key)) as drive:
        login = drive["logins"][LOGIN]
        there = replace(servers, drive=drive["url"], login=login)
        trusting = {**os.environ, "SSL_CERT_FILE": str(certificate), "REQUESTS_CA_BUNDLE": str(certificate)}
        spent = [ours(there, [f"/large.mp4?tls{n}"], 1, environment=trusting) for n in range(rounds)]
    gb = mib * 1.048576 / 1000
    speeds = _speeds(mib, spent)
    yield Line("client CPU, s per GB, TLS", _range([one.cpu_s / gb for one in spent]), f"at {speeds} MB/s", "", "1.9")


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
    """The same when every API call takes longer: 20 ms as in the next city, 250 ms as on a bad day."""
    if not peers.has_rclone():
        return
    count = min(images, 480)
    rclone = Rclone(servers.home, servers.drive, servers.login, servers.token)
    some = servers.home / "served" / "some"
    for latency_ms, aim in ((20, ""), (250, "4")):
        servers.tell(latency_ms=latency_ms)
        mine = ours(servers, [f"/images/{number}.png" for number in range(count)], 8)
        other = rclone.copy(str(some), f"some-{latency_ms}")
        servers.tell(latency_ms=0)
        rates = [f"{files / one.seconds:.1f}" for files, one in ((count, mine), (SOME, other))]
        ratio = float(rates[0]) / float(rates[1])
        yield Line(f"images, {latency_ms} ms more per API call, files/s ÷ rclone", *rates, f"{ratio:.1f}", "", aim)


def ours(servers: Stage, paths: Sequence[str], workers: int, *, environment: Mapping[str, str] | None = None) -> Spent:
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
            env=environment,
        )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-1000:])
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["verified"] == len(paths), told
    return Spent(told["seconds"], told["cpu_s"], told["grown_mb"])


def _speeds(mib: int, found: Sequence[Spent]) -> str:
    return _range([mib * 1.048576 / one.seconds for one in found], "{:.0f}")


def _range(values: Sequence[float], form: str = "{:.2f}") -> str:
    median, least, most = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least}-{most})"


if __name__ == "__main__":
    main()
