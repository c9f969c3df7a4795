"""Google Drive as a vault of media."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from holdfast.errors import VaultClosedError
from holdfast.media.vaults import Buffer, Content, NewFile, Space, Stored, Upload
from holdfast.retries import Backoff
from resources.drive.access import DriveAccess
from resources.drive.calling import PATIENCE, UNITS_PER_MINUTE, Caller
from resources.drive.files import Files
from resources.drive.folders import Folders, Place
from resources.drive.listing import listed
from resources.drive.metadata import Metadata
from resources.drive.storing import Storing

PART_BYTES: Final = 8 * 1024 * 1024
# "Use this upload type for small files (5 MB or less)". Source: Drive guide, "Upload file data".
MOST_AT_ONCE_BYTES: Final = 5_000_000
LARGEST_FILE_BYTES: Final = 5_120_000_000_000
_PROBE: Final = b"holdfast\n"


class DriveVault:
    """A folder of Google Drive, by ``holdfast.media.vaults.MediaVault``. Opening it does no I/O.

    Args:
        access: the login and the folder.
        timeout_s: longest silence of Google before an attempt counts as failed.
        patience: how often something that may be done twice is tried, and how long is waited in between.
        units_per_minute: of Drive's quota that this process may use.
        part_bytes: of large files; a multiple of 256 KiB.
    """

    label = "drive"
    most_at_once_bytes = MOST_AT_ONCE_BYTES
    # Ids say nothing of names: they are drawn beforehand.
    draws_ids = True
    largest_file_bytes: int | None = LARGEST_FILE_BYTES

    def __init__(
        self,
        access: DriveAccess,
        *,
        timeout_s: float = 60.0,
        patience: Backoff = PATIENCE,
        units_per_minute: float = UNITS_PER_MINUTE,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self.part_bytes = part_bytes
        self._access = access
        self._caller = Caller(access, timeout_s=timeout_s, patience=patience, units_per_minute=units_per_minute)
        self._metadata = Metadata(self._caller)
        self._folders = Folders(access, self._metadata)
        self._files = Files(self._caller, self._metadata, self._folders)
        self._storing = Storing(self._caller, self._metadata, self._folders, self._files)

    def reserve(self, names: Sequence[str]) -> list[str]:
        """Ids that Drive has made for new files."""
        return self._metadata.new_ids(len(names))

    def put(self, file: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored:
        """Store a small file in one call."""
        return self._storing.put(file, content, sha256)

    def upload(self, file: NewFile, state: bytes | None = None) -> Upload:
        """Begin a large file, or go on with one."""
        return self._storing.begin(file) if state is None else self._storing.resume(file, state)

    def find(self, remote_id: str) -> Stored | None:
        """The file under an id; None where there is none or it is in the bin."""
        return self._files.find(remote_id)

    def read(self, remote_id: str, *, offset: int = 0) -> AbstractContextManager[Content]:
        """The bytes of a file from ``offset`` on."""
        return self._files.read(remote_id, offset=offset)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Every file below the folder; it may lag behind what was stored by up to an hour."""
        return listed(self._metadata, self._folders, prefix)

    def remove(self, remote_id: str) -> None:
        """Delete a file for good; into the bin, where the login may not delete (a Content manager may not)."""
        self._files.remove(remote_id)

    def space(self) -> Space:
        """How full My Drive is, the bin included; a shared drive says nothing."""
        return self._storing.space()

    def probe(self) -> str:
        """Store a tiny file and remove it again; where files go, and as whom."""
        place = self._folders.place()
        self._check_rights(place)
        (remote_id,) = self.reserve(["probe"])
        file = NewFile(
            name="holdfast-probe.txt",
            remote_id=remote_id,
            content_type="text/plain",
            size_bytes=len(_PROBE),
        )
        self.put(file, [_PROBE], hashlib.sha256(_PROBE).digest())
        self.remove(remote_id)
        where = "a shared drive" if place.shared_drive else "My Drive"
        return f"files go into the folder {place.name!r} in {where}, as {self._access.who}"

    def note_sent_today(self, sent_bytes: int) -> None:
        """What all runs stored in the last 24 hours, of the 750 GB that may be stored in a day."""
        self._caller.stored(sent_bytes)

    def close(self) -> None:
        """Wake whoever waits, and close every line."""
        self._caller.close()

    def _check_rights(self, place: Place) -> None:
        """Refuse before anything is stored that could not be removed again.

        Raises:
            VaultClosedError: the login may not add files to the folder, or not remove them.
        """
        missing = "add files to" if not place.may_add else "" if place.may_remove else "remove files from"
        if missing:
            raise VaultClosedError(
                "drive",
                f"Google Drive: {self._access.who} may not {missing} the folder {place.name!r}; nothing was stored. "
                "Make it a Content manager of the shared drive, or share the folder with it as Editor",
                by="rights",
            )
