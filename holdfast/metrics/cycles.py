"""A collection cycle: what every server said at one instant, and the packed form it travels in.

The packed form is zlib-compressed JSON, so that a front end in any language reads it with what it has:
``{"v": 1, "at": epoch_s, "every_s": 30, "by": "collector", "sent": epoch_s, "metrics": [...],
"servers": [...], "at_s": [...], "codes": [[...], ...], "failed": {"server": "reason"}}``; ``codes`` holds one list
per metric with one whole number of quanta (or null) per server, ``at_s`` the epoch second of each server's values and
is left out where all are ``at``.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from holdfast.errors import MalformedEntryError
from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES

VERSION: Final = 1
UNPACKED_LIMIT_BYTES: Final = 64 * 1024 * 1024
# The last second that a datetime can hold, 9999-12-31T23:59:59Z.
INSTANT_LIMIT: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Reading:
    """What one server said at one instant.

    Attributes:
        server_id: the server.
        at_s: instant of the values, whole seconds since the epoch, UTC.
        codes: metric name to whole number of quanta; a metric that was not measured is absent.
    """

    server_id: str
    at_s: int
    codes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cycle:
    """One pass over all servers of one collector.

    Attributes:
        at_s: the aligned instant of the cycle, seconds since the epoch.
        every_s: distance to the next cycle in seconds.
        collector: who collected: host name, unique per collector.
        sent_s: the collector's clock when the entry was written, seconds since the epoch.
        readings: the servers that answered.
        failed: server (or target) to the reason why it has no reading.
    """

    at_s: int
    every_s: int
    collector: str
    sent_s: float
    readings: Sequence[Reading]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """The aligned instant of the cycle."""
        return datetime.fromtimestamp(self.at_s, UTC)


@dataclass(frozen=True, slots=True)
class Collected:
    """What one source brought in one pass."""

    readings: Sequence[Reading]
    failed: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Where servers' values come from. Implemented in ``resources.sources``; suite in ``tests/contracts``.

    A source keeps what it needs between passes (counters), so its first pass may lack every metric that
    is a rate; a collector makes one pass whose readings it drops before its first cycle.
    """

    @property
    def name(self) -> str:
        """What to call this source in messages."""

    async def read(self, at_s: int) -> Collected:
        """Read every server once. Never raises for a server: its reason goes to ``failed``."""

    async def close(self) -> None:
        """Let go of connections. May be called twice."""


def aligned(now_s: float, every_s: int) -> int:
    """The newest cycle instant at or before ``now_s``: a whole multiple of ``every_s`` since the epoch."""
    return int(now_s // every_s) * every_s


def pack(cycle: Cycle) -> bytes:
    """The packed form of ``cycle``; ``unpack`` gives it back."""
    used = [name for name in METRIC_NAMES if any(name in reading.codes for reading in cycle.readings)]
    document: dict[str, Any] = {
        "v": VERSION,
        "at": cycle.at_s,
        "every_s": cycle.every_s,
        "by": cycle.collector,
        "sent": round(cycle.sent_s, 3),
        "metrics": used,
        "servers": [reading.server_id for reading in cycle.readings],
        "codes": [[reading.codes.get(name) for reading in cycle.readings] for name in used],
    }
    if any(reading.at_s != cycle.at_s for reading in cycle.readings):
        document["at_s"] = [reading.at_s for reading in cycle.readings]
    if cycle.failed:
        document["failed"] = dict(cycle.failed)
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), level=6)


def unpack(packed: bytes) -> Cycle:
    """The cycle that ``packed`` holds.

    Raises:
        MalformedEntryError: the bytes are damaged, of an unknown version, or hold impossible values.
    """
    try:
        document = json.loads(_inflated(packed))
        if document["v"] != VERSION:
            raise MalformedEntryError(f"cycle entry of version {document['v']!r}, this Holdfast reads {VERSION}")
        return Cycle(
            at_s=_whole(document["at"], INSTANT_LIMIT),
            every_s=_whole(document["every_s"], INSTANT_LIMIT),
            collector=str(document["by"]),
            sent_s=_clock(document["sent"]),
            readings=_readings(document),
            failed={str(k): str(v) for k, v in document.get("failed", {}).items()},
        )
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise MalformedEntryError(f"not a packed cycle ({len(packed)} bytes): {error!r}") from error


def _inflated(packed: bytes) -> bytes:
    inflate = zlib.decompressobj()
    text = inflate.decompress(packed, UNPACKED_LIMIT_BYTES)
    if not inflate.eof:
        raise ValueError(f"cut off, or more than {UNPACKED_LIMIT_BYTES} bytes unpacked")
    return text


def _readings(document: Mapping[str, Any]) -> tuple[Reading, ...]:
    servers, metrics, columns = document["servers"], document["metrics"], document["codes"]
    instants = document.get("at_s") or [document["at"]] * len(servers)
    if len(columns) != len(metrics) or any(len(column) != len(servers) for column in (*columns, instants)):
        raise ValueError("columns of different length")
    known = [(i, name) for i, name in enumerate(metrics) if name in METRIC_NAMES]
    return tuple(
        Reading(
            server_id=_name(server),
            at_s=_whole(instants[row], INSTANT_LIMIT),
            codes={name: _whole(columns[i][row], CODE_LIMIT) for i, name in known if columns[i][row] is not None},
        )
        for row, server in enumerate(servers)
    )


def _whole(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    if not 0 <= value <= limit:
        raise ValueError(f"{value} is not between 0 and {limit}")
    return value


def _clock(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= INSTANT_LIMIT:
        raise ValueError(f"{seconds} is no instant")
    return seconds


def _name(value: object) -> str:
    """A server's name as a database can hold it: no NUL, and nothing that is not text."""
    name = str(value)
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a server")
    name.encode()
    return name
