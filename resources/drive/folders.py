"""Folders by class and month below the configured one: found once per process, made where they are not there."""

import threading
from dataclasses import dataclass
from typing import Final

from holdfast.errors import VaultClosedError
from resources.drive.access import DriveAccess
from resources.drive.metadata import FOLDER, Document, Metadata
from resources.drive.refusals import folder_not_found

_PLACE_FIELDS: Final = (
    "id,name,mimeType,driveId,trashed,parents,capabilities(canAddChildren,canTrashChildren,canDeleteChildren)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The configured folder.

    Attributes:
        shared_drive: id of the shared drive it is in; empty in My Drive.
        may_add, may_remove: what the login may do in it; in My Drive removing what is one's own always goes.
    """

    id: str
    name: str
    shared_drive: str = ""
    may_add: bool = True
    may_remove: bool = True


class Folders:
    """Ids of folders by their path below the configured one. Safe to use from several threads."""

    def __init__(self, access: DriveAccess, metadata: Metadata) -> None:
        self._access = access
        self._metadata = metadata
        self._lock = threading.RLock()
        self._place: Place | None = None
        self._ids: dict[str, str] = {}
        self._paths: dict[str, str] = {}

    def place(self) -> Place:
        """The configured folder, looked at once.

        Raises:
            VaultClosedError: it is not there, not a folder, in the bin, or none is configured.
        """
        with self._lock:
            if self._place is None:
                self._place = self._looked_at()
                self._remember("", self._place.id)
            return self._place

    def id_of(self, path: str) -> str:
        """The folder's id; it is made, with those above it, where there is none.

        Args:
            path: names with slashes between, e.g. ``upscale/2026-11``; empty for the configured folder.
        """
        found = self._ids.get(path)
        if found:
            return found
        # One thread at a time: two would each make the folder that they do not find.
        with self._lock:
            if path in self._ids:
                return self._ids[path]
            if not path:
                return self.place().id
            above, _, name = path.rpartition("/")
            return self._remember(path, self._found_or_made(name, self.id_of(above)))

    def path_of(self, folder_id: str) -> str | None:
        """The path below the configured folder; None for a folder that is not below it."""
        with self._lock:
            self.place()
            if folder_id in self._paths:
                return self._paths[folder_id]
            document = self._metadata.get(folder_id, "id,name,parents")
            if not document or not document.get("parents"):
                return None
            above = self.path_of(document["parents"][0])
            return None if above is None else self.note(f"{above}/{document['name']}".lstrip("/"), folder_id)

    def note(self, path: str, folder_id: str) -> str:
        """A folder that a listing showed; another one of the same path stays the one that files go into."""
        with self._lock:
            return self._paths.setdefault(folder_id, path)

    def forget(self) -> None:
        """Look again from now on: a folder that was known is not there any more."""
        with self._lock:
            self._place = None
            self._ids.clear()
            self._paths.clear()

    def _remember(self, path: str, folder_id: str) -> str:
        self._ids[path] = folder_id
        self._paths[folder_id] = path
        return folder_id

    def _found_or_made(self, name: str, parent: str) -> str:
        found = self._named(name, parent)
        if not found:
            made = self._metadata.create_folder(name, parent)
            # Another process may have made it in the same moment: the oldest is everybody's. A listing may lag, then
            # each of them uses its own this once and the oldest in its next run; what is in either is found.
            found = [*self._named(name, parent), made]
        oldest = min(found, key=lambda folder: (folder.get("createdTime", ""), folder["id"]))
        return str(oldest["id"])

    def _named(self, name: str, parent: str) -> list[Document]:
        query = f"{quoted(parent)} in parents and name = {quoted(name)} and mimeType = '{FOLDER}' and trashed = false"
        return list(self._metadata.list(query, order="createdTime"))

    def _looked_at(self) -> Place:
        wanted = self._access.folder_id
        if not wanted and not self._access.owns_storage:
            raise VaultClosedError(
                "drive",
                "Google Drive: GOOGLE_DRIVE_FOLDER_ID is not set, and a service account has no My Drive to fall back "
                f"on. Set it to the id of a folder in a shared drive that {self._access.who} is a Content manager of",
                by="settings",
            )
        document = self._metadata.get(wanted or "root", _PLACE_FIELDS)
        if document is None:
            raise folder_not_found(self._access)
        if document["mimeType"] != FOLDER or document.get("trashed"):
            what = "in the bin" if document.get("trashed") else "a file, not a folder"
            raise VaultClosedError(
                "drive",
                f"Google Drive: what GOOGLE_DRIVE_FOLDER_ID names, {document['name']!r}, is {what}; nothing was "
                "stored. Set it to the id of a folder: the last part of its address in the browser",
                by="settings",
            )
        rights = document.get("capabilities", {})
        is_shared = bool(document.get("driveId"))
        return Place(
            id=document["id"],
            name=document["name"],
            shared_drive=document.get("driveId", ""),
            may_add=rights.get("canAddChildren", True),
            may_remove=not is_shared or rights.get("canTrashChildren", True) or rights.get("canDeleteChildren", True),
        )


def quoted(text: str) -> str:
    """A text in the language of ``files.list``."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
