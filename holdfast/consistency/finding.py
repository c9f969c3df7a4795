"""Find the rows that differ: sums of buckets first, then the rows of those buckets that differ."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from holdfast.consistency.layouts import Layout
from holdfast.consistency.sides import Both, FlatRow, Hashes, Rows, Sums
from holdfast.consistency.tables import Key

# Rows of both stores that are held in memory at once.
BATCH_ROWS: Final = 20_000
# The same where a bucket is no range of keys: each batch is a scan of the table then, so there are fewer.
BATCH_ROWS_HASHED: Final = 100_000
# Keys of one question to a store.
BATCH_KEYS: Final = 20_000

# Rows that differ in form only are no trouble, and may be all there are: so many are listed, all are counted.
FORM_ROWS: Final = 1_000

Pair = tuple[Hashes | None, Hashes | None]


@dataclass(slots=True)
class Pairs:
    """Rows that differ, by key: as many as are kept; further ones are only counted.

    Attributes:
        limit: how many are kept.
        formed: rows that differ in form only; they need no second look.
        unkept: further ones by kind.
    """

    limit: int
    kept: dict[Key, Pair] = field(default_factory=dict)
    formed: dict[Key, Pair] = field(default_factory=dict)
    form_count: int = 0
    unkept: dict[str, int] = field(default_factory=dict)

    def add(self, key: Key, pair: Pair) -> None:
        """Take in a row, unless both stores hold the same."""
        a, b = pair
        if a == b:
            return
        if a is not None and b is not None and a.meaning == b.meaning:
            self.form_count += 1
            if len(self.formed) < min(self.limit, FORM_ROWS):
                self.formed[key] = pair
        elif len(self.kept) < self.limit:
            self.kept[key] = pair
        else:
            kind = kind_of(pair)
            self.unkept[kind] = self.unkept.get(kind, 0) + 1

    def compare(self, rows_a: Rows, rows_b: Rows) -> None:
        """Take in what differs between the same keys' rows of both stores."""
        for key, a in rows_a.items():
            b = rows_b.get(key)
            if a != b:
                self.add(key, (a, b))
        for key in rows_b.keys() - rows_a.keys():
            self.add(key, (None, rows_b[key]))

    def compare_sets(self, rows_a: set[FlatRow], rows_b: set[FlatRow], width: int) -> None:
        """Take in what differs between two sets of rows whose key has ``width`` columns."""
        # Most rows of a bucket that differs are equal: sets tell that without a look at each.
        self.compare(_by_key(rows_a - rows_b, width), _by_key(rows_b - rows_a, width))


def _by_key(rows: set[FlatRow], width: int) -> Rows:
    return {row[:width]: Hashes(row[width], row[-1]) for row in rows}


def kind_of(pair: Pair) -> str:
    """Which kind of mismatch two rows are."""
    a, b = pair
    return "only_in_b" if a is None else "only_in_a" if b is None else "mismatched"


def find(both: Both, layout: Layout, sums: tuple[Sums, Sums], limit: int, width: int) -> Pairs:
    """The rows that differ, from the sums of both stores; their keys have ``width`` columns."""
    pairs = Pairs(limit)
    most = BATCH_ROWS if layout.is_ranged else BATCH_ROWS_HASHED
    for buckets in batches(sums[0].differing(sums[1]), sums, most):
        pairs.compare_sets(*_rows(both, layout, buckets), width)
    return pairs


def _rows(both: Both, layout: Layout, buckets: Sequence[int]) -> tuple[set[FlatRow], set[FlatRow]]:
    return both.ask(lambda side: side.rows(layout, buckets))


def find_in_window(both: Both, layout: Layout, limit: int, width: int) -> tuple[Pairs, tuple[int, int]]:
    """The rows that differ where sides see only rows of a window: the other store's row may be older than that.

    Returns:
        The rows, and how many each store holds in the window.
    """
    listed = both.ask(lambda side: side.listed(BATCH_ROWS_HASHED))
    if listed[0] is not None and listed[1] is not None:
        found = Pairs(limit)
        found.compare_sets(listed[0], listed[1], width)
        counts = (len(listed[0]), len(listed[1]))
    else:
        sums = both.ask(lambda side: side.sums(layout))
        found, counts = find(both, layout, sums, limit, width), (sums[0].row_count, sums[1].row_count)
    return _settled_by_look(both, found, (), limit), counts


def find_changes(
    both: Both, layout: Layout, open_keys: Iterable[Key], limit: int, width: int
) -> tuple[Pairs, tuple[int, int]]:
    """The rows that differ, from what was written since a mark at which all but ``open_keys`` were equal.

    A row that neither store wrote is as it was; a row that one store deleted is missing in the sums of keys.

    Returns:
        The rows, and how many each store holds in all.

    Raises:
        TooManyChangesError: so much was written that a full comparison is cheaper.
    """
    scan_a, scan_b = both.ask(lambda side: side.scan(layout, BATCH_ROWS * 10))
    suspects = {key for key, a in scan_a.fresh.items() if scan_b.fresh.get(key) != a}
    suspects.update(scan_b.fresh.keys() - scan_a.fresh.keys(), open_keys)
    found = find(both, layout, (scan_a.sums, scan_b.sums), limit, width)
    return _settled_by_look(both, found, suspects, limit), (scan_a.sums.row_count, scan_b.sums.row_count)


def _settled_by_look(both: Both, found: Pairs, more: Iterable[Key], limit: int) -> Pairs:
    pairs = looked_up(both, {*found.kept, *found.formed, *more}, limit)
    pairs.form_count += found.form_count - len(found.formed)
    for kind, count in found.unkept.items():
        pairs.unkept[kind] = pairs.unkept.get(kind, 0) + count
    return pairs


def looked_up(both: Both, keys: Iterable[Key], limit: int) -> Pairs:
    """Those of some keys whose rows differ."""
    pairs = Pairs(limit)
    for some in chunks(sorted(keys), BATCH_KEYS):
        pairs.compare(*look_up(both, some))
    return pairs


def look_up(both: Both, keys: Sequence[Key]) -> tuple[Rows, Rows]:
    """The rows of some keys in both stores."""
    return both.ask(lambda side: side.look_up(keys))


def batches(buckets: Sequence[int], sums: tuple[Sums, Sums], most: int) -> Iterator[list[int]]:
    """Buckets in groups that hold at most about ``most`` rows in the fuller store."""
    group: list[int] = []
    row_count = 0
    for bucket in buckets:
        held = max(one.counts.get(bucket, 0) for one in sums)
        if group and row_count + held > most:
            yield group
            group, row_count = [], 0
        group.append(bucket)
        row_count += held
    if group:
        yield group


def chunks(keys: Iterable[Key], size: int) -> Iterator[list[Key]]:
    """Keys in groups of at most ``size``."""
    left = iter(keys)
    while some := list(islice(left, size)):
        yield some
