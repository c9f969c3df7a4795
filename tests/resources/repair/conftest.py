from pathlib import Path

import pytest

from tests.resources.repair.worlds import World


@pytest.fixture
def world(database_url: str, secondary_database_url: str, tmp_path: Path) -> World:
    """Two stores without tables of an application, of this test alone."""
    return World(database_url, secondary_database_url, tmp_path)
