"""Postgres: connections, transactions and named queries."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row, scalar_row, tuple_row
from psycopg.sql import Composable, Composed, Identifier

from holdfast.errors import HoldfastError, PermanentError, StatementTimeoutError, TransientError
from holdfast.retries import Backoff
from resources.queries import query

T = TypeVar("T")
Parameters = Mapping[str, Any]

# A full disk, a shutdown and a refused connection pass; a missing right or a wrong statement does not.
# Source: PostgreSQL manual, appendix A, "Error Codes": classes 08, 40, 53, 55, 57, 58.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
# What servers and poolers say to a login that cannot work however often it is tried.
_REFUSALS: Final = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "not permitted to log in",
    "permission denied for database",
    "no pg_hba.conf entry",
    "no such database",
    "no such user",
    "tenant or user not found",
)
# Conditions a person can mend, by SQLSTATE: what it is, what state is left, what to do.
_KNOWN: Final[Mapping[str, tuple[type[HoldfastError], str]]] = {
    "25006": (
        PermanentError,
        "Postgres is read-only and nothing was written: {said}. A free tier turns a database read-only when "
        "it is over its size; a standby always is. Make room or point DATABASE_URL at the primary.",
    ),
    "42501": (
        PermanentError,
        "Postgres does not let this user do it; the transaction is rolled back: {said}. Use the user that "
        "ran holdfast migrate in DATABASE_URL, or grant it the right.",
    ),
    "42P01": (
        PermanentError,
        "Postgres has no such table; the transaction is rolled back: {said}. Bring the database to this version: "
        "holdfast migrate.",
    ),
    "53100": (
        TransientError,
        "Postgres' disk is full; the transaction is rolled back and what was committed stays: {said}. "
        "Make room on the server; the next attempt goes on from there.",
    ),
}


# A line that was cut while a statement runs is noticed after a minute, not after the system's two hours.
_NOTICE_SILENCE: Final[Mapping[str, Any]] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_UNREADABLE: Final = (
    "the URL of Postgres cannot be read and nothing was changed; it is not printed, as it may hold a password. "
    "Write it as postgresql://user:password@host/database, in the password %40 for @, %2F for /, %3F for ?, %25 for %."
)


class DuplicateRowError(PermanentError):
    """A row with this key is there already."""


class Transaction:
    """One open transaction: named queries by ``story/name``."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def fetch(self, path: str, into: type[T], **parameters: Any) -> list[T]:
        """All rows of a query, each as an ``into`` (its fields are the columns)."""
        with self._connection.cursor(row_factory=class_row(into)) as cursor:
            return cursor.execute(query(path), parameters).fetchall()

    def rows(self, path: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as tuples."""
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query(path), parameters).fetchall()

    def rows_in_binary(self, path: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The same over the wire in binary: bytes come as they are, which as text they would do twice as long."""
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query(path), parameters, binary=True).fetchall()

    def value(self, path: str, **parameters: Any) -> Any:
        """The first column of the first row, or None where there is no row."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(query(path), parameters).fetchone()

    def execute(self, path: str, **parameters: Any) -> int:
        """Run a statement; the number of rows it touched."""
        return self._connection.execute(query(path), parameters).rowcount

    def execute_many(self, path: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once per row of parameters; the number of rows touched in all."""
        with self._connection.cursor() as cursor:
            cursor.executemany(query(path), list(rows))
            return cursor.rowcount

    def composed_rows(self, statement: Composed, *, binary: bool = False, **parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement that was composed for a table not known before, as tuples."""
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(_doubled(statement), parameters, binary=binary).fetchall()

    def composed_execute(self, statement: Composed, **parameters: Any) -> int:
        """Run such a statement; the number of rows it touched."""
        return self._connection.execute(_doubled(statement), parameters).rowcount

    def copy_in(self, path: str, types: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
        """Send rows through a binary ``copy … from stdin``; the number of rows sent.

        Raises:
            DuplicateRowError: one of them is there already; undo by a savepoint.
        """
        try:
            with self._connection.cursor() as cursor:
                with cursor.copy(query(path)) as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)
                return cursor.rowcount
        except psycopg.errors.UniqueViolation as error:
            raise DuplicateRowError(f"{path}: {error}") from error

    def script(self, statements: LiteralString) -> None:
        """Run the statements of a migration as they stand."""
        self._connection.execute(statements, prepare=False)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and only that, if it raises."""
        with self._connection.transaction():
            yield


class Line:
    """One connection that only reads."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Open a transaction that sees one moment and writes nothing. Errors as of ``Postgres.transaction``."""
        with classified(), self._connection.transaction():
            yield Transaction(self._connection)


class Postgres:
    """One logical database. A connection is opened per transaction and always closed.

    Works through a transaction-mode pooler: nothing is prepared and every setting is local to its transaction.
    """

    def __init__(self, dsn: str, *, connect_timeout_s: int = 5, statement_timeout_s: int = 300) -> None:
        # Dagster's storage is named in SQLAlchemy's form; libpq knows no "+driver".
        self._dsn = dsn.replace("postgresql+psycopg2://", "postgresql://", 1)
        self._connect_timeout_s = connect_timeout_s
        self._statement_timeout_s = statement_timeout_s

    @contextmanager
    def transaction(self, *, backoff: Backoff | None = None) -> Iterator[Transaction]:
        """Open a transaction: committed at the end of the block, rolled back if it raises.

        Args:
            backoff: how often to try to connect; what runs inside the block is never repeated.

        Raises:
            TransientError: Postgres is away, shutting down, out of space or busy.
            PermanentError: Postgres refused the login or the statement.
        """
        with classified(), self._connect(backoff or Backoff()) as connection, connection.transaction():
            self.settle(connection)
            yield Transaction(connection)

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Give the transaction that is open what every transaction begins with."""
        connection.execute(query("session/begin"), {"timeout_ms": self._statement_timeout_s * 1000})

    @contextmanager
    def line(self) -> Iterator["Line"]:
        """A connection for several snapshots, one after the other. Errors as of ``transaction``."""
        with classified(), self._connect(Backoff()) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield Line(connection)

    @contextmanager
    def autocommit(self, *, backoff: Backoff | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A bare connection, for what cannot run in a transaction. Arguments and errors as of ``transaction``."""
        with classified(), self._connect(backoff or Backoff()) as connection:
            connection.autocommit = True
            yield connection

    @contextmanager
    def _connect(self, backoff: Backoff) -> Iterator[psycopg.Connection[Any]]:
        connection = self.open(backoff)
        try:
            yield connection
        finally:
            connection.close()

    def open(self, backoff: Backoff) -> psycopg.Connection[Any]:
        """A connection, for its caller to close and to classify what goes wrong."""
        delays_s = backoff.delays_s()
        while True:
            try:
                return psycopg.connect(
                    self._dsn,
                    connect_timeout=self._connect_timeout_s,
                    application_name="holdfast",
                    prepare_threshold=None,
                    **_NOTICE_SILENCE,
                )
            except psycopg.Error as error:
                if not _is_readable(self._dsn):
                    # Neither the driver's text nor its error: they quote what they could not read.
                    raise PermanentError(_UNREADABLE) from None
                if not isinstance(error, psycopg.OperationalError):
                    raise
                wait_s = None if _is_refusal(error) else next(delays_s, None)
                if wait_s is None:
                    raise
                time.sleep(wait_s)


@contextmanager
def classified() -> Iterator[None]:
    """Raise our own errors instead of the driver's. Errors as of ``Postgres.transaction``."""
    try:
        yield
    except psycopg.Error as error:
        raise _ours(error) from error


def _is_refusal(error: psycopg.OperationalError) -> bool:
    text = str(error).lower()
    return any(words in text for words in _REFUSALS)


def _is_readable(dsn: str) -> bool:
    """Whether libpq splits the URL where its writer meant to: an "@", "/" or "%" of a password may split it early."""
    address, _, _ = dsn.partition("?")
    try:
        port = conninfo_to_dict(dsn).get("port") or "0"
    except psycopg.Error:
        return False
    return address.count("@") <= 1 and str(port).replace(",", "").isdigit()


def _ours(error: psycopg.Error) -> HoldfastError:
    said = (str(error).strip() or type(error).__name__).replace("\n", " ")
    if known := _KNOWN.get(error.sqlstate or ""):
        kind, words = known
        return kind(words.format(said=said))
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None and _is_refusal(error):
        return PermanentError(
            f"Postgres refused the login and nothing was changed: {said}. Check user, password and database of the URL."
        )
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return StatementTimeoutError(
            f"Postgres gave up a statement; the transaction is rolled back: {said}. Another attempt may succeed."
        )
    if (error.sqlstate or "08")[:2] in _PASSING_CLASSES and not isinstance(error, psycopg.ProgrammingError):
        return TransientError(
            f"Postgres is away or gave up; the transaction is rolled back: {said}. Another attempt may succeed; "
            "holdfast doctor tells what is wrong."
        )
    return PermanentError(f"Postgres refused the statement; the transaction is rolled back: {said}")


def _doubled(statement: Composed) -> Composed:
    """The statement with each "%" in a name doubled: the driver takes a single one for the beginning of a parameter."""

    def double(part: Composable) -> Composable:
        if isinstance(part, Identifier):
            return Identifier(*(name.replace("%", "%%") for name in part._obj))
        return _doubled(part) if isinstance(part, Composed) else part

    return Composed([double(part) for part in statement])


def register_dumper(of_type: type, dumper: type[Dumper]) -> None:
    """Teach every later connection to send values of one of our types."""
    psycopg.adapters.register_dumper(of_type, dumper)
