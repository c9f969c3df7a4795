"""Incidents as they are stored: read for judging, written back, listed for people."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.anomalies.findings import Severity
from holdfast.anomalies.grid import Key
from holdfast.anomalies.grouping import HOLD_S, Standing
from holdfast.anomalies.incidents import Incident, Member
from holdfast.anomalies.mutes import Mute
from resources.postgres import Transaction


@dataclass(frozen=True, slots=True)
class Listed:
    """One incident, as people read it; columns of ``holdfast.incidents``.

    Attributes:
        is_acknowledged: an operator took note, and it did not become worse since.
    """

    incident_id: int
    severity: Severity
    score: float
    opened_at: datetime
    last_finding_at: datetime
    closed_at: datetime | None
    server_ids: Sequence[str]
    root_server_id: str
    root_metric: str
    sentence: str
    page_count: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    dismissed_by: str | None
    is_acknowledged: bool

    @property
    def is_calling(self) -> bool:
        """Whether it is critical, goes on, and nobody took note."""
        return self.severity == "critical" and self.closed_at is None and not self.is_acknowledged


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """One series of an incident; columns of ``holdfast.metric_anomalies``."""

    server_id: str
    metric: str
    is_root: bool
    severity: Severity
    score: float
    rule: str
    started_at: datetime
    ended_at: datetime | None
    observed: float | None
    expected_low: float | None
    expected_high: float | None
    baseline_version: int | None
    baseline_origin: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class MuteInForce:
    """One mute; columns of ``holdfast.metric_mutes``."""

    server_id: str | None
    metric: str | None
    muted_until: datetime
    reason: str
    muted_by: str

    def __str__(self) -> str:
        series = f"{self.metric or 'every metric'} of {self.server_id or 'all servers'}"
        return f"{series} until {self.muted_until:%Y-%m-%d %H:%M} UTC, by {self.muted_by}: {self.reason}"


def read_standing(db: Transaction, at: datetime) -> Standing:
    """The incidents that judging from ``at`` on has to know."""
    rows = db.rows("anomalies/standing", at=at, hold=timedelta(seconds=HOLD_S))
    members: dict[int, list[Member]] = {row[0]: [] for row in rows}
    for incident_id, *fields in db.rows("anomalies/members", incident_ids=list(members)):
        members[incident_id].append(Member(*(_nan(fields))))
    incidents = {row[0]: _incident(row, members[row[0]]) for row in rows}
    return Standing(incidents, db.value("anomalies/next_id"))


def read_mutes(db: Transaction, from_at: datetime, until_at: datetime) -> list[Mute]:
    """Mutes that touch a range."""
    return db.fetch("anomalies/mutes", Mute, from_at=from_at, until_at=until_at)


def write_incidents(
    db: Transaction, changed: Iterable[Incident], judged_by: Mapping[Key, tuple[int | None, str | None]]
) -> None:
    """Write incidents and their series; what operators said of them stays.

    Args:
        db: the transaction.
        changed: as they are now, in an order in which the older of two merged ones comes first.
        judged_by: per series the version and the origin of the baseline in force.
    """
    changed = sorted(changed, key=lambda one: one.incident_id)
    merged = [one.incident_id for one in changed if one.merged_into is not None]
    db.execute_many("anomalies/write_incident", [_incident_row(one) for one in changed])
    db.execute("anomalies/move_members", incident_ids=merged)
    rows = [
        asdict(member)
        | {key: _null(getattr(member, key)) for key in ("observed", "expected_low", "expected_high")}
        | {"incident_id": one.incident_id, "is_root": member.series == one.root}
        | dict(zip(("baseline_version", "baseline_origin"), judged_by.get(member.series, (None, None)), strict=True))
        for one in changed
        if one.merged_into is None
        for member in one.members
    ]
    db.execute_many("anomalies/write_member", rows)


def mutes_in_force(db: Transaction, now: datetime) -> list[MuteInForce]:
    """What is muted now."""
    return db.fetch("anomalies/mutes_in_force", MuteInForce, now=now)


def listed(
    db: Transaction, *, everything: bool = False, limit: int = 200, incident_id: int | None = None
) -> list[Listed]:
    """Incidents as people read them: open ones first, the newest of each first.

    Args:
        db: the transaction.
        everything: closed ones as well.
        limit: most of them.
        incident_id: only this one; None: all.
    """
    return db.fetch("anomalies/incidents", Listed, everything=everything, most=limit, incident_id=incident_id)


def series_of(db: Transaction, incident_id: int) -> list[ListedSeries]:
    """The series of one incident, in the order in which they were affected."""
    return db.fetch("anomalies/series_of", ListedSeries, incident_id=incident_id)


def _incident(row: tuple[Any, ...], members: Sequence[Member]) -> Incident:
    incident_id, opened_s, last_s, closed_s, paged_s, page_count, severity, root_server, root_metric, dismissed_s = row
    return Incident(
        incident_id=incident_id,
        opened_s=opened_s,
        last_s=last_s,
        closed_s=closed_s,
        paged_s=paged_s,
        page_count=page_count,
        severity=severity,
        members=tuple(members),
        root=(root_server, root_metric),
        dismissed_s=dismissed_s,
    )


def _incident_row(one: Incident) -> dict[str, Any]:
    return {
        "incident_id": one.incident_id,
        "opened_s": one.opened_s,
        "last_s": one.last_s,
        "closed_s": one.closed_s,
        "severity": one.severity,
        "score": one.score,
        "root_server_id": one.root[0],
        "root_metric": one.root[1],
        "sentence": one.sentence,
        "server_ids": list(one.servers),
        "paged_s": one.paged_s,
        "page_count": one.page_count,
        "merged_into": one.merged_into,
    }


def _nan(fields: Sequence[Any]) -> list[Any]:
    """A member's fields with NaN for numbers that are null in the database."""
    *others, observed, low, high, sentence = fields
    return [*others, *(math.nan if value is None else value for value in (observed, low, high)), sentence]


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value
