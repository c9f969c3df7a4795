"""Postgres for Dagster: apart from the client, which commands use without waiting for Dagster to be imported."""

from typing import Any

import dagster as dg
from pydantic import Field

from resources.postgres import Postgres


class PostgresResource(dg.ConfigurableResource[Any]):
    """One Postgres database, by URL."""

    dsn: str = Field(description="libpq connection URL")
    statement_timeout_s: int = Field(default=300, description="longest time for one statement")

    def client(self) -> Postgres:
        """The client. Opens nothing yet."""
        return Postgres(self.dsn, statement_timeout_s=self.statement_timeout_s)
