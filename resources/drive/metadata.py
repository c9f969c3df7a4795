"""Drive's metadata by Google's own client: ids, folders, files, listings, quota. Contents go another way.

Google's client builds requests and reads answers; lines, tokens, pace and retries are ours: its own retries repeat
what was stored, and hang within uploads.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from holdfast.errors import ConflictError, NotInVaultError, TransientError
from resources.drive.calling import GET_UNITS, LIST_UNITS, STORE_UNITS, Caller

FILE_FIELDS: Final = "id,name,size,md5Checksum,sha256Checksum,webViewLink,trashed,parents"
FOLDER: Final = "application/vnd.google-apps.folder"
_LIST_FIELDS: Final = (
    "nextPageToken,incompleteSearch,"
    "files(id,name,mimeType,size,md5Checksum,sha256Checksum,webViewLink,parents,createdTime)"
)
_OWN_HEADERS: Final = frozenset({"content-length", "accept-encoding", "user-agent", "accept"})
_PAGE: Final = 1000
_IDS_AT_ONCE: Final = 1000
Document = Mapping[str, Any]


class _Http:
    """Sends what Google's client built, in the form it expects of its own transport."""

    def __init__(self, caller: Caller, doing: str, units: float) -> None:
        self._caller = caller
        self._doing = doing
        self._units = units

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: object
    ) -> tuple[Any, bytes]:
        """One request; 404 and 409 are left to the client, which raises ``HttpError``."""
        import httplib2

        content = body.encode() if isinstance(body, str) else body or b""
        # The lines count the body themselves, and take no compressed answers: the client's transport unpacks those.
        said = {name: value for name, value in (headers or {}).items() if name.lower() not in _OWN_HEADERS}
        answer = self._caller.once(
            method,
            uri,
            doing=self._doing,
            units=self._units,
            headers=said,
            pieces=[content] if content else [],
            fine=(404, 409),
        )
        return httplib2.Response({"status": str(answer.status), **dict(answer.headers)}), answer.body


class Metadata:
    """What can be asked of Drive but for contents. Safe to use from several threads."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._lock = threading.Lock()
        self._service: Any = None
        self._ids_lock = threading.Lock()
        self._ids: list[str] = []

    def new_ids(self, count: int) -> list[str]:
        """Ids that Drive has made for new files and folders, each for one; fetched a thousand at a time."""
        with self._ids_lock:
            while len(self._ids) < count:
                wanted = self._files().generateIds(count=_IDS_AT_ONCE, space="drive", fields="ids")
                self._ids += self._execute(wanted, "reserving ids", GET_UNITS)["ids"]
            return [self._ids.pop() for _ in range(count)]

    def get(self, file_id: str, fields: str = FILE_FIELDS) -> Document | None:
        """What is under an id; None where there is nothing that this login may see."""
        wanted = self._files().get(fileId=file_id, fields=fields, supportsAllDrives=True)
        try:
            document: Document = self._execute(wanted, f"looking for {file_id}", GET_UNITS)
        except NotInVaultError:
            return None
        return document

    def list(self, query: str, order: str = "") -> Iterator[Document]:
        """Everything that a query selects, page by page. It may lag behind what was stored."""
        token: str | None = None
        while True:
            wanted = self._files().list(
                q=query,
                fields=_LIST_FIELDS,
                pageSize=_PAGE,
                pageToken=token,
                orderBy=order or None,
                spaces="drive",
                supportsAllDrives=True,
                includeItemsFromAllDrives=True,
            )
            page = self._execute(wanted, "listing files", LIST_UNITS)
            if page.get("incompleteSearch"):
                raise TransientError("Google Drive, listing files: it did not look everywhere; it is asked again later")
            yield from page.get("files", ())
            token = page.get("nextPageToken")
            if not token:
                return

    def create_folder(self, name: str, parent: str) -> Document:
        """A new folder.

        Raises:
            NotInVaultError: there is no such parent.
        """
        (folder_id,) = self.new_ids(1)
        fields = "id,name,createdTime"
        body = {"id": folder_id, "name": name, "mimeType": FOLDER, "parents": [parent]}
        wanted = self._files().create(body=body, fields=fields, supportsAllDrives=True)
        try:
            made: Document = self._execute(wanted, f"making the folder {name}", STORE_UNITS)
        except ConflictError:
            # The id is nobody else's: an attempt before this one made it, and its answer was lost.
            made = self.get(folder_id, fields) or body
        return made

    def delete(self, file_id: str) -> None:
        """Delete for good; no error where there is nothing.

        Raises:
            VaultClosedError: the login may not.
        """
        wanted = self._files().delete(fileId=file_id, supportsAllDrives=True)
        with contextlib.suppress(NotInVaultError):
            self._execute(wanted, f"deleting {file_id}", STORE_UNITS)

    def bin(self, file_id: str) -> None:
        """Move into the bin; no error where there is nothing.

        Raises:
            VaultClosedError: the login may not.
        """
        wanted = self._files().update(fileId=file_id, body={"trashed": True}, fields="id", supportsAllDrives=True)
        with contextlib.suppress(NotInVaultError):
            self._execute(wanted, f"moving {file_id} into the bin", STORE_UNITS)

    def about(self) -> Document:
        """Who is logged in, and their quota."""
        wanted = self._opened().about().get(fields="user/emailAddress,storageQuota")
        told: Document = self._execute(wanted, "asking how full it is", GET_UNITS)
        return told

    def _execute(self, wanted: Any, doing: str, units: float) -> Any:
        """Run a request that the client built.

        Raises:
            NotInVaultError: Drive answered 404.
            ConflictError: Drive answered 409.
            TransientError, ThrottledError, VaultClosedError, PermanentError: as of ``Caller.ask``.
        """
        from googleapiclient.errors import HttpError

        http = _Http(self._caller, doing, units)

        def once() -> Any:
            try:
                return wanted.execute(http=http, num_retries=0)
            except HttpError as error:
                status = int(error.resp.status)
            except ValueError:
                status = 0
            # Outside of the handlers: what the client raised holds addresses, and goes no further.
            if status == 404:
                raise NotInVaultError(
                    f"Google Drive, {doing}: there is no such file or folder for {self._caller.access.who}"
                )
            if status == 409:
                raise ConflictError(f"Google Drive, {doing}: the id is in use")
            raise TransientError(f"Google Drive, {doing}: the answer was cut off; it is asked again later")

        return self._caller.ask(once)

    def _files(self) -> Any:
        return self._opened().files()

    def _opened(self) -> Any:
        with self._lock:
            if self._service is None:
                # Slow to import, and needed by few of those who import this.
                from googleapiclient.discovery import build_from_document
                from googleapiclient.discovery_cache import get_static_doc

                document = json.loads(get_static_doc("drive", "v3"))
                # Only so does a plain-HTTP endpoint reach everything; client_options moves one half of it.
                document["rootUrl"] = f"{self._caller.access.endpoint}/"
                self._service = build_from_document(document, http=_Http(self._caller, "asking", GET_UNITS))
            return self._service
