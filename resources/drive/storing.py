"""Files on their way into Drive: small ones in one call, large ones as sessions (``resources.drive.uploads``)."""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from holdfast.errors import AlreadyStoredError, ConflictError, HoldfastError, TransientError, VaultClosedError
from holdfast.media.vaults import Buffer, NewFile, Space, Stored
from resources.drive.calling import STORE_UNITS, Caller
from resources.drive.files import Files
from resources.drive.folders import Folders
from resources.drive.lines import Answer
from resources.drive.metadata import FILE_FIELDS, Document, Metadata
from resources.drive.sealing import Seal
from resources.drive.uploads import DriveUpload, Session

_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+")
# Source: Drive guide, "Custom file properties": of one app, each key and value together, in UTF-8.
_MOST_FACTS: Final = 30
_MOST_FACT_BYTES: Final = 124
_GB: Final = 1_000_000_000


class Storing:
    """Puts files into their folders. Safe to use from several threads."""

    def __init__(self, caller: Caller, metadata: Metadata, folders: Folders, files: Files) -> None:
        self._caller = caller
        self._metadata = metadata
        self._folders = folders
        self._files = files
        self._boundary = f"holdfast-{secrets.token_hex(16)}"
        self._end = f"\r\n--{self._boundary}--\r\n".encode()
        self._seal: Seal | None = None

    def put(self, file: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored:
        """Store a small file in one call; see ``MediaVault.put``."""
        size_bytes = sum([len(piece) for piece in content])
        tries: list[int] = []

        def once(parent: str) -> Answer:
            tries.append(1)
            url = f"{self._url}multipart&supportsAllDrives=true&fields={FILE_FIELDS}"
            metadata = json.dumps(self._described(file, parent), ensure_ascii=False)
            begin = (
                f"--{self._boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n"
                f"--{self._boundary}\r\nContent-Type: {_type(file)}\r\n\r\n"
            ).encode()
            headers = {"Content-Type": f"multipart/related; boundary={self._boundary}"}
            return self._caller.once(
                "POST",
                url,
                doing=f"storing {file.name}",
                units=STORE_UNITS,
                headers=headers,
                pieces=[begin, *content, self._end],
                fine=(400, 404, 409),
            )

        answer = self._into_folder(file, size_bytes, once)
        if answer.status == 409:
            document = self._files.existing(file.remote_id, file.name)
            # Attempts of this very call may have stored it before their answer was lost.
            return self._files.prove(document, file.name, size_bytes, sha256, may_withdraw=len(tries) > 1)
        self._caller.stored(size_bytes)
        return self._files.prove(self._read(answer, file), file.name, size_bytes, sha256, may_withdraw=True)

    def begin(self, file: NewFile) -> DriveUpload:
        """Open a session for a large file.

        Raises:
            AlreadyStoredError: a whole file is there under its id.
            ConflictError: its id was used by a file that is gone.
        """

        def once(parent: str) -> Answer:
            url = f"{self._url}resumable&supportsAllDrives=true&fields={FILE_FIELDS}"
            headers = {"Content-Type": "application/json; charset=UTF-8", "X-Upload-Content-Type": _type(file)}
            if file.size_bytes is not None:
                headers["X-Upload-Content-Length"] = str(file.size_bytes)
            metadata = json.dumps(self._described(file, parent), ensure_ascii=False).encode()
            return self._caller.once(
                "POST",
                url,
                doing=f"beginning {file.name}",
                units=STORE_UNITS,
                headers=headers,
                pieces=[metadata],
                fine=(400, 404, 409),
            )

        answer = self._into_folder(file, file.size_bytes or 0, once)
        if answer.status == 409:
            self._files.existing(file.remote_id, file.name)
            raise AlreadyStoredError(f"Google Drive: {file.name}: a whole file is there under the id {file.remote_id}")
        address = answer.header("Location")
        if not address:
            raise TransientError(f"Google Drive: {file.name}: the upload got no address; it is begun anew")
        session = Session(address, file.remote_id, file.name, file.size_bytes)
        return DriveUpload(self._caller, self._files, session, self._sealed(session))

    def resume(self, file: NewFile, state: bytes) -> DriveUpload:
        """Go on with a session of another process.

        Raises:
            AlreadyStoredError: it was finished; the file is there under its id.
            UploadLostError: Drive knows nothing of it any more, or it is not readable, or another file's.
        """
        session = Session.of(self._opened_seal().open(state), file)
        upload = DriveUpload(self._caller, self._files, session, state)
        upload.look()
        if upload.is_whole:
            raise AlreadyStoredError(f"Google Drive: {file.name}: a whole file is there under the id {file.remote_id}")
        return upload

    def space(self) -> Space:
        """How full My Drive is; a shared drive has no such number."""
        if self._folders.place().shared_drive:
            return Space()
        quota = self._metadata.about().get("storageQuota", {})
        limit = quota.get("limit")
        return Space(used_bytes=int(quota.get("usage", 0)), limit_bytes=int(limit) if limit is not None else None)

    @property
    def _url(self) -> str:
        return f"{self._caller.access.endpoint}/upload/drive/v3/files?uploadType="

    def _into_folder(self, file: NewFile, size_bytes: int, once: Callable[[str], Answer]) -> Answer:
        """Send into the file's folder; once more where that turned out to be gone."""
        self._caller.check_day(f"storing {file.name}")
        path = file.name.rpartition("/")[0]
        try:
            answer = self._caller.ask(lambda: once(self._folders.id_of(path)))
            if answer.status == 404:
                self._folders.forget()
                answer = self._caller.ask(lambda: once(self._folders.id_of(path)))
        except VaultClosedError as error:
            raise self._with_missing(error, size_bytes) from None
        if answer.status in (400, 404):
            raise self._refused(answer, file)
        return answer

    def _refused(self, answer: Answer, file: NewFile) -> HoldfastError:
        if answer.status == 404:
            return TransientError(f"Google Drive: {file.name}: its folder is not there; it is looked for again later")
        # Ids are good for the login that they were made for.
        return ConflictError(
            f"Google Drive: {file.name}: the id {file.remote_id} is refused (400), it may be another login's; nothing "
            "was stored. The file needs a new id"
        )

    def _with_missing(self, error: VaultClosedError, size_bytes: int) -> VaultClosedError:
        """The same error; where storage is full and Drive says how much there is, with how much is missing."""
        if error.by != "quota":
            return error
        try:
            free = self.space().free_bytes
        except HoldfastError:
            return error
        if free is None or free >= size_bytes:
            return error
        missing = size_bytes - free
        text = f"{error}; at least {missing / _GB:.3f} GB are missing for this file"
        return VaultClosedError("drive", text, by="quota", reopens_in=error.reopens_in, needed_bytes=missing)

    def _described(self, file: NewFile, parent: str) -> dict[str, Any]:
        described: dict[str, Any] = {
            "id": file.remote_id,
            "name": file.name.rpartition("/")[2],
            "mimeType": _type(file),
            "parents": [parent],
        }
        if file.facts:
            described["appProperties"] = dict(_fitting(key, value) for key, value in file.facts[:_MOST_FACTS])
        return described

    def _read(self, answer: Answer, file: NewFile) -> Document:
        try:
            document: Document = json.loads(answer.body)
        except ValueError:
            return self._files.existing(file.remote_id, file.name)
        return document

    def _sealed(self, session: Session) -> bytes:
        return self._opened_seal().seal(session.document())

    def _opened_seal(self) -> Seal:
        if self._seal is None:
            self._seal = Seal(self._caller.login.secret)
        return self._seal


def _type(file: NewFile) -> str:
    return file.content_type if _TYPE.fullmatch(file.content_type) else "application/octet-stream"


def _fitting(key: str, value: str) -> tuple[str, str]:
    """As much of a fact as Drive keeps, cut between letters."""
    key = key.encode()[: _MOST_FACT_BYTES // 2].decode(errors="ignore")
    return key, value.encode()[: _MOST_FACT_BYTES - len(key.encode())].decode(errors="ignore")
