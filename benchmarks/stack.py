"""The servers a benchmark runs on: embedded ones in a temporary folder, or a PostgreSQL that runs already."""

import argparse
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks.report import say
from orchestration import local
from orchestration.settings import load
from orchestration.supervisor import Supervisor
from resources.migrations import migrate
from resources.postgres import Postgres

_ELSEWHERE = "postgresql://not.used/"
_numbers = itertools.count(1)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    # Not TemporaryDirectory: what the servers leave behind belongs to another account.
    made = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def postgres_server(home: Path) -> Iterator[str]:
    """Run the embedded PostgreSQL of a folder; the URL of its database. Entered again it finds its data again."""
    asked = {"HOLDFAST_HOME": str(home), "REDIS_ENABLED": "false", "SUPABASE_DB_URL": _ELSEWHERE}
    with Supervisor(home, say=say) as supervisor:
        yield local.start(load(asked), supervisor)["DATABASE_URL"]


@contextmanager
def redis_server(home: Path) -> Iterator[str]:
    """Run the embedded Redis of a folder; its URL. Entered again it finds its data again."""
    asked = {"HOLDFAST_HOME": str(home), "DATABASE_URL": _ELSEWHERE, "DAGSTER_DATABASE_URL": _ELSEWHERE}
    with Supervisor(home, say=say) as supervisor:
        yield local.start(load(asked), supervisor)["REDIS_URL"]


@contextmanager
def database(given_url: str | None = None) -> Iterator[str]:
    """A fresh, migrated database: on the server of ``given_url``, else on an embedded one. Gone afterwards."""
    if given_url is None:
        with folder() as home, postgres_server(home) as url, _fresh(url) as fresh_url:
            yield fresh_url
    else:
        with _fresh(given_url) as fresh_url:
            yield fresh_url


@contextmanager
def _fresh(server_url: str) -> Iterator[str]:
    name = sql.Identifier(f"holdfast_bench_{os.getpid()}_{next(_numbers)}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template template0 encoding 'UTF8'").format(name))
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name.as_string()[1:-1]}"))
    try:
        migrate(Postgres(url))
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(name))


def version(url: str) -> str:
    """The server's version, for a title."""
    with psycopg.connect(url) as connection:
        (found,) = connection.execute("show server_version").fetchone() or ("?",)
    return f"PostgreSQL {str(found).split()[0]}"


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="a small version, to see that it works")
    return parser


def database_option(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let the user name a PostgreSQL server."""
    parser.add_argument("--database-url", help="a PostgreSQL that runs already, as superuser; default: embedded")
    return parser
