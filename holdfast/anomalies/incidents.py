"""Incidents: findings that belong together, with a start, maybe an end, a likely root and a sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from holdfast.anomalies.findings import CRITICAL, EVERY, WARNING, Finding, Severity
from holdfast.anomalies.silence import STALE
from holdfast.anomalies.wording import lasting, words
from holdfast.baselines import SLOT_S
from holdfast.servers.topology import Topology

Key = tuple[str, str]
# A fault that has spread over this many servers is critical, however small it is on each.
CASCADE_SERVERS: Final = 3
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One series' part in an incident.

    Attributes:
        server_id: the server.
        metric: the metric.
        started_s: start of its first slot that was out of the ordinary, seconds since the epoch.
        last_s: start of its last such slot.
        ended_s: end of that slot, once it was quiet for long enough; None while it goes on.
        severity: the highest so far.
        score: the highest so far.
        rule: the rule of the finding with the highest score; so are the following.
        observed: value of that slot.
        expected_low: lower end of the band expected there.
        expected_high: upper end of the band.
        sentence: what it says.
    """

    server_id: str
    metric: str
    started_s: int
    last_s: int
    ended_s: int | None
    severity: Severity
    score: float
    rule: str
    observed: float
    expected_low: float
    expected_high: float
    sentence: str

    @property
    def series(self) -> Key:
        """Server and metric."""
        return self.server_id, self.metric


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that went wrong.

    Attributes:
        incident_id: its number; of two that turn out to be one, the lower stays.
        opened_s: start of the first slot, seconds since the epoch.
        last_s: start of the last slot with a finding.
        closed_s: when it ended, None while it is open.
        paged_s: the slot in which it last called for attention: when it opened, and when it became worse.
        page_count: how often it did.
        severity: the highest so far.
        members: by series, sorted by start.
        root: the series it likely began with.
        merged_into: the incident it turned out to be a part of.
        dismissed_s: when an operator closed it by hand: it does not open again for a while.
    """

    incident_id: int
    opened_s: int
    last_s: int
    closed_s: int | None
    paged_s: int
    page_count: int
    severity: Severity
    members: tuple[Member, ...]
    root: Key
    merged_into: int | None = None
    dismissed_s: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.closed_s is None

    @property
    def servers(self) -> tuple[str, ...]:
        """Affected servers, the root's first, then in the order in which they were."""
        found = dict.fromkeys([self.root[0], *(member.server_id for member in self.members)])
        return tuple(found)

    @property
    def score(self) -> float:
        """The highest of its members."""
        return max(member.score for member in self.members)

    @property
    def sentence(self) -> str:
        """The root's sentence, and what else is affected."""
        by_series = {member.series: member for member in self.members}
        root = by_series[self.root]
        said = root.sentence if root.server_id == EVERY else f"{root.server_id}: {_without_name(root)}"
        others = [member for member in self.members if member.series != self.root]
        if not others:
            return said
        parts = _grouped(others, self.root[0], root.started_s)
        more = f" and {len(parts) - _SHOWN} more servers" if len(parts) > _SHOWN else ""
        return f"{said}; with it {'; '.join(parts[:_SHOWN])}{more}"


def opened(incident_id: int, finding: Finding, at_s: int) -> Incident:
    """A new incident, which pages in slot ``at_s``."""
    return Incident(
        incident_id=incident_id,
        opened_s=finding.at_s,
        last_s=finding.at_s,
        closed_s=None,
        paged_s=at_s,
        page_count=1,
        severity=finding.severity,
        members=(_member(finding),),
        root=finding.series,
    )


def grown(incident: Incident, finding: Finding, topology: Topology) -> Incident:
    """The incident with one more finding; the same finding twice changes nothing."""
    by_series = {member.series: member for member in incident.members}
    known = by_series.get(finding.series)
    by_series[finding.series] = _joined(known, _member(finding)) if known else _member(finding)
    return _settled(incident, by_series, topology)


def merged(incidents: Sequence[Incident], at_s: int, topology: Topology) -> tuple[Incident, list[Incident]]:
    """The incident that stays, and those that become part of it; one incident stays as it is."""
    stays, *others = sorted(incidents, key=lambda one: one.incident_id)
    by_series: dict[Key, Member] = {}
    for incident in (stays, *others):
        for member in incident.members:
            known = by_series.get(member.series)
            by_series[member.series] = _joined(known, member) if known else member
    together = replace(
        stays,
        paged_s=max(one.paged_s for one in incidents),
        page_count=sum(one.page_count for one in incidents),
    )
    gone = [replace(one, closed_s=at_s, merged_into=stays.incident_id) for one in others]
    return _settled(together, by_series, topology), gone


def _settled(incident: Incident, by_series: Mapping[Key, Member], topology: Topology) -> Incident:
    """With these members: sorted, and what follows from them."""
    members = tuple(sorted(by_series.values(), key=lambda m: (m.started_s, m.server_id, m.metric)))
    servers = list(dict.fromkeys(member.server_id for member in members))
    root_server = topology.root_of(servers)
    # Of what began together on the root server, the most unusual.
    on_it = [member for member in members if member.server_id == root_server]
    root = min(on_it, key=lambda m: (m.started_s, -m.score, -_beyond(m), m.metric))
    is_critical = len(servers) >= CASCADE_SERVERS or any(m.severity == CRITICAL for m in members)
    return replace(
        incident,
        opened_s=members[0].started_s,
        last_s=max(member.last_s for member in members),
        severity=CRITICAL if is_critical or incident.severity == CRITICAL else WARNING,
        members=members,
        root=root.series,
    )


def _member(finding: Finding) -> Member:
    return Member(
        server_id=finding.server_id,
        metric=finding.metric,
        started_s=finding.at_s,
        last_s=finding.at_s,
        ended_s=None,
        severity=finding.severity,
        score=finding.score,
        rule=finding.rule,
        observed=finding.observed,
        expected_low=finding.expected_low,
        expected_high=finding.expected_high,
        sentence=finding.sentence,
    )


def _joined(one: Member, other: Member) -> Member:
    """One series' two parts as one, told by its highest score, of equals by the furthest, of equals by the last."""
    top = max(one, other, key=lambda m: (m.score, _beyond(m), m.last_s))
    is_over = one.ended_s is not None and other.last_s <= one.last_s
    return replace(
        top,
        started_s=min(one.started_s, other.started_s),
        last_s=max(one.last_s, other.last_s),
        ended_s=one.ended_s if is_over else None,
        severity=CRITICAL if CRITICAL in (one.severity, other.severity) else WARNING,
    )


def _beyond(member: Member) -> float:
    """How far outside of its band it was, in widths of the band; 0 where nothing was expected or nothing observed."""
    far = max(member.observed - member.expected_high, member.expected_low - member.observed)
    width = member.expected_high - member.expected_low
    return 0.0 if math.isnan(far) else far / max(width, 1e-9)


def quiet(incident: Incident, *, until_s: int, after_s: int) -> Incident:
    """The incident as it is at ``until_s``: what had no finding for ``after_s`` has ended with its last slot.

    Silence ends at once: a server that is heard again is back. The incident is over when all of it has ended.
    """
    if not incident.is_open:
        return incident
    members = tuple(
        replace(member, ended_s=member.last_s + SLOT_S)
        if member.ended_s is None and until_s - member.last_s > (SLOT_S if member.rule == STALE else after_s)
        else member
        for member in incident.members
    )
    is_over = all(member.ended_s is not None for member in members)
    if members == incident.members and not is_over:
        return incident
    return replace(incident, members=members, closed_s=incident.last_s + SLOT_S if is_over else None)


def _grouped(members: Sequence[Member], root_server: str, root_s: int) -> list[str]:
    """Per server, what is affected and how much later than the root: "api1 5 min later (CPU, errors)"."""
    by_server: dict[str, list[Member]] = {}
    for member in members:
        by_server.setdefault(member.server_id, []).append(member)
    found = []
    for server, parts in by_server.items():
        said = ", ".join(words(part.metric) for part in parts[:_SHOWN])
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        later_s = min(part.started_s for part in parts) - root_s
        when = f" {lasting(later_s)} later" if later_s >= SLOT_S else ""
        found.append(f"{said}{more}" if server == root_server else f"{server}{when} ({said}{more})")
    return found


def _without_name(member: Member) -> str:
    return member.sentence.removeprefix(f"{member.server_id} ")
