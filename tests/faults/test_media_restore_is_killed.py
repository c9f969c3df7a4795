"""A restore that is killed at any point goes on where it was: whole files, no second half, little received twice."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from holdfast.media.vaults import MediaVault
from orchestration.settings import PROJECT
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from resources.folder import FolderVault
from resources.object_store import S3Vault
from tests.fakes.drive import FakeDrive
from tests.fakes.s3 import S3Server, s3_server
from tests.resources.media.shelves import Shelf
from tests.servers import eventually

SIZES = (30_000_000, 21_000_000, 300_000, 1)
KILLS = 6


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as found:
        yield found


@pytest.fixture
def drive() -> Iterator[FakeDrive]:
    with FakeDrive() as found:
        yield found


def environment(kind: str, tmp_path: Path, database_url: str, server: S3Server, drive: FakeDrive) -> dict[str, str]:
    base = {"PATH": os.environ["PATH"], "DATABASE_URL": database_url, "HOLDFAST_HOME": str(tmp_path / "state")}
    if kind == "folder":
        return base | {"HOLDFAST_MEDIA_FOLDER": str(tmp_path / "nas")}
    if kind == "drive":
        return base | {f"GOOGLE_DRIVE_{name.upper()}": value for name, value in drive.login().items()}
    access = server.access("kills")
    return base | {
        "STORAGE_S3_ENDPOINT": access.endpoint,
        "STORAGE_S3_BUCKET": access.bucket,
        "STORAGE_S3_ACCESS_KEY_ID": access.access_key_id,
        "STORAGE_S3_SECRET_ACCESS_KEY": access.secret_access_key,
    }


def bytes_in(home: Path) -> int:
    """Of whole files and of halves."""
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "s3", "drive"])
def test_a_restore_that_is_killed_goes_on(
    kind: str, tmp_path: Path, database_url: str, server: S3Server, drive: FakeDrive
) -> None:
    server.make_bucket("kills")
    vaults: dict[str, MediaVault] = {
        "folder": FolderVault(tmp_path / "nas"),
        "s3": S3Vault(server.access("kills")),
        "drive": DriveVault(DriveAccess(**drive.login())),
    }
    vault = vaults[kind]
    shelf = Shelf(database_url, {kind: vault})
    contents = {f"row-{size}": os.urandom(size) for size in SIZES}
    for name, content in contents.items():
        shelf.add(name, content)
    # As slow as a real line, so that there is a middle to be killed in.
    server.door.bytes_per_s = 30_000_000
    home, rng = tmp_path / "home", secrets.SystemRandom()
    argv = [sys.executable, "-m", "orchestration.cli", "restore", "media", "--all", "--to", str(home), "--workers", "2"]
    given = environment(kind, tmp_path, database_url, server, drive)
    for _ in range(KILLS):
        before = bytes_in(home)
        child = subprocess.Popen(argv, cwd=PROJECT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(partial(lambda child, before: bytes_in(home) > before or child.poll() is not None, child, before))
        time.sleep(rng.uniform(0, 0.1))
        child.send_signal(signal.SIGKILL)
        child.wait()
    vault.close()
    before = bytes_in(home)
    done = subprocess.run([*argv, "--json"], cwd=PROJECT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["restored_files"] + told["already_files"] == len(SIZES)
    # What earlier attempts received was not received again.
    assert told["received_bytes"] == sum(SIZES) - before
    found = {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert found == {f"{name}-0123456789.mp4": content for name, content in contents.items()}
