"""The packed form of a cycle: what goes in comes out, and what is damaged is told from what is not."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MalformedEntryError
from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES
from holdfast.metrics.cycles import Cycle, Reading, aligned, pack, unpack

instants = st.integers(0, 2**33)
codes = st.dictionaries(st.sampled_from(METRIC_NAMES), st.integers(0, CODE_LIMIT))
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
cycles = st.builds(
    Cycle,
    at_s=instants,
    every_s=st.integers(10, 300),
    collector=names,
    sent_s=st.integers(0, 2**33).map(lambda ms: ms / 8),
    readings=st.lists(st.builds(Reading, server_id=names, at_s=instants, codes=codes), max_size=20).map(tuple),
    failed=st.dictionaries(names, names, max_size=5),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
GOOD: dict[str, Any] = {
    "v": 1, "at": 60, "every_s": 30, "by": "c", "sent": 61.5,
    "metrics": ["cpu_pct"], "servers": ["a", "b"], "codes": [[1, None]],
}  # fmt: skip


def packed(**changed: Any) -> bytes:
    """A good entry but for what is changed."""
    return zlib.compress(json.dumps(GOOD | changed).encode())


@given(cycles)
def test_unpacking_gives_back_what_was_packed(cycle: Cycle) -> None:
    assert unpack(pack(cycle)) == cycle


@given(cycles, st.data())
def test_a_cut_entry_is_never_taken_for_a_whole_one(cycle: Cycle, data: st.DataObject) -> None:
    whole = pack(cycle)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(MalformedEntryError, match="not a packed cycle"):
        unpack(cut)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_entry_are_malformed_and_nothing_else(noise: bytes) -> None:
    for entry in (noise, zlib.compress(noise)):
        with pytest.raises(MalformedEntryError):
            unpack(entry)


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_whatever_stands_in_a_field_the_entry_is_read_or_malformed(field: str, value: Any) -> None:
    try:
        found = unpack(packed(**{field: value}))
    except MalformedEntryError:
        return
    # What is read can be stored: an entry that cannot would stop every later move.
    assert found.at.tzinfo is not None
    for reading in found.readings:
        assert "\0" not in reading.server_id.encode().decode()
        assert all(0 <= code <= CODE_LIMIT for code in reading.codes.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"codes": [[2**31, None]]},
        {"codes": [[-1, None]]},
        {"codes": [[1.5, None]]},
        {"codes": [[True, None]]},
        {"codes": [[1]]},
        {"servers": ["a\0", "b"]},
        {"servers": ["\ud800", "b"]},
        {"servers": ["", "b"]},
        {"at": 10**15},
        {"at": -1},
        {"at_s": [60, 10**15]},
        {"sent": float("nan")},
        {"sent": 10**400},
        {"v": 2},
        {"failed": []},
    ],
    ids=str,
)
def test_a_value_that_no_table_can_hold_is_refused_at_the_door(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedEntryError):
        unpack(packed(**changed))


def test_nesting_without_end_is_malformed() -> None:
    with pytest.raises(MalformedEntryError):
        unpack(zlib.compress(b"[" * 1_000_000))


def test_a_small_entry_that_unpacks_to_gigabytes_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(MalformedEntryError, match="more than"):
        unpack(zlib.compress(b" " * 70_000_000))


def test_metrics_of_a_newer_collector_are_passed_over() -> None:
    found = unpack(packed(metrics=["cpu_pct", "gpu_pct"], codes=[[1, 2], [3, 4]]))
    assert [reading.codes for reading in found.readings] == [{"cpu_pct": 1}, {"cpu_pct": 2}]


@given(st.floats(0, 2**33), st.integers(10, 300))
def test_the_aligned_instant_is_the_last_multiple(now_s: float, every_s: int) -> None:
    at_s = aligned(now_s, every_s)
    assert at_s % every_s == 0
    assert at_s <= now_s < at_s + every_s
