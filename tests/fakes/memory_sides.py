"""Both stores' tables in memory, for the algorithm alone: key and value are one integer each."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from holdfast.consistency.layouts import Layout
from holdfast.consistency.seeds import seed_for
from holdfast.consistency.sides import Columns, FlatRow, Hashes, Rows, Scan, Sums, T, TableSide
from holdfast.consistency.tables import Key, Side
from holdfast.errors import TooManyChangesError


class MemorySide:
    """Implements ``holdfast.consistency.sides.TableSide``. ``fresh`` are the keys that were written since the mark."""

    def __init__(self, side: Side, rows: Mapping[int, int], fresh: frozenset[int] = frozenset()) -> None:
        self.side = side
        self.table = dict(rows)
        self.fresh = fresh
        self.read_rows = 0

    def _bucket(self, layout: Layout, key: int) -> int:
        if layout.kind == "hashed":
            return seed_for(7, key) & (layout.count - 1)
        return bisect_right(layout.bounds, key)

    def _hash(self, key: int) -> int:
        return seed_for(seed_for(11, key), self.table[key])

    def sums(self, layout: Layout) -> Sums:
        sums = Sums()
        for key in self.table:
            sums.add([self._bucket(layout, key)], [1], [self._hash(key)])
        return sums

    def listed(self, limit: int) -> set[FlatRow] | None:
        found = {(str(key), self._hash(key)) for key in self.table}
        return found if len(found) <= limit else None

    def scan(self, layout: Layout, limit: int) -> Scan:
        scan = Scan(Sums(), self.look_up([(str(key),) for key in self.fresh]))
        if len(scan.fresh) > limit:
            raise TooManyChangesError("too many")
        for key in self.table:
            scan.sums.add([self._bucket(layout, key)], [1], [seed_for(13, key)])
        return scan

    def rows(self, layout: Layout, buckets: Sequence[int]) -> set[FlatRow]:
        found = {(str(key), self._hash(key)) for key in self.table if self._bucket(layout, key) in buckets}
        self.read_rows += len(found)
        return found

    def look_up(self, keys: Sequence[Key]) -> Rows:
        found = {key: self._hash(int(key[0])) for key in keys if int(key[0]) in self.table}
        return {key: Hashes(value, value) for key, value in found.items()}

    def present(self, keys: Sequence[Key]) -> set[Key]:
        return {key for key in keys if int(key[0]) in self.table}

    def columns(self, keys: Sequence[Key]) -> Mapping[Key, Columns]:
        raise NotImplementedError

    def values(self, keys: Sequence[Key], columns: Sequence[str], longest: int) -> Mapping[Key, Sequence[Any]]:
        raise NotImplementedError

    def written_before_mark(self, keys: Sequence[Key]) -> frozenset[Key]:
        return frozenset(key for key in keys if int(key[0]) not in self.fresh)


class MemoryBoth:
    """Implements ``holdfast.consistency.sides.Both``: one after the other."""

    def __init__(self, a: MemorySide, b: MemorySide) -> None:
        self.a, self.b = a, b

    def ask(self, question: Callable[[TableSide], T]) -> tuple[T, T]:
        return question(self.a), question(self.b)

    @contextmanager
    def again(self):  # type: ignore[no-untyped-def]
        yield self
