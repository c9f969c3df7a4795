"""What the fake Drive holds: accounts, folders, shared drives, files, and who may do what to them."""

import base64
import hashlib
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fakes.drive_errors import NO_STORAGE, not_found, refusal
from tests.fakes.drive_files import FOLDER, GB, RIGHTS, SERVICE_ACCOUNT, USER, Drive, File, RefusedError

NAME_IS = re.compile(r"name *= *'([^']*)'")
IN_PARENTS = re.compile(r"'([^']+)' in parents")


class World:
    """Everything there is. ``lock`` is held for every change of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.files: dict[str, File] = {}
        # Where to look first, so that a question costs no more with many files; a renamed file is under both names.
        self._named: dict[str, dict[str, File]] = {}
        self._below: dict[str, dict[str, File]] = {}
        self._owned_bytes: Counter[str] = Counter()
        self.drives: dict[str, Drive] = {}
        self.shared: dict[str, dict[str, str]] = {}
        self.generated: set[str] = set()
        self.used: set[str] = set()
        self.quota_bytes: dict[str, int | None] = {USER: 15 * GB}
        self.list_lag_s = 0.0
        self.hidden_sha256 = 0
        self.child_limit = 500_000
        self._tick = 0.0
        self.my_drive = self._top(USER, "My Drive")
        self.my_folder = self.add_folder("Media", self.my_drive).id
        drive = Drive(new_id("0A"), "Acme media", {SERVICE_ACCOUNT: "fileOrganizer", USER: "organizer"})
        self.drives[drive.id] = drive
        self._keep(File(drive.id, "Drive", FOLDER, "", "", drive=drive.id))
        self.shared_drive = drive.id
        self.shared_folder = self.add_folder("Backups", drive.id).id
        self.share(self.my_folder, SERVICE_ACCOUNT, "writer")

    def _top(self, owner: str, name: str) -> str:
        top = File(new_id("0A"), name, FOLDER, "", owner)
        self._keep(top)
        return top.id

    def share(self, file_id: str, principal: str, role: str) -> None:
        """Let somebody else see a folder of My Drive, and everything below."""
        self.shared.setdefault(file_id, {})[principal] = role

    def add_folder(self, name: str, parent: str) -> File:
        """A folder that has been there all along."""
        above = self.files[parent]
        folder = File(new_id(), name, FOLDER, parent, above.owner, drive=above.drive)
        self._keep(folder)
        return folder

    def add_file(self, name: str, content: bytes, parent: str, mime: str = "application/octet-stream") -> File:
        """A file that another tool put there."""
        above = self.files[parent]
        file = File(new_id(), name, mime, parent, above.owner, drive=above.drive, size=len(content), content=content)
        file.md5 = hashlib.md5(content).hexdigest()
        file.sha256 = hashlib.sha256(content).hexdigest()
        self._keep(file)
        return file

    def ids(self, count: int) -> list[str]:
        """Ids that may be used once."""
        made = [new_id() for _ in range(count)]
        with self.lock:
            self.generated.update(made)
        return made

    def role(self, principal: str, file: File) -> str:
        """What somebody is to a file; empty where they may not even see it."""
        if file.drive:
            return self.drives[file.drive].members.get(principal, "")
        if file.owner == principal:
            return "owner"
        above: File | None = file
        while above:
            role = self.shared.get(above.id, {}).get(principal)
            if role:
                return role
            above = self.files.get(above.parent)
        return ""

    def seen(self, principal: str, file_id: str, query: dict[str, str]) -> File:
        """A file this login may see: those in shared drives only for a client that says it knows them."""
        if file_id == "root":
            file_id = next((f.id for f in self.files.values() if not f.parent and f.owner == principal), "")
        file = self.files.get(file_id)
        supports = query.get("supportsAllDrives", query.get("supportsTeamDrives")) == "true"
        if file is None or not self.role(principal, file) or (file.drive and not supports):
            raise RefusedError(not_found(file_id))
        return file

    def may(self, principal: str, what: str, file: File) -> bool:
        """Whether the role allows it."""
        return what in RIGHTS.get(self.role(principal, file), ())

    def parent_for(self, principal: str, metadata: dict[str, Any], query: dict[str, str]) -> File:
        """Where a new file goes.

        Raises:
            RefusedError: it may not go there, or there is no room for one more.
        """
        parents = metadata.get("parents") or ["root"]
        if len(parents) > 1:
            raise RefusedError(refusal(400, "teamDrivesParentLimit", "A file must have exactly one parent."))
        parent = self.seen(principal, parents[0], query)
        if not parent.is_folder:
            raise RefusedError(refusal(403, "parentNotAFolder", "The specified parent is not a folder."))
        if not self.may(principal, "add", parent):
            raise RefusedError(refusal(403, "insufficientFilePermissions"))
        if parent.drive and self._count(parent.drive) >= self.drives[parent.drive].item_limit:
            raise RefusedError(refusal(403, "teamDriveFileLimitExceeded"))
        if self.child_limit < 500_000 and sum(f.parent == parent.id for f in self.files.values()) >= self.child_limit:
            raise RefusedError(refusal(403, "numChildrenInNonRootLimitExceeded"))
        return parent

    def _count(self, drive: str) -> int:
        if self.drives[drive].item_limit >= 500_000:
            return 0
        return sum(file.drive == drive for file in self.files.values()) - 1

    def check_room(self, principal: str, parent: File, size: int) -> None:
        """Whether the owner-to-be has room.

        Raises:
            RefusedError: the quota is used up, or it is a service account and there is none.
        """
        if parent.drive:
            return
        if principal not in self.quota_bytes:
            raise RefusedError(refusal(403, "storageQuotaExceeded", NO_STORAGE))
        limit = self.quota_bytes[principal]
        if limit is not None and self.usage(principal) + size > limit:
            raise RefusedError(refusal(403, "storageQuotaExceeded"))

    def usage(self, principal: str) -> int:
        """Bytes of what somebody owns, the bin included."""
        return self._owned_bytes[principal]

    def check_id(self, file_id: str) -> None:
        """Whether a new file may have this id.

        Raises:
            RefusedError: it was not generated, or has been used.
        """
        if file_id in self.files or file_id in self.used:
            raise RefusedError(refusal(409, "fileIdInUse"))
        if file_id not in self.generated:
            raise RefusedError(refusal(400, "invalid", "The provided file ID is not usable."))

    def add(self, principal: str, parent: File, metadata: dict[str, Any], file: File) -> File:
        """Make it exist, all at once.

        Raises:
            RefusedError: another request has used the id in the meantime.
        """
        with self.lock:
            if metadata.get("id"):
                self.check_id(metadata["id"])
            self._tick = max(self._tick + 0.001, time.time())
            file.created_s = self._tick
            file.visible_s = time.time() + self.list_lag_s
            file.owner = "" if parent.drive else principal
            file.hidden_sha256 = self.hidden_sha256
            self._keep(file)
            self.used.add(file.id)
        return file

    def _keep(self, file: File) -> None:
        self.files[file.id] = file
        self._owned_bytes[file.owner] += file.size
        self.index(file)

    def index(self, file: File) -> None:
        """Let it be found by its name and its folder as they are now."""
        self._named.setdefault(file.name, {})[file.id] = file
        self._below.setdefault(file.parent, {})[file.id] = file

    def delete(self, file_id: str) -> None:
        """For good, with everything below; the id is not free again."""
        with self.lock:
            below = [file.id for file in self._below.get(file_id, {}).values() if file.parent == file_id]
            gone = self.files.pop(file_id, None)
            if gone is not None:
                self._owned_bytes[gone.owner] -= gone.size
            if gone is not None and isinstance(gone.content, Path):
                gone.content.unlink(missing_ok=True)
        for child in below:
            self.delete(child)

    def is_binned(self, file: File) -> bool:
        """In the bin itself, or inside of something that is."""
        above: File | None = file
        while above:
            if above.trashed:
                return True
            above = self.files.get(above.parent)
        return False

    def path(self, file: File) -> str:
        """Names from below the top folder down."""
        names = [file.name]
        while (above := self.files.get(file.parent)) and above.parent:
            names.insert(0, above.name)
            file = above
        return "/".join(names)

    def listed(self, principal: str, query: dict[str, str]) -> Iterator[File]:
        """What a listing may show by now."""
        with self.lock:
            files = [file for file in self._candidates(query.get("q", "")) if file.id in self.files]
        has_drives = query.get("includeItemsFromAllDrives", query.get("includeTeamDriveItems")) == "true"
        now_s = time.time()
        for file in files:
            if not file.parent or file.visible_s > now_s or (file.drive and not has_drives):
                continue
            if query.get("driveId") and file.drive != query["driveId"]:
                continue
            if self.role(principal, file):
                yield file

    def _candidates(self, question: str) -> Iterable[File]:
        """At least those that the question can be about."""
        names = NAME_IS.findall(question)
        parents = IN_PARENTS.findall(question)
        if " or " in question or "not " in question:
            return list(self.files.values())
        if len(names) == 1 and "\\" not in names[0]:
            return list(self._named.get(names[0], {}).values())
        if len(parents) == 1 and parents[0] != "root":
            return list(self._below.get(parents[0], {}).values())
        return list(self.files.values())

    def document(self, file: File, principal: str) -> dict[str, Any]:
        """A file as Drive describes it, everything of it."""
        rights = RIGHTS.get(self.role(principal, file), set())
        document: dict[str, Any] = {
            "kind": "drive#file",
            "id": file.id,
            "name": file.name,
            "mimeType": file.mime,
            "parents": [file.parent] if file.parent else [],
            "trashed": self.is_binned(file),
            "createdTime": _instant(file.created_s),
            "modifiedTime": _instant(file.created_s),
            "appProperties": file.app_properties,
            "webViewLink": f"https://drive.google.com/file/d/{file.id}/view?usp=drivesdk",
            "ownedByMe": file.owner == principal,
            "capabilities": {
                "canAddChildren": file.is_folder and "add" in rights,
                "canListChildren": file.is_folder,
                "canTrashChildren": bool(file.drive) and file.is_folder and "trash" in rights,
                "canDeleteChildren": bool(file.drive) and file.is_folder and "delete" in rights,
                "canTrash": "trash" in rights,
                "canDelete": "delete" in rights,
            },
        }
        if file.drive:
            document["driveId"] = document["teamDriveId"] = file.drive
        if not file.is_folder:
            document |= {"size": str(file.size), "md5Checksum": file.md5, "sha256Checksum": file.sha256}
            document["webContentLink"] = f"https://drive.google.com/uc?id={file.id}&export=download"
            if file.hidden_sha256 > 0:
                file.hidden_sha256 -= 1
                del document["sha256Checksum"]
        return document


def new_id(prefix: str = "1") -> str:
    """An id as Drive's look."""
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()[: 33 - len(prefix)]


def _instant(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
