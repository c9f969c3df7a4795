"""The fast way finds what the obvious way finds, and reads little where little differs."""

import itertools
from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdfast.consistency.finding import Pairs, batches, find, find_changes
from holdfast.consistency.layouts import Layout, hashed, ranged, stepped
from holdfast.consistency.rechecking import recheck
from tests.fakes.memory_sides import MemoryBoth, MemorySide

TABLES = st.dictionaries(st.integers(-50, 60), st.integers(0, 2), max_size=60)
LAYOUTS = st.one_of(
    st.integers(1, 5).map(lambda bits: Layout(kind="hashed", bits=bits)),
    st.lists(st.integers(-60, 70), max_size=9, unique=True).map(
        lambda bounds: Layout(kind="bounds", bounds=tuple(sorted(bounds)))
    ),
)


def differing(a: Mapping[int, int], b: Mapping[int, int]) -> set[int]:
    return {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}


def keys_of(pairs: Pairs) -> set[int]:
    return {int(key[0]) for key in pairs.kept}


@given(TABLES, TABLES, LAYOUTS)
def test_find_finds_exactly_the_rows_that_a_full_comparison_finds(
    a: dict[int, int], b: dict[int, int], layout: Layout
) -> None:
    both = MemoryBoth(MemorySide("a", a), MemorySide("b", b))
    sums = both.ask(lambda side: side.sums(layout))
    assert keys_of(find(both, layout, sums, 1000, 1)) == differing(a, b)


@given(TABLES, TABLES, TABLES, LAYOUTS)
def test_changes_since_any_common_state_are_found_exactly(
    before: dict[int, int], a: dict[int, int], b: dict[int, int], layout: Layout
) -> None:
    """Rows keep their mark only where neither value nor presence changed; written ones count as fresh."""
    sides = []
    for name, now in (("a", a), ("b", b)):
        kept = {key: value for key, value in before.items() if key % 3}
        table = kept | now
        fresh = frozenset(now)
        sides.append(MemorySide("a" if name == "a" else "b", table, fresh))
    open_keys = [(str(key),) for key in before if key % 3 == 0]
    pairs, counts = find_changes(MemoryBoth(*sides), layout, open_keys, 1000, 1)
    assert keys_of(pairs) == differing(sides[0].table, sides[1].table)
    assert counts == (len(sides[0].table), len(sides[1].table))


@given(TABLES, TABLES, st.integers(1, 8))
def test_what_is_not_kept_is_counted(a: dict[int, int], b: dict[int, int], limit: int) -> None:
    both, layout = MemoryBoth(MemorySide("a", a), MemorySide("b", b)), Layout(kind="hashed", bits=3)
    pairs = find(both, layout, both.ask(lambda side: side.sums(layout)), limit, 1)
    assert len(pairs.kept) + sum(pairs.unkept.values()) == len(differing(a, b))
    assert len(pairs.kept) <= limit


def test_one_changed_row_of_a_hundred_thousand_reads_few_rows() -> None:
    rows = dict.fromkeys(range(100_000), 0)
    for layout in (hashed(100_000), stepped(100_000, 0, 99_999), ranged(100_000, range(0, 100_000, 9), is_uuid=False)):
        both = MemoryBoth(MemorySide("a", rows), MemorySide("b", rows | {777: 1}))
        sums = both.ask(lambda side, layout=layout: side.sums(layout))
        assert keys_of(find(both, layout, sums, 10, 1)) == {777}
        assert both.a.read_rows < 500


def test_batches_hold_a_bounded_number_of_rows() -> None:
    layout = hashed(200_000)
    both = MemoryBoth(MemorySide("a", dict.fromkeys(range(100_000), 0)), MemorySide("b", {}))
    sums = both.ask(lambda side: side.sums(layout))
    groups = list(batches(sums[0].differing(sums[1]), sums, 20_000))
    held = [sum(sums[0].counts[bucket] for bucket in group) for group in groups]
    assert sum(held) == 100_000
    assert max(held) <= 20_000


@given(TABLES, TABLES, st.lists(st.tuples(st.sampled_from("ab"), st.integers(-50, 60), st.integers(0, 2)), max_size=30))
def test_only_what_stays_the_same_between_two_looks_is_confirmed(
    a: dict[int, int], b: dict[int, int], writes: list[tuple[str, int, int]]
) -> None:
    both = MemoryBoth(MemorySide("a", a), MemorySide("b", b))
    first = find(both, Layout(kind="hashed", bits=3), both.ask(lambda s: s.sums(Layout(kind="hashed", bits=3))), 999, 1)
    states = [(dict(a), dict(b))]
    left = list(writes)

    def wait(_: int) -> None:
        for side, key, value in left[:10]:
            (both.a if side == "a" else both.b).table[key] = value
        del left[:10]
        states.append((dict(both.a.table), dict(both.b.table)))

    settled = recheck(first.kept, 3, both.again, wait)
    for (text,) in settled.confirmed:
        key = int(text)
        seen = [(one.get(key), other.get(key)) for one, other in states]
        # A lone row is confirmed by its key: that its own value changes meanwhile makes it no less lone.
        as_seen = [tuple(None if v is None else "row" for v in pair) if None in pair else pair for pair in seen]
        assert any(x == y and x[0] != x[1] for x, y in itertools.pairwise(as_seen))
    for (text,) in settled.in_flux:
        assert both.a.table.get(int(text)) != both.b.table.get(int(text))
    unsettled = differing(both.a.table, both.b.table) & keys_of(first)
    assert unsettled <= {int(k[0]) for k in settled.confirmed} | {int(k[0]) for k in settled.in_flux}


def test_sums_that_swap_values_between_rows_differ() -> None:
    rng = np.random.default_rng(1)
    rows = {key: int(rng.integers(100)) for key in range(1000)}
    swapped = rows | {1: rows[2], 2: rows[1]}
    layout = Layout(kind="hashed", bits=1)
    sums = [MemorySide("a", table).sums(layout) for table in (rows, swapped)]
    assert sums[0].differing(sums[1])
