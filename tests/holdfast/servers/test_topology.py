"""Topology: the fast answers equal the obvious ones."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.servers.topology import Topology, find_cycles

NAMES = "abcdefgh"
Edges = dict[str, list[str]]
graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4))
# Names in order: each depends only on earlier ones, so there is no cycle.
layered = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(NAMES[:n]), max_size=3) if n else st.just([]) for n, name in enumerate(NAMES)}
)
SHOP = Topology({"web1": ["api1"], "web2": ["api1"], "api1": ["db1", "cache1"]})


def paths(edges: Edges, start: str, end: str) -> list[int]:
    """Lengths of all ways from start to end."""
    if start == end:
        return [0]
    return [1 + rest for one in set(edges.get(start, ())) for rest in paths(edges, one, end)]


@given(layered)
def test_upstream_downstream_and_distance_are_those_of_every_path(edges: Edges) -> None:
    topology = Topology(edges)
    for one in NAMES:
        reachable = {other for other in NAMES if other != one and paths(edges, one, other)}
        assert topology.upstream_of(one) == reachable
        assert topology.upstream_of(one, 1) == set(edges[one])
        assert topology.upstream_of(one, 0) == set()
        for other in NAMES:
            assert (one in topology.downstream_of(other)) == (other in reachable)
            lengths = paths(edges, one, other) or paths(edges, other, one)
            assert topology.distance(one, other) == (min(lengths) if lengths else None)
            assert topology.are_related(one, other) == topology.are_related(other, one) == bool(lengths)
        assert topology.depth(one) == max(max(paths(edges, one, other), default=0) for other in NAMES)


@given(layered, st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_nobody_among_the_servers_is_upstream_of_their_root(edges: Edges, servers: list[str]) -> None:
    topology = Topology(edges)
    root = topology.root_of(servers)
    assert not topology.upstream_of(root) & set(servers)
    below = {server: len(topology.downstream_of(server) & set(servers)) for server in servers}
    assert below[root] == max(below.values())


@given(graphs)
def test_a_cycle_is_found_exactly_where_there_is_one(edges: Edges) -> None:
    def returns(start: str) -> bool:
        seen, edge = set[str](), set(edges.get(start, ()))
        while edge - seen:
            seen |= edge
            edge = {above for one in edge for above in edges.get(one, ())}
        return start in seen

    cycles = find_cycles(edges)
    assert bool(cycles) == any(returns(name) for name in edges)
    for cycle in cycles:
        assert cycle[0] == cycle[-1] == min(cycle)
        assert all(above in edges[server] for server, above in pairwise(cycle))
    if cycles:
        with pytest.raises(ValueError, match="in a cycle: "):
            Topology(edges)
    else:
        Topology(edges)


def test_the_root_of_a_cascade_is_the_database() -> None:
    assert SHOP.root_of(["web1", "api1", "db1"]) == "db1"
    assert SHOP.root_of(["web2", "web1"]) == "web2"
    assert SHOP.root_of(["web1", "cache1", "db1"]) == "cache1"
    assert (SHOP.depth("db1"), SHOP.depth("api1"), SHOP.depth("web1"), SHOP.depth("stranger")) == (0, 1, 2, 0)


def test_a_stranger_is_related_to_itself_only() -> None:
    assert SHOP.are_related("stranger", "stranger")
    assert not SHOP.are_related("stranger", "db1")
    assert not SHOP.are_related("web1", "web2")


def test_a_chain_of_ten_thousand_servers_is_no_problem() -> None:
    chain = Topology({str(n): [str(n + 1)] for n in range(10_000)})
    assert chain.depth("0") == 10_000
    assert chain.distance("0", "10000") == 10_000


def test_of_no_servers_there_is_no_root() -> None:
    with pytest.raises(ValueError, match="no root"):
        SHOP.root_of([])
