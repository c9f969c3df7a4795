"""How the keys of a table are cut into buckets, so that both stores cut them alike."""

import uuid
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

# Rows of a bucket: fewer make the first scan dearer, more make the second look at a differing bucket dearer.
ROWS_PER_BUCKET: Final = 64
FEWEST_BITS: Final = 4
MOST_BITS: Final = 15
_BIN_BITS: Final = 6
_UNEVEN: Final = 4
_LEAST_SAMPLE: Final = 64
_SAMPLE_PER_BOUND: Final = 8
_INT_RANGE: Final = (-(2**63), 2**63 - 1)
_UUID_RANGE: Final = (0, 2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Buckets of a key.

    Attributes:
        kind: ``prefix`` leading bits of a uuid, ``bounds`` between sorted keys, ``hashed`` bits of the key's hash.
        bits: for prefix and hashed: there are 2^bits buckets.
        bounds: for bounds: smallest key of each bucket but the first, as integers.
        is_uuid: whether keys are uuids (as 128-bit integers) or integers.
    """

    kind: Literal["prefix", "bounds", "hashed"]
    bits: int = 0
    bounds: tuple[int, ...] = ()
    is_uuid: bool = False

    @property
    def count(self) -> int:
        """Number of buckets."""
        return len(self.bounds) + 1 if self.kind == "bounds" else 1 << self.bits

    @property
    def is_ranged(self) -> bool:
        """Whether a bucket is a range of keys, which an index finds."""
        return self.kind != "hashed"

    def text(self, key: int) -> str:
        """A key as SQL reads it."""
        return str(uuid.UUID(int=key)) if self.is_uuid else str(key)

    def range(self, bucket: int) -> tuple[str, str]:
        """First and last key of a bucket of ranges, both included."""
        low, high = _UUID_RANGE if self.is_uuid else _INT_RANGE
        if self.kind == "prefix":
            step = 1 << (128 - self.bits)
            return self.text(bucket * step), self.text((bucket + 1) * step - 1)
        first = low if bucket == 0 else self.bounds[bucket - 1]
        last = high if bucket == len(self.bounds) else self.bounds[bucket] - 1
        return self.text(first), self.text(last)

    def to_document(self) -> dict[str, Any]:
        """For storage as JSON."""
        return {"kind": self.kind, "bits": self.bits, "bounds": [str(x) for x in self.bounds], "is_uuid": self.is_uuid}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Layout":
        """The reverse of ``to_document``."""
        return cls(**document | {"bounds": tuple(int(x) for x in document["bounds"])})


def bits_for(row_count: int) -> int:
    """How many bits of buckets suit a table of so many rows."""
    wanted = max(row_count // ROWS_PER_BUCKET, 1).bit_length()
    return min(max(wanted, FEWEST_BITS), MOST_BITS)


def hashed(row_count: int) -> Layout:
    """Buckets by the hash of the key: for keys of any type."""
    return Layout(kind="hashed", bits=bits_for(row_count))


def ranged(row_count: int, sample: Sequence[int], *, is_uuid: bool) -> Layout:
    """Buckets of about the same size by ranges of keys, from a sample of the keys.

    The ends are open: keys beyond the sample fall into the first or the last bucket.
    """
    bits = bits_for(row_count)
    if is_uuid and (len(sample) < _LEAST_SAMPLE or _is_even(sample)):
        return Layout(kind="prefix", bits=bits, is_uuid=True)
    ordered = sorted(set(sample))
    wanted = min((1 << bits) - 1, max(len(ordered) // _SAMPLE_PER_BOUND, 1))
    picked = {ordered[len(ordered) * number // (wanted + 1)] for number in range(1, wanted + 1)} if ordered else set()
    # Nothing lies below the smallest key there can be.
    smallest, _ = _UUID_RANGE if is_uuid else _INT_RANGE
    return Layout(kind="bounds", bounds=tuple(sorted(picked - {smallest})), is_uuid=is_uuid)


def stepped(row_count: int, low: int, high: int) -> Layout:
    """Buckets of integers by equal steps from the smallest to the largest."""
    count = min(1 << bits_for(row_count), high - low + 1)
    return Layout(kind="bounds", bounds=tuple(low + (high - low + 1) * n // count for n in range(1, count)))


def is_stepped(sample: Sequence[int], low: int, high: int) -> bool:
    """Whether integers lie so evenly between their ends that equal steps make equal buckets."""
    bins = 1 << _BIN_BITS
    bounds = [low + (high - low + 1) * number // bins for number in range(1, bins)]
    return _largest([bisect_right(bounds, key) for key in sample]) <= _UNEVEN * max(len(sample) / bins, 4)


def _is_even(sample: Sequence[int]) -> bool:
    shift = 128 - _BIN_BITS
    return _largest([key >> shift for key in sample]) <= _UNEVEN * max(len(sample) / (1 << _BIN_BITS), 4)


def _largest(bins: Sequence[int]) -> int:
    counts: dict[int, int] = {}
    for number in bins:
        counts[number] = counts.get(number, 0) + 1
    return max(counts.values(), default=0)
