"""Topology: which server depends on which.

``upstream`` of a server are those it depends on (web -> api -> db: db is upstream of api and of web), so a fault
travels from upstream to downstream and its root is found by going upstream.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def find_cycles(upstreams: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Cycles of dependencies, each as ``(a, b, a)`` with its first name in front; with all of them broken none is left.

    Args:
        upstreams: server to the servers it depends on directly.
    """
    left = {server: set(above) for server, above in upstreams.items()}
    cycles = []
    while True:
        try:
            TopologicalSorter({server: sorted(left[server]) for server in sorted(left)}).prepare()
        except CycleError as error:
            # It names them so that each comes before those that depend on it; read backwards, each depends on the next.
            cycles.append(_from_first(error.args[1][:0:-1]))
            left[cycles[-1][0]].discard(cycles[-1][1])
        else:
            return cycles


class Topology:
    """Dependencies between servers, without cycles. A server nobody names stands alone."""

    def __init__(self, upstreams: Mapping[str, Iterable[str]]) -> None:
        """Take, for each server, the servers it depends on directly.

        Raises:
            ValueError: they form a cycle, which is named.
        """
        self._up = {server: tuple(sorted(set(above))) for server, above in upstreams.items()}
        self._down: dict[str, list[str]] = {}
        self._depths: dict[str, int] = {}
        try:
            order = list(TopologicalSorter(self._up).static_order())
        except CycleError:
            cycle = " -> ".join(find_cycles(self._up)[0])
            raise ValueError(f"servers depend on each other in a cycle: {cycle}") from None
        for server in order:
            above = self._up.get(server, ())
            self._depths[server] = 1 + max((self._depths[one] for one in above), default=-1)
            for one in above:
                self._down.setdefault(one, []).append(server)

    def upstream_of(self, server: str, depth: int | None = None) -> frozenset[str]:
        """Servers it depends on, directly or through others, at most ``depth`` steps away (None: all)."""
        return frozenset(_steps(self._up, server, depth)) - {server}

    def downstream_of(self, server: str, depth: int | None = None) -> frozenset[str]:
        """Servers that depend on it, directly or through others, at most ``depth`` steps away (None: all)."""
        return frozenset(_steps(self._down, server, depth)) - {server}

    def distance(self, one: str, other: str) -> int | None:
        """Fewest dependencies that lead from one to the other, in either direction; None where none do."""
        up = _steps(self._up, one).get(other)
        return _steps(self._down, one).get(other) if up is None else up

    def are_related(self, one: str, other: str) -> bool:
        """Whether they are the same server, or one depends on the other."""
        return self.distance(one, other) is not None

    def depth(self, server: str) -> int:
        """Length of the longest chain of dependencies above it: 0 for one that depends on nobody."""
        return self._depths.get(server, 0)

    def root_of(self, servers: Sequence[str]) -> str:
        """The most upstream of some servers: the one on which most of the others depend.

        Of equals the one with the smaller depth, then the one that is named first: name the earliest first.

        Raises:
            ValueError: there is none.
        """
        if not servers:
            raise ValueError("of no servers there is no root")
        among = frozenset(servers)
        return min(servers, key=lambda server: (-len(self.downstream_of(server) & among), self.depth(server)))


def _steps(edges: Mapping[str, Iterable[str]], start: str, most: int | None = None) -> dict[str, int]:
    """Every server that can be reached, with the fewest steps to it; breadth first."""
    steps, edge, level = {start: 0}, {start}, 0
    while edge and (most is None or level < most):
        level += 1
        edge = {one for server in edge for one in edges.get(server, ())} - steps.keys()
        steps.update(dict.fromkeys(edge, level))
    return steps


def _from_first(cycle: Sequence[str]) -> tuple[str, ...]:
    first = cycle.index(min(cycle))
    return (*cycle[first:], *cycle[:first], cycle[first])
