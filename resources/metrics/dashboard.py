"""The dashboard's snapshot: read from the history, written where the dashboard looks."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import ResourceDependency
from pydantic import Field

from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.metrics.dashboard import ServerState, hashes, snapshot
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.redis import SNAPSHOT_KEY, RedisClient, RedisResource


def fleet(postgres: Postgres) -> list[ServerState]:
    """The newest state of every server that was ever sampled."""
    with postgres.transaction() as db:
        rows = db.rows("metrics_reading/newest_rows")
    return [
        ServerState(server_id, last_at, dict(zip(METRIC_NAMES, codes, strict=True)))
        for server_id, last_at, *codes in rows
    ]


def publish_to_redis(
    client: RedisClient,
    states: Sequence[ServerState],
    *,
    now: datetime,
    stale_after: timedelta,
    with_hashes: bool,
) -> int:
    """Write the snapshot, and the seed's hashes where asked for; the commands it cost."""
    with client.classified():
        client.commands.set(SNAPSHOT_KEY, _document(states, now, stale_after).encode())
    if not with_hashes:
        return 1
    found = hashes(states, now=now, stale_after=stale_after)
    # A hash outlives its server's silence by as much again, then the server is gone from the dashboard.
    ttl_s = 2 * int(stale_after.total_seconds())
    return 1 + client.write_hashes(found, [state.server_id for state in states], ttl_s)


def publish_to_postgres(
    postgres: Postgres, states: Sequence[ServerState], *, now: datetime, stale_after: timedelta
) -> None:
    """Write the snapshot to its one row."""
    with postgres.transaction() as db:
        db.execute("metrics_reading/write_snapshot", document=_document(states, now, stale_after))


def _document(states: Sequence[ServerState], now: datetime, stale_after: timedelta) -> str:
    return json.dumps(snapshot(states, now=now, stale_after=stale_after), separators=(",", ":"))


class DashboardResource(dg.ConfigurableResource[Any]):
    """Where this deployment's dashboard looks."""

    redis: ResourceDependency[RedisResource]
    postgres: ResourceDependency[PostgresResource]
    stale_after_s: int = Field(default=300, ge=30, description="a server silent this long is stale")
    with_hashes: bool = Field(default=False, description="also the per-server hashes: six billed commands a server")

    @property
    def stale_after(self) -> timedelta:
        """A server silent this long is stale."""
        return timedelta(seconds=self.stale_after_s)

    def fleet(self) -> list[ServerState]:
        """The newest state of every server."""
        return fleet(self.postgres.client())

    def publish(self, states: Sequence[ServerState], now: datetime) -> int:
        """Write the snapshot; the Redis commands it cost."""
        if not self.redis.is_enabled:
            publish_to_postgres(self.postgres.client(), states, now=now, stale_after=self.stale_after)
            return 0
        return publish_to_redis(
            self.redis.client(), states, now=now, stale_after=self.stale_after, with_hashes=self.with_hashes
        )
