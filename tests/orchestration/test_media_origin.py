"""The samples' origin as ``holdfast run`` keeps it: only where both stores are embedded, and on the same port again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from orchestration import media_origin, wiring
from orchestration.settings import load
from orchestration.supervisor import Supervisor
from resources.media.sample_files import FILES, write_files
from resources.media.sample_origin import PORT, kept_url
from tests.resources.media.origins import small


@pytest.fixture
def state(home: Path) -> Path:
    """A state folder of a first start: its files are written."""
    write_files(home / "origin", datetime.now(UTC), small)
    return home


@contextmanager
def started(state: Path, said: list[str], **environment: str) -> Iterator[dict[str, str]]:
    settings = load({"HOLDFAST_HOME": str(state), **environment})
    with Supervisor(state, say=said.append) as supervisor:
        yield media_origin.start(settings, supervisor)


def test_it_is_on_the_same_port_at_the_next_start(state: Path) -> None:
    said: list[str] = []
    found = []
    for _ in range(2):
        with started(state, said) as environment:
            hosts = environment["MEDIA_ALLOWED_HOSTS"]
            assert hosts == f"fal.media,{kept_url(state / 'origin')}"
            with urlopen(f"{kept_url(state / 'origin')}/{FILES[0].path}") as response:
                assert len(response.read()) == (state / "origin" / FILES[0].path).stat().st_size
            found.append(hosts)
    assert found[0] == found[1]
    assert not said


def test_what_was_allowed_before_still_is(state: Path) -> None:
    with started(state, [], MEDIA_ALLOWED_HOSTS="a.example") as environment:
        hosts = environment["MEDIA_ALLOWED_HOSTS"]
        assert hosts.startswith("a.example,http://127.0.0.1:")
        settings = load({"HOLDFAST_HOME": str(state)})
        assert wiring.filled(settings, environment).media_allowed_hosts == hosts


def test_a_port_that_somebody_else_has_is_said_and_the_rest_goes_on(state: Path) -> None:
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        (state / "origin" / PORT).write_text(str(other.getsockname()[1]))
        with started(state, said) as environment:
            assert environment == {}
    assert len(said) == 1
    assert "the samples' origin is left out" in said[0]


@pytest.mark.parametrize("name", ["DATABASE_URL", "SUPABASE_DB_URL"])
def test_it_is_never_there_beside_a_configured_database(name: str, state: Path, database_url: str) -> None:
    with started(state, [], **{name: database_url}) as environment:
        assert environment == {}
        assert not (state / "origin" / PORT).exists()
    settings = load({"HOLDFAST_HOME": str(state), name: database_url})
    published = {"MEDIA_ALLOWED_HOSTS": "fal.media,http://127.0.0.1:1"}
    assert wiring.filled(settings, published).media_allowed_hosts == "fal.media"


def test_files_are_written_once(state: Path) -> None:
    before = (state / "origin" / FILES[0].path).stat().st_mtime_ns
    with started(state, []):
        assert (state / "origin" / FILES[0].path).stat().st_mtime_ns == before
