"""The applications' tables with sample rows, for embedded stores: so that a first start has something to compare."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.sql import SQL, Composed

from resources.postgres import Postgres, Transaction
from resources.queries import template

# What the secondary is made to lack, to have besides, or to have otherwise; counted by a test.
PLANTED: Final = 20


def has_tables(a: Postgres, b: Postgres) -> bool:
    """Whether either store has one of the tables."""
    with a.transaction() as in_a, b.transaction() as in_b:
        return bool(_ask(in_a, "samples/existing") or _ask(in_b, "samples/existing"))


def make_samples(a: Postgres, b: Postgres, now: datetime, files: Sequence[Mapping[str, Any]] = ()) -> bool:
    """Make the tables in both stores, with differences in the secondary; whether they were made.

    Where either store has one of the tables, nothing is made and nothing is changed: what is there is a user's.

    Both have to be embedded: this never goes near a configured database. The newest rows are ten minutes older than
    ``now``. Rows of media have a link where ``files`` says so (``resources.media.sample_files.sample_rows``), and
    none otherwise: as in an application that takes out what has expired.
    """
    told = json.dumps(list(files))
    with a.transaction() as in_a, b.transaction() as in_b:
        if _ask(in_a, "samples/existing") or _ask(in_b, "samples/existing"):
            return False
        for db in (in_a, in_b):
            _ask(db, "samples/begin", now=now, files=told)
            db.script(template("samples/tables"))
            db.script(template("samples/rows"))
            db.script(template("samples/links"))
        in_b.script(template("samples/differences"))
        return True


def _ask(db: Transaction, path: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return db.composed_rows(Composed([SQL(template(path))]), **parameters)
