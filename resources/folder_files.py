"""Files of a folder vault: made durable, read back from the disk, given a name that nobody else has."""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial-"
# Of a folder, in the form that ``sha256sum --check`` reads.
SUMS: Final = ".sha256sums"
_BLOCK_BYTES: Final = 1 << 20
_SHA256_LETTERS: Final = 64
# Network and memory-stick file systems that have no hard links.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})

# File systems that know no locks: there a second writer is noticed by the checksum at the end.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def sync(folder: Path) -> None:
    """Make a file's new name as durable as its bytes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def partial_of(target: Path, remote_id: str) -> Path:
    """Where a file grows until it is whole: beside its name, hidden, one for each remote id."""
    return target.with_name(f"{PARTIAL}{hashlib.sha256(remote_id.encode()).hexdigest()[:32]}")


def open_alone(path: Path, *, makes: bool) -> int:
    """Open a file for reading and writing that nobody else has open so; its lock ends with its handle.

    Raises:
        FileNotFoundError: it is not there and is not to be made.
        BlockingIOError: another process, or another thread, has it.
    """
    while True:
        handle = os.open(path, os.O_RDWR | (os.O_CREAT if makes else 0), 0o644)
        try:
            _lock(handle)
            # It may have got its name, or been withdrawn, while we waited.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def sha256_of(handle: int) -> bytes:
    """The checksum of an open file as it is on the disk: what was just written is not taken from memory."""
    forget = getattr(os, "posix_fadvise", None)
    if forget:
        forget(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    digest, buffer, at = hashlib.sha256(), memoryview(bytearray(_BLOCK_BYTES)), 0
    while count := os.preadv(handle, [buffer], at):
        digest.update(buffer[:count])
        at += count
    return digest.digest()


def sha256_at(path: Path) -> bytes:
    """The checksum of a file as it is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return sha256_of(handle)
    finally:
        os.close(handle)


def give_name(partial: Path, target: Path) -> bool:
    """Give a whole file its name, durably; False: another file has it, and keeps it."""
    try:
        os.link(partial, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            return False
        partial.rename(target)
    else:
        partial.unlink()
    sync(target.parent)
    return True


def note_sum(target: Path, sha256: bytes) -> None:
    """Write a file's checksum into the list of its folder, durably: what is left when the books are lost."""
    handle = os.open(target.with_name(SUMS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{sha256.hex()}  {target.name}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def noted_sums(folder: Path) -> dict[str, bytes]:
    """The checksums a folder's list has, by file name; the newest of a name counts, a torn line does not."""
    try:
        text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    return dict(_parsed(text))


def _parsed(text: str) -> Iterator[tuple[str, bytes]]:
    for line in text.splitlines():
        digest, mark, name = line.partition("  ")
        if mark and name and len(digest) == _SHA256_LETTERS:
            try:
                yield name, bytes.fromhex(digest)
            except ValueError:
                continue
