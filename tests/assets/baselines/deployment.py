"""Runs assets as the code location would, on the stores of one test."""

from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.definitions import resources
from orchestration.settings import load


class Deployment:
    """Assets, with the doors of a deployment; settings as in ``environment``."""

    def __init__(self, instance: dg.DagsterInstance, database_url: str, home: Path) -> None:
        self.instance = instance
        self.database_url = database_url
        self.environment = {"HOLDFAST_HOME": str(home), "REDIS_ENABLED": "false"}

    def run(self, *assets: Any, **more: Any) -> dg.ExecuteInProcessResult:
        doors = resources(load(self.environment))
        return dg.materialize(list(assets), instance=self.instance, resources=doors, **more)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What an asset's materialization says."""
    (event,) = [e for e in result.asset_materializations_for_node(asset) if e.asset_key == dg.AssetKey(asset)]
    return {key: value.value for key, value in event.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What each check came to."""
    return {check.check_name: check for check in result.get_asset_check_evaluations()}
