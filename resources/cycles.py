"""The buffer of cycles: a Redis stream, or a Postgres table where Redis is switched off."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster import ResourceDependency
from pydantic import Field

from holdfast.metrics.buffer import START, Batch, CycleBuffer, Entry
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.redis import RedisCycles, RedisResource


class PostgresCycles:
    """The buffer of cycles as a table; implements ``holdfast.metrics.buffer.CycleBuffer``."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def append(self, packed: Sequence[bytes]) -> None:
        """Add entries; all or none of them."""
        with self._postgres.transaction() as db:
            # Writers take turns: a number that commits late would be passed over by the reader.
            db.execute("cycles/lock")
            db.execute_many("cycles/append", [{"packed": entry} for entry in packed])

    def read_after(self, position: str, limit: int) -> Batch:
        """The entries behind the position."""
        number = int(position.partition("-")[2])
        with self._postgres.transaction() as db:
            rows = db.rows("cycles/read_from", cycle_no=number, row_limit=limit + 1)
        entries = [Entry(f"{ms}-{cycle_no}", packed) for cycle_no, ms, packed in rows]
        if position == START:
            return Batch(entries[:limit], is_cut=False)
        is_cut = not rows or rows[0][0] != number
        return Batch(entries[:limit] if is_cut else entries[1:], is_cut=is_cut)

    def acknowledge(self, position: str) -> None:
        """Delete what is older than the position."""
        with self._postgres.transaction() as db:
            db.execute("cycles/delete_before", cycle_no=int(position.partition("-")[2]))

    def close(self) -> None:
        """Nothing is held open."""


class CyclesResource(dg.ConfigurableResource[Any]):
    """The buffer that this deployment uses."""

    redis: ResourceDependency[RedisResource]
    postgres: ResourceDependency[PostgresResource]
    capacity: int = Field(default=2880, description="entries after which the oldest are dropped even unread")

    def buffer(self) -> CycleBuffer:
        """The buffer. Opens nothing yet."""
        if self.redis.is_enabled:
            return RedisCycles(self.redis.client(), capacity=self.capacity)
        return PostgresCycles(self.postgres.client())
