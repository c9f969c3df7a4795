"""The dashboard's snapshot: read from the history, written to Redis with one command."""

import json
from datetime import datetime, timedelta
from typing import Any

from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.metrics.dashboard import ServerState, hashes, snapshot
from resources.postgres import Postgres
from resources.redis import SNAPSHOT_KEY, RedisClient


def fleet(postgres: Postgres) -> list[ServerState]:
    """The newest state of every server that was ever sampled."""
    with postgres.transaction() as db:
        rows = db.rows("metrics/newest_rows")
    return [
        ServerState(server_id, last_at, dict(zip(METRIC_NAMES, codes, strict=True)))
        for server_id, last_at, *codes in rows
    ]


def publish(
    client: RedisClient, states: list[ServerState], *, now: datetime, stale_after: timedelta, with_hashes: bool
) -> tuple[dict[str, Any], int]:
    """Write the snapshot, and the seed's hashes where asked for; the document and the commands it cost."""
    document = snapshot(states, now=now, stale_after=stale_after)
    with client.classified():
        client.commands.set(SNAPSHOT_KEY, json.dumps(document, separators=(",", ":")).encode())
    commands = 1
    if with_hashes:
        found = hashes(states, now=now, stale_after=stale_after)
        commands += client.write_hashes(found, [s.server_id for s in states], int(stale_after.total_seconds()) * 2)
    return document, commands
