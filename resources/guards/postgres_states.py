"""Breakers in the primary: where there is no Redis, or it is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, cast

import psycopg

from holdfast.retries import Backoff
from resources.guards.deadline import deadline
from resources.postgres import Postgres
from resources.queries import query

_ONCE: Final = Backoff(attempts=1)
# libpq knows no connect timeout below 2 s.
_CONNECT_S: Final = 2
_ANSWER_S: Final = 2.0


class PostgresStates:
    """Rows of ``holdfast.breakers``; implements ``holdfast.breaker.BreakerStates``. One short connection a question."""

    tier: Final = "postgres"

    def __init__(self, dsn: str) -> None:
        self._postgres = Postgres(dsn, connect_timeout_s=_CONNECT_S)

    def get(self, name: str) -> str | None:
        """One row."""
        with self._line() as line:
            row = line.execute(query("guards/breaker"), {"name": name}).fetchone()
        return None if row is None else str(row[0])

    def now(self) -> datetime:
        """The server's clock."""
        with self._line() as line:
            (at,) = line.execute(query("guards/now")).fetchone() or (None,)
        return cast("datetime", at)

    def swap(self, name: str, expected: str | None, document: str, keep: timedelta) -> bool:  # noqa: ARG002
        """One statement: its row lock is what makes it atomic. Rows are few and are kept."""
        with self._line() as line:
            values = {"name": name, "expected": expected, "document": document}
            return line.execute(query("guards/swap_breaker"), values).rowcount == 1

    @contextmanager
    def _line(self) -> Iterator[psycopg.Connection[Any]]:
        with self._postgres.autocommit(backoff=_ONCE) as line, deadline(line, _ANSWER_S):
            yield line
