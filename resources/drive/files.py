"""Files that are in Drive: what it says of them, whether that is what was sent, and taking them out again."""

import contextlib
import hashlib
import http.client
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from holdfast.errors import ConflictError, DamagedCopyError, NotInVaultError, TransientError, VaultClosedError
from holdfast.media.vaults import Stored
from resources.drive.calling import READ_UNITS, Caller
from resources.drive.folders import Folders
from resources.drive.lines import Line, translated
from resources.drive.metadata import Document, Metadata

_BLOCK_BYTES: Final = 1_048_576
# So often Drive is asked again for a checksum that it has not made yet, before the file is read back.
_LOOKS: Final = 3


class Files:
    """Files by their id. Safe to use from several threads."""

    def __init__(self, caller: Caller, metadata: Metadata, folders: Folders) -> None:
        self._caller = caller
        self._metadata = metadata
        self._folders = folders

    def find(self, remote_id: str) -> Stored | None:
        """The file under an id; None where there is none, or it is in the bin."""
        document = self._metadata.get(remote_id)
        if document is None or document.get("trashed"):
            return None
        parents = document.get("parents") or [""]
        path = self._folders.path_of(parents[0]) if parents[0] else None
        return stored(document, f"{path}/{document['name']}" if path else document["name"])

    def existing(self, remote_id: str, name: str) -> Document:
        """What stands in the way of a new file with this id.

        Raises:
            ConflictError: nothing that can be seen: it is in the bin, or was deleted; ids are used once.
        """
        for delay_s in (*list(self._caller.patience.delays_s())[: _LOOKS - 1], None):
            document = self._metadata.get(remote_id)
            if document and not document.get("trashed"):
                return document
            if delay_s is None or document:
                break
            self._pause(delay_s, "it says that an id is in use, and shows no file for it")
        raise ConflictError(
            f"Google Drive: {name}: the id {remote_id} was used for a file that is in the bin or was deleted since; "
            "nothing was stored. It needs a new id"
        )

    def prove(self, document: Document, name: str, size_bytes: int, sha256: bytes, *, may_withdraw: bool) -> Stored:
        """The file, once Drive's own size and checksum equal what was sent.

        Raises:
            DamagedCopyError: they do not, and the file is withdrawn.
            ConflictError: they do not, and the file is not this upload's (``may_withdraw``).
        """
        found = stored(document, name)
        if found.size_bytes == size_bytes and found.sha256 is None:
            found = self._with_sha256(found)
        if (found.size_bytes, found.sha256) == (size_bytes, sha256):
            return found
        what = f"it has {found.size_bytes} bytes" if found.size_bytes != size_bytes else "its checksum is another"
        if not may_withdraw:
            raise ConflictError(
                f"Google Drive: {name}: another file is there under the id {found.remote_id} ({what}, sent were "
                f"{size_bytes} bytes); it stays as it is. The file needs a new id"
            )
        state = self._withdrawn(found.remote_id)
        raise DamagedCopyError(
            f"Google Drive: {name}: what was stored is not what was sent ({what}, sent were {size_bytes} bytes); "
            f"{state}. It is sent again under a new id"
        )

    def remove(self, remote_id: str) -> None:
        """Delete for good, or move into the bin where deleting takes a manager of the shared drive."""
        try:
            self._metadata.delete(remote_id)
        except VaultClosedError as error:
            if error.by != "rights":
                raise
            self._metadata.bin(remote_id)

    @contextlib.contextmanager
    def read(self, remote_id: str, *, offset: int = 0) -> "Iterator[DriveContent]":
        """The bytes of a file from ``offset`` on.

        Raises:
            NotInVaultError: there is none.
        """
        access = self._caller.access
        url = f"{access.endpoint}/drive/v3/files/{quote(remote_id, safe='')}?alt=media&supportsAllDrives=true"
        said = {"Range": f"bytes={offset}-"} if offset else {}
        doing = f"reading {remote_id}"
        line, response = self._caller.ask(
            lambda: self._caller.open(url, doing=doing, units=READ_UNITS, headers=said, fine=(404, 416))
        )
        content = DriveContent(line, response)
        try:
            if response.status == 404:
                raise NotInVaultError(f"Google Drive: there is no file {remote_id}, or {access.who} may not see it")
            if response.status == 200 and offset:
                content.skip(offset)
            yield content
        finally:
            if content.is_done:
                self._caller.lines.keep(line)
            else:
                line.close()

    def _with_sha256(self, found: Stored) -> Stored:
        for delay_s in list(self._caller.patience.delays_s())[:_LOOKS]:
            document = self._metadata.get(found.remote_id)
            if document and document.get("sha256Checksum"):
                return stored(document, found.name)
            self._pause(delay_s, "it has made no checksum yet")
        block, digest, count = memoryview(bytearray(_BLOCK_BYTES)), hashlib.sha256(), 0
        with self.read(found.remote_id) as content:
            while got := content.readinto(block):
                digest.update(block[:got])
                count += got
        return Stored(
            remote_id=found.remote_id,
            name=found.name,
            size_bytes=count,
            sha256=digest.digest(),
            md5=found.md5,
            url=found.url,
        )

    def _pause(self, delay_s: float, why: str) -> None:
        error = TransientError(f"Google Drive: {why}; it is asked again later")
        self._caller.wait(self._caller.delay_s(error, delay_s), error)

    def _withdrawn(self, remote_id: str) -> str:
        try:
            self.remove(remote_id)
        except TransientError:
            return f"it could not be removed and is still there as {remote_id}"
        return "it is withdrawn"


class DriveContent:
    """The bytes of one file, as they come."""

    def __init__(self, line: Line, response: http.client.HTTPResponse) -> None:
        self._line = line
        self._response = response
        # 416: the offset is the end of the file.
        self._left = 0 if response.status == 416 else response.length
        self._is_refused = response.status >= 400

    @property
    def is_done(self) -> bool:
        """Whether the line can carry another request."""
        return self._response.isclosed() and not self._response.will_close

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as bytes come; 0 at the end.

        Raises:
            TransientError: the line broke, or the file is cut off.
        """
        if self._is_refused or not len(buffer):
            return 0
        with translated(self._line.origin):
            got = self._response.readinto(buffer)
            if self._left is not None:
                self._left -= got
                if got == 0 and self._left > 0:
                    raise http.client.IncompleteRead(b"", self._left)
        return got

    def skip(self, count: int) -> None:
        """Pass over the beginning, where Drive sent more than was asked for."""
        block = memoryview(bytearray(_BLOCK_BYTES))
        while count and (got := self.readinto(block[:count])):
            count -= got


def stored(document: Document, name: str) -> Stored:
    """A file, as Drive describes it."""
    sha256, md5 = document.get("sha256Checksum"), document.get("md5Checksum")
    return Stored(
        remote_id=document["id"],
        name=name,
        size_bytes=int(document.get("size", 0)),
        sha256=bytes.fromhex(sha256) if sha256 else None,
        md5=bytes.fromhex(md5) if md5 else None,
        url=document.get("webViewLink"),
    )
