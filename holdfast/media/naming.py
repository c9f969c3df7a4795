"""What a file is called in a vault: made of ids, never of what people typed."""

import hashlib
import re
from typing import Final

from holdfast.media.items import MediaItem

_EXTENSIONS: Final = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/svg+xml": "svg",
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_ID: Final = 60


def vault_name(item: MediaItem, content_type: str) -> str:
    """``class/month/id-digest.extension``: the same for every attempt, another one for every item.

    The id is shortened to letters and digits, so that any vault takes it and a person finds it; the digest keeps two
    items apart that look alike then.
    """
    whole = f"{item.source_table}\0{item.source_id}\0{item.media_class}\0{item.url.partition('?')[0].partition('#')[0]}"
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = _UNSAFE.sub("-", item.source_id).strip("-")[:_LONGEST_ID].strip("-") or "item"
    extension = _EXTENSIONS.get(content_type, "bin")
    return f"{item.media_class}/{item.created_at:%Y-%m}/{readable}-{digest}.{extension}"
