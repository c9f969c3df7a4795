"""Everything below the configured folder, a thousand files a call."""

import itertools
from collections.abc import Iterator
from typing import Final

from holdfast.media.vaults import Stored
from resources.drive.files import stored
from resources.drive.folders import Folders, quoted
from resources.drive.metadata import FOLDER, Document, Metadata

# So many folders are asked for in one query: longer ones are refused.
_FOLDERS_AT_ONCE: Final = 15
# What people write in Drive has no bytes; what leads elsewhere is not here.
_NO_FILES: Final = "application/vnd.google-apps."


def listed(metadata: Metadata, folders: Folders, prefix: str) -> Iterator[Stored]:
    """Every file below the configured folder whose path begins with ``prefix``; it may lag behind what was stored."""
    level = {folders.place().id: ""}
    seen = set(level)
    while level:
        below: dict[str, str] = {}
        for document, path in _children(metadata, level):
            if document["mimeType"] == FOLDER:
                is_wanted = f"{path}/".startswith(prefix) or prefix.startswith(f"{path}/")
                if is_wanted and document["id"] not in seen:
                    below[document["id"]] = folders.note(path, document["id"])
            elif path.startswith(prefix) and not document["mimeType"].startswith(_NO_FILES):
                yield stored(document, path)
        seen.update(below)
        level = below


def _children(metadata: Metadata, level: dict[str, str]) -> Iterator[tuple[Document, str]]:
    ids = iter(level)
    while group := list(itertools.islice(ids, _FOLDERS_AT_ONCE)):
        anywhere = " or ".join(f"{quoted(folder_id)} in parents" for folder_id in group)
        for document in metadata.list(f"({anywhere}) and trashed = false"):
            parent = next((one for one in document.get("parents", ()) if one in level), None)
            if parent is not None:
                yield document, f"{level[parent]}/{document['name']}".lstrip("/")
