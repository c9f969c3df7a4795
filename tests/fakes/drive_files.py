"""A file of the fake Drive, a shared drive, and what each role may do."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.drive_http import Response

FOLDER = "application/vnd.google-apps.folder"
SERVICE_ACCOUNT = "holdfast@acme-media.iam.gserviceaccount.com"
USER = "backups@acme.example"
GB = 1_000_000_000
# What each role may do in a shared drive. Source: Drive guide, "Roles and permissions": deleting for good takes a
# manager, a content manager can move to the bin, a contributor can only add.
RIGHTS = {
    "organizer": {"read", "add", "trash", "delete"},
    "owner": {"read", "add", "trash", "delete"},
    "fileOrganizer": {"read", "add", "trash"},
    "writer": {"read", "add"},
    "reader": {"read"},
}
FILE_FIELDS = frozenset(
    re.findall(
        r"\S+",
        "kind id name mimeType parents driveId trashed createdTime modifiedTime size md5Checksum sha1Checksum "
        "sha256Checksum resourceKey webViewLink webContentLink appProperties properties description owners "
        "capabilities shared ownedByMe spaces version starred explicitlyTrashed trashedTime fileExtension "
        "originalFilename headRevisionId teamDriveId hasThumbnail thumbnailLink permissionIds shortcutDetails "
        "exportLinks viewedByMe *",
    )
)


class RefusedError(Exception):
    """The answer to a request that may not be."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status)


@dataclass
class File:
    """A file or folder."""

    id: str
    name: str
    mime: str
    parent: str
    owner: str
    drive: str = ""
    size: int = 0
    md5: str = ""
    sha256: str = ""
    content: "bytes | list[bytes] | Path | None" = b""
    app_properties: dict[str, str] = field(default_factory=dict)
    trashed: bool = False
    created_s: float = field(default_factory=time.time)
    visible_s: float = 0.0
    # In so many answers the sha256 is not there yet.
    hidden_sha256: int = 0

    @property
    def is_folder(self) -> bool:
        return self.mime == FOLDER

    def whole(self) -> bytes:
        """Its content."""
        if isinstance(self.content, Path):
            return self.content.read_bytes()
        if isinstance(self.content, list):
            return b"".join(self.content)
        return self.content or b""


@dataclass
class Drive:
    """A shared drive; its id is that of its top folder as well."""

    id: str
    name: str
    members: dict[str, str]
    item_limit: int = 500_000
