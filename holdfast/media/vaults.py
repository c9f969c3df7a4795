"""The protocol of a vault of media: large files, streamed in, proven, and read back.

Implemented by ``resources.drive.DriveVault``, ``resources.object_store.S3Vault`` and ``resources.folder.FolderVault``;
``tests/contracts/test_media_vaults.py`` is what all of them pass.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that is about to be stored.

    Attributes:
        name: parts with slashes between, as ``holdfast.vaults.check_name`` allows: class, month, file.
        remote_id: from ``MediaVault.reserve``; the same for every attempt, so that no attempt makes a second file.
        content_type: as recognised by its first bytes, e.g. ``video/mp4``.
        size_bytes: None where the origin does not say.
        facts: what a person should find beside the file where a vault can keep it, e.g. ``{"item": "gen_videos/7"}``.
    """

    name: str
    remote_id: str
    content_type: str
    size_bytes: int | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A whole file in a vault, as the vault says.

    Attributes:
        remote_id: by which the vault finds it again.
        name: as in ``NewFile.name``; in a listing the path below the vault's folder.
        sha256: the vault's own; None where it keeps none (S3), or for a file from elsewhere that has none.
        md5: likewise, as 16 bytes.
        url: where a person or a front end finds it; never a secret. None where there is no such place.
        etag: of an object in S3 where it is a checksum (``holdfast.media.etags``); else empty.
    """

    remote_id: str
    name: str
    size_bytes: int
    sha256: bytes | None = None
    md5: bytes | None = None
    url: str | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """How full a vault is, in bytes; None where the vault does not say."""

    used_bytes: int | None = None
    limit_bytes: int | None = None

    @property
    def free_bytes(self) -> int | None:
        """What is left of the limit."""
        if self.used_bytes is None or self.limit_bytes is None:
            return None
        return max(self.limit_bytes - self.used_bytes, 0)


class Upload(Protocol):
    """A file on its way into a vault, part by part. Used by one thread; closing it keeps what was sent."""

    @property
    def offset(self) -> int:
        """How many bytes the vault has for good: the next part begins here."""

    @property
    def state(self) -> bytes:
        """What another process needs to go on; opaque, safe to store and to print (sealed where it is a secret)."""

    def send(self, part: Buffer, *, total_bytes: int | None) -> int:
        """Send the bytes from ``offset`` on; how many of them the vault took (it may take fewer, or none).

        Args:
            part: exactly ``MediaVault.part_bytes`` of them; fewer in the last part only.
            total_bytes: of the file, with its last part; None before, where the length is not known yet.

        Raises:
            UploadLostError: the vault knows nothing of this upload any more; begin it anew.
            DamagedCopyError: the vault took other bytes than were sent.
            VaultClosedError, ThrottledError, TransientError: as of ``MediaVault``.
        """

    def finish(self, sha256: bytes) -> Stored:
        """Close a file whose last part was taken, once the vault's own checksum equals what was received.

        Where a vault keeps no checksum of the whole (S3), those of its parts were compared as they were sent.

        Raises:
            DamagedCopyError: the vault holds something else; what it held is withdrawn.
        """

    def abandon(self) -> None:
        """Forget what was sent. No error where there is nothing."""

    def close(self) -> None:
        """Let go of lines and files; what was sent stays, for another attempt."""


class Content(Protocol):
    """The bytes of a file, from a vault or an origin."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer from its beginning as far as bytes are there; 0 at the end.

        Raises:
            TransientError: the line broke, or fewer bytes came than were announced.
        """


class MediaVault(Protocol):
    """A place for files. Safe to use from several threads; opening one does no I/O.

    Every method raises ``TransientError`` where the vault is away, ``ThrottledError`` where it asks for patience,
    ``VaultClosedError`` where nothing can be stored until something changes (quota, rights, login), each by name of
    the vault and with what to do.
    """

    @property
    def label(self) -> str:
        """Its name: ``drive``, ``s3`` or ``folder``."""

    @property
    def part_bytes(self) -> int:
        """How large the parts of an upload are."""

    @property
    def most_at_once_bytes(self) -> int:
        """Up to this size a file goes in one call (``put``)."""

    @property
    def largest_file_bytes(self) -> int | None:
        """What it takes at most; None where it does not say."""

    @property
    def draws_ids(self) -> bool:
        """Whether remote ids are drawn beforehand and say nothing of the name (Drive); else they follow from it."""

    def reserve(self, names: Sequence[str]) -> list[str]:
        """A remote id for each of these names: where they are drawn, kept in the books before the first byte is sent.

        Where they are drawn the names say nothing and may be empty.
        """

    def put(self, file: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored:
        """Store a small file in one call. A second put of the same remote id makes no second file.

        Args:
            file: with its size.
            content: its bytes, in pieces.
            sha256: of all of them.

        Raises:
            DamagedCopyError: the vault holds something else; what this call stored is withdrawn.
            ConflictError: something else is there under this remote id; it is left as it is.
        """

    def upload(self, file: NewFile, state: bytes | None = None) -> Upload:
        """Begin a large file, or go on where ``state`` of another process left off (the vault is asked how far).

        Raises:
            AlreadyStoredError: a whole file is there under this remote id already; it says which.
            UploadLostError: the vault knows nothing of ``state`` any more, or it cannot be read; begin without.
        """

    def find(self, remote_id: str) -> Stored | None:
        """The file under this remote id; None where there is none (or it is in the bin)."""

    def read(self, remote_id: str, *, offset: int = 0) -> AbstractContextManager[Content]:
        """The bytes of a file from ``offset`` on.

        Raises:
            NotInVaultError: there is none.
        """

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Every whole file whose name begins with ``prefix``, in no order; what is sent half is not among them."""

    def remove(self, remote_id: str) -> None:
        """Delete a file for good; no error where there is none. Only for what an operator's plan names."""

    def note_sent_today(self, sent_bytes: int) -> None:
        """Hear how much all runs together sent into it in the last 24 hours: some vaults have a daily limit."""

    def space(self) -> Space:
        """How full it is."""

    def probe(self) -> str:
        """Store a tiny file and remove it again; one sentence on what works, e.g. where files go.

        Raises:
            VaultClosedError: it cannot be used, and what to do.
        """

    def close(self) -> None:
        """Close every line."""
