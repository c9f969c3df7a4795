"""A server's template: the fixed base data that nobody measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from holdfast.servers.kinds import BY_KIND, HOST

Origin = Literal["declared", "adopted"]
DEFAULT_ENVIRONMENT: Final = "default"

# What a capacity may say, and in which unit.
CAPACITIES: Final[Mapping[str, str]] = {
    "cpu_cores": "processors",
    "memory_gb": "memory, in 10^9 bytes",
    "disk_gb": "root file system, in 10^9 bytes",
    "network_mbps": "network, in 10^6 bits per second",
    "db_connections": "most open database connections",
    "throughput_rps": "most requests answered per second",
    "active_users": "most users at once",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTemplate:
    """What a server is, in one version.

    Attributes:
        server_id: the name its samples are kept under.
        name: what people call it.
        kind: one of ``holdfast.servers.kinds``.
        environment: servers lend baselines to each other only within one.
        region: where it stands, None where nobody said.
        capacity: expected capacity by the names of ``CAPACITIES``.
        labels: whatever else is worth keeping, text by name.
        upstream: servers it depends on, sorted.
        renamed_from: the id it had before, whose baselines it takes over.
    """

    server_id: str
    name: str
    kind: str
    environment: str = DEFAULT_ENVIRONMENT
    region: str | None = None
    capacity: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    upstream: tuple[str, ...] = ()
    renamed_from: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no rule could work with."""
        if not self.server_id or self.kind not in BY_KIND:
            raise ValueError(f"server {self.server_id!r} of kind {self.kind!r}: kinds are {', '.join(BY_KIND)}")

    def changes(self, other: "ServerTemplate") -> tuple[str, ...]:
        """Names of the fields in which two templates differ."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name))


def adopted(server_id: str) -> ServerTemplate:
    """The template of a server that reports and that nobody has declared."""
    return ServerTemplate(server_id=server_id, name=server_id, kind=HOST)
