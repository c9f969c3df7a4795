"""Whether there is something to save: asked every half minute, so asked cheaply, and only of Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.consistency.tables import TableName
from holdfast.errors import PermanentError
from holdfast.media.items import MediaClass, MediaSource
from resources.media.scanning import has_new
from resources.postgres import Postgres, Transaction, classified

# However little a table was written to: as often as this its rows are compared with the books.
_AT_LEAST_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits of one class.

    Attributes:
        has_due: a copy could be claimed now, in a vault that takes files.
        has_urgent: one that expires within 24 hours could, in any vault.
        has_due_anywhere: one could, were its vault open.
        next_deadline_at: the earliest of all that waits; None where nothing does.
    """

    has_due: bool
    has_urgent: bool
    has_due_anywhere: bool
    next_deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quiet:
    """When a table's rows were last compared with the books and held nothing new: at how many writes to it."""

    writes: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What there is to do.

    Attributes:
        new: classes with a row that the books do not know.
        waits: by class.
        closed: vaults that take nothing, with the reason.
        quiet: by source, for the next look.
    """

    new: frozenset[MediaClass]
    waits: Mapping[MediaClass, Waits]
    closed: Mapping[str, str]
    quiet: Mapping[str, Quiet]


def look_for_arrivals(
    postgres: Postgres,
    sources: Sequence[MediaSource],
    vaults: Sequence[str],
    quiet: Mapping[str, Quiet],
    now: datetime,
) -> Arrivals:
    """Ask for new rows and for copies that are due.

    A table that nobody wrote to since it held nothing new is not read again. The server's count of writes is taken
    before the rows are read, and what is committed later raises it: a late commit is seen at the next look.

    Args:
        postgres: the primary.
        sources: as declared.
        vaults: labels of those that are configured.
        quiet: of the last look.
        now: of this look, UTC.

    Raises:
        TransientError, PermanentError: as of ``Postgres.transaction``.
    """
    with postgres.transaction() as db:
        closed = dict(db.rows("media_queue/closed_vaults"))
        usable = [label for label in vaults if label not in closed]
        waits = {name: _waits(db, name, usable) for name in dict.fromkeys(one.media_class for one in sources)}
        new: set[MediaClass] = set()
        still: dict[str, Quiet] = {}
        for source in sources:
            name = source_name(source)
            writes = _writes(db, source.table)
            if _is_quiet(quiet.get(name), writes, now):
                still[name] = quiet[name]
            elif _has_new(db, source):
                new.add(source.media_class)
            elif writes is not None:
                still[name] = Quiet(writes, now)
    return Arrivals(frozenset(new), waits, closed, still)


def source_name(source: MediaSource) -> str:
    """By which a source is told from others."""
    return f"{source.table}.{source.url}"


def urgent_classes(postgres: Postgres, classes: Iterable[MediaClass]) -> list[MediaClass]:
    """Classes of which something that expires within 24 hours could be saved now."""
    with postgres.transaction() as db:
        return [name for name in classes if _waits(db, name, ()).has_urgent]


def _has_new(db: Transaction, source: MediaSource) -> bool:
    try:
        with db.savepoint(), classified():
            return has_new(db, source)
    except PermanentError:
        # The inventory tells what is wrong with the table.
        return False


def _waits(db: Transaction, media_class: MediaClass, vaults: Sequence[str]) -> Waits:
    (found,) = db.fetch("media_books/waits", Waits, media_class=media_class, vaults=list(vaults))
    return found


def _writes(db: Transaction, table: str) -> int | None:
    name = TableName.parse(table)
    found: int | None = db.value("media_books/writes", schema=name.schema, name=name.name)
    return found


def _is_quiet(known: Quiet | None, writes: int | None, now: datetime) -> bool:
    if known is None or writes is None:
        return False
    return known.writes == writes and timedelta(0) <= now - known.at < _AT_LEAST_EVERY
