"""A vault in a folder of this machine, or of a NAS: every file whole or not there."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast, overload

from holdfast.errors import AlreadyStoredError, NotInVaultError, PermanentError
from holdfast.media.vaults import Buffer, Content, NewFile, Space, Stored
from holdfast.vaults import LONGEST_NAME, check_name
from resources.folder_documents import FolderDocuments
from resources.folder_files import noted_sums, sha256_at
from resources.folder_place import LABEL, Place
from resources.folder_upload import FolderUpload, conflict

_PART_BYTES: Final = 8 << 20


class FolderVault:
    """A ``holdfast.vaults.Vault`` and a ``holdfast.media.vaults.MediaVault`` in a folder.

    A remote id is a name. What proves a file is its sha256, read back from the disk; it is also written into a hidden
    list beside the file (``sha256sum --check .sha256sums``). A folder that held media is recognised by a marker file:
    where that is missing, nothing is stored and nothing counts as missing.
    """

    def __init__(
        self, folder: Path, *, was_used: Callable[[], bool] = lambda: False, part_bytes: int = _PART_BYTES
    ) -> None:
        """Name the folder; opens nothing.

        Args:
            folder: of this machine, or where a network share is mounted.
            was_used: whether files are known to be here. Asked only where the marker is missing: it tells a new
                folder from a share that is not mounted.
            part_bytes: of uploads.
        """
        self._part_bytes = part_bytes
        self._folder = folder
        self._documents = FolderDocuments(folder)
        self._place = Place(folder, was_used)

    @property
    def label(self) -> str:
        """``folder``."""
        return LABEL

    @property
    def part_bytes(self) -> int:
        """8 MiB."""
        return self._part_bytes

    @property
    def most_at_once_bytes(self) -> int:
        """One part."""
        return self._part_bytes

    @property
    def largest_file_bytes(self) -> int | None:
        """The file system does not say before it refuses."""
        return None

    @property
    def draws_ids(self) -> bool:
        """No: an id is a name."""
        return False

    def reserve(self, names: Sequence[str]) -> list[str]:
        """The names themselves. Makes the folder a vault where it never was one."""
        with self._place.errors("its marker", "nothing was stored"):
            self._place.make()
        return [check_name(name) for name in names]

    @overload
    def put(self, name: str, content: bytes) -> None: ...

    @overload
    def put(self, name: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored: ...

    def put(self, name: str | NewFile, content: bytes | Sequence[Buffer], sha256: bytes = b"") -> Stored | None:
        """Store a document under its name, in place of the one before; or a small file, in place of none."""
        if isinstance(name, str):
            self._documents.put(name, cast("bytes", content))
            return None
        return self._put_file(name, cast("Sequence[Buffer]", content), sha256)

    def get(self, name: str) -> bytes:
        """Read a document."""
        return self._documents.get(name)

    def names(self, prefix: str = "") -> list[str]:
        """Every whole file below the folder."""
        return self._documents.names(prefix)

    def remove(self, name: str) -> None:
        """Delete a document or a file."""
        self._documents.remove(name)

    def upload(self, file: NewFile, state: bytes | None = None) -> FolderUpload:
        """Begin a large file, or go on."""
        target = self._target(file.remote_id)
        if target.is_file():
            raise AlreadyStoredError(
                f"vault {self._folder}: {file.remote_id} is there already, {target.stat().st_size} bytes"
            )
        return FolderUpload(self._place, file, target, state)

    def find(self, remote_id: str) -> Stored | None:
        """The file of this name, with its checksum as the disk gives it back: all of it is read."""
        target = self._target(remote_id)
        with self._place.errors(remote_id, "nothing was changed"):
            if not target.is_file():
                return None
            return self._stored(remote_id, target, sha256_at(target))

    @contextlib.contextmanager
    def read(self, remote_id: str, *, offset: int = 0) -> Iterator[Content]:
        """Open a file."""
        target = self._target(remote_id)
        with self._place.errors(remote_id, "nothing was read"):
            try:
                handle = os.open(target, os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotInVaultError(f"vault {self._folder}: there is no {remote_id}") from None
        try:
            yield _OpenFile(self._place, remote_id, handle, offset)
        finally:
            os.close(handle)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Every whole file, with the checksum that was noted when it was stored, where one was."""
        with self._place.errors(prefix or "its folders", "nothing was changed"):
            if not self._place.is_there():
                return
        with self._place.errors(prefix or "its folders", "not all of it was listed"):
            for folder, folders, files in os.walk(self._folder, onerror=_raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                yield from self._in(Path(folder), files, prefix)

    def note_sent_today(self, sent_bytes: int) -> None:
        """It has no daily limit."""

    def space(self) -> Space:
        """How full its disk is, whoever filled it."""
        with self._place.errors("its disk", "nothing was changed"):
            return self._place.space()

    def probe(self) -> str:
        """Store a tiny file and remove it again."""
        with self._place.errors("a tiny file", "what is there stays"):
            self._place.is_there()
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f".probe-{secrets.token_hex(8)}"
            try:
                path.write_bytes(b"holdfast")
            finally:
                path.unlink(missing_ok=True)
        return f"files go into {self._folder}"

    def close(self) -> None:
        """Nothing is open between calls."""

    def _target(self, remote_id: str) -> Path:
        target = self._folder / _inside(remote_id)
        with self._place.errors(remote_id, "nothing was changed"):
            self._place.demand()
        return target

    def _put_file(self, file: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored:
        if stored := self._same(file, sha256):
            return stored
        upload = FolderUpload(self._place, file, self._target(file.remote_id), None)
        try:
            for piece in content:
                upload.send(piece, total_bytes=file.size_bytes)
            return upload.finish(sha256)
        except BaseException:
            upload.abandon()
            raise

    def _same(self, file: NewFile, sha256: bytes) -> Stored | None:
        """What is there under this name, if it is this very file; none where nothing is there."""
        stored = self.find(file.remote_id)
        if stored and stored.sha256 != sha256:
            raise conflict(self._place, file.remote_id)
        return stored

    def _in(self, folder: Path, files: Sequence[str], prefix: str) -> Iterator[Stored]:
        sums: dict[str, bytes] | None = None
        for file in files:
            path = folder / file
            name = path.relative_to(self._folder).as_posix()
            if file.startswith(".") or not name.startswith(prefix) or not _can_be_told(name):
                continue
            sums = noted_sums(folder) if sums is None else sums
            with contextlib.suppress(FileNotFoundError):
                yield self._stored(name, path, sums.get(file))

    def _stored(self, name: str, path: Path, sha256: bytes | None) -> Stored:
        size_bytes = path.stat().st_size
        return Stored(remote_id=name, name=name, size_bytes=size_bytes, sha256=sha256, url=path.absolute().as_uri())


class _OpenFile:
    """The bytes of a file from an offset on."""

    def __init__(self, place: Place, name: str, handle: int, offset: int) -> None:
        self._place = place
        self._name = name
        self._handle = handle
        self._offset = offset

    def readinto(self, buffer: memoryview) -> int:
        """Read on."""
        with self._place.errors(self._name, f"{self._offset} bytes of it were read"):
            count = os.preadv(self._handle, [buffer], self._offset)
        self._offset += count
        return count


def _inside(remote_id: str) -> str:
    """The path, if it stays inside: files that people put there may have names that we do not give."""
    parts = remote_id.split("/")
    if "\0" in remote_id or any(not part or part.startswith(".") for part in parts):
        raise PermanentError(
            f"vault: {remote_id[:LONGEST_NAME]!r} is no remote id of a folder: expected the path of a file in it. "
            "Nothing was changed"
        )
    return remote_id


def _can_be_told(name: str) -> bool:
    """Whether its name is text: what is not can be in no table and on no line."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise(error: OSError) -> None:
    raise error
