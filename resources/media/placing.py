"""Where a copy goes in its vault: a name, an id that is kept in the books, or a file that is there already."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from holdfast.errors import LeaseLostError
from holdfast.media.items import MediaItem
from holdfast.media.naming import vault_name
from holdfast.media.vaults import MediaVault, NewFile, Stored
from holdfast.media.work import Claim

_PIECE = 1 << 20


class Books(Protocol):
    """What a transfer tells and asks the books. Implemented by ``resources.media.queue.Queue``."""

    def reserve(self, pairs: Sequence[tuple[Claim, str]]) -> None:
        """Keep the remote ids of copies before their first byte is sent."""

    def keep_upload(self, claim: Claim, *, name: str, state: bytes, etag: str) -> bool:
        """Keep where an upload can be gone on with; False: the lease is not ours any more."""

    def heartbeat(self, claims: Sequence[Claim], sent: Mapping[tuple[int, str], int]) -> set[UUID]:
        """Prolong the leases of claims; the tokens that are still ours."""

    def has_strays(self, vault: str) -> bool:
        """Whether the vault held files that the books do not know, when it was looked into last."""

    def known_stray(self, vault: str, size_bytes: int) -> list[Stored]:
        """Those of this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one copy.

    Attributes:
        remote_id: None: one has to be found.
        state: where an earlier try left off.
        edition: which name, where the ones before are taken by other files.
    """

    claim: Claim
    remote_id: str | None
    state: bytes | None
    edition: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What a whole file is known by."""

    size_bytes: int
    sha256: bytes
    md5: bytes | None = None


class Placing:
    """Finds places."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._strays: dict[str, bool] = {}

    def place(
        self, vault: MediaVault, attempt: Attempt, item: MediaItem, content_type: str, size: int | None
    ) -> NewFile:
        """Name and id of a copy; an id that is drawn is in the books when this returns.

        Raises:
            LeaseLostError: somebody else has the copy now.
        """
        name = _edition(vault_name(item, content_type), attempt.edition)
        remote_id = attempt.remote_id if vault.draws_ids else vault.reserve([name])[0]
        if remote_id is None:
            remote_id = vault.reserve([name])[0]
            self._books.reserve([(attempt.claim, remote_id)])
        facts = (("item", f"{item.source_table}/{item.source_id}"), ("class", item.media_class))
        return NewFile(name=name, remote_id=remote_id, content_type=content_type, size_bytes=size, facts=facts)

    def keep(self, claim: Claim, file: NewFile, state: bytes, etag: str) -> None:
        """Keep where an upload is.

        Raises:
            LeaseLostError: somebody else has the copy now.
        """
        if not self._books.keep_upload(claim, name=file.name, state=state, etag=etag):
            raise LeaseLostError(f"item {claim.item_id}: its lease in {claim.vault} was taken over")

    def is_ours(self, claim: Claim) -> bool:
        """Whether nobody else has taken the copy over; prolongs its lease."""
        return claim.token in self._books.heartbeat([claim], {})

    def has_lookalikes(self, vault: str) -> bool:
        """Whether the vault had files before us; asked once, as every item asks."""
        if vault not in self._strays:
            self._strays[vault] = self._books.has_strays(vault)
        return self._strays[vault]

    def lookalikes(self, vault: str, size_bytes: int) -> list[Stored]:
        """Those of this size, with a checksum to compare."""
        return [stray for stray in self._books.known_stray(vault, size_bytes) if stray.sha256 or stray.md5]


def same(stored: Stored, digests: Digests) -> bool:
    """Whether a file in a vault is this one, by the vault's own checksum."""
    if stored.size_bytes != digests.size_bytes:
        return False
    if stored.sha256:
        return stored.sha256 == digests.sha256
    return stored.md5 is not None and stored.md5 == digests.md5


def is_proven(vault: MediaVault, stored: Stored, digests: Digests) -> bool:
    """The same; a vault that keeps no checksum of the whole is read back."""
    if stored.sha256 or stored.size_bytes != digests.size_bytes:
        return same(stored, digests)
    sha256, buffer = hashlib.sha256(), memoryview(bytearray(_PIECE))
    with vault.read(stored.remote_id) as content:
        while count := content.readinto(buffer):
            sha256.update(buffer[:count])
    return sha256.digest() == digests.sha256


def _edition(name: str, edition: int) -> str:
    if edition == 1:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem}-{edition}{dot}{extension}"
