"""Read some rows of a store: their hashes, whole, or how large they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import sql

from holdfast.consistency.journals import Image
from holdfast.consistency.pairing import Pairing
from holdfast.consistency.sides import Hashes
from holdfast.consistency.tables import OTHER, Column, Key, Side
from resources.postgres import Transaction
from resources.repair import statements
from resources.repair.shapes import Shape
from resources.tables import hashing

# Keys of one question.
CHUNK: Final = 5000
_COMMA: Final = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is now."""

    hashes: Hashes
    image: Image


@dataclass(frozen=True, slots=True)
class Paired:
    """A table of both stores under the seed of a plan."""

    pairing: Pairing
    seed: int

    def hashes(self, db: Transaction, side: Side, keys: Sequence[Key]) -> dict[Key, Hashes]:
        """Hashes of those rows that are there; a key that means several rows is as good as none."""
        outputs = statements.hashes(self.pairing, side, self.seed)
        found: dict[Key, Hashes] = {}
        for number, exact, meant in self._read(db, "read", side, outputs, keys):
            found[keys[number]] = Hashes(exact, meant)
        return found

    def stamps(
        self, db: Transaction, side: Side, keys: Sequence[Key], stamp: sql.Composed
    ) -> dict[Key, tuple[int, Decimal | None]]:
        """Hash of each row as written, and the instant that ``stamp`` reads from it."""
        outputs = _COMMA.join([statements.hashes(self.pairing, side, self.seed), stamp])
        found = self._read(db, "read", side, outputs, keys)
        return {keys[number]: (exact, at) for number, exact, _, at in found}

    def sizes(self, db: Transaction, side: Side, keys: Sequence[Key]) -> dict[Key, int]:
        """About how many bytes each row is."""
        outputs = sql.Composed([statements.sizes(self.pairing.of(side).columns)])
        return {keys[number]: size for number, size in self._read(db, "read", side, outputs, keys)}

    def locked(self, db: Transaction, shape: Shape, keys: Sequence[Key], *, deletes: bool) -> dict[Key, Row]:
        """Rows of the store that is written, locked; those that another transaction is writing are left out."""
        name = "lock_to_delete" if deletes else "lock"
        outputs = self._row(shape.side, statements.image(shape.stored))
        return _rows(self._read(db, name, shape.side, outputs, keys), keys, shape.stored)

    def sources(self, db: Transaction, shape: Shape, keys: Sequence[Key], columns: Sequence[Column]) -> dict[Key, Row]:
        """Rows of the other store, as the columns of the one that is written read them."""
        outputs = self._row(OTHER[shape.side], statements.source_image(self.pairing, shape.side, columns))
        return _rows(self._read(db, "read", OTHER[shape.side], outputs, keys), keys, columns)

    def again(self, db: Transaction, shape: Shape, keys: Sequence[Key]) -> dict[Key, Row]:
        """Rows of the store that was written, as they became."""
        outputs = self._row(shape.side, statements.image(shape.stored))
        return _rows(self._read(db, "read", shape.side, outputs, keys), keys, shape.stored)

    def copied(self, shape: Shape) -> tuple[Column, ...]:
        """Columns of the store that is written that take their value from the other's: those that are compared."""
        names = {column.name for column in self.pairing.columns}
        return tuple(column for column in shape.stored if column.name in names)

    def inserted(self, shape: Shape) -> tuple[Column, ...]:
        """The same for a new row: those of one type that are not compared come with it."""
        names = {column.name for column in self.copied(shape)}
        other = self.pairing.of(OTHER[shape.side])
        return tuple(one for one in shape.stored if one.name in names or _is_same(one, other.column(one.name)))

    def _row(self, side: Side, image: sql.Composed) -> sql.Composed:
        return _COMMA.join([statements.hashes(self.pairing, side, self.seed), image])

    def _read(
        self, db: Transaction, name: str, side: Side, outputs: sql.Composed, keys: Sequence[Key]
    ) -> list[tuple[Any, ...]]:
        """Rows of some keys: the number of the key from 0, then the outputs."""
        if not keys:
            return []
        texts = sql.SQL("array[{}]").format(_COMMA.join(hashing.key_texts(self.pairing, side)))
        pieces = hashing.wanted(self.pairing, side)
        parameters: dict[str, Any] = dict(hashing.key_parameters(self.pairing, side, keys))
        statement = statements.read(name, self.pairing.of(side), _COMMA.join([texts, outputs]), pieces)
        found = db.composed_rows(statement, **parameters)
        # A collation that takes other texts for equal finds more than was asked for.
        return _once([(row[0] - 1, *row[2:]) for row in found if tuple(row[1]) == keys[row[0] - 1]])


def images(db: Transaction, shape: Shape, name: str, key: Sequence[str], at: Sequence[Key]) -> dict[int, Image]:
    """Rows by the text of their key columns, by their position in ``at``."""
    if not at:
        return {}
    outputs = sql.Composed([statements.image(shape.stored)])
    statement = statements.read(name, shape.table, outputs, statements.by_key(shape.table, key))
    found = db.composed_rows(statement, **statements.key_parameters(at, len(key)))
    return {number - 1: image_of(shape.stored, texts) for number, texts in _once(found)}


def image_of(columns: Sequence[Column], texts: Sequence[str | None]) -> Image:
    """A row as text by column."""
    return dict(zip((column.name for column in columns), texts, strict=True))


def _rows(found: Sequence[tuple[Any, ...]], keys: Sequence[Key], columns: Sequence[Column]) -> dict[Key, Row]:
    return {keys[number]: Row(Hashes(exact, meant), image_of(columns, texts)) for number, exact, meant, texts in found}


def _once(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Without the rows of a key that means several."""
    counts = Counter(row[0] for row in found)
    return [row for row in found if counts[row[0]] == 1]


def _is_same(ours: Column, theirs: Column | None) -> bool:
    return theirs is not None and theirs.type == ours.type and theirs.is_readable
