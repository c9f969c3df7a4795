"""Small documents in a folder, by name: every one whole or not there."""

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.vaults import check_name, not_there
from resources.folder_files import PARTIAL, sync

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderDocuments:
    """A ``holdfast.vaults.Vault`` in a folder. The folder is made with the first content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Write beside the name, make it durable, and move it there in one step."""
        path = self._folder / check_name(name)
        # No name of the vault begins with a dot, so what a kill leaves behind is nobody's content.
        partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            sync(path.parent)
        except OSError as error:
            raise self._ours(error, name, "what was there before stays") from error

    def get(self, name: str) -> bytes:
        """Read a file."""
        try:
            return (self._folder / check_name(name)).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise not_there(str(self._folder), name, self.names()) from None
        except OSError as error:
            raise self._ours(error, name, "nothing was read") from error

    def names(self, prefix: str = "") -> list[str]:
        """Every whole file below the folder."""
        try:
            paths = [path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        except OSError as error:
            raise self._ours(error, prefix, "nothing was read") from error
        return sorted(name for path in paths if (name := path.relative_to(self._folder).as_posix()).startswith(prefix))

    def remove(self, name: str) -> None:
        """Delete a file."""
        try:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (self._folder / check_name(name)).unlink()
        except OSError as error:
            raise self._ours(error, name, "it is still there") from error

    def _ours(self, error: OSError, name: str, state: str) -> HoldfastError:
        if error.errno in _FULL:
            return TransientError(f"vault {self._folder}: the disk is full; {name}: {state}. Make room and try again")
        return PermanentError(
            f"vault {self._folder}: {name}: {error.strerror}; {state}. Make the folder readable and writable for "
            "this user"
        )
