"""What the dashboard reads: one document with every server's current state, in the seed's words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from holdfast.metrics.catalog import BY_NAME

# The dashboard's names for our metrics; "network" is both directions together.
NAMES: Final[Mapping[str, str]] = {
    "cpu": "cpu_pct",
    "memory": "memory_pct",
    "disk": "disk_pct",
    "networkIn": "network_in_bytes_s",
    "networkOut": "network_out_bytes_s",
    "load": "load_1m",
    "responseTime": "response_ms",
    "throughput": "throughput_rps",
    "errorRate": "error_pct",
    "activeUsers": "active_users",
    "dbConnections": "db_connections",
    "cacheHitRate": "cache_hit_pct",
}


@dataclass(frozen=True, slots=True)
class ServerState:
    """The newest sample of a server: when, and its codes."""

    server_id: str
    last_sampled_at: datetime
    codes: Mapping[str, int | None]

    def metrics(self) -> dict[str, float]:
        """Values by the dashboard's names; what was not measured is absent."""
        values = {
            short: BY_NAME[name].value(code)
            for short, name in NAMES.items()
            if (code := self.codes.get(name)) is not None
        }
        if "networkIn" in values and "networkOut" in values:
            values["network"] = values["networkIn"] + values["networkOut"]
        return values

    def status(self, now: datetime, stale_after: timedelta) -> str:
        """``online``, or ``stale`` where the newest sample is older than ``stale_after``."""
        return "stale" if now - self.last_sampled_at > stale_after else "online"


def snapshot(states: Sequence[ServerState], *, now: datetime, stale_after: timedelta) -> dict[str, Any]:
    """The whole fleet as one document; ``staleAfterS`` lets a reader see by itself that the document has become old."""
    return {
        "servers": [
            {
                "id": state.server_id,
                "name": state.server_id,
                "status": state.status(now, stale_after),
                "metrics": state.metrics(),
                "lastUpdated": state.last_sampled_at.isoformat(),
            }
            for state in states
        ],
        "total": len(states),
        "stale": sum(state.status(now, stale_after) == "stale" for state in states),
        "staleAfterS": int(stale_after.total_seconds()),
        "timestamp": now.isoformat(),
    }


def hashes(states: Sequence[ServerState], *, now: datetime, stale_after: timedelta) -> dict[str, dict[str, str]]:
    """The seed's per-server hashes by key: ``server:{id}``, ``metrics:{id}``, ``status:{id}``."""
    found: dict[str, dict[str, str]] = {}
    for state in states:
        updated = state.last_sampled_at.isoformat()
        found[f"server:{state.server_id}"] = {"id": state.server_id, "name": state.server_id, "lastUpdated": updated}
        found[f"metrics:{state.server_id}"] = {
            **{name: json.dumps(value) for name, value in state.metrics().items()},
            "lastUpdated": updated,
        }
        found[f"status:{state.server_id}"] = {"status": state.status(now, stale_after), "lastUpdated": updated}
    return found
