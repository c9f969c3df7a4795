"""Whether baselines cover the fleet: who is learned, who is learning, who is left out and for how long."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.baselines.grid import BLOCK_S, NEEDED_S
from holdfast.servers.kinds import BY_KIND, HOST

# What a new series may take: the history it needs, the block that has to close around it, and the runs between.
GRACE: Final = timedelta(seconds=NEEDED_S + BLOCK_S) + timedelta(hours=3)
# A server is often declared a moment before it is started.
ARRIVES_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FleetServer:
    """A server that is not retired.

    Attributes:
        server_id: the server.
        kind: what is expected of it.
        origin: ``declared`` or ``adopted``.
        since: when its first template began to hold.
        last_sampled_at: its newest sample; None where it was never seen.
    """

    server_id: str
    kind: str
    origin: str
    since: datetime
    last_sampled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeriesState:
    """A series that reported in the last day.

    Attributes:
        server_id: the server.
        metric: the metric.
        status: of its baseline; None where it has none.
        is_learning: whether too little is learned of it.
        since: when it began to be learned, or its server was first seen.
    """

    server_id: str
    metric: str
    status: str | None
    is_learning: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far baselines cover the fleet; series as ``cpu_pct of web1``.

    Attributes:
        series: expected and reported in the last day.
        learned_series: of these, with a learned baseline.
        learning: of these, still learning within ``GRACE``, with their status.
        uncovered: of these, without a learned baseline for longer, with their status.
        never_seen: declared servers that never reported.
        silent_metrics: metrics that a server's kind should report and it does not, by server.
    """

    series: int
    learned_series: int
    learning: Mapping[str, str]
    uncovered: Mapping[str, str]
    never_seen: Sequence[str]
    silent_metrics: Mapping[str, Sequence[str]]

    @property
    def is_whole(self) -> bool:
        """Whether nobody is left out: learning is not being left out."""
        return not self.uncovered and not self.never_seen


def cover(servers: Iterable[FleetServer], states: Iterable[SeriesState], now: datetime) -> Coverage:
    """Judge how far baselines cover the fleet.

    A server is expected to have a baseline for each metric that its kind expects and that it reports; one whose kind
    nobody said, for each metric it reports. A server that was silent for a day is no matter of baselines.
    """
    fleet = {server.server_id: server for server in servers}
    found = [state for state in states if state.server_id in fleet and _is_expected(state, fleet[state.server_id])]
    open_ones = [state for state in found if state.status is None or state.is_learning]
    told = {
        f"{one.metric} of {one.server_id}": (one.status or "no baseline", now - one.since > GRACE) for one in open_ones
    }
    reported: dict[str, set[str]] = {}
    for state in found:
        reported.setdefault(state.server_id, set()).add(state.metric)
    return Coverage(
        series=len(found),
        learned_series=len(found) - len(open_ones),
        learning={name: status for name, (status, is_late) in told.items() if not is_late},
        uncovered={name: status for name, (status, is_late) in told.items() if is_late},
        never_seen=[
            server_id
            for server_id, server in sorted(fleet.items())
            if server.last_sampled_at is None and now - server.since > ARRIVES_WITHIN
        ],
        silent_metrics={
            server_id: missing
            for server_id, metrics in sorted(reported.items())
            if (missing := [one for one in BY_KIND[fleet[server_id].kind].metrics if one not in metrics])
        },
    )


def _is_expected(state: SeriesState, server: FleetServer) -> bool:
    return server.kind == HOST or state.metric in BY_KIND[server.kind].metrics
