"""Vaults of media for the contract suite: real ones, and what tests do behind their backs."""

import os
import secrets
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from holdfast.media.vaults import MediaVault
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from resources.folder import FolderVault
from resources.object_store import S3Vault
from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault as DriveFault
from tests.fakes.s3 import Fault, S3Server, s3_server

HOUSES = ("folder", "s3", "drive")
# Small, so that a file has many parts.
PART_BYTES = 1000


class House(ABC):
    """Where a vault is."""

    def __init__(self) -> None:
        self._opened: list[MediaVault] = []

    def open(self) -> MediaVault:
        """A vault of this place; of a second one, as another process would have it."""
        self._opened.append(self.new())
        return self._opened[-1]

    def close(self) -> None:
        """Close every vault that was opened."""
        while self._opened:
            self._opened.pop().close()

    @abstractmethod
    def new(self) -> MediaVault:
        """A vault of this place."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """Python that makes a vault of this place, with the parts of a real one, in another process."""

    @abstractmethod
    def damage_next(self) -> None:
        """The next bytes that are sent arrive as others."""

    @abstractmethod
    def damage(self, remote_id: str) -> None:
        """A byte of a whole file changes where it lies."""

    @abstractmethod
    def forget_halves(self) -> None:
        """What was sent half is gone."""

    @abstractmethod
    def names(self) -> list[str]:
        """Every whole file that is really there."""


class FolderHouse(House):
    """A folder of this machine."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.folder, self.patch = folder, patch

    def new(self) -> MediaVault:
        return FolderVault(self.folder, part_bytes=PART_BYTES)

    @property
    def expression(self) -> str:
        return f"FolderVault(Path({str(self.folder)!r}))"

    def damage_next(self) -> None:
        """What a bad disk does between taking bytes and giving them back."""
        sync = os.fsync

        def damaging(handle: int) -> None:
            sync(handle)
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                self.patch.setattr(os, "fsync", sync)
                last = os.pread(handle, 1, status.st_size - 1)[0]
                os.pwrite(handle, bytes([last ^ 1]), status.st_size - 1)

        self.patch.setattr(os, "fsync", damaging)

    def damage(self, remote_id: str) -> None:
        flip(self.folder / remote_id)

    def forget_halves(self) -> None:
        for path in self.folder.rglob(".partial-*"):
            path.unlink()

    def names(self) -> list[str]:
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)


class S3House(House):
    """A bucket of a real S3 server."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        super().__init__()
        self.server, self.bucket = server, bucket

    def new(self) -> MediaVault:
        return S3Vault(self.server.access(self.bucket), part_bytes=PART_BYTES)

    @property
    def expression(self) -> str:
        return f"S3Vault(S3Access(**{asdict(self.server.access(self.bucket))!r}))"

    def damage_next(self) -> None:
        self.server.door.faults.append(Fault(rf"PUT /{self.bucket}/", flips=True))

    def damage(self, remote_id: str) -> None:
        self.server.flip(remote_id, self.bucket)

    def forget_halves(self) -> None:
        client = self.server.client()
        for found in client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=self.bucket, Key=found["Key"], UploadId=found["UploadId"])

    def names(self) -> list[str]:
        return sorted(
            one["Key"] for one in self.server.client().list_objects_v2(Bucket=self.bucket).get("Contents", ())
        )


class DriveHouse(House):
    """A folder of a shared drive of a Google Drive of our own."""

    def __init__(self, drive: FakeDrive) -> None:
        super().__init__()
        self.drive = drive

    def new(self) -> MediaVault:
        # Drive takes parts of multiples of this.
        return DriveVault(DriveAccess(**self.drive.login("shared_drive")), part_bytes=256 * 1024)

    @property
    def expression(self) -> str:
        return f"DriveVault(DriveAccess(**{self.drive.login('shared_drive')!r}))"

    def damage_next(self) -> None:
        self.drive.faults.add(DriveFault("upload.[mc]*", kind="corrupt"))

    def damage(self, remote_id: str) -> None:
        file = self.drive.world.files[remote_id]
        content = bytearray(file.whole())
        content[len(content) // 2] ^= 1
        file.content = bytes(content)

    def forget_halves(self) -> None:
        self.drive.uploads.sessions.clear()

    def names(self) -> list[str]:
        paths = [self.drive.world.path(file).split("/", 1) for file in self.drive.stored()]
        return sorted(path for _, path in paths)


def flip(path: Path) -> None:
    """Change the byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextmanager
def house(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[House]:
    """A new and empty place for a vault of this kind, until the block ends."""
    with ExitStack() as stack:
        found = _house(kind, folder, patch, stack)
        stack.callback(found.close)
        yield found


def _house(kind: str, folder: Path, patch: pytest.MonkeyPatch, stack: ExitStack) -> House:
    if kind == "folder":
        return FolderHouse(folder / "vault", patch)
    if kind == "drive":
        return DriveHouse(stack.enter_context(FakeDrive()))
    server = stack.enter_context(s3_server())
    # moto's buckets outlive its server.
    bucket = f"media-{secrets.token_hex(4)}"
    server.make_bucket(bucket)
    return S3House(server, bucket)
