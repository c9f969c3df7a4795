"""What the books say: how far each class is, what is at risk, how the vaults are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.media.items import MediaClass, State
from resources.postgres import Transaction


@dataclass(frozen=True, slots=True)
class Count:
    """Files of a class in one status; ``completion_percentage`` is the share of verified files of the whole class."""

    media_class: MediaClass
    status: State
    files: int
    bytes: int
    completion_percentage: float
    oldest_deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Risk:
    """A copy that is not there although it should be; ``copies`` is how many there are of its kind."""

    item_id: int
    media_class: MediaClass
    source: str
    vault: str
    state: State
    deadline_at: datetime
    problem: str
    remedy: str
    copies: int

    def __str__(self) -> str:
        """One sentence."""
        why = f": {self.problem}" if self.problem else ""
        then = f". {self.remedy}" if self.remedy else ""
        where = f"{self.source} ({self.media_class}), {self.deadline_at:%Y-%m-%d %H:%M}"
        return f"{where}: {self.state} in {self.vault}{why}{then}"


@dataclass(frozen=True, slots=True)
class VaultBooks:
    """A vault as the books see it.

    Attributes:
        used_bytes, limit_bytes: as it said at ``observed_at``; None where it does not say.
        waiting_copies, waiting_bytes: that are still to go into it, as far as sizes are known.
        unknown_copies: of these, those whose size nobody knows.
        daily_bytes: of files that the application made on an average day of the last 14.
        verified_bytes: of the copies in it that are proven.
        stray_files: that the books do not know, as of the last look.
        missing_files: that it does not have although they were verified.
    """

    vault: str
    is_open: bool
    closed_reason: str
    reopens_at: datetime | None
    used_bytes: int | None
    limit_bytes: int | None
    observed_at: datetime | None
    looked_at: datetime | None
    looked_files: int
    waiting_copies: int
    waiting_bytes: int
    unknown_copies: int
    daily_bytes: int
    verified_bytes: int
    stray_files: int
    missing_files: int


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file that only one side knows: a stray in a vault, or, where ``is_missing``, a row whose file is gone."""

    vault: str
    is_missing: bool
    name: str
    size_bytes: int
    since: datetime


def counts(db: Transaction) -> list[Count]:
    """Files by class and status, classes in order of worth."""
    return db.fetch("media_books/counts", Count)


def at_risk(db: Transaction, most: int = 20) -> list[Risk]:
    """Copies that are not there while their link dies within 24 hours or has died, the earliest deadline first."""
    return db.fetch("media_books/at_risk", Risk, most=most)


def lost(db: Transaction, most: int = 20) -> list[Risk]:
    """Copies whose file is nowhere any more."""
    return db.fetch("media_books/lost", Risk, most=most)


def vaults(db: Transaction) -> list[VaultBooks]:
    """The vaults that are configured."""
    return db.fetch("media_books/vaults", VaultBooks)


def odd_files(db: Transaction, most: int = 20) -> Sequence[OddFile]:
    """Files that only one side knows; at most so many of each kind, the newest first."""
    return db.fetch("media_books/odd_files", OddFile, most=most)


def count_items(db: Transaction) -> int:
    """Files in the books, superseded ones included."""
    return int(db.value("media_books/count_items"))


def next_deadline(db: Transaction) -> datetime | None:
    """The earliest deadline of a file that waits; None where none does."""
    found: datetime | None = db.value("media_books/next_deadline")
    return found
