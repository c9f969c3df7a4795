"""A backup that is killed again and again while one call in ten goes wrong: what is lost, doubled, and sent in vain."""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.media_stage import Stage, insert_items, stage
from benchmarks.report import Line, say, show
from benchmarks.stack import database, folder, options


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was left in the end."""

    kills: int
    files: int
    lost: int
    doubled: int
    needed_bytes: int
    sent_bytes: int
    runs: int

    @property
    def ratio(self) -> float:
        """Bytes sent for every byte needed."""
        return self.sent_bytes / self.needed_bytes


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--faults", type=float, default=0.1)
    asked = parser.parse_args()
    kills = 10 if asked.quick else asked.kills
    with folder() as home, stage(home, mib=64, images=1) as servers:
        found = torment(servers, kills=kills, faults=asked.faults, files=20 if asked.quick else 60, seed=7)
    lines = [
        Line("files lost", str(found.lost), "", "", "0"),
        Line("files doubled", str(found.doubled), "", "", "0"),
        Line("bytes sent ÷ bytes needed", f"{found.ratio:.3f}", "", "", "1.35", "1.2"),
    ]
    title = f"Media: {found.files} files of 64 MiB and 293 KB, {found.kills} kill -9, {asked.faults:.0%} of calls fail"
    show(title, lines, [f"{found.runs} runs, {found.needed_bytes / 1e9:.1f} GB"])


def torment(servers: Stage, *, kills: int, faults: float, files: int, seed: int) -> Outcome:
    """Back up ``files`` large files and five times as many images, killed at random moments ``kills`` times.

    When all is done before the last kill, there is more to do.
    """
    rng = np.random.default_rng(seed)
    with database(servers.books) as url:
        login = servers.home / "login.json"
        login.write_text(json.dumps(servers.login))
        servers.tell(faults=faults, seed=seed)
        batch = made = runs = 0
        while True:
            if not _waiting(url):
                if made >= kills:
                    break
                insert_items(url, [f"{servers.origin}/large.mp4?{batch}.{n}" for n in range(files)], "video", "upscale")
                insert_items(
                    url, [f"{servers.origin}/image.png?{batch}.{n}" for n in range(5 * files)], "image", "images"
                )
                batch += 1
            runs += 1
            made += _run(url, login, servers.origin, rng.uniform(0.05, 1.2) if made < kills else None)
            say(f"{made} kills, {_waiting(url)} copies wait")
        servers.tell(faults=0)
        return _judged(servers, url, made, runs)


def _run(url: str, login: Path, origin: str, kill_after_s: float | None) -> int:
    """One run; whether it was killed."""
    command = [sys.executable, "-m", "benchmarks.media_client", "--database-url", url, "--login", str(login)]
    running = subprocess.Popen(
        [*command, "--origin", origin, "--workers", "4", "--lease-s", "1", "--first-wait-s", "0.05"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        if running.stdout and not running.stdout.readline():
            return 0
        running.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        running.kill()
        # Its leases have to run out before another run may take them over.
        time.sleep(1.1)
        return 1
    finally:
        running.wait()
        if running.stdout:
            running.stdout.close()
    with psycopg.connect(url) as db:
        db.execute("update holdfast.media_copies set next_attempt_at = now() where state = 'pending'")
    return 0


def _waiting(url: str) -> int:
    with psycopg.connect(url) as db:
        (count,) = db.execute("select count(*) from holdfast.media_copies where state <> 'verified'").fetchone() or (0,)
    return int(count)


def _judged(servers: Stage, url: str, kills: int, runs: int) -> Outcome:
    """Compare the books with what the vault has."""
    with psycopg.connect(url) as db:
        rows = db.execute(
            "select c.remote_id, c.size_bytes, encode(c.sha256, 'hex') from holdfast.media_copies as c"
        ).fetchall()
    with urllib.request.urlopen(f"{servers.drive}/_fake/files") as answer:
        files = [one for one in json.loads(answer.read()) if one["sha256"]]
    with urllib.request.urlopen(f"{servers.drive}/_fake/log") as answer:
        sent = json.loads(answer.read())["upload_bytes"]
    held = {one["id"]: one for one in files}
    names = Counter(one["path"] for one in files)
    lost = sum(
        remote_id not in held or (int(held[remote_id]["size"]), held[remote_id]["sha256"]) != (size, sha256)
        for remote_id, size, sha256 in rows
    )
    return Outcome(
        kills=kills,
        files=len(rows),
        lost=lost,
        doubled=len(files) - len(rows) + sum(count - 1 for count in names.values()),
        needed_bytes=sum(size for _, size, _ in rows),
        sent_bytes=sent,
        runs=runs,
    )


if __name__ == "__main__":
    main()
