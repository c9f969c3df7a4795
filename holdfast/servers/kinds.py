"""Kinds of servers and the metrics each is expected to report. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.metrics.catalog import BY_NAME

_MACHINE: Final = ("cpu_pct", "memory_pct", "disk_pct", "network_in_bytes_s", "network_out_bytes_s", "load_1m")
_ANSWERS: Final = ("response_ms", "throughput_rps", "error_pct")


@dataclass(frozen=True, slots=True)
class Kind:
    """What servers of one kind have in common.

    Attributes:
        name: the word in a template.
        description: one sentence.
        metrics: what such a server should report; metrics of ``holdfast.metrics.catalog``.
    """

    name: str
    description: str
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a metric that nobody can report."""
        if unknown := [name for name in self.metrics if name not in BY_NAME]:
            raise ValueError(f"kind {self.name}: unknown metrics {unknown}")


HOST: Final = "host"

KINDS: Final[tuple[Kind, ...]] = (
    Kind("web", "Serves pages or files to people", (*_MACHINE, *_ANSWERS, "active_users")),
    Kind("api", "Answers requests of programs", (*_MACHINE, *_ANSWERS)),
    Kind("db", "A database", (*_MACHINE, "db_connections")),
    Kind("cache", "Keeps answers for others in memory", (*_MACHINE, "cache_hit_pct")),
    Kind("worker", "Works through jobs in the background", _MACHINE),
    # An adopted server's purpose is unknown, so it is only expected to go on with what it was seen to report.
    Kind(HOST, "A server nobody has declared: it is expected to report what it was seen to report", ()),
)

BY_KIND: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}
