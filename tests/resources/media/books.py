"""Books with files in them, and a clock that can be turned."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from holdfast.media.items import MediaClass
from holdfast.media.vaults import Stored
from holdfast.media.work import Claim, Result, Work

VAULTS = ("drive", "s3")
# Every instant that the queue compares with its clock; turning all of them back is turning the clock on.
_INSTANTS = {
    "holdfast.media_items": ("created_at", "deadline_at", "origin_gone_at", "origin_checked_at"),
    "holdfast.media_copies": (
        "deadline_at",
        "next_attempt_at",
        "leased_at",
        "lease_until",
        "verified_at",
        "missing_at",
        "updated_at",
    ),
    "holdfast.media_transfers": ("started_at", "ended_at"),
    "holdfast.media_vaults": ("reopens_at", "closed_at"),
}


class Books:
    """The books of one database, written to directly."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, statement: str, *parameters: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), parameters or None)

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), parameters or None).fetchall()

    def value(self, statement: str, *parameters: Any) -> Any:
        (row,) = self.rows(statement, *parameters)
        (value,) = row.values()
        return value

    def add(
        self,
        number: int,
        media_class: MediaClass = "upscale",
        *,
        expires_in: timedelta = timedelta(days=3),
        size: int | None = 1000,
        vaults: Sequence[str] = VAULTS,
        table: str = "gen_videos",
    ) -> int:
        """A file with a pending copy in each of these vaults; its number in the books."""
        deadline = datetime.now(UTC) + expires_in
        item_id = self.value(
            "insert into holdfast.media_items (source_table, source_id, media_class, kind, url, url_key, created_at, "
            "deadline_at, expected_bytes) values (%s, %s, %s, 'video', %s, %s, %s, %s, %s) returning item_id",
            table, str(number), media_class, f"https://fal.media/{number}?sig=1", f"https://fal.media/{number}",
            deadline - timedelta(days=7), deadline, size,
        )  # fmt: skip
        for vault in vaults:
            self.run(
                "insert into holdfast.media_copies (item_id, vault, media_class, deadline_at) values (%s, %s, %s, %s)",
                item_id, vault, media_class, deadline,
            )  # fmt: skip
        return int(item_id)

    def copy(self, item_id: int, vault: str = "drive") -> dict[str, Any]:
        (row,) = self.rows("select * from holdfast.media_copies where item_id = %s and vault = %s", item_id, vault)
        return row

    def item(self, item_id: int) -> dict[str, Any]:
        (row,) = self.rows("select * from holdfast.media_items where item_id = %s", item_id)
        return row

    def states(self, item_id: int) -> dict[str, str]:
        rows = self.rows("select vault, state from holdfast.media_copies where item_id = %s", item_id)
        return {row["vault"]: row["state"] for row in rows}

    def turn(self, by: timedelta) -> None:
        """Let time pass."""
        for table, columns in _INSTANTS.items():
            changes = ", ".join(f"{name} = {name} - %s" for name in columns)
            self.run(f"update {table} set {changes}", *[by] * len(columns))

    def clear(self) -> None:
        self.run(
            "truncate holdfast.media_items, holdfast.media_copies, holdfast.media_transfers, holdfast.media_vaults, "
            "holdfast.media_strays restart identity cascade"
        )


def digest(content: object) -> bytes:
    return hashlib.sha256(str(content).encode()).digest()


def verified(claim: Claim, content: object = "whole", **more: Any) -> Result:
    """A proven copy."""
    remote_id = f"{claim.vault}-{claim.item_id}"
    stored = Stored(
        remote_id=remote_id,
        name=f"upscale/{claim.item_id}.mp4",
        size_bytes=1000,
        sha256=digest(content),
        url=f"https://{claim.vault}.example/{claim.item_id}",
    )
    told: dict[str, Any] = {"etag": "e1", "content_type": "video/mp4", "sent_bytes": 1000} | more
    return Result(claim=claim, verdict="verified", stored=stored, sha256=digest(content), size_bytes=1000, **told)


def claims(works: Sequence[Work]) -> list[Claim]:
    return [claim for work in works for claim in work.claims]


def ids(works: Sequence[Work]) -> list[int]:
    return [work.item.item_id for work in works]
