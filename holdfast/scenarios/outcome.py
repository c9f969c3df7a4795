"""What of the failures was found, how soon, and what paged for nothing: truth against incidents.

A failure is **detected** when an incident with one of its servers calls for attention between its start and 30 minutes
after its end; every such call outside of any failure of the incident's servers is a **false page**.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from holdfast.scenarios.failures import CASCADE, Failure

GRACE_S: Final = 30 * 60
SLOT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Truth:
    """One failure as it was played.

    Attributes:
        failure: what broke.
        reached: the servers it showed on, its own first, to the dependencies between.
    """

    failure: Failure
    reached: Mapping[str, int]

    @property
    def start_s(self) -> int:
        """Its first second."""
        return self.failure.start_s

    @property
    def end_s(self) -> int:
        """When nothing is left of it on any server."""
        return self.failure.gone_s + max(self.reached.values()) * self.failure.lag_s

    def covers(self, page: "Page") -> bool:
        """Whether a page is about it: of one of its servers, between its start and half an hour after its end."""
        is_then = page.at_s + SLOT_S > self.start_s and page.at_s <= self.end_s + GRACE_S
        return is_then and not self.reached.keys().isdisjoint(page.incident.servers)


@dataclass(frozen=True, slots=True)
class Found:
    """One incident, as far as matching asks.

    Attributes:
        incident_id: its number.
        root: the server it says it began on.
        servers: all that are affected.
        pages_s: the slots in which it called for attention: when it opened, and when it became worse.
        closed_s: when it ended, None while it is open.
        sentence: what it says.
    """

    incident_id: int
    root: str
    servers: frozenset[str]
    pages_s: tuple[int, ...]
    closed_s: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Page:
    """One call for attention: slot start, and its incident."""

    at_s: int
    incident: Found

    def to_document(self) -> dict[str, Any]:
        """What of it a log keeps, as JSON holds it."""
        about = self.incident
        return {"at_s": self.at_s, "root": about.root, "servers": sorted(about.servers), "sentence": about.sentence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one failure.

    Attributes:
        kind: its kind.
        server: where it was, of a cascade where it began.
        metrics: what showed it; of a cascade empty.
        started_s: its first second.
        ended_s: when nothing was left of it.
        detected_s: end of the slot that paged first; None: missed.
        incidents: how many incidents paged for it.
        pages: how often they did.
        is_root_right: whether the first of them says it began there; None: missed.
        sentence: what that incident says; None: missed.
    """

    kind: str
    server: str
    metrics: tuple[str, ...]
    started_s: int
    ended_s: int
    detected_s: int | None
    incidents: int
    pages: int
    is_root_right: bool | None
    sentence: str | None

    @property
    def is_missed(self) -> bool:
        """Whether nothing paged for it."""
        return self.detected_s is None

    @property
    def delay_s(self) -> int | None:
        """From its first second to the end of the slot that paged; None: missed."""
        return None if self.detected_s is None else self.detected_s - self.started_s

    @property
    def is_whole(self) -> bool:
        """Whether it made exactly one incident, and that one names its server as the root."""
        return self.incidents == 1 and self.is_root_right is True

    def to_document(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {**asdict(self), "metrics": list(self.metrics), "delay_s": self.delay_s, "missed": self.is_missed}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a play.

    Attributes:
        results: one per failure, by start.
        false_pages: calls for attention that no failure explains, by time.
        server_days: servers times days that were judged.
    """

    results: tuple[Result, ...]
    false_pages: tuple[Page, ...]
    server_days: float

    @property
    def detected(self) -> int:
        """Failures that were."""
        return sum(not result.is_missed for result in self.results)

    @property
    def false_pages_a_server_day(self) -> float:
        """False pages per server and day."""
        return len(self.false_pages) / self.server_days if self.server_days else 0.0


@dataclass(frozen=True, slots=True)
class KindReport:
    """All failures of one kind together.

    Attributes:
        kind: the kind.
        failures: how many were played.
        detected: how many of them were.
        delay_s: median from start to page, over those that were; None: none was.
        whole: how many made exactly one incident with the right root.
    """

    kind: str
    failures: int
    detected: int
    delay_s: float | None
    whole: int

    @property
    def recall(self) -> float:
        """Share that was detected."""
        return self.detected / self.failures


def outcome_of(truths: Iterable[Truth], incidents: Iterable[Found], *, server_days: float) -> Outcome:
    """Match failures with incidents.

    Args:
        truths: what broke.
        incidents: what was found, merged ones left out.
        server_days: servers times days that were judged.
    """
    pages = sorted((Page(at_s, one) for one in incidents for at_s in one.pages_s), key=_place)
    known = sorted(truths, key=lambda truth: (truth.start_s, truth.failure.server_id))
    results = tuple(_result(truth, [page for page in pages if truth.covers(page)]) for truth in known)
    false_pages = tuple(page for page in pages if not any(truth.covers(page) for truth in known))
    return Outcome(results, false_pages, server_days)


def by_kind(results: Iterable[Result]) -> Iterator[KindReport]:
    """One report per kind that was played, in the order of the kinds' names."""
    found: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        found[result.kind].append(result)
    for kind, of_kind in sorted(found.items(), key=lambda one: (one[0] == CASCADE, one[0])):
        delays = [result.delay_s for result in of_kind if result.delay_s is not None]
        yield KindReport(
            kind=kind,
            failures=len(of_kind),
            detected=len(delays),
            delay_s=median(delays) if delays else None,
            whole=sum(result.is_whole for result in of_kind),
        )


def _result(truth: Truth, pages: Sequence[Page]) -> Result:
    first = pages[0] if pages else None
    failure = truth.failure
    return Result(
        kind=failure.kind,
        server=failure.server_id,
        metrics=failure.metrics,
        started_s=truth.start_s,
        ended_s=truth.end_s,
        detected_s=first.at_s + SLOT_S if first else None,
        incidents=len({page.incident.incident_id for page in pages}),
        pages=len(pages),
        is_root_right=first.incident.root == failure.server_id if first else None,
        sentence=first.incident.sentence if first else None,
    )


def _place(page: Page) -> tuple[int, int]:
    return page.at_s, page.incident.incident_id
