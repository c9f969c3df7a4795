"""One table of one store at one moment, as a comparison sees it. Implemented by ``resources.tables.side``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from holdfast.consistency.layouts import Layout
from holdfast.consistency.tables import Key, Side

T = TypeVar("T")


class Hashes(NamedTuple):
    """A row's two hashes.

    Attributes:
        exact: of its values as they are written.
        meaning: of what they mean; the same number as ``exact`` where no column has several forms.
    """

    exact: int
    meaning: int


Rows = dict[Key, Hashes]
# A row of a bucket in one tuple: the columns of its key, its hash, and the one of its meaning where rows have forms.
FlatRow = tuple[Any, ...]
# Of a row: hashes of each compared column as written, and as meant, in the order of the pairing.
Columns = tuple[Sequence[int], Sequence[int]]


@dataclass(slots=True)
class Sums:
    """What every bucket of a table comes to: its rows, and the exclusive or of their hashes.

    Exclusive or finds any difference of two sets of 64-bit hashes but one in 2^64; the counts are compared as well.
    """

    counts: dict[int, int] = field(default_factory=dict)
    hashes: dict[int, int] = field(default_factory=dict)

    def add(self, buckets: Iterable[int], counts: Iterable[int], hashes: Iterable[int]) -> None:
        """Take in the sums of a further part of the table."""
        for bucket, count, value in zip(buckets, counts, hashes, strict=True):
            self.counts[bucket] = self.counts.get(bucket, 0) + count
            self.hashes[bucket] = self.hashes.get(bucket, 0) ^ value

    @property
    def row_count(self) -> int:
        """Rows in all buckets."""
        return sum(self.counts.values())

    def differing(self, other: "Sums") -> list[int]:
        """Buckets that do not hold the same rows, in order."""
        buckets = self.counts.keys() | other.counts.keys()
        return sorted(
            b for b in buckets if self.counts.get(b) != other.counts.get(b) or self.hashes.get(b) != other.hashes.get(b)
        )


@dataclass(slots=True)
class Scan:
    """What one look at a whole table for its changes found.

    Attributes:
        sums: of the keys alone.
        fresh: rows written since the mark.
    """

    sums: Sums
    fresh: Rows


class TableSide(Protocol):
    """One table of one store at one moment."""

    side: Side

    def sums(self, layout: Layout) -> Sums:
        """Every bucket's count and hash."""

    def listed(self, limit: int) -> set[FlatRow] | None:
        """Every row of the window; None where there are more than ``limit``."""

    def scan(self, layout: Layout, limit: int) -> Scan:
        """Every bucket's count and hash of keys, and the hashes of the rows written since the mark.

        Raises:
            TooManyChangesError: more than ``limit`` rows were.
        """

    def rows(self, layout: Layout, buckets: Sequence[int]) -> set[FlatRow]:
        """The rows of some buckets.

        Raises:
            NotComparableError: two rows have the same key.
        """

    def present(self, keys: Sequence[Key]) -> set[Key]:
        """Those of some keys that have a row."""

    def look_up(self, keys: Sequence[Key]) -> Rows:
        """The rows of some keys; what is not there is left out."""

    def columns(self, keys: Sequence[Key]) -> Mapping[Key, Columns]:
        """Hashes by column of some rows."""

    def values(self, keys: Sequence[Key], columns: Sequence[str], longest: int) -> Mapping[Key, Sequence[Any]]:
        """Values of some rows as text, each cut at ``longest`` characters, None for null."""

    def written_before_mark(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those of the keys whose rows were there, as they are, at the mark."""


class Both(Protocol):
    """Both stores' tables, asked at once."""

    def ask(self, question: Callable[[TableSide], T]) -> tuple[T, T]:
        """The answers of A and of B."""
