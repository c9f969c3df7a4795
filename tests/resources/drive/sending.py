"""Files for the tests, sent as the engine sends them."""

import hashlib
import os

from holdfast.errors import TransientError, UploadLostError, VaultClosedError
from holdfast.media.vaults import NewFile, Stored, Upload
from resources.drive.vault import DriveVault

PART = 262_144


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def some(parts: float) -> bytes:
    """Content of so many parts."""
    return os.urandom(int(parts * PART))


def new(vault: DriveVault, content: bytes | None = None, name: str = "upscale/2026-11/cat.mp4") -> NewFile:
    (remote_id,) = vault.reserve([name])
    size = None if content is None else len(content)
    facts = (("item", "gen_videos/7"),)
    return NewFile(name=name, remote_id=remote_id, content_type="video/mp4", size_bytes=size, facts=facts)


def put(vault: DriveVault, content: bytes, name: str = "images/2026-11/cat.png") -> Stored:
    return vault.put(new(vault, content, name), [content], sha(content))


def send(upload: Upload, content: bytes, *, knows_total: bool = True, tries: int = 20) -> Upload:
    """Every part that Drive has not, again and again as it goes wrong."""
    while upload.offset < len(content):
        part = memoryview(content)[upload.offset : upload.offset + PART]
        is_last = upload.offset + len(part) == len(content)
        try:
            taken = upload.send(part, total_bytes=len(content) if knows_total or is_last else None)
        except (VaultClosedError, UploadLostError):
            raise
        except TransientError:
            taken = 0
        tries -= not taken
        assert tries > 0, "it takes nothing"
    return upload


def send_whole(vault: DriveVault, content: bytes) -> Stored:
    return send(vault.upload(new(vault, content)), content).finish(sha(content))


def whole(vault: DriveVault, remote_id: str, offset: int = 0) -> bytes:
    buffer, found = memoryview(bytearray(100_000)), bytearray()
    with vault.read(remote_id, offset=offset) as content:
        while count := content.readinto(buffer):
            found += buffer[:count]
    return bytes(found)
