"""Where a folder vault is: its marker, its room, and what the errors of its file system mean."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError, PermanentError, TransientError, VaultClosedError
from holdfast.media.vaults import Space
from resources.folder_files import sync

LABEL: Final = "folder"
MARKER: Final = ".holdfast-vault"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_RIGHTS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_AWAY: Final = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN}
    | {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EREMOTEIO, errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE}
)
# What stays free: databases may live on the same disk.
_LEAST_FREE_BYTES: Final = 1_000_000_000
_LEAST_FREE_SHARE: Final = 0.05
_MARKED: Final = (
    "A vault of Holdfast. It is recognised by this file: where it is missing, nothing is stored, because a disk or "
    "network share may not be mounted.\n"
)


class Place:
    """A folder that is, or becomes, a vault."""

    def __init__(self, folder: Path, was_used: Callable[[], bool]) -> None:
        self.folder = folder
        self._was_used = was_used
        self._has_seen_it = False

    def is_there(self) -> bool:
        """Whether there is a vault here; False: there never was one.

        Raises:
            TransientError: there was one, and it is not here now.
        """
        if self._sees_it():
            return True
        if not (self._has_seen_it or self._was_used()):
            return False
        # Another thread or process may have made it in between.
        if self._sees_it():
            return True
        raise self._vanished()

    def demand(self) -> None:
        """Go on only where there is a vault: whoever asks has reserved a name in it.

        Raises:
            TransientError: it is not here now.
        """
        if not self.is_there():
            raise self._vanished()

    def make(self) -> None:
        """Make the folder a vault, where it was none."""
        if not self.is_there():
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / MARKER).open("w", encoding="utf-8") as file:
                file.write(_MARKED)
                file.flush()
                os.fsync(file.fileno())
            sync(self.folder)
            self._has_seen_it = True

    def space(self) -> Space:
        """How full its disk is, whoever filled it."""
        there = self.folder
        while not there.exists():
            there = there.parent
        usage = shutil.disk_usage(there)
        return Space(used_bytes=usage.used, limit_bytes=usage.used + usage.free)

    def demand_room(self, name: str, more_bytes: int) -> None:
        """Go on only where this much can be written and some of the disk stays free.

        Raises:
            VaultClosedError: it cannot.
        """
        usage = shutil.disk_usage(self.folder)
        kept = min(_LEAST_FREE_BYTES, int(usage.total * _LEAST_FREE_SHARE))
        if (missing := more_bytes + kept - usage.free) > 0:
            raise VaultClosedError(
                LABEL,
                f"vault {self.folder}: {name} needs {more_bytes} bytes more and {kept} stay free on this disk, but "
                f"only {usage.free} are: {missing} bytes are missing. What is there stays. Make room, or set "
                "HOLDFAST_MEDIA_FOLDER to a larger disk and move the files there",
                by="quota",
                needed_bytes=missing,
            )

    @contextmanager
    def errors(self, name: str, state: str) -> Iterator[None]:
        """Turn what the file system says into our errors.

        Args:
            name: of the file it is about.
            state: what is left as it was, or half done.
        """
        try:
            yield
        except OSError as error:
            raise self._ours(error, name, state) from error

    def _sees_it(self) -> bool:
        self._has_seen_it = (is_there := (self.folder / MARKER).exists()) or self._has_seen_it
        return is_there

    def _vanished(self) -> TransientError:
        return TransientError(
            f"vault {self.folder}: there is no {MARKER} in it, so it is not the vault that it was: most likely its "
            "disk or network share is not mounted. Nothing was written and nothing counts as missing. Mount it; where "
            f"its files were moved here by hand and are whole, make an empty file {self.folder / MARKER}"
        )

    def _ours(self, error: OSError, name: str, state: str) -> HoldfastError:
        said = error.strerror or str(error)
        if error.errno in _FULL:
            return VaultClosedError(
                LABEL, f"vault {self.folder}: the disk is full ({said}); {name}: {state}. Make room", by="quota"
            )
        if error.errno in _RIGHTS:
            return VaultClosedError(
                LABEL,
                f"vault {self.folder}: {name}: {said}; {state}. Make the folder readable and writable for this user",
                by="rights",
            )
        if error.errno in _AWAY:
            return TransientError(
                f"vault {self.folder}: {name}: {said}; {state}. See that its disk or network share is there; the next "
                "attempt goes on"
            )
        if error.errno == errno.EFBIG:
            return PermanentError(
                f"vault {self.folder}: {name} is larger than this file system takes; {state}. Use another one, or "
                "another vault for files of this class"
            )
        return PermanentError(
            f"vault {self.folder}: {name}: {said}; {state}. See that nothing else stands where its folders should be"
        )
