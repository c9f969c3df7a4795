"""A backup that is killed at any moment: nothing is lost, nothing is there twice, and little is sent again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest

from orchestration.settings import PROJECT
from tests.fakes.drive import FakeDrive
from tests.fakes.origins import origin
from tests.resources.media.application import add_image, add_video, make_tables
from tests.resources.media.books import Books
from tests.resources.media.files import film, picture

pytestmark = pytest.mark.slow
KILLS = 8


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "orchestration.cli", "media", "run", "--workers", "3"]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_backup_that_is_killed_again_and_again_is_finished_by_the_next(database_url: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    make_tables(database_url)
    with origin() as there, FakeDrive() as drive:
        contents = {f"/{n}.mp4": film(24 << 20, n) for n in range(6)}
        contents |= {f"/{n}.png": picture(100_000, n) for n in range(40)}
        for path, content in contents.items():
            link = there.put(path, content)
            _ = add_video(database_url, upscale=link) if path.endswith("mp4") else add_image(database_url, link)
        login = {f"GOOGLE_DRIVE_{name.upper()}": value for name, value in drive.login("shared_drive").items()}
        environment = login | {
            "DATABASE_URL": database_url, "HOLDFAST_HOME": str(tmp_path), "MEDIA_ALLOWED_HOSTS": there.url,
        }  # fmt: skip
        drive.set(latency_ms=30, faults=0.1, seed=5)
        for _ in range(KILLS):
            process = start(environment)
            assert process.stdout
            process.stdout.readline()
            time.sleep(rng.uniform(0.02, 0.8))
            process.kill()
            process.communicate()
            hurry(database_url)
        for _ in range(5):
            process = start(environment)
            output, _ = process.communicate()
            hurry(database_url)
            if not waiting(database_url):
                break
        assert not waiting(database_url), output
        stored = {file.id: file.whole() for file in drive.stored()}
        rows = Books(database_url).rows(
            "select c.remote_id, i.url from holdfast.media_copies c join holdfast.media_items i using (item_id)"
        )
        assert {stored[row["remote_id"]] == contents[row["url"].removeprefix(there.url)] for row in rows} == {True}
        assert len(stored) == len(rows) == len(contents)
        needed = sum(len(content) for content in contents.values())
        sent = sum(call.received_bytes for call in drive.calls if call.name.startswith("upload."))
        assert sent < 1.5 * needed


def hurry(url: str) -> None:
    """What the killed run had is free, and what has to wait has waited."""
    with psycopg.connect(url) as connection:
        connection.execute("update holdfast.media_copies set lease_until = now() where lease_until > now()")
        connection.execute("update holdfast.media_copies set next_attempt_at = now() where state = 'pending'")


def waiting(url: str) -> int:
    return int(Books(url).value("select count(*) from holdfast.media_copies where state <> 'verified'"))
