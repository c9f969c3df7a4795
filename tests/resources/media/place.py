"""An origin, vaults and books, and a backup between them."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from holdfast.media.addresses import AllowedHosts
from holdfast.media.backups import Ask, Report
from holdfast.media.items import MediaClass
from holdfast.media.vaults import MediaVault
from holdfast.retries import Backoff
from resources.drive.access import DriveAccess
from resources.drive.vault import DriveVault
from resources.folder import FolderVault
from resources.media.backup import Backup
from resources.media.queue import Queue
from resources.media.waiting import Patience
from resources.object_store import S3Vault
from resources.postgres import Postgres
from resources.web.origin import Origin
from tests.fakes.drive import FakeDrive
from tests.fakes.origins import FakeOrigin, origin
from tests.fakes.s3 import S3Server
from tests.resources.media.books import Books

_ITEM = """
insert into holdfast.media_items
    (source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at, expected_bytes)
values ('gen_videos', %s, %s, %s, %s, %s, %s, %s, %s) returning item_id
"""
QUICK = Backoff(attempts=4, first_s=0.02, most_s=0.1)


class Place:
    """Where a backup takes place."""

    def __init__(self, url: str, there: FakeOrigin, vaults: Mapping[str, MediaVault]) -> None:
        self.url, self.origin, self.vaults = url, there, vaults
        self.books = Books(url)
        self.said: list[str] = []
        self.contents: dict[int, bytes] = {}

    def file(
        self,
        content: bytes,
        *,
        source_id: str = "",
        media_class: MediaClass = "upscale",
        kind: str = "video",
        expires_in: timedelta = timedelta(days=5),
        size: int | None = None,
        url: str = "",
        **served: Any,
    ) -> int:
        """A file at the origin and in the books, with a copy to be made in every vault; its number."""
        number = len(self.contents) + 1
        link = url or self.origin.put(f"/{number}.mp4", content, etag=f'"{hash(content)}"', **served)
        deadline = datetime.now(UTC) + expires_in
        item_id = int(
            self.books.value(
                _ITEM,
                source_id or f"row-{number}",
                media_class,
                kind,
                link,
                link,
                deadline - timedelta(days=7),
                deadline,
                size,
            )
        )
        for label in self.vaults:
            self.books.run(
                "insert into holdfast.media_copies (item_id, vault, media_class, deadline_at) values (%s, %s, %s, %s)",
                item_id, label, media_class, deadline,
            )  # fmt: skip
        self.contents[item_id] = content
        return item_id

    def run(self, *, lease_s: float = 60.0, patience: Backoff = QUICK, **asked: Any) -> Report:
        """One backup."""
        queue = Queue(Postgres(self.url), owner="test", lease_s=lease_s)
        way = Origin(AllowedHosts.parse(self.origin.url))
        try:
            backup = Backup(
                queue, way, self.vaults, say=self.said.append, patience=lambda stop: Patience(stop, patience)
            )
            return backup.run(Ask(**({"workers": 3} | asked)))
        finally:
            queue.close()
            way.close()

    def again(self, **asked: Any) -> Report:
        """One more, after whatever has to be waited for."""
        self.books.run("update holdfast.media_copies set next_attempt_at = now() where state = 'pending'")
        return self.run(**asked)

    def states(self) -> dict[int, dict[str, str]]:
        return {item_id: self.books.states(item_id) for item_id in self.contents}

    def problem(self, item_id: int, vault: str) -> str:
        return str(self.books.copy(item_id, vault)["problem"])

    def read(self, item_id: int, vault: str) -> bytes:
        """A copy, from the vault."""
        found, buffer = bytearray(), memoryview(bytearray(1 << 20))
        with self.vaults[vault].read(self.books.copy(item_id, vault)["remote_id"]) as content:
            while count := content.readinto(buffer):
                found += buffer[:count]
        return bytes(found)

    def assert_safe(self, *item_ids: int) -> None:
        """Every copy of these is verified, and its bytes are those of the origin."""
        for item_id in item_ids or tuple(self.contents):
            for label in self.vaults:
                copy = self.books.copy(item_id, label)
                assert copy["state"] == "verified", (item_id, label, copy["problem"])
                assert self.read(item_id, label) == self.contents[item_id]
                assert bytes(copy["sha256"]) == hashlib.sha256(self.contents[item_id]).digest()

    def files(self, vault: str) -> int:
        """How many whole files are in a vault."""
        return len(list(self.vaults[vault].list()))


@contextmanager
def place(
    url: str, folder: Path, *labels: str, s3: S3Server | None = None, drive: FakeDrive | None = None
) -> Iterator[Place]:
    """A place with these vaults: ``drive``, ``s3``, ``folder``."""
    with ExitStack() as stack:
        there = stack.enter_context(origin())
        vaults: dict[str, MediaVault] = {}
        if drive and "drive" in labels:
            vaults["drive"] = DriveVault(DriveAccess(**drive.login("shared_drive")), patience=QUICK)
        if s3 and "s3" in labels:
            s3.make_bucket("media")
            vaults["s3"] = S3Vault(s3.access("media"))
        if "folder" in labels:
            vaults["folder"] = FolderVault(folder / "vault")
        for vault in vaults.values():
            stack.callback(vault.close)
        yield Place(url, there, vaults)
