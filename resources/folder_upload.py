"""A file on its way into a folder vault: it grows beside its name, hidden, and gets the name when it is proven."""

import os
from pathlib import Path
from typing import Final

from holdfast.errors import ConflictError, DamagedCopyError, TransientError, UploadLostError
from holdfast.media.vaults import Buffer, NewFile, Stored
from resources.folder_files import give_name, note_sum, open_alone, partial_of, sha256_at, sha256_of
from resources.folder_place import Place

_FORM: Final = "folder 1 "


class FolderUpload:
    """A ``holdfast.media.vaults.Upload`` into a folder. The partial file is locked: it has one writer."""

    def __init__(self, place: Place, file: NewFile, target: Path, state: bytes | None) -> None:
        """Begin, or go on where the partial file ends.

        Raises:
            UploadLostError: ``state`` is of no partial file that is there.
            TransientError: another process is writing it.
        """
        self._place = place
        self._file = file
        self._target = target
        self._partial = partial_of(target, file.remote_id)
        self._handle: int | None = None
        if state is not None and state != self.state:
            raise UploadLostError(f"vault {place.folder}: what is known of {file.name}, half sent, cannot be read")
        with place.errors(file.name, "nothing was written"):
            self._handle = self._open(is_new=state is None)
            self._offset = os.fstat(self._handle).st_size
        if state is not None and file.size_bytes is not None and self._offset > file.size_bytes:
            self.close()
            raise UploadLostError(
                f"vault {place.folder}: {self._offset} bytes of {file.name} are there, but it has {file.size_bytes}"
            )

    @property
    def offset(self) -> int:
        """How long the partial file is."""
        return self._offset

    @property
    def state(self) -> bytes:
        """Which partial file it is."""
        return (_FORM + self._partial.name).encode()

    def send(self, part: Buffer, *, total_bytes: int | None) -> int:
        """Append to the partial file."""
        rest, before = memoryview(part), self._offset
        whole_bytes = total_bytes or self._file.size_bytes
        with self._place.errors(self._file.name, f"the first {before} bytes stay for another attempt"):
            self._place.demand_room(self._file.name, whole_bytes - before if whole_bytes else len(rest))
            while rest:
                count = os.pwrite(self._open_handle, rest, self._offset)
                self._offset += count
                rest = rest[count:]
        return self._offset - before

    def finish(self, sha256: bytes) -> Stored:
        """Make it durable, read it back, and give it its name."""
        with self._place.errors(self._file.name, "all of it stays, half sent, for another attempt"):
            os.fsync(self._open_handle)
            found = sha256_of(self._open_handle)
            if found != sha256:
                self.abandon()
                raise DamagedCopyError(
                    f"vault {self._place.folder}: {self._file.name}: {self._offset} bytes were written, and what the "
                    f"disk gives back is not what was received (sha256 {found.hex()}, expected {sha256.hex()}). It "
                    "was withdrawn; another attempt begins anew. Where this happens again, look at the disk"
                )
            note_sum(self._target, sha256)
            if not give_name(self._partial, self._target):
                self._settle_with_other(sha256)
        self.close()
        return Stored(
            remote_id=self._file.remote_id,
            name=self._file.remote_id,
            size_bytes=self._offset,
            sha256=sha256,
            url=self._target.absolute().as_uri(),
        )

    def abandon(self) -> None:
        """Remove the partial file; once closed, it belongs to whoever writes it next."""
        if self._handle is not None:
            with self._place.errors(self._file.name, "what was half sent is still there"):
                self._partial.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Let go of the partial file."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    @property
    def _open_handle(self) -> int:
        if self._handle is None:
            raise UploadLostError(f"vault {self._place.folder}: {self._file.name}: this upload was closed")
        return self._handle

    def _settle_with_other(self, sha256: bytes) -> None:
        """A file got this name meanwhile: the same content is ours, other content stays and is told."""
        is_same = sha256_at(self._target) == sha256
        self.abandon()
        if not is_same:
            note_sum(self._target, sha256_at(self._target))
            raise conflict(self._place, self._file.name)

    def _open(self, *, is_new: bool) -> int:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = open_alone(self._partial, makes=is_new)
        except FileNotFoundError:
            raise UploadLostError(
                f"vault {self._place.folder}: nothing of {self._file.name}, half sent, is there any more"
            ) from None
        except BlockingIOError:
            raise TransientError(
                f"vault {self._place.folder}: {self._file.name} is being written by another process; nothing was "
                "changed. Its attempt ends by itself"
            ) from None
        if is_new:
            os.ftruncate(handle, 0)
        return handle


def conflict(place: Place, name: str) -> ConflictError:
    """Another file has the name."""
    return ConflictError(
        f"vault {place.folder}: another file has the name {name}; it stays as it is, and nothing was stored. Look at "
        "it, and rename it to have this one stored"
    )
