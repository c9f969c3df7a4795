"""A kept connection for many short writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from holdfast.retries import Backoff
from resources.postgres import Postgres, Transaction, classified


class Session:
    """One kept connection for many short writes: opened when it is first needed, and anew after it broke.

    For one thread at a time. Nothing is held between calls, so it works through a transaction-mode pooler.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a line from an earlier call; whether it still works shows when it is used."""
        return self._connection is not None

    @contextmanager
    def each(self) -> Iterator[Transaction]:
        """Statements that are committed one by one, each in one round trip. Errors as of ``Postgres.transaction``."""
        with self._line() as connection:
            yield Transaction(connection)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction, as of ``Postgres.transaction``."""
        with self._line() as connection, connection.transaction():
            self._postgres.settle(connection)
            yield Transaction(connection)

    def close(self) -> None:
        """Let go of the line; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _line(self) -> Iterator[psycopg.Connection[Any]]:
        with classified():
            if self._connection is None:
                self._connection = self._postgres.open(Backoff())
                self._connection.autocommit = True
            connection = self._connection
            try:
                yield connection
            finally:
                # Broken, or left in the middle of something: nobody goes on with it.
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    self.close()
