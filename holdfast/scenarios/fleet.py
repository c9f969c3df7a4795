"""Fleets to play scenarios on, for whoever declared none; and how far a fault reaches in one."""

from collections.abc import Sequence
from typing import Final

from holdfast.servers.template import ServerTemplate
from holdfast.servers.topology import Topology

Fleet = Sequence[ServerTemplate]


def _server(server_id: str, kind: str, *upstream: str, **capacity: float) -> ServerTemplate:
    return ServerTemplate(
        server_id=server_id,
        name=server_id,
        kind=kind,
        environment="simulated",
        capacity=capacity,
        upstream=tuple(sorted(upstream)),
    )


SAMPLE_FLEET: Final[tuple[ServerTemplate, ...]] = (
    _server("api1", "api", "db1", "cache1", cpu_cores=8, throughput_rps=420),
    _server("cache1", "cache", cpu_cores=2, throughput_rps=2400),
    _server("db1", "db", cpu_cores=8, throughput_rps=1300, db_connections=200),
    _server("web1", "web", "api1", cpu_cores=4, throughput_rps=380, active_users=900),
    _server("worker1", "worker", "db1", cpu_cores=4),
)

LARGER_FLEET: Final[tuple[ServerTemplate, ...]] = (
    _server("api1", "api", "db1", "cache1", cpu_cores=8, throughput_rps=420),
    _server("api2", "api", "db1", "cache1", cpu_cores=8, throughput_rps=400),
    _server("cache1", "cache", cpu_cores=2, throughput_rps=2400),
    _server("db1", "db", cpu_cores=8, throughput_rps=1300, db_connections=200),
    _server("db2", "db", cpu_cores=4, throughput_rps=500, db_connections=100),
    _server("host1", "host", cpu_cores=2),
    _server("web1", "web", "api1", cpu_cores=4, throughput_rps=380, active_users=900),
    _server("web2", "web", "api1", "api2", cpu_cores=4, throughput_rps=330, active_users=800),
    _server("worker1", "worker", "db1", cpu_cores=4),
    _server("worker2", "worker", "db2", cpu_cores=4),
)


def topology_of(fleet: Fleet) -> Topology:
    """Who depends on whom in a fleet."""
    return Topology({server.server_id: server.upstream for server in fleet})


def cascade_of(fleet: Fleet, root_id: str) -> dict[str, int]:
    """The servers that a fault of ``root_id`` reaches, itself first, to the number of dependencies that lie between."""
    topology = topology_of(fleet)
    reached = {server: topology.distance(root_id, server) or 0 for server in topology.downstream_of(root_id)}
    return {root_id: 0} | dict(sorted(reached.items(), key=lambda one: (one[1], one[0])))
