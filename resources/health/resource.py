"""Health for Dagster: apart from the client, which commands use without waiting for Dagster to be imported."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from resources.health.probing import Store, configured
from resources.health.waiting import Waiting
from resources.stores_resource import StoresResource


class HealthResource(dg.ConfigurableResource[Any]):
    """Both stores as a probe sees them, and where what cannot be written waits."""

    stores: StoresResource
    primary_budget_mb: int | None = Field(default=None, description="size the primary may have, 10^6 bytes")
    secondary_budget_mb: int | None = Field(default=None, description="size the secondary may have, 10^6 bytes")
    folder: str = Field(description="where rows wait while the primary is away")

    def configured(self) -> tuple[Store, ...]:
        """The stores that there are, the primary first."""
        stores = self.stores
        return configured(stores.a_url, stores.b_url or None, self.primary_budget_mb, self.secondary_budget_mb)

    def waiting(self) -> Waiting:
        """The rows that wait."""
        return Waiting(Path(self.folder))
