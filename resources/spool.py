"""Where packed cycles wait on disk while the buffer is away: a queue that survives a kill at any point.

A folder of segments. An entry is framed as length, CRC-32 and bytes and is on disk when ``append`` returns. A segment
goes when all of its entries were sent: a crash sends at most one segment's entries again, and never loses one.
"""

import contextlib
import errno
import fcntl
import logging
import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError, TransientError
from resources.sources.surprises import Log

SEGMENT_BYTES: Final = 1_000_000
ENTRY_LIMIT_BYTES: Final = 64 * 1024 * 1024
_HEADER: Final = struct.Struct(">4sII")
_MAGIC: Final = b"HFC1"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Spool:
    """An ordered queue of entries in a folder that one process at a time may use. Safe to use from threads."""

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int = 256_000_000,
        segment_bytes: int = SEGMENT_BYTES,
        log: Log | None = None,
    ) -> None:
        """Lock the folder and find what an earlier process left.

        Raises:
            PermanentError: another process uses the folder, or it cannot be written.
        """
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._segment_bytes = segment_bytes
        self._log = log or logging.getLogger(__name__)
        self._guard = threading.Lock()
        self._drainer = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self._segments = deque(filter(None, map(self._recovered, sorted(folder.glob("*.cycles")))))
        except OSError as error:
            raise PermanentError(f"spool folder {folder} cannot be used: {error.strerror}; make it writable") from error

    def __len__(self) -> int:
        with self._guard:
            return sum(len(segment.entries) for segment in self._segments)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, in segments."""
        return sum(segment.size_bytes for segment in list(self._segments))

    def append(self, packed: bytes) -> None:
        """Add an entry behind all others; it is on disk when this returns.

        Raises:
            TransientError: the disk or the spool is full, or the write failed; the entry is not in the spool.
        """
        frame = _HEADER.pack(_MAGIC, len(packed), zlib.crc32(packed)) + packed
        with self._guard:
            if self.size_bytes + len(frame) > self._limit_bytes or len(packed) > ENTRY_LIMIT_BYTES:
                raise TransientError(
                    f"spool {self._folder} is full: {self.size_bytes} of {self._limit_bytes} bytes; "
                    "bring the buffer back, entries leave the spool by themselves"
                )
            try:
                segment = self._newest()
                segment.append(frame)
            except OSError as error:
                what = "the disk is full" if error.errno in _FULL else f"writing failed ({error.strerror})"
                raise TransientError(f"spool {self._folder}: {what}; this entry is not in the spool") from error

    def drain(self, send: Callable[[Sequence[bytes]], None], batch: int = 50) -> int:
        """Send everything, oldest first; the number of entries sent.

        An entry is removed after ``send`` returned. What ``send`` raises passes through and its entries stay.
        """
        sent = 0
        with self._drainer:
            while entries := self._oldest(batch):
                send(entries)
                self._remove(len(entries))
                sent += len(entries)
        return sent

    def close(self) -> None:
        """Let go of the folder. May be called twice."""
        with self._guard:
            for segment in self._segments:
                segment.close()
            if not self._lock.closed:
                self._lock.close()

    def _oldest(self, batch: int) -> list[bytes]:
        with self._guard:
            return self._segments[0].oldest(batch) if self._segments else []

    def _remove(self, count: int) -> None:
        with self._guard:
            segment = self._segments[0]
            for _ in range(count):
                segment.entries.popleft()
            if not segment.entries:
                segment.close()
                segment.path.unlink()
                self._segments.popleft()

    def _newest(self) -> "_Segment":
        if not self._segments or self._segments[-1].size_bytes >= self._segment_bytes:
            number = int(self._segments[-1].path.stem) + 1 if self._segments else 1
            path = self._folder / f"{number:012}.cycles"
            path.touch(exist_ok=False)
            _sync_folder(self._folder)
            self._segments.append(_Segment(path, deque(), 0))
        return self._segments[-1]

    def _recovered(self, path: Path) -> "_Segment | None":
        """A segment as an earlier process left it, cut behind its last whole entry; None where it has none."""
        content = path.read_bytes()
        entries = deque(_whole_entries(content))
        good_bytes = entries[-1][1] if entries else 0
        if good_bytes < len(content):
            lost_bytes = len(content) - good_bytes
            kept_as = _set_aside(path, content[good_bytes:])
            os.truncate(path, good_bytes)
            self._log.warning(
                "spool: %s: its last %d bytes are no whole entry (a write was interrupted) and are kept as %s; "
                "the %d entries before them are whole",
                path.name,
                lost_bytes,
                kept_as,
                len(entries),
            )
        if not entries:
            path.unlink()
            return None
        return _Segment(path, entries, good_bytes)


class _Segment:
    """One file of the queue, and where its entries that were not sent yet begin and end."""

    def __init__(self, path: Path, entries: deque[tuple[int, int]], size_bytes: int) -> None:
        self.path = path
        self.entries = entries
        self.size_bytes = size_bytes
        self._file: int | None = None

    def oldest(self, batch: int) -> list[bytes]:
        with self.path.open("rb") as file:
            return [os.pread(file.fileno(), end - start, start) for start, end in islice(self.entries, batch)]

    def append(self, frame: bytes) -> None:
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            written = 0
            while written < len(frame):
                written += os.write(self._file, frame[written:])
            os.fsync(self._file)
        except OSError:
            # Half an entry in the middle would hide the next ones.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size_bytes)
            raise
        self.entries.append((self.size_bytes + _HEADER.size, self.size_bytes + len(frame)))
        self.size_bytes += len(frame)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _whole_entries(content: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the entries in front of the first byte that is not part of a whole one."""
    offset = 0
    while offset + _HEADER.size <= len(content):
        magic, length, checksum = _HEADER.unpack_from(content, offset)
        start, end = offset + _HEADER.size, offset + _HEADER.size + length
        if magic != _MAGIC or end > len(content) or zlib.crc32(content[start:end]) != checksum:
            return
        yield start, end
        offset = end


def _set_aside(path: Path, tail: bytes) -> str:
    """Keep bytes that are no entry, for whoever wants to look at them."""
    aside = path.with_suffix(".damaged")
    with aside.open("ab") as file:
        file.write(tail)
    return aside.name


def _locked(folder: Path) -> "_Lock":
    """The folder's lock, held until it is closed or the process ends, however it ends."""
    lock = _Lock(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600))
    try:
        fcntl.flock(lock.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock.file, 32, 0).decode(errors="replace").strip() or "unknown"
        lock.close()
        raise PermanentError(
            f"another collector (pid {pid}) already runs here, with the spool {folder}; "
            "stop it, or give this one a HOLDFAST_HOME of its own"
        ) from None
    os.ftruncate(lock.file, 0)
    os.pwrite(lock.file, f"{os.getpid()}\n".encode(), 0)
    return lock


class _Lock:
    """An open lock file."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.closed = False

    def close(self) -> None:
        self.closed = True
        os.close(self.file)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its bytes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
