"""The two stores that applications write to side by side: A, the primary, and B, the secondary."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from holdfast.consistency.tables import LABELS, Side
from resources.postgres import Line, Postgres, Transaction

_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Store:
    """One of the two, with transactions in which values read the same whatever the server's defaults are."""

    side: Side
    postgres: Postgres

    @property
    def label(self) -> str:
        """``primary`` or ``secondary``."""
        return LABELS[self.side]

    @contextmanager
    def snapshot(self, *, timeout_s: float = _TIMEOUT_S) -> Iterator[Transaction]:
        """One moment of the store: repeatable read, read only. A table whose rows a policy hides is an error in it.

        Args:
            timeout_s: longest time for one statement.

        Raises:
            TransientError: the store is away.
            PermanentError: it refused the login.
        """
        with self.line() as line, line.snapshot(timeout_s) as db:
            yield db

    @contextmanager
    def line(self) -> Iterator["StoreLine"]:
        """A connection for several such snapshots, one after the other. Errors as above."""
        with self.postgres.line() as line:
            yield StoreLine(line)

    @contextmanager
    def writing(self, *, timeout_s: float = _TIMEOUT_S) -> Iterator[Transaction]:
        """A transaction that may write, under the same settings; committed at the end of the block. Errors as above."""
        with self.postgres.transaction() as db:
            _settle(db, timeout_s)
            yield db


@dataclass(frozen=True, slots=True)
class StoreLine:
    """A connection to a store that only reads."""

    line: Line

    @contextmanager
    def snapshot(self, timeout_s: float) -> Iterator[Transaction]:
        """One moment of the store. Longest time of a statement in seconds."""
        with self.line.snapshot() as db:
            _settle(db, timeout_s)
            yield db


@dataclass(frozen=True, slots=True)
class Stores:
    """Both of them."""

    a: Store
    b: Store

    def of(self, side: Side) -> Store:
        """The store of a side."""
        return self.a if side == "a" else self.b


def open_stores(url_a: str, url_b: str) -> Stores:
    """Both stores by their URLs. Opens nothing yet."""
    return Stores(Store("a", Postgres(url_a)), Store("b", Postgres(url_b)))


def _settle(db: Transaction, timeout_s: float) -> None:
    db.execute("session/compare", timeout_ms=int(timeout_s * 1000))
