"""Buckets are the same cut in both stores: no key in two of them, none in no one."""

import itertools
import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.consistency.layouts import Layout, bits_for, is_stepped, ranged, stepped

INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(st.integers(1, 300_000), st.lists(INTEGERS, max_size=300))
@example(1, [-(2**63)])
@example(1, [2**63 - 1])
def test_ranges_of_integers_touch_and_end_open(row_count: int, sample: list[int]) -> None:
    _check_ranges(ranged(row_count, sample, is_uuid=False), int, -(2**63), 2**63 - 1)


@given(st.integers(1, 300_000), st.lists(st.integers(0, 2**128 - 1), max_size=300))
@example(1, [0] * 100)
@example(1, [2**128 - 1] * 100)
def test_ranges_of_uuids_touch_and_end_open(row_count: int, sample: list[int]) -> None:
    _check_ranges(ranged(row_count, sample, is_uuid=True), lambda text: uuid.UUID(text).int, 0, 2**128 - 1)


@given(st.integers(1, 100_000), INTEGERS, st.integers(0, 10**6))
def test_equal_steps_touch_and_end_open(row_count: int, low: int, width: int) -> None:
    _check_ranges(stepped(row_count, low, min(low + width, 2**63 - 1)), int, -(2**63), 2**63 - 1)


def _check_ranges(layout, read, low, high) -> None:
    ranges = [tuple(map(read, layout.range(bucket))) for bucket in range(layout.count)]
    assert (ranges[0][0], ranges[-1][1]) == (low, high)
    assert all(first <= last for first, last in ranges)
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(ranges))
    assert Layout.from_document(layout.to_document()) == layout


def test_the_number_of_buckets_follows_the_number_of_rows() -> None:
    assert [1 << bits_for(rows) for rows in (0, 1_000, 100_000, 1_000_000, 100_000_000)] == [16, 16, 2048, 16384, 32768]


def test_skewed_integers_are_not_cut_by_equal_steps() -> None:
    assert is_stepped(range(0, 10_000, 5), 0, 9_999)
    assert not is_stepped([*range(2_000), 10**9], 0, 10**9)


def test_uuids_that_begin_alike_are_cut_by_a_sample() -> None:
    alike = [(0x019A << 112) + n * 2**60 for n in range(4000)]
    layout = ranged(1_000_000, alike, is_uuid=True)
    assert (layout.kind, layout.count) == ("bounds", 501)
    assert ranged(1_000_000, [n * 2**116 + 5 for n in range(4096)], is_uuid=True).kind == "prefix"
