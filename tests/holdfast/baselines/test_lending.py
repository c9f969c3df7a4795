"""Whose baseline judges a series: its own, else its kind's in its environment, else nobody's."""

import numpy as np

from holdfast.baselines import baseline_of
from holdfast.baselines.lending import InForce, SeriesKey, in_force
from holdfast.servers.template import ServerTemplate
from tests.holdfast.baselines.series import memory_of

LEARNED = baseline_of(memory_of(48))
HIGHER = baseline_of(memory_of(48, level=60.0))
YOUNG = baseline_of(memory_of(6))


def server(server_id: str, kind: str = "web", environment: str = "production") -> ServerTemplate:
    return ServerTemplate(server_id=server_id, name=server_id, kind=kind, environment=environment)


def origins(found: dict[SeriesKey, InForce]) -> dict[str, str]:
    return {server_id: one.origin for (server_id, _), one in found.items()}


def test_a_learned_series_is_judged_by_its_own_baseline() -> None:
    found = in_force({("a", "cpu_pct"): (LEARNED, 8)}, [server("a")])
    assert found == {("a", "cpu_pct"): InForce(LEARNED, 8, "own")}


def test_a_learning_series_borrows_the_middle_of_its_kind_and_keeps_its_version() -> None:
    own = {("a", "cpu_pct"): (LEARNED, 8), ("b", "cpu_pct"): (HIGHER, 8), ("c", "cpu_pct"): (YOUNG, 1)}
    found = in_force(own, [server("a"), server("b"), server("c")])
    assert found["c", "cpu_pct"].version == 1
    assert found["c", "cpu_pct"].origin == "kind web (borrowed from 2 servers of production)"
    assert not found["c", "cpu_pct"].baseline.is_learning
    centre = found["c", "cpu_pct"].baseline.centre
    assert np.nanmedian(LEARNED.centre) < np.nanmedian(centre) < np.nanmedian(HIGHER.centre)


def test_a_server_without_any_baseline_borrows_what_its_kind_has_learned() -> None:
    found = in_force({("a", "cpu_pct"): (LEARNED, 8)}, [server("a"), server("new")])
    assert found["new", "cpu_pct"].version == 0
    assert origins(found) == {"a": "own", "new": "kind web (borrowed from 1 server of production)"}


def test_nobody_borrows_across_kinds_environments_or_metrics_nor_from_the_retired() -> None:
    own = {("a", "cpu_pct"): (LEARNED, 8), ("b", "load_1m"): (YOUNG, 1), ("c", "cpu_pct"): (YOUNG, 1)}
    servers = [server("b"), server("c", kind="db"), server("d", environment="staging")]
    found = in_force(own, servers)
    assert origins(found) == {"a": "own", "b": "own, learning", "c": "own, learning"}
    assert in_force(own, [*servers, server("a", environment="staging")]).keys() - own.keys() == {("d", "cpu_pct")}


def test_a_host_borrows_only_where_several_lend() -> None:
    own = {(name, "cpu_pct"): (LEARNED, 8) for name in "ab"} | {("new", "cpu_pct"): (YOUNG, 1)}
    hosts = [server(name, kind="host") for name in ("a", "b", "new")]
    assert origins(in_force(own, hosts))["new"] == "own, learning"
    own["c", "cpu_pct"] = (LEARNED, 8)
    found = in_force(own, [*hosts, server("c", kind="host")])
    assert origins(found)["new"] == "kind host (borrowed from 3 servers of production)"
