"""Company: what is too weak to page alone pages together with others of its server or along the topology."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.anomalies.findings import Finding
from holdfast.baselines import SLOT_S
from holdfast.servers.topology import Topology

# Cascades travel faster than this, and chance meetings in it are rare.
WINDOW_S: Final = 600
# Of the server itself, of those it calls and of those that call it.
HOPS: Final = 2


def paging(candidates: Iterable[Finding], topology: Topology, from_s: int) -> dict[int, list[Finding]]:
    """The findings that call for attention, by the slot in which they do.

    A strong finding pages in its own slot. A weak one pages as soon as it has company: another metric of its server, or
    a related server, found at most ``WINDOW_S`` apart. That may be a slot or two after its own, when the company
    comes; what is judged in two calls may so be given twice, which changes nothing for an incident.

    Args:
        candidates: findings of every strength, with those of ``WINDOW_S`` before ``from_s``.
        topology: who depends on whom.
        from_s: the first slot to give.
    """
    by_slot: dict[int, list[Finding]] = defaultdict(list)
    for finding in candidates:
        by_slot[finding.at_s].append(finding)
    paged: dict[int, list[Finding]] = {}
    for at_s in sorted(slot for slot in by_slot if slot >= from_s):
        window = [one for back in range(0, WINDOW_S + 1, SLOT_S) for one in by_slot.get(at_s - back, ())]
        found = _paging(by_slot[at_s], window, topology)
        if found:
            paged[at_s] = found
    return paged


def _paging(fresh: Sequence[Finding], window: Sequence[Finding], topology: Topology) -> list[Finding]:
    found: dict[tuple[str, str, int, str], Finding] = {}
    for one in fresh:
        company = [other for other in window if is_company(one, other, topology)]
        for finding in (one, *company) if company or one.pages_alone else ():
            found[finding.server_id, finding.metric, finding.at_s, finding.rule] = finding
    return sorted(found.values(), key=lambda f: (f.at_s, f.server_id, f.metric, -f.score, f.rule))


def is_company(one: Finding, other: Finding, topology: Topology) -> bool:
    """Whether two findings speak for each other: other metrics of one server, or servers that depend on each other."""
    if one.server_id == other.server_id:
        return one.metric != other.metric
    distance = topology.distance(one.server_id, other.server_id)
    return distance is not None and distance <= HOPS
