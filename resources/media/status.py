"""How the media backup stands."""

from dataclasses import dataclass
from datetime import datetime

from holdfast.media.items import MediaClass
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Standing:
    """How many files of a class are in a status; ``completion_percentage`` is that of the class."""

    media_class: MediaClass
    status: str
    files: int
    bytes: int
    completion_percentage: float
    oldest_deadline_at: datetime


@dataclass(frozen=True, slots=True)
class VaultStanding:
    """How a vault is; ``copies`` are the verified ones."""

    vault: str
    is_open: bool
    closed_reason: str
    used_bytes: int | None
    limit_bytes: int | None
    observed_at: datetime | None
    copies: int
    copies_bytes: int


@dataclass(frozen=True, slots=True)
class Troubled:
    """A copy that is not there, why, and what to do."""

    item_id: int
    source_table: str
    source_id: str
    media_class: MediaClass
    vault: str
    state: str
    deadline_at: datetime
    attempts: int
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    classes: list[Standing]
    vaults: list[VaultStanding]
    troubled: list[Troubled]


def read_status(postgres: Postgres, *, most_troubled: int = 100) -> Status:
    """How the backup stands now."""
    with postgres.transaction() as db:
        return Status(
            classes=db.fetch("media_status/summary", Standing),
            vaults=db.fetch("media_status/vaults", VaultStanding),
            troubled=db.fetch("media_status/troubled", Troubled, most=most_troubled),
        )


def retry(postgres: Postgres, which: str | None) -> int:
    """Queue again what failed, expired or was lost; how many copies.

    Args:
        postgres: the primary.
        which: one file, by its number or its row's id; None: all of them.
    """
    with postgres.transaction() as db:
        return db.execute("media_status/retry", is_all=which is None, id=which or "")
