"""Copies that are read back: which are due, what came of reading them, and how well all of them are proven."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.media.proofs import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How much one run reads back at most.

    Attributes:
        weeks: a copy that was not proven for so long is read back whoever's turn it is.
        slices: every copy has its turn once in so many weeks.
        max_bytes: of all copies together; one is read in any case.
        max_seconds: then no further copy is begun.
        workers: copies at once.
    """

    weeks: int = 13
    slices: int = 13
    max_bytes: int = 20_000_000_000
    max_seconds: float = 3600.0
    workers: int = 4


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A copy whose turn it is, as the books know it."""

    item_id: int
    vault: str
    remote_id: str
    name: str
    source: str
    media_class: str
    size_bytes: int
    sha256: bytes
    proven_at: datetime
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of reading a copy.

    Attributes:
        verdict: None: it could not be read now; nothing is known.
        problem: what is wrong with it, or in the way.
    """

    copy: DueCopy
    verdict: Verdict | None
    read_bytes: int = 0
    seconds: float = 0.0
    found_sha256: bytes | None = None
    problem: str = ""

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.copy.source} in {self.copy.vault} ({self.copy.name}): {self.problem or self.verdict}"


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of a run. Due copies are read, unread (the vault was in the way) or left (no time, or urgent work).

    Attributes:
        urgent_items: files of the rescue window that were waiting: nothing was begun, or the rest was left.
        suspicious: vaults in which nothing was found; nothing was changed there.
    """

    due_copies: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    unread_copies: int = 0
    read_bytes: int = 0
    seconds: float = 0.0
    urgent_items: int = 0
    bad: list[Reading] = field(default_factory=list)
    unread: list[Reading] = field(default_factory=list)
    suspicious: dict[str, int] = field(default_factory=dict)

    @property
    def read_copies(self) -> int:
        """Copies that came to a verdict."""
        return sum(self.verdicts.values())

    @property
    def left_copies(self) -> int:
        """Copies that were not begun."""
        return self.due_copies - self.read_copies - self.unread_copies


@dataclass(frozen=True, slots=True)
class Standing:
    """How well the verified copies are proven: each was read back in time, is fresh, or is overdue."""

    verified_copies: int
    read_back_copies: int
    fresh_copies: int
    overdue_copies: int
    verified_bytes: int
    oldest_proof_at: datetime | None


@dataclass(frozen=True, slots=True)
class Week:
    """Readings of a week that were whole, and that were not."""

    week_at: datetime
    whole: float
    bad: float


@dataclass(frozen=True, slots=True)
class NotMended:
    """A copy whose last reading found it damaged or missing, and of which there is no new one yet."""

    vault: str
    source: str
    problem: str
    read_at: datetime

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.source} in {self.vault}: {self.problem}, seen {self.read_at:%Y-%m-%d}"
