"""From findings to incidents, slot by slot: the same incidents however the time line is cut into calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from holdfast.anomalies.findings import CRITICAL, WARNING, Finding
from holdfast.anomalies.incidents import Incident, grown, merged, opened, quiet
from holdfast.baselines import SLOT_S
from holdfast.servers.topology import Topology

# Six quiet slots: a burst pauses for less.
QUIET_S: Final = 30 * 60
# What comes back within six hours is the same incident, and pages again only if it is worse.
HOLD_S: Final = 6 * 3600
# A further metric of a server belongs to its open incident while that still spreads; days later it is something else.
SPREADS_S: Final = 6 * 3600
# Along the topology a fault arrives within this, from what has just begun.
TRAVELS_S: Final = 30 * 60
HOPS: Final = 3
# How much higher a score is "higher": scores of one fault differ a little from slot to slot.
HIGHER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """All that has to be remembered from slot to slot.

    Attributes:
        incidents: those that are open, and those that closed less than ``HOLD_S`` ago, by number.
        next_id: the number of the next new incident.
    """

    incidents: Mapping[int, Incident] = field(default_factory=dict)
    next_id: int = 1

    @property
    def open(self) -> tuple[Incident, ...]:
        """Those that go on."""
        return tuple(one for one in self.incidents.values() if one.is_open)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of the incidents.

    Attributes:
        standing: afterwards.
        changed: every incident that is new or changed, as it is now, by number; also those that left ``standing``.
        opened: numbers of those that opened, and did not turn out to be part of an older one.
        closed: numbers of those that closed or were merged away.
        paged: slot and number, each time one called for attention.
        held: findings that were left alone because an operator had closed their incident.
    """

    standing: Standing
    changed: Mapping[int, Incident] = field(default_factory=dict)
    opened: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    paged: tuple[tuple[int, int], ...] = ()
    held: int = 0


def advance(
    standing: Standing, findings: Mapping[int, Sequence[Finding]], topology: Topology, *, from_s: int, until_s: int
) -> Advanced:
    """Go through the slots that start in [from_s, until_s).

    Args:
        standing: the incidents before ``from_s``.
        findings: by slot those that call for attention, as ``holdfast.anomalies.company.paging`` gives them.
        topology: who depends on whom.
        from_s: the first slot, seconds since the epoch.
        until_s: end of the last.
    """
    walk = _Walk(dict(standing.incidents), standing.next_id, topology)
    for at_s in range(from_s, until_s, SLOT_S):
        walk.rest(at_s)
        for finding in findings.get(at_s, ()):
            walk.take(finding, at_s)
    walk.rest(until_s - SLOT_S)
    changed = {n: one for n, one in walk.changed.items() if standing.incidents.get(n) != one}
    before = {n for n, one in standing.incidents.items() if one.is_open}
    return Advanced(
        standing=Standing(walk.incidents, walk.next_id),
        changed=changed,
        opened=tuple(n for n, one in sorted(changed.items()) if n >= standing.next_id and one.merged_into is None),
        closed=tuple(
            n for n, one in sorted(changed.items()) if not one.is_open and (n in before or n >= standing.next_id)
        ),
        paged=tuple(walk.paged),
        held=walk.held,
    )


class _Walk:
    """The incidents on their way through one call."""

    def __init__(self, incidents: dict[int, Incident], next_id: int, topology: Topology) -> None:
        self.incidents = incidents
        self.next_id = next_id
        self.topology = topology
        self.changed: dict[int, Incident] = {}
        self.paged: list[tuple[int, int]] = []
        self.held = 0

    def rest(self, at_s: int) -> None:
        """Close what is quiet at slot ``at_s``, forget what has been closed for long."""
        for number, incident in list(self.incidents.items()):
            rested = quiet(incident, until_s=at_s, after_s=QUIET_S)
            if rested is not incident:
                self._keep(rested)
            if not rested.is_open and at_s - max(rested.last_s, rested.dismissed_s or 0) > HOLD_S:
                del self.incidents[number]

    def take(self, finding: Finding, at_s: int) -> None:
        """Let a finding open, grow, join or reopen an incident."""
        open_now = [one for one in self.incidents.values() if one.is_open]
        # What goes on in one incident does not tie it to another that has just begun elsewhere: only a beginning does.
        own = [one for one in open_now if _has(one, finding)] or [
            one for one in open_now if self._belongs(finding, one)
        ]
        if own:
            self._grow(own, finding, at_s)
            return
        closed = [one for one in self.incidents.values() if not one.is_open and _has(one, finding)]
        before = max(closed, key=_number, default=None)
        if before is None:
            self._open(finding, at_s)
        elif before.dismissed_s is not None and not _is_higher(finding, before):
            self.held += 1
        elif before.dismissed_s is not None:
            self._open(finding, at_s)
        else:
            again = replace(before, closed_s=None)
            self._keep(self._grown(again, finding, at_s, pages=_is_higher(finding, before)))

    def _open(self, finding: Finding, at_s: int) -> None:
        self._keep(opened(self.next_id, finding, at_s))
        self.paged.append((at_s, self.next_id))
        self.next_id += 1

    def _grow(self, own: Sequence[Incident], finding: Finding, at_s: int) -> None:
        incident, gone = merged(own, at_s, self.topology) if len(own) > 1 else (own[0], [])
        for one in gone:
            self._keep(one)
            del self.incidents[one.incident_id]
        is_news = at_s - incident.paged_s > TRAVELS_S and _is_news(finding, incident)
        bigger = self._grown(incident, finding, at_s, pages=is_news)
        if gone or bigger != own[0]:
            self._keep(bigger)

    def _grown(self, incident: Incident, finding: Finding, at_s: int, *, pages: bool) -> Incident:
        bigger = grown(incident, finding, self.topology)
        if pages or (incident.severity == WARNING and bigger.severity == CRITICAL):
            bigger = replace(bigger, paged_s=at_s, page_count=bigger.page_count + 1)
            self.paged.append((at_s, bigger.incident_id))
        return bigger

    def _keep(self, incident: Incident) -> None:
        self.incidents[incident.incident_id] = incident
        self.changed[incident.incident_id] = incident

    def _belongs(self, finding: Finding, incident: Incident) -> bool:
        """Whether something that begins is part of an open incident: on its server, or along the topology."""
        newest_s: dict[str, int] = {}
        for member in incident.members:
            newest_s[member.server_id] = max(newest_s.get(member.server_id, 0), member.started_s)
        if finding.server_id in newest_s:
            return finding.at_s - max(newest_s.values()) <= SPREADS_S
        return any(
            abs(finding.at_s - begun_s) <= TRAVELS_S and self._is_near(finding.server_id, server)
            for server, begun_s in newest_s.items()
        )

    def _is_near(self, one: str, other: str) -> bool:
        distance = self.topology.distance(one, other)
        return distance is not None and distance <= HOPS


def _has(incident: Incident, finding: Finding) -> bool:
    return any(member.series == finding.series for member in incident.members)


def _number(incident: Incident) -> int:
    return incident.incident_id


def _is_news(finding: Finding, incident: Incident) -> bool:
    """Whether an incident that goes on calls again: it is worse than before, or critical on one more server."""
    critical = {member.server_id for member in incident.members if member.severity == CRITICAL}
    return _is_higher(finding, incident) or (finding.severity == CRITICAL and finding.server_id not in critical)


def _is_higher(finding: Finding, incident: Incident) -> bool:
    """Whether it is worse than its series ever was in the incident, and if that is not in it, than all others."""
    before = [member.score for member in incident.members if member.series == finding.series] or [incident.score]
    is_worse = finding.severity == CRITICAL and incident.severity == WARNING
    return is_worse or finding.score >= max(before) + HIGHER
