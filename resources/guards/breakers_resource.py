"""Breakers for Dagster: apart from the client, which commands use without waiting for Dagster to be imported."""

from typing import Any

import dagster as dg
from pydantic import Field

from resources.guards.breakers import Breakers, open_breakers
from resources.guards.redis_states import TIMEOUT_S


class BreakersResource(dg.ConfigurableResource[Any]):
    """The breakers of the stores, shared with every other run."""

    redis_url: str = Field(default="", description="where their state is; empty: off")
    dsn: str = Field(default="", description="the primary, while Redis is away")
    timeout_s: float = Field(default=TIMEOUT_S, description="longest wait for Redis; a far region needs a second")

    def open(self) -> Breakers:
        """The breakers. Connects at the first question."""
        return open_breakers(redis_url=self.redis_url or None, database_url=self.dsn or None, timeout_s=self.timeout_s)
