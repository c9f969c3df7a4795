"""One table of one store at one moment: the statements of a comparison."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import sql

from holdfast.consistency.layouts import Layout
from holdfast.consistency.pairing import NotComparableError, Pairing
from holdfast.consistency.sides import Columns, FlatRow, Hashes, Rows, Scan, Sums
from holdfast.consistency.tables import LABELS, Key, Side
from holdfast.errors import TooManyChangesError
from resources.postgres import Transaction
from resources.queries import template
from resources.tables import hashing
from resources.tables.slicing import Slicer

_ALL: Final = sql.SQL("true")
_COMMA: Final = sql.SQL(", ")
_XID_SPAN: Final = 1 << 32
_NULL_KEY: Final = "it is null in some rows"
_NUMBER_BYTES: Final = 12
_TEXT_OVERHEAD: Final = 4


@dataclass(slots=True)
class PostgresSide:
    """Implements ``holdfast.consistency.sides.TableSide`` in one transaction.

    Attributes:
        since_column: only rows whose value in it is at or after ``since`` take part in sums and hashes.
        mark_xmin: oldest transaction that counts as new for ``scan``.
        slicer: cuts a scan into slices, and keeps what they came to; without one it is one statement.
        bytes_received: values that came back, as the protocol's binary form counts them.
    """

    db: Transaction
    pairing: Pairing
    side: Side
    seed: int
    since_column: str | None = None
    since: Any = None
    mark_xmin: int | None = None
    slicer: Slicer | None = None
    bytes_received: int = field(default=0)

    def sums(self, layout: Layout) -> Sums:
        """Every bucket's count and hash; of the rows of the window, where there is one."""
        sums = self.slicer.at.sums if self.slicer else Sums()
        hashed = hashing.row_hash(self.pairing, self.side, self.seed)
        self._over_slices(lambda scope: self._add_sums(sums, layout, scope, hashed))
        return sums

    def _over_slices(self, run: Callable[[sql.Composable], Callable[[], None]]) -> None:
        if self.slicer is None:
            run(_ALL)()
        else:
            self.slicer(run)

    def _add_sums(self, sums: Sums, layout: Layout, scope: sql.Composable, hashed: sql.Composed) -> Callable[[], None]:
        statement = self._composed(
            "sums",
            bucket=hashing.bucket(self.pairing, self.side, self.seed, layout),
            hash=hashed,
            scope=sql.SQL("{} and {}").format(scope, self._window()),
        )
        ((buckets, counts, hashes),) = self._rows(statement, **self._layout_parameters(layout))
        if None in buckets:
            raise self._no_key(_NULL_KEY)
        return lambda: sums.add(buckets, counts, hashes)

    def listed(self, limit: int) -> set[FlatRow] | None:
        """Every row of the window; None where there are more than ``limit``."""
        statement = self._composed("listed", scope=self._window(), **self._aggregates())
        found = self._flat(statement, most=limit + 1, **self._window_parameters())
        return found if len(found) <= limit else None

    def scan(self, layout: Layout, limit: int) -> Scan:
        """Every bucket's count and hash of keys, and the hashes of the rows written since the mark.

        Raises:
            TooManyChangesError: more than ``limit`` rows were.
        """
        found = Scan(Sums(), {})
        self._over_slices(lambda scope: self._add_scan(found, layout, scope, limit))
        return found

    def _add_scan(self, found: Scan, layout: Layout, scope: sql.Composable, limit: int) -> Callable[[], None]:
        # Two looks at the same moment: grouping only the keys is much cheaper than carrying the fresh rows along.
        add_sums = self._add_sums(found.sums, layout, scope, hashing.key_hash(self.pairing, self.side, self.seed))
        statement = self._composed("fresh", scope=scope, **self._aggregates())
        fresh = self._read(statement, mark=self._mark(), most=limit + 1)
        if len(found.fresh) + len(fresh) > limit:
            raise TooManyChangesError(f"{self.pairing.of(self.side).name}: more than {limit} rows changed")

        def take_in() -> None:
            add_sums()
            found.fresh.update(fresh)

        return take_in

    def rows(self, layout: Layout, buckets: Sequence[int]) -> set[FlatRow]:
        """The rows of some buckets; of the window, where there is one.

        Raises:
            NotComparableError: two rows have the same key.
        """
        if not layout.is_ranged:
            statement = self._composed(
                "buckets",
                bucket=hashing.bucket(self.pairing, self.side, self.seed, layout),
                scope=self._window(),
                **self._aggregates(),
            )
            return self._flat(statement, buckets=list(buckets), **self._layout_parameters(layout))
        ranges = [layout.range(bucket) for bucket in buckets]
        statement = self._composed(
            "ranges",
            type=sql.SQL("uuid" if layout.is_uuid else "bigint"),
            key=sql.Identifier(self.pairing.key[0].name),
            scope=self._window(),
            **self._aggregates(),
        )
        firsts, lasts = [first for first, _ in ranges], [last for _, last in ranges]
        return self._flat(statement, firsts=firsts, lasts=lasts, **self._window_parameters())

    def _flat(self, statement: sql.Composed, **parameters: Any) -> set[FlatRow]:
        found: set[FlatRow] = set()
        row_count = 0
        for arrays in self._rows(statement, **parameters):
            if arrays[0] is not None:
                row_count += len(arrays[0])
                found.update(zip(*arrays, strict=True))
        if trouble := self._trouble(found, row_count):
            raise self._no_key(trouble)
        return found

    def _no_key(self, trouble: str) -> NotComparableError:
        names = ", ".join(column.name for column in self.pairing.key)
        table = f"{LABELS[self.side]} {self.pairing.of(self.side).name}"
        reason = f"({names}) does not identify a row of the {table}: {trouble}. Declare a key that does."
        return NotComparableError("not_comparable", reason)

    def _trouble(self, rows: set[FlatRow], row_count: int) -> str | None:
        """Why a declared key is none; asked only where no index sees to it."""
        width = len(self.pairing.key)
        if set(self.pairing.of(self.side).key) == {column.name for column in self.pairing.key}:
            return None
        if any(None in row[:width] for row in rows):
            return _NULL_KEY
        is_unique = len(rows) == row_count == len({row[:width] for row in rows})
        return None if is_unique else "several rows have the same"

    def present(self, keys: Sequence[Key]) -> set[Key]:
        """Those of some keys that have a row."""
        if not keys:
            return set()
        texts = hashing.key_texts(self.pairing, self.side)
        named = [sql.Identifier(f"k{number}") for number in range(len(texts))]
        statement = self._composed(
            "present",
            aggregates=_COMMA.join(sql.SQL("array_agg({})").format(name) for name in named),
            outputs=_COMMA.join(
                sql.SQL("{} as {}").format(text, name) for text, name in zip(texts, named, strict=True)
            ),
            **hashing.wanted(self.pairing, self.side),
        )
        ((first, *others),) = self._rows(statement, **hashing.key_parameters(self.pairing, self.side, keys))
        return set() if first is None else set(zip(first, *others, strict=True)).intersection(keys)

    def look_up(self, keys: Sequence[Key]) -> Rows:
        """The rows of some keys; what is not there is left out."""
        if not keys:
            return {}
        statement = self._composed("look_up", **self._aggregates(), **hashing.wanted(self.pairing, self.side))
        found = self._read(statement, **hashing.key_parameters(self.pairing, self.side, keys))
        # A collation that takes other texts for equal finds more than was asked for.
        asked = set(keys)
        return {key: hashes for key, hashes in found.items() if key in asked}

    def columns(self, keys: Sequence[Key]) -> Mapping[Key, Columns]:
        """Hashes by column of some rows."""
        exact, meant = (
            [hashing.column_hash(self.pairing, c, self.side, self.seed, meant=m) for c in self.pairing.columns]
            for m in (False, True)
        )
        statement = self._composed(
            "columns",
            keys=self._keys(),
            exact=sql.SQL("array[{}]").format(_COMMA.join(exact)),
            meant=sql.SQL("array[{}]").format(_COMMA.join(meant)),
            **hashing.wanted(self.pairing, self.side),
        )
        width = len(self.pairing.key)
        rows = self._rows(statement, **hashing.key_parameters(self.pairing, self.side, keys))
        return {tuple(row[:width]): (row[width], row[width + 1]) for row in rows}

    def values(self, keys: Sequence[Key], columns: Sequence[str], longest: int) -> Mapping[Key, Sequence[Any]]:
        """Values of some rows as text, each cut at ``longest`` characters, None for null."""
        shown = [sql.SQL("left({}::text, {})").format(hashing.cell(name), longest) for name in columns]
        statement = self._composed(
            "values", keys=self._keys(), values=_COMMA.join(shown), **hashing.wanted(self.pairing, self.side)
        )
        width = len(self.pairing.key)
        rows = self._rows(statement, **hashing.key_parameters(self.pairing, self.side, keys))
        return {tuple(row[:width]): row[width:] for row in rows}

    def written_before_mark(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those of the keys whose rows were there, as they are, at the mark."""
        if not keys or self.mark_xmin is None:
            return frozenset()
        statement = self._composed("written_before", keys=self._keys(), **hashing.wanted(self.pairing, self.side))
        rows = self._rows(statement, mark=self._mark(), **hashing.key_parameters(self.pairing, self.side, keys))
        return frozenset(tuple(row) for row in rows)

    def _mark(self) -> str:
        return str((self.mark_xmin or 0) % _XID_SPAN)

    def _composed(self, name: str, **pieces: sql.Composable) -> sql.Composed:
        table = hashing.relation(self.pairing.of(self.side).name)
        return sql.SQL(template(f"comparing/{name}")).format(table=table, **pieces)

    def _names(self) -> list[str]:
        names = [f"k{number}" for number in range(len(self.pairing.key))]
        return [*names, "exact", "meant"] if self.pairing.has_forms else [*names, "exact"]

    def _outputs(self) -> sql.Composed:
        values = [*hashing.key_texts(self.pairing, self.side), hashing.row_hash(self.pairing, self.side, self.seed)]
        if self.pairing.has_forms:
            values.append(hashing.row_hash(self.pairing, self.side, self.seed, meant=True))
        named = zip(values, self._names(), strict=True)
        return _COMMA.join(sql.SQL("{} as {}").format(value, sql.Identifier(name)) for value, name in named)

    def _aggregates(self) -> dict[str, sql.Composable]:
        arrays = [sql.SQL("array_agg({})").format(sql.Identifier(name)) for name in self._names()]
        return {"aggregates": _COMMA.join(arrays), "outputs": self._outputs()}

    def _keys(self) -> sql.Composed:
        return _COMMA.join(hashing.key_texts(self.pairing, self.side))

    def _window(self) -> sql.Composable:
        if self.since_column is None:
            return _ALL
        return sql.SQL("{} >= {}::timestamptz").format(hashing.cell(self.since_column), sql.Placeholder("since"))

    def _window_parameters(self) -> dict[str, Any]:
        return {} if self.since_column is None else {"since": self.since}

    def _layout_parameters(self, layout: Layout) -> dict[str, Any]:
        bounds = {"bounds": [layout.text(bound) for bound in layout.bounds]} if layout.kind == "bounds" else {}
        return bounds | self._window_parameters()

    def _read(self, statement: sql.Composed, **parameters: Any) -> Rows:
        found: Rows = {}
        for row in self._rows(statement, **parameters):
            found.update(self._hashes(row))
        return found

    def _rows(self, statement: sql.Composed, **parameters: Any) -> list[tuple[Any, ...]]:
        rows = self.db.composed_rows(statement, binary=True, **parameters)
        self.bytes_received += sum(_size(value) for row in rows for value in row)
        return rows

    def _hashes(self, arrays: Sequence[list[Any] | None]) -> Rows:
        if not arrays or arrays[0] is None:
            return {}
        width = len(self.pairing.key)
        keys = zip(*arrays[:width], strict=True)
        exact = arrays[width] or []
        meant = (arrays[width + 1] or []) if self.pairing.has_forms else exact
        return dict(zip(keys, map(Hashes, exact, meant), strict=True))


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_size, value)) if value and isinstance(value[0], str) else _NUMBER_BYTES * len(value)
    return _TEXT_OVERHEAD + len(value) if isinstance(value, str) else _NUMBER_BYTES
