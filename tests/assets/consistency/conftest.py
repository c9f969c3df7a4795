"""A deployment with two stores and without Redis, on fresh databases."""

from pathlib import Path

import dagster as dg
import pytest

from tests.assets.baselines.deployment import Deployment


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance,
    database_url: str,
    secondary_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    """Assets of the code location on the two stores of this test."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SUPABASE_DB_URL", secondary_database_url)
    found = Deployment(instance, database_url, tmp_path / "home")
    found.environment |= {"DATABASE_URL": database_url, "SUPABASE_DB_URL": secondary_database_url}
    return found
