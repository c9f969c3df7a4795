"""What a media item is: one file of one row, with a class, a deadline and an order among the others."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

MediaClass = Literal["upscale", "regular", "images"]
Kind = Literal["video", "image"]
State = Literal["pending", "leased", "uploading", "verified", "failed", "expired", "lost"]

# Most valuable first: what costs most to make again.
CLASSES: Final[tuple[MediaClass, ...]] = get_args(MediaClass)
# A link lives at least this long (FAL, "File storage": a floor, not a date).
LIFETIME: Final = timedelta(days=7)
# What expires within this goes before everything else.
RESCUE: Final = timedelta(hours=24)
# A link is believed dead when it was seen dead twice, this far apart.
CONFIRM_GONE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSource:
    """Where items of one class come from: a column of URLs in a table of the application.

    Attributes:
        table: its name, with the schema in front where that is not public.
        media_class: what a URL of it is worth.
        kind: what a file behind the URL has to be.
        url, size: columns; ``size`` holds bytes and may be null.
        vaults: where copies go, in the order in which they are given out; of these, the ones that are configured.
        id, created_at, expires_at: columns; ``expires_at`` may be null, then the deadline is ``created_at`` + 7 days.
    """

    table: str
    media_class: MediaClass
    kind: Kind
    url: str
    size: str | None = None
    vaults: tuple[str, ...] = ("drive", "s3", "folder")
    id: str = "id"
    created_at: str = "created_at"
    expires_at: str | None = "expires_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaItem:
    """One file of one row.

    Attributes:
        item_id: its number in ``holdfast.media_items``.
        source_table, source_id: the application's row.
        kind: what the file has to be.
        url: where it is until its deadline.
        created_at: of the row, UTC.
        deadline_at: from then on the link may be dead, UTC.
        expected_bytes: as the row says; None where it does not. A hint for ordering and budgets, not a judgement.
        etag: what the origin said of the file when it was read last; empty where it was not, or said nothing.
        size_bytes, sha256: of the whole file as it was received first; None until then.
    """

    item_id: int
    source_table: str
    source_id: str
    media_class: MediaClass
    kind: Kind
    url: str
    created_at: datetime
    deadline_at: datetime
    expected_bytes: int | None = None
    etag: str = ""
    size_bytes: int | None = None
    sha256: bytes | None = None

    def is_urgent(self, now: datetime) -> bool:
        """Whether it belongs to the rescue window: it expires within 24 hours, or has already."""
        return self.deadline_at <= now + RESCUE

    def order(self, now: datetime) -> tuple[bool, int, datetime, int]:
        """Sorts the most pressing first: the rescue window, then class, then deadline."""
        return (not self.is_urgent(now), CLASSES.index(self.media_class), self.deadline_at, self.item_id)


def printable_url(url: str) -> str:
    """The URL without what may be a secret: user, password, query and fragment. For logs, books and people."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"[:300]
