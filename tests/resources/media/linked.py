"""Rows of the books, written as a test needs them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

NOW = datetime.now(UTC)
_ITEM = """
    insert into holdfast.media_items (source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at,
        is_current, origin_state, origin_checked_at, origin_gone_at, origin_gone_count)
    values (%(source_table)s, %(source_id)s, %(media_class)s, %(kind)s, %(url)s, %(url)s, %(created_at)s,
        %(deadline_at)s, %(is_current)s, %(origin_state)s, %(origin_checked_at)s, %(origin_gone_at)s,
        %(origin_gone_count)s)
    returning item_id
"""
_COPY = """
    insert into holdfast.media_copies (item_id, vault, media_class, deadline_at, state, remote_id, name, size_bytes,
        sha256, url, verified_at)
    select item_id, %(vault)s, media_class, deadline_at, 'verified', %(vault)s || item_id, 'a/b.mp4', 7,
        sha256('x'), %(url)s, now()
    from holdfast.media_items
    where item_id = %(item_id)s
"""


def add_item(
    connection: psycopg.Connection[Any], number: int, *, copies: Mapping[str, str | None] | None = None, **told: Any
) -> int:
    """One file, with verified copies of these URLs; its number."""
    row = {
        "source_table": "gen_videos",
        "source_id": str(number),
        "media_class": "regular",
        "kind": "video",
        "url": f"http://origin.example/{number}.mp4",
        "created_at": NOW - timedelta(days=1),
        "deadline_at": NOW + timedelta(days=6),
        "is_current": True,
        "origin_state": "unknown",
        "origin_checked_at": None,
        "origin_gone_count": 0,
    } | told
    row.setdefault("origin_gone_at", NOW if row["origin_state"] == "gone" else None)
    (item_id,) = connection.execute(_ITEM, row).fetchone() or (0,)
    for vault, url in (copies or {}).items():
        add_copy(connection, item_id, vault, url)
    return int(item_id)


def add_copy(connection: psycopg.Connection[Any], item_id: int, vault: str, url: str | None) -> None:
    """A verified copy of a file."""
    connection.execute(_COPY, {"item_id": item_id, "vault": vault, "url": url})
