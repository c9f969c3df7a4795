"""Which baseline judges a series: its own, or while it is learning what is usual for servers of its kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from holdfast.baselines.baseline import Baseline
from holdfast.baselines.pooling import pool
from holdfast.servers.kinds import HOST
from holdfast.servers.template import ServerTemplate

OWN: Final = "own"
LEARNING: Final = "own, learning"
# Nobody said what a host is for, so a single one tells nothing of another.
FEWEST_HOSTS: Final = 3

SeriesKey = tuple[str, str]


class InForce(NamedTuple):
    """The baseline that judges a series.

    Attributes:
        baseline: what is usual.
        version: of the series' own baseline, learning or not; 0 where it has none yet.
        origin: ``own``, or whose baseline it is.
    """

    baseline: Baseline
    version: int
    origin: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Series that may lend to each other: one metric of one kind of server in one environment."""

    metric: str
    kind: str
    environment: str


def in_force(
    own: Mapping[SeriesKey, tuple[Baseline, int]], servers: Sequence[ServerTemplate]
) -> dict[SeriesKey, InForce]:
    """The baseline of every series that has one or can borrow one.

    Args:
        own: per server id and metric its own baseline and version, those still learning included.
        servers: the servers that are not retired; only these lend and borrow.
    """
    found = {
        key: InForce(baseline, version, LEARNING if baseline.is_learning else OWN)
        for key, (baseline, version) in own.items()
    }
    lenders: dict[_Group, list[Baseline]] = {}
    by_id = {server.server_id: server for server in servers}
    for (server_id, metric), (baseline, _) in sorted(own.items(), key=lambda item: item[0]):
        if server_id in by_id and not baseline.is_learning:
            lenders.setdefault(_group(by_id[server_id], metric), []).append(baseline)
    pools: dict[_Group, InForce] = {}
    for key, group in _borrowers(found, lenders, by_id):
        if group not in pools:
            pools[group] = InForce(pool(lenders[group]), 0, _words(group, len(lenders[group])))
        found[key] = pools[group]._replace(version=found[key].version if key in found else 0)
    return found


def _borrowers(
    found: Mapping[SeriesKey, InForce],
    lenders: Mapping[_Group, Sequence[Baseline]],
    servers: Mapping[str, ServerTemplate],
) -> Iterator[tuple[SeriesKey, _Group]]:
    metrics = sorted({group.metric for group in lenders})
    for server_id, server in sorted(servers.items()):
        for metric in metrics:
            group = _group(server, metric)
            fewest = FEWEST_HOSTS if server.kind == HOST else 1
            has_own = (server_id, metric) in found and found[server_id, metric].origin == OWN
            if not has_own and len(lenders.get(group, ())) >= fewest:
                yield (server_id, metric), group


def _group(server: ServerTemplate, metric: str) -> _Group:
    return _Group(metric, server.kind, server.environment)


def _words(group: _Group, lenders: int) -> str:
    servers = "1 server" if lenders == 1 else f"{lenders} servers"
    return f"kind {group.kind} (borrowed from {servers} of {group.environment})"
