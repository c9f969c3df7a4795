"""The two stores for Dagster: apart from the client, which commands use without waiting for Dagster to be imported."""

from typing import Any

import dagster as dg
from pydantic import Field

from holdfast.errors import SettingsError
from resources.postgres import Postgres
from resources.stores import Stores, open_stores


class StoresResource(dg.ConfigurableResource[Any]):
    """The primary and the secondary store, by their URLs."""

    a_url: str = Field(description="libpq URL of the primary")
    b_url: str = Field(
        default="",
        description="libpq URL of the secondary; empty: none is configured",
    )

    @property
    def is_paired(self) -> bool:
        """Whether there is a secondary store to compare with."""
        return bool(self.b_url)

    def secondary(self) -> Postgres | None:
        """The secondary store, None where none is configured. Opens nothing yet."""
        return Postgres(self.b_url) if self.b_url else None

    def stores(self) -> Stores:
        """Both of them. Opens nothing yet.

        Raises:
            SettingsError: no secondary store is configured.
        """
        if not self.is_paired:
            raise SettingsError(
                "SUPABASE_DB_URL is not set, so there is no secondary store to compare with; nothing was read. "
                "Set it to the fallback store's URL, or leave DATABASE_URL out as well: then both are embedded"
            )
        return open_stores(self.a_url, self.b_url)
