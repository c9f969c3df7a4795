"""A deployment without Redis, on a fresh database."""

from pathlib import Path

import dagster as dg
import pytest

from tests.assets.baselines.deployment import Deployment


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """Assets of the code location on the stores of this test."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Deployment(instance, database_url, tmp_path / "home")
