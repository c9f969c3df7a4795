"""What the assets of this group share, and what their tables look like in the UI."""

from typing import Any, Final

import dagster as dg

from assets.metrics.tables import OWNERS, table
from holdfast.media.items import CLASSES

__all__ = ["GROUP", "ITEMS", "MEDIA_PARTITIONS", "OWNERS", "REQUIRED", "table"]

GROUP: Final = "media"
REQUIRED: Final = dg.TableColumnConstraints(nullable=False)
# One partition per class, so that each has its own runs, history and state in the UI.
MEDIA_PARTITIONS: Final = dg.StaticPartitionsDefinition(list(CLASSES))


def _column(name: str, of_type: str, what: str, *, required: bool = True) -> dg.TableColumn:
    constraints: dict[str, Any] = {"constraints": REQUIRED} if required else {}
    return dg.TableColumn(name, of_type, what, **constraints)


ITEMS: Final = dg.TableSchema(
    [
        _column("item_id", "bigint", "Its number"),
        _column("source_table", "text", "The application's table"),
        _column("source_id", "text", "Id of the row in it"),
        _column("media_class", "text", "What it is worth: upscale, regular or images"),
        _column("kind", "text", "What the file has to be: video or image"),
        _column("url", "text", "Where the file is until its deadline"),
        _column("url_key", "text", "The URL without query and fragment: part of its identity"),
        _column("created_at", "timestamptz", "When the application made the row"),
        _column("deadline_at", "timestamptz", "From then on the link may be dead"),
        _column("expected_bytes", "bigint", "Size as the row says", required=False),
        _column("is_current", "boolean", "Whether the row still says this URL"),
        _column("found_at", "timestamptz", "When it came into the books"),
        _column("etag", "text", "What the origin said of the file when it was read last"),
        _column("content_type", "text", "What the file is by its first bytes"),
        _column("size_bytes", "bigint", "Size of the file as it was received", required=False),
        _column("sha256", "bytea", "Its SHA-256", required=False),
        _column("origin_state", "text", "What the origin said last: unknown, answers, gone or unclear"),
        _column("origin_checked_at", "timestamptz", "When it was asked last", required=False),
        _column("origin_gone_at", "timestamptz", "Since when it says that the file is gone", required=False),
        _column("origin_gone_count", "integer", "How often in a row it said so"),
        _column("origin_problem", "text", "What it said, empty where it answers"),
    ]
)
