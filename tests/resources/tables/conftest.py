import pytest

from tests.resources.tables.pairs import Pair


@pytest.fixture
def pair(empty_database_url: str, secondary_database_url: str) -> Pair:
    """An empty database of each embedded store."""
    return Pair(empty_database_url, secondary_database_url)
