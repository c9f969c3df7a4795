"""Migrations: the only DDL. Forward only, numbered, each applied once in one transaction."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError
from resources.postgres import Postgres, Transaction
from resources.queries import SQL

FOLDER: Final = SQL / "migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Attributes:
        name: file name without ending, ``0001_metrics``.
        statements: its text.
        digest: sha256 of the text, to see that an applied file was not edited.
    """

    name: str
    statements: str
    digest: str


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that the database says it has."""

    name: str
    digest: str


def available(folder: Path = FOLDER) -> list[Migration]:
    """Every migration of this version of Holdfast, in order."""
    texts = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]
    return [Migration(name, text, hashlib.sha256(text.encode()).hexdigest()) for name, text in texts]


def pending(postgres: Postgres) -> list[str]:
    """Names of the migrations that the database does not have yet."""
    with postgres.transaction() as db:
        return [migration.name for migration in _missing(db)]


def migrate(postgres: Postgres) -> list[str]:
    """Apply what is missing, each in its own transaction; the names that were applied.

    Two processes may call it at once: the second waits and finds nothing to do.

    Raises:
        PermanentError: an applied migration was edited, or the database is newer than this Holdfast.
    """
    done: list[str] = []
    while name := _apply_next(postgres):
        done.append(name)
    return done


def _apply_next(postgres: Postgres) -> str | None:
    with postgres.transaction() as db:
        db.execute("migrations/lock")
        missing = _missing(db)
        if not missing:
            return None
        migration = missing[0]
        db.script(migration.statements)
        db.execute("migrations/record", name=migration.name, digest=migration.digest)
        return migration.name


def _missing(db: Transaction) -> list[Migration]:
    has_table = db.value("migrations/has_table")
    applied = {row.name: row.digest for row in db.fetch("migrations/applied", Applied)} if has_table else {}
    known = available()
    for migration in known:
        if applied.get(migration.name, migration.digest) != migration.digest:
            raise PermanentError(
                f"migration {migration.name} was edited after it was applied; nothing was changed. "
                "Restore the file and write the change as a new migration."
            )
    if newer := sorted(applied.keys() - {migration.name for migration in known}):
        raise PermanentError(
            f"the database has migrations this Holdfast does not know ({', '.join(newer)}); nothing was changed. "
            "Run the newer Holdfast, or restore the older database."
        )
    return [migration for migration in known if migration.name not in applied]
