"""The queue of copies to be made: claimed, kept alive, settled. The table is the queue, its clock is the database's."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

from holdfast.errors import ClosedBy, StatementTimeoutError, TransientError
from holdfast.media.items import CLASSES, Kind, MediaClass, MediaItem
from holdfast.media.vaults import Space, Stored
from holdfast.media.work import Claim, Elsewhere, Result, Work
from resources.media.projecting import Projector
from resources.media.settling import as_json, settle
from resources.postgres import Postgres, Transaction
from resources.session import Session

T = TypeVar("T")
LEASE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Due:
    """What could be claimed now.

    Attributes:
        items: files.
        bytes: of these, as far as sizes are known.
        urgent_items: those that expire within 24 hours, or have already.
        next_deadline_at: the earliest; None where nothing is due.
    """

    items: int
    bytes: int
    urgent_items: int
    next_deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Row:
    """One claimed copy with its file."""

    item_id: int
    source_table: str
    source_id: str
    media_class: MediaClass
    kind: Kind
    url: str
    created_at: datetime
    deadline_at: datetime
    expected_bytes: int | None
    etag: str
    size_bytes: int | None
    sha256: bytes | None
    vault: str
    lease_token: UUID
    attempts: int
    remote_id: str | None
    name: str | None
    upload: bytes | None
    elsewhere: list[str]
    claimed_at: datetime


class Queue:
    """The queue as one run sees it. Safe to use from several threads; nothing is held between calls.

    Every call is one short transaction on a kept connection. A line that broke since the last call is opened anew: what
    a call does twice, it does once (who lost a lease changes nothing). Every method raises ``TransientError`` where
    Postgres is away.
    """

    def __init__(self, postgres: Postgres, *, owner: str, lease_s: float = LEASE_S) -> None:
        """Opens nothing.

        Args:
            postgres: the primary.
            owner: who claims, for people who look: the run's id.
            lease_s: how long a claim lasts without a heartbeat, in seconds.
        """
        self._session = Session(postgres)
        self._owner, self._lease_s = owner, lease_s
        self._lock = threading.Lock()
        self._projector = Projector()

    @property
    def lease_s(self) -> float:
        """How long a claim lasts without a heartbeat, in seconds."""
        return self._lease_s

    def claim(
        self,
        *,
        vaults: Sequence[str],
        media_class: MediaClass | None,
        most: int,
        only_urgent: bool = False,
        max_bytes: int | None = None,
    ) -> list[Work]:
        """Lease the most pressing files, each with every copy of it that is due in ``vaults``.

        Args:
            vaults: labels of those that take files.
            media_class: only files of it; None: of all.
            most: files at most.
            only_urgent: only what expires within 24 hours, or has already.
            max_bytes: of all files together, as far as sizes are known; larger ones are left.

        Returns:
            In ``MediaItem.order``; nothing where nothing is due.
        """
        if not vaults or most < 1:
            return []
        asked = {
            "vaults": list(vaults),
            "media_classes": [media_class] if media_class else list(CLASSES),
            "most": most,
            "only_urgent": only_urgent,
            "max_bytes": max_bytes,
            "owner": self._owner,
            "lease_s": self._lease_s,
        }
        return _works(self._each(lambda db: [_Row(*row) for row in db.rows_in_binary("media_queue/claim", **asked)]))

    def reserve(self, pairs: Sequence[tuple[Claim, str]]) -> None:
        """Keep under which remote ids copies are going to be stored, before the first byte is sent."""
        told = as_json(_named(claim) | {"remote_id": remote_id} for claim, remote_id in pairs)
        self._each(lambda db: db.execute("media_queue/reserve", claims=told))

    def keep_upload(self, claim: Claim, *, name: str, state: bytes, etag: str) -> bool:
        """Keep where an upload can be gone on with, by any later claim; False: the lease is not ours any more.

        Args:
            claim: whose upload it is.
            name: of the file in the vault.
            state: ``Upload.state``.
            etag: what the origin says of the file that is being sent; under another one the upload is begun anew.
        """
        told = {"item_id": claim.item_id, "vault": claim.vault, "token": claim.token, "name": name, "etag": etag}
        return self._each(lambda db: db.value("media_queue/keep_upload", state=state, **told)) is not None

    def heartbeat(self, claims: Sequence[Claim], sent: Mapping[tuple[int, str], int]) -> set[UUID]:
        """Prolong the leases of these claims; the tokens that are still ours.

        Args:
            claims: the leases to prolong.
            sent: bytes that went into the vault in this attempt, by item and vault.
        """
        told = as_json(_named(one) | {"sent_bytes": sent.get((one.item_id, one.vault), 0)} for one in claims)
        rows = self._each(lambda db: db.rows("media_queue/heartbeat", lease_s=self._lease_s, claims=told))
        return {token for (token,) in rows}

    def settle(self, results: Sequence[Result]) -> None:
        """Write down what came of claims, all or nothing; a result whose lease is not ours any more changes nothing.

        The application's row is told in the same transaction, where nobody else holds it.
        """
        if results:
            self._call(lambda: self._settle(list(results)))

    def _settle(self, results: Sequence[Result]) -> None:
        with self._session.transaction() as db:
            settle(db, results)
            self._projector.tell(db, [one.claim.item_id for one in results])

    def close_vault(self, vault: str, *, by: ClosedBy, reason: str, reopens_in: timedelta | None) -> None:
        """Note for every run that a vault takes nothing: why, and when it may be asked again (None: see ``reason``)."""
        wait_s = reopens_in.total_seconds() if reopens_in is not None else None
        told = {"vault": vault, "by": by, "reason": reason, "reopens_in_s": wait_s}
        self._each(lambda db: db.execute("media_queue/close_vault", **told))

    def open_vault(self, vault: str) -> None:
        """Note that a vault takes files."""
        self._each(lambda db: db.execute("media_queue/open_vault", vault=vault))

    def closed_vaults(self) -> Mapping[str, str]:
        """Vaults that take nothing now, each with the reason."""
        return dict(self._each(lambda db: db.rows("media_queue/closed_vaults")))

    def sent_today_bytes(self, vault: str) -> int:
        """Bytes that all runs sent into a vault in the last 24 hours."""
        return int(self._each(lambda db: db.value("media_queue/sent_today", vault=vault)))

    def note_space(self, vault: str, space: Space) -> None:
        """Note how full a vault is."""
        told = {"vault": vault, "used_bytes": space.used_bytes, "limit_bytes": space.limit_bytes}
        self._each(lambda db: db.execute("media_queue/note_space", **told))

    def has_strays(self, vault: str) -> bool:
        """Whether the vault held files that the books do not know, when it was looked into last."""
        return bool(self._each(lambda db: db.value("media_queue/has_strays", vault=vault)))

    def known_stray(self, vault: str, size_bytes: int) -> list[Stored]:
        """Those of this size; they may be gone by now."""
        told = {"vault": vault, "size_bytes": size_bytes}
        rows = self._each(lambda db: db.rows_in_binary("media_queue/strays_of_size", **told))
        names = ("remote_id", "name", "size_bytes", "sha256", "md5", "url")
        return [Stored(**dict(zip(names, row, strict=True))) for row in rows]

    def due(self, media_class: MediaClass | None, vaults: Sequence[str]) -> Due:
        """What could be claimed now; of all classes where none is named."""
        told = {"media_class": media_class, "vaults": list(vaults)}
        (row,) = self._each(lambda db: db.rows_in_binary("media_queue/due", **told))
        return Due(*row)

    def close(self) -> None:
        """Let go of the line."""
        with self._lock:
            self._session.close()

    def _each(self, work: Callable[[Transaction], T]) -> T:
        def once() -> T:
            with self._session.each() as db:
                return work(db)

        return self._call(once)

    def _call(self, once: Callable[[], T]) -> T:
        """Do it; once more where the kept line turns out to be cut."""
        with self._lock:
            was_open = self._session.is_open
            try:
                return once()
            except StatementTimeoutError:
                raise
            except TransientError:
                if not was_open:
                    raise
                self._session.close()
                return once()


def _named(claim: Claim) -> dict[str, Any]:
    """What fences a word about a claim."""
    return {"item_id": claim.item_id, "vault": claim.vault, "token": claim.token}


def _works(rows: Iterable[_Row]) -> list[Work]:
    groups = [list(group) for _, group in groupby(rows, attrgetter("item_id"))]
    groups.sort(key=lambda group: _item(group[0]).order(group[0].claimed_at))
    return [_work(group) for group in groups]


def _work(rows: Sequence[_Row]) -> Work:
    copies = (one.split(" ", 1) for one in rows[0].elsewhere)
    return Work(
        item=_item(rows[0]),
        claims=tuple(_claim(row) for row in rows),
        elsewhere=tuple(Elsewhere(vault=vault, remote_id=remote_id) for vault, remote_id in copies),
    )


def _item(row: _Row) -> MediaItem:
    return MediaItem(
        item_id=row.item_id,
        source_table=row.source_table,
        source_id=row.source_id,
        media_class=row.media_class,
        kind=row.kind,
        url=row.url,
        created_at=row.created_at,
        deadline_at=row.deadline_at,
        expected_bytes=row.expected_bytes,
        etag=row.etag,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
    )


def _claim(row: _Row) -> Claim:
    return Claim(
        item_id=row.item_id,
        vault=row.vault,
        token=row.lease_token,
        attempts=row.attempts,
        remote_id=row.remote_id,
        name=row.name,
        upload=row.upload,
    )
