"""Vaults of media for the contract suite: real ones, and what tests do behind their backs."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from holdfast.media.vaults import MediaVault
from resources.folder import FolderVault
from resources.object_store import S3Vault
from tests.fakes.s3 import Fault, S3Server, s3_server

HOUSES = ("folder", "s3")
# Small, so that a file has many parts.
PART_BYTES = 1000


class House(Protocol):
    """Where a vault is."""

    def open(self) -> MediaVault:
        """A vault of this place; of a second one, as another process would have it."""

    def damage_next(self) -> None:
        """The next bytes that are sent arrive as others."""

    def damage(self, remote_id: str) -> None:
        """A byte of a whole file changes where it lies."""

    def forget_halves(self) -> None:
        """What was sent half is gone."""

    def names(self) -> list[str]:
        """Every whole file that is really there."""


@dataclass
class FolderHouse:
    """A folder of this machine."""

    folder: Path
    patch: pytest.MonkeyPatch

    def open(self) -> MediaVault:
        return FolderVault(self.folder, part_bytes=PART_BYTES)

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


@dataclass
class S3House:
    """A bucket of a real S3 server."""

    server: S3Server
    bucket: str

    def open(self) -> MediaVault:
        return S3Vault(self.server.access(self.bucket), part_bytes=PART_BYTES)

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


def flip(path: Path) -> None:
    """Change the byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextmanager
def house(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[House]:
    """A new and empty place for a vault of this kind, until the block ends."""
    if kind == "folder":
        yield FolderHouse(folder / "vault", patch)
    elif kind == "s3":
        with s3_server() as server:
            # moto's buckets outlive its server.
            bucket = f"media-{secrets.token_hex(4)}"
            server.make_bucket(bucket)
            yield S3House(server, bucket)
    else:
        raise ValueError(kind)
