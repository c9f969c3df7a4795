"""The journal of a repair as a file: what every row was and became is on disk before it is committed."""

import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.consistency.journals import Entry, Header, Journal, read_header, read_journal
from holdfast.errors import PermanentError, PlanError


class JournalFile:
    """A journal that is open for writing, by one process at a time."""

    def __init__(self, file: io.BufferedRandom, path: Path) -> None:
        self._file = file
        self.path = path

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries; they are on disk when this returns."""
        try:
            for entry in entries:
                self._file.write(entry.to_line().encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error


@contextmanager
def open_journal(path: Path, header: Header) -> Iterator[JournalFile]:
    """Open a journal to go on with it, or make it.

    Raises:
        PlanError: the file is the journal of another repair, or no journal.
        PermanentError: it cannot be written, or another process does.
    """
    try:
        # Rows of the applications are nobody else's business.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermanentError(f"{path}: another process writes this journal; nothing was changed") from error
        _begin(file, path, header)
        yield JournalFile(file, path)


def read_file(path: Path) -> Journal:
    """Read a journal back. Errors as of ``holdfast.consistency.journals.read_journal``."""
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            return read_journal(lines, source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} cannot be read: {error}; nothing was changed") from error


def _begin(file: io.BufferedRandom, path: Path, header: Header) -> None:
    first = file.readline()
    if first.endswith(b"\n"):
        found = read_header(first.decode(errors="replace"), source=str(path))
        if found.repair_id != header.repair_id:
            raise PlanError(
                f"{path} is the journal of repair {found.repair_id}, not of {header.repair_id}; nothing was changed. "
                "Name another file (--journal)"
            )
        _cut(file)
        return
    # Cut off before its first line was whole: nothing was committed then.
    file.seek(0)
    file.truncate()
    try:
        file.write(header.to_line().encode())
        file.flush()
        os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _cut(file: io.BufferedRandom) -> None:
    """Take away a last line without its end: it was being written when the process was cut off."""
    end = 0
    file.seek(0)
    for line in file:
        end += len(line) if line.endswith(b"\n") else 0
    file.seek(end)
    file.truncate()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"the journal {path} cannot be written ({error.strerror}); the batch at hand was not committed. Make room, or "
        "name another file (--journal), and apply again"
    )
