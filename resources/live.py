"""The collector as Dagster sees it: what to collect from, and one pass at once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from holdfast.metrics.buffer import CycleBuffer
from holdfast.metrics.cycles import Cycle, Source, pack
from resources.asking import Asking
from resources.sources import read_targets
from resources.sources.cloud_monitoring import CloudMonitoringSource
from resources.sources.local import LocalSource
from resources.sources.marks import Marks
from resources.sources.prometheus import PrometheusSource


class CollectorResource(dg.ConfigurableResource[Any]):
    """What this deployment collects from, and how often."""

    targets: str = Field(
        default="",
        description="comma list or file of Prometheus endpoints; empty: this machine",
    )
    gcp_project_id: str = Field(default="", description="also collect from this project's Cloud Monitoring")
    gcp_endpoint: str = Field(default="", description="another endpoint for Cloud Monitoring")
    every_s: int = Field(default=30, description="seconds between cycles")
    timeout_s: float = Field(default=2.0, description="longest wait for one target")
    limit_bytes: int = Field(default=8_000_000, description="largest page of one target")

    def sources(self, state: Path | None = None) -> Sequence[Source]:
        """Every source that is configured; ``state`` is where a resident collector keeps how far it has read.

        Raises:
            SettingsError: METRICS_TARGETS cannot be understood.
        """
        targets = read_targets(self.targets or None)
        found: list[Source] = [LocalSource()] if targets.is_local else []
        if targets.endpoints:
            endpoints = targets.endpoints
            found.append(PrometheusSource(endpoints, timeout_s=self.timeout_s, limit_bytes=self.limit_bytes))
        if self.gcp_project_id:
            marks = Marks(state / "cloud_monitoring.json" if state else None)
            endpoint = self.gcp_endpoint or None
            found.append(CloudMonitoringSource(self.gcp_project_id, endpoint=endpoint, marks=marks))
        return found

    def collect_once(self, buffer: CycleBuffer) -> Cycle:
        """Make one pass over all sources and put it into the buffer.

        Raises:
            TransientError: the buffer is away; the pass is dropped, as the collector's next is seconds away.
        """
        return asyncio.run(self._collect_once(buffer))

    async def _collect_once(self, buffer: CycleBuffer) -> Cycle:
        asking = Asking(self.sources(), every_s=self.every_s)
        try:
            cycle = await asking.first()
        finally:
            await asking.close()
        buffer.append([pack(cycle)])
        return cycle
