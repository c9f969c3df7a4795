"""Files in real vaults with their rows in the books, as a backup would have left them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from holdfast.media.items import MediaClass
from holdfast.media.vaults import MediaVault, NewFile
from resources.postgres import Postgres

_ITEM = """
    insert into holdfast.media_items (source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at,
        content_type, size_bytes, sha256)
    values ('gen_videos', %(id)s, %(media_class)s, 'video', %(url)s, %(url)s, %(created_at)s,
        now() + interval '5 days', 'video/mp4', nullif(%(size)s, 0), case when %(size)s > 0 then %(sha256)s::bytea end)
    returning item_id
"""
_COPY = """
    insert into holdfast.media_copies (item_id, vault, media_class, deadline_at, state, remote_id, name, size_bytes,
        sha256, verified_at, read_back_at)
    select item_id, %(vault)s, media_class, deadline_at, 'verified', %(remote_id)s, %(name)s, %(size)s, %(sha256)s,
        now() - %(age_days)s * interval '1 day', now() - %(read_days)s * interval '1 day'
    from holdfast.media_items
    where item_id = %(item_id)s
"""


@dataclass
class Shelf:
    """The books and the vaults."""

    url: str
    vaults: Mapping[str, MediaVault]

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.url)

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def add(
        self,
        source_id: str,
        content: bytes,
        *,
        into: Sequence[str] | None = None,
        media_class: MediaClass = "upscale",
        age_days: float = 30,
        read_days: float | None = None,
        created_at: str = "2026-11-05 12:00+00",
        name: str | None = None,
    ) -> int:
        """A file with verified copies in these vaults (all of them by default); its number."""
        name = name or f"{media_class}/2026-11/{source_id}-0123456789.mp4"
        sha256 = hashlib.sha256(content).digest()
        told = {"id": source_id, "media_class": media_class, "url": f"https://v3.fal.media/{media_class}/{source_id}"}
        told |= {"created_at": created_at, "name": name, "size": len(content), "sha256": sha256}
        told |= {"age_days": age_days, "read_days": read_days}
        with psycopg.connect(self.url, autocommit=True) as connection:
            (item_id,) = connection.execute(_ITEM, told).fetchone() or (0,)
            for label in self.vaults if into is None else into:
                vault = self.vaults[label]
                (remote_id,) = vault.reserve([name])
                file = NewFile(name=name, remote_id=remote_id, content_type="video/mp4", size_bytes=len(content))
                store(vault, file, content, sha256)
                connection.execute(_COPY, told | {"item_id": item_id, "vault": label, "remote_id": remote_id})
        return int(item_id)

    def copy(self, item_id: int, vault: str) -> dict[str, Any]:
        """The row of a copy."""
        with psycopg.connect(self.url, row_factory=psycopg.rows.dict_row) as connection:
            question = "select * from holdfast.media_copies where item_id = %s and vault = %s"
            return connection.execute(question, (item_id, vault)).fetchone() or {}


def store(vault: MediaVault, file: NewFile, content: bytes, sha256: bytes) -> None:
    """By one call or in parts, as large as it is."""
    if len(content) <= vault.most_at_once_bytes:
        vault.put(file, [content], sha256)
        return
    upload = vault.upload(file)
    while upload.offset < len(content):
        upload.send(content[upload.offset : upload.offset + vault.part_bytes], total_bytes=len(content))
    upload.finish(sha256)
    upload.close()
