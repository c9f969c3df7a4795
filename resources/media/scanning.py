"""New rows of the applications' tables become files to protect, and each file asks for its copies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from psycopg import sql

from holdfast.errors import PermanentError, StatementTimeoutError
from holdfast.media.items import LIFETIME, MediaClass, MediaSource
from resources.media.shapes import Shape, composed, read_shape
from resources.postgres import Postgres, Transaction, classified

# So many new files at once, and claims would be planned by what is known of an empty table.
_MANY: Final = 1000
_INSTANTS: Final = ("timestamp with", "date", "timestamp(")
_NUMBERS: Final = ("bigint", "integer", "smallint", "numeric", "double precision", "real")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What one source came to.

    Attributes:
        rows: that hold a link.
        new_items: files that came into the books.
        changed_items: known ones whose link's query, deadline or size changed.
        superseded_items: those that their row says no more.
        new_copies: that are asked for now.
        malformed_rows: that cannot be in the books; ``malformed`` names the first 20 and says why.
        problem: why the table cannot be read, or what is left out of it; empty where it is whole.
        is_readable: whether it was read.
    """

    table: str
    media_class: MediaClass
    rows: int = 0
    new_items: int = 0
    changed_items: int = 0
    superseded_items: int = 0
    new_copies: int = 0
    malformed_rows: int = 0
    malformed: tuple[str, ...] = ()
    problem: str = ""
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan came to, source by source."""

    sources: tuple[Scanned, ...]

    @property
    def new_items(self) -> int:
        """Files that came into the books."""
        return sum(one.new_items for one in self.sources)

    @property
    def new_copies(self) -> int:
        """Copies that are asked for now."""
        return sum(one.new_copies for one in self.sources)

    @property
    def malformed_rows(self) -> int:
        """Rows that cannot be in the books."""
        return sum(one.malformed_rows for one in self.sources)

    def lines(self) -> list[str]:
        """What somebody has to know: sentences."""
        lines = [one.problem for one in self.sources if one.problem]
        for one in self.sources:
            if one.malformed_rows:
                shown = "; ".join(one.malformed[:5])
                lines.append(
                    f"{one.table}, {one.media_class}: {one.malformed_rows} rows cannot be protected until they are "
                    f"mended: {shown}"
                )
        return lines


def scan(postgres: Postgres, sources: Sequence[MediaSource], vaults: Sequence[str]) -> ScanReport:
    """Bring new and changed rows into the books; a row that was committed late is found all the same.

    Nothing is ever taken out: a row that says another link has another file from then on, one that was deleted keeps
    its file, one without a link has none. A table that is missing, or that cannot be read as declared, is told.

    Args:
        postgres: the primary, which has the tables and the books.
        sources: as declared.
        vaults: labels of those that are configured; copies in others are neither made nor counted any more.

    Raises:
        TransientError, PermanentError: as of ``Postgres.transaction``, of the books.
    """
    with postgres.transaction() as db:
        db.rows("media_books/lock_scan")
        db.rows("media_books/plan_scan")
        db.execute("media_books/note_vaults", vaults=list(vaults))
        found = [_scan_one(db, one, [label for label in one.vaults if label in vaults]) for one in sources]
        db.execute("media_books/revive")
        db.execute("media_books/drop_old_transfers")
        report = ScanReport(tuple(found))
        if report.new_items >= _MANY:
            db.composed_execute(composed("analyze"))
    return report


def has_new(db: Transaction, source: MediaSource) -> bool:
    """Whether a row of the source has a file that the books do not know; False where the table cannot be read."""
    shape = read_shape(db, source.table)
    if shape is None or _unreadable(source, shape):
        return False
    db.rows("media_books/plan_scan")
    statement = composed("has_new", links=_links(source, shape))
    (row,) = db.composed_rows(statement, **_asked(source))
    return bool(row[0])


def _scan_one(db: Transaction, source: MediaSource, vaults: Sequence[str]) -> Scanned:
    found = _read(db, source)
    known = {"table": source.table, "media_class": source.media_class, "vaults": list(vaults)}
    copies = db.execute("media_books/add_copies", **known)
    db.execute("media_books/require", **known)
    return replace(found, new_copies=copies)


def _read(db: Transaction, source: MediaSource) -> Scanned:
    found = Scanned(table=source.table, media_class=source.media_class)
    shape = read_shape(db, source.table)
    if shape is None:
        problem = f"{source.table} is not in the primary, so no {source.media_class} files are found in it"
        return replace(found, problem=problem, is_readable=False)
    if problem := _unreadable(source, shape):
        return replace(found, problem=problem, is_readable=False)
    try:
        with db.savepoint(), classified():
            (row,) = db.composed_rows(composed("scan", links=_links(source, shape)), kind=source.kind, **_asked(source))
    except (PermanentError, StatementTimeoutError) as error:
        return replace(found, problem=f"{source.table}, {source.media_class}: {error}", is_readable=False)
    rows, new, changed, superseded, malformed, examples = row
    return replace(
        found,
        rows=rows,
        new_items=new,
        changed_items=changed,
        superseded_items=superseded,
        malformed_rows=malformed,
        malformed=tuple(examples),
        problem=_left_out(source, shape),
    )


def _unreadable(source: MediaSource, shape: Shape) -> str:
    """Why the table cannot be read as declared; empty where it can."""
    needed = (source.id, source.url, source.created_at)
    if missing := [name for name in needed if name not in shape.types]:
        return (
            f"{source.table} has no column {', '.join(missing)}, so no {source.media_class} files are found in it: "
            "correct MEDIA_SOURCES in assets/catalog.py"
        )
    kind = shape.types[source.created_at]
    if not kind.startswith(_INSTANTS):
        return (
            f"{source.table}.{source.created_at} is {kind}; expected an instant, so no {source.media_class} files are "
            "found in it"
        )
    return ""


def _left_out(source: MediaSource, shape: Shape) -> str:
    """Which optional columns are not there, or are something else."""
    left = [name for name in (source.expires_at,) if name and not _is_instant(shape, name)]
    left += [name for name in (source.size,) if name and not _is_number(shape, name)]
    return (
        f"{source.table}, {source.media_class}: not used, as missing or of another type: {', '.join(left)}"
        if left
        else ""
    )


def _is_instant(shape: Shape, name: str) -> bool:
    return shape.types.get(name, "").startswith(_INSTANTS)


def _is_number(shape: Shape, name: str) -> bool:
    return shape.types.get(name, "").startswith(_NUMBERS)


def _links(source: MediaSource, shape: Shape) -> sql.Composed:
    """The rows of the table that hold a link, as the books would say them."""
    expires_at: sql.Composable = sql.SQL("null::timestamptz")
    if source.expires_at and _is_instant(shape, source.expires_at):
        expires_at = composed("expires_at", column=sql.Identifier(source.expires_at))
    size: sql.Composable = sql.SQL("null::bigint")
    if source.size and _is_number(shape, source.size):
        size = composed("size", column=sql.Identifier(source.size))
    return composed(
        "links",
        id=sql.Identifier(source.id),
        url=sql.Identifier(source.url),
        created_at=sql.Identifier(source.created_at),
        expires_at=expires_at,
        size=size,
        table=shape.identifier,
    )


def _asked(source: MediaSource) -> dict[str, Any]:
    return {"table": source.table, "media_class": source.media_class, "lifetime_s": LIFETIME.total_seconds()}
