"""One embedded stack for the whole session; a fresh database and an empty Redis for every test that asks."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import psycopg
import pytest
import redis
from hypothesis import settings
from psycopg import sql

from orchestration import local
from orchestration.settings import PROJECT, dagster_url, load
from orchestration.supervisor import Supervisor
from resources.migrations import migrate
from resources.postgres import Postgres

_numbers = itertools.count(1)
# How long an example takes says something of the machine, not of the code.
settings.register_profile("holdfast", deadline=None)
settings.load_profile("holdfast")


@dataclass(frozen=True)
class Stack:
    """The embedded servers of this test session."""

    home: Path
    environment: Mapping[str, str]

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def secondary_url(self) -> str:
        return self.environment["SUPABASE_DB_URL"]

    @property
    def redis_url(self) -> str:
        return self.environment["REDIS_URL"]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Two PostgreSQL servers and Redis, as ``make run`` starts them."""
    # Not under pytest's own folder: as root, every new session closes that to the account the servers run as.
    with tempfile.TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True) as folder:
        settings = load({"HOLDFAST_HOME": folder})
        with Supervisor(Path(folder), say=print) as supervisor:
            yield Stack(Path(folder), local.start(settings, supervisor))


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder for servers of this test alone; not made yet."""
    with tempfile.TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "home"


@pytest.fixture(scope="session")
def _template(stack: Stack) -> str:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("create database migrated")
    url = _beside(stack.database_url, "migrated")
    migrate(Postgres(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema if not exists dagster")
    return "migrated"


def _beside(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))


def _fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        made = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    yield _beside(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(stack: Stack, _template: str) -> Iterator[str]:
    """A migrated database of the primary, of this test alone."""
    yield from _fresh_database(stack.database_url, _template)


@pytest.fixture
def empty_database_url(stack: Stack) -> Iterator[str]:
    """A database of the primary without a single migration, of this test alone."""
    yield from _fresh_database(stack.database_url, "template1")


@pytest.fixture
def secondary_database_url(stack: Stack) -> Iterator[str]:
    """An empty database of the secondary, of this test alone."""
    yield from _fresh_database(stack.secondary_url, "template1")


@pytest.fixture
def redis_url(stack: Stack) -> str:
    """An empty Redis; what it holds is gone at the next test."""
    with redis.Redis.from_url(stack.redis_url) as client:
        client.flushall()
    return stack.redis_url


@pytest.fixture
def home_environment(home: Path) -> Callable[..., dict[str, str]]:
    """An environment for a process of its own state folder: nothing configured but what is named."""

    def make(**more: str) -> dict[str, str]:
        base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOLDFAST_HOME": str(home)}
        return base | more

    return make


@pytest.fixture(scope="session")
def _dagster_template(stack: Stack) -> str:
    """A database that Dagster has made its tables in, once for the session."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("create database with_dagster")
    url = _beside(stack.database_url, "with_dagster")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema dagster")
    with _instance(url, stack.home / "template"):
        pass
    return "with_dagster"


@contextmanager
def _instance(url: str, home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on our ``dagster.yaml``, its storage in a database."""
    home.mkdir(exist_ok=True)
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DATABASE_URL", dagster_url(url))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


@pytest.fixture
def dagster_database_url(stack: Stack, _dagster_template: str) -> Iterator[str]:
    """A database with Dagster's tables, on its search path, of this test alone."""
    for url in _fresh_database(stack.database_url, _dagster_template):
        yield dagster_url(url).replace("+psycopg2", "")


@pytest.fixture
def instance(stack: Stack, _dagster_template: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on Postgres, as it runs in earnest, of this test alone."""
    for url in _fresh_database(stack.database_url, _dagster_template):
        with _instance(url, tmp_path / "dagster") as instance:
            yield instance
