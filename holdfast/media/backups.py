"""One run of a backup: what it is asked to do, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from holdfast.media.items import MediaClass, MediaItem
from holdfast.media.work import Result

# Room that is left in a vault: this much, or a twentieth of it where that is less.
SPARE_BYTES: Final = 1_000_000_000
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one run does at most.

    Attributes:
        media_class: only this class; None: all of them, in order.
        limit: files; None: no limit. Likewise the others.
        max_bytes: as the rows say that files have; a file without a size counts nothing.
        max_seconds: then what is half-sent is left for the next run.
        workers: large files at once; twice as many small ones besides.
        only_urgent: only what expires within 24 hours.
    """

    media_class: MediaClass | None = None
    limit: int | None = None
    max_bytes: int | None = None
    max_seconds: float | None = None
    workers: int = 8
    only_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A copy that was not made, and what to do."""

    item_id: int
    source: str
    vault: str
    verdict: str
    problem: str
    remedy: str

    @classmethod
    def of(cls, item: MediaItem, result: Result) -> "Problem":
        """From what a transfer says."""
        return cls(
            item_id=item.item_id,
            source=f"{item.source_table}/{item.source_id}",
            vault=result.claim.vault,
            verdict=result.verdict,
            problem=result.problem,
            remedy=result.remedy,
        )

    def __str__(self) -> str:
        """One sentence for a log."""
        return f"{self.source} to {self.vault}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Tick:
    """How far a run was at a moment: seconds since its beginning, bytes sent, copies verified."""

    seconds: float
    sent_bytes: int
    copies: int


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of a run.

    Attributes:
        due_items, due_bytes: that waited when it began, in its class.
        claimed_items: that it took on.
        copies: by verdict.
        adopted_copies: of the verified ones those that were in the vault already.
        saved_in: bytes of verified copies, by vault. ``sent_bytes``: over the line, with what was sent in vain.
        safe_bytes: of files of which every copy that was due is verified.
        closed: vaults that take nothing for now, with the reason.
        problems: copies that were not made; at most as many as a person reads.
        ticks: the course of the run, about one a second.
    """

    media_class: MediaClass | None
    due_items: int = 0
    due_bytes: int = 0
    claimed_items: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    adopted_copies: int = 0
    saved_in: Counter[str] = field(default_factory=Counter)
    safe_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0
    closed: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=lambda: [Tick(0.0, 0, 0)])

    def add(self, item: MediaItem, results: Sequence[Result]) -> None:
        """Count what came of one item."""
        if results and all(result.verdict == "verified" for result in results):
            self.safe_bytes += results[0].size_bytes or 0
        for result in results:
            self.copies[result.verdict] += 1
            if result.verdict == "verified":
                self.adopted_copies += result.is_adopted
                self.saved_in[result.claim.vault] += result.size_bytes or 0
            elif result.problem and len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(Problem.of(item, result))

    def numbers(self) -> dict[str, object]:
        """What it says, for a program."""
        odd = ("copies", "saved_in", "problems", "ticks")
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in odd}
        counted = {"copies": dict(self.copies), "saved_in": dict(self.saved_in), "saved_bytes": self.saved_bytes}
        return plain | counted | {"problems": [asdict(problem) for problem in self.problems]}

    @property
    def saved_bytes(self) -> int:
        """Of verified copies, all vaults together."""
        return self.saved_in.total()

    @property
    def rate_mb_s(self) -> float:
        """Megabytes sent in a second."""
        return self.sent_bytes / _MB / self.seconds if self.seconds > 0 else 0.0

    def progress(self, seconds: float, items: int) -> str:
        """One line: how far it is, how fast, how long it may take."""
        rate = self.sent_bytes / seconds if seconds > 0 else 0.0
        left = max(self.due_bytes - self.safe_bytes, 0)
        eta = f", about {duration(left / rate)} left" if rate and left else ""
        return (
            f"{items:,} of {self.due_items:,} files, {megabytes(self.safe_bytes)} of {megabytes(self.due_bytes)} "
            f"safe, {rate / _MB:.1f} MB/s{eta}"
        )

    def lines(self) -> list[str]:
        """What people should know, most important first."""
        verified = self.copies["verified"]
        copies = "copy" if verified == 1 else "copies"
        head = (
            f"{verified:,} {copies} made and proven ({megabytes(self.saved_bytes)}), {self.adopted_copies:,} of them "
            f"found in the vault already; {self.rate_mb_s:.1f} MB/s over {duration(self.seconds)}."
        )
        told = {
            "again": "did not work and are tried again",
            "failed": "failed: somebody has to look",
            "gone": "have a dead link",
            "released": "were left for the next run",
        }
        rest = [f"{self.copies[verdict]:,} {words}." for verdict, words in told.items() if self.copies[verdict]]
        closed = [f"{vault} takes nothing for now: {why}" for vault, why in self.closed.items()]
        if not self.claimed_items:
            head = "Nothing was due."
        return [head, *rest, *closed, *(str(problem) for problem in self.problems)]


_MOST_PROBLEMS: Final = 50


def spare_bytes(limit_bytes: int | None) -> int:
    """How much of a vault is left free."""
    return SPARE_BYTES if limit_bytes is None else min(SPARE_BYTES, limit_bytes // 20)


def megabytes(count: int) -> str:
    """Bytes as people read them: ``12.3 MB``, ``4.56 GB``."""
    if count >= 1000 * _MB:
        return f"{count / 1000 / _MB:.2f} GB"
    return f"{count / _MB:.1f} MB" if count >= _MB else f"{count / 1000:.0f} kB"


def duration(seconds: float) -> str:
    """Seconds as people read them: ``0.4 s``, ``48 s``, ``12 min``, ``3.5 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
