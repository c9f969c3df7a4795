"""Baselines as a document: exact, canonical, and refused where anything is wrong with it."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.baselines import exporting
from holdfast.baselines.exporting import WORDS, ExportedSeries, export, parse_export, plan_import, rename
from holdfast.baselines.memory import Memory
from holdfast.errors import BaselineVersionError, DamagedBaselineError, HoldfastError, PermanentError
from tests.holdfast.baselines.series import START_S, memory_of

UNIT = (100, 1)
UNITS = {"cpu_pct": UNIT, "load_1m": UNIT}


def series(server_id: str = "web1", metric: str = "cpu_pct", **more: Any) -> ExportedSeries:
    fields: dict[str, Any] = {"version": 8, "unit": UNIT, "memory": memory_of(48)} | more
    return ExportedSeries(server_id=server_id, metric=metric, **fields)


SERIES = [series(), series("db1", memory=Memory.empty(), version=0), series("web1", "load_1m", inherited_from="web0")]


def test_what_is_exported_comes_back_to_the_last_bit() -> None:
    found = parse_export(export(SERIES), "x")
    assert found == sorted(SERIES, key=lambda one: one.key)
    assert [one.memory.to_bytes() for one in found] == [
        one.memory.to_bytes() for one in sorted(SERIES, key=lambda one: one.key)
    ]


def test_the_same_memories_give_the_same_bytes_in_any_order() -> None:
    assert export(SERIES) == export(reversed(SERIES))
    again = [series(memory=Memory.from_bytes(memory_of(48).to_bytes())), *SERIES[1:]]
    assert export(again) == export(SERIES)


def document(**changed: Any) -> bytes:
    found = json.loads(gzip.decompress(export(SERIES)))
    return gzip.compress(json.dumps(found | changed).encode())


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", DamagedBaselineError, "expected gzip-compressed JSON, found 0 bytes"),
        (b"<html>", DamagedBaselineError, "expected gzip-compressed JSON"),
        (export(SERIES)[:-9], DamagedBaselineError, "cut off"),
        (gzip.compress(b"[1]"), DamagedBaselineError, "no export of baselines"),
        (gzip.compress(b'{"holdfast": "memory"}'), DamagedBaselineError, "no export of baselines"),
        (gzip.compress(b"\xff"), DamagedBaselineError, "expected gzip-compressed JSON"),
        (document(format=2), BaselineVersionError, "expected format 1, found 2"),
        (document(series=[]), DamagedBaselineError, "checksum"),
        (document(sha256="0"), DamagedBaselineError, "checksum"),
        (document(series=7), DamagedBaselineError, "checksum"),
    ],
)
def test_a_file_that_is_not_whole_or_not_ours_is_refused(data: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        parse_export(data, "baselines/x")
    assert str(caught.value).startswith("baselines/x: ")
    assert "Nothing was changed" in str(caught.value)


def test_a_whole_document_of_broken_series_is_refused() -> None:
    whole = json.loads(gzip.decompress(export(SERIES)))["series"]
    for damage in (
        {"memory": {}},
        {"per_unit": None},
        {"memory": whole[0]["memory"] | {"format": 99}},
        {"version": "x"},
    ):
        content = [whole[0] | damage]
        data = document(series=content, sha256=exporting._checksum(content))
        with pytest.raises((DamagedBaselineError, BaselineVersionError)):
            parse_export(data, "x")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_flipped_bit_is_taken(position: int, flip: int) -> None:
    data = bytearray(export(SERIES))
    position %= len(data)
    # The header's time, flags of compression and system say nothing of the content.
    if 3 < position < 10:
        return
    data[position] ^= flip
    try:
        found = parse_export(bytes(data), "x")
    except HoldfastError:
        return
    assert found == sorted(SERIES, key=lambda one: one.key)


def test_a_plan_tells_what_each_series_would_replace() -> None:
    now_s = START_S + 10**7
    exported = [series(name) for name in ("new", "begun", "same", "newer", "older", "other", "broken")]
    exported += [series("unit", unit=(10, 1)), series("metric", "gone_pct")]
    stored = {
        ("begun", "cpu_pct"): Memory.empty(),
        ("same", "cpu_pct"): memory_of(48),
        ("newer", "cpu_pct"): memory_of(24),
        ("older", "cpu_pct"): memory_of(72),
        ("other", "cpu_pct"): memory_of(48, seed=2),
        ("broken", "cpu_pct"): None,
    }
    plan = plan_import(exported, stored, UNITS, now_s)
    assert {server: found for (server, _), found in plan.replacements.items()} == {
        **{name: name for name in ("new", "same", "newer", "older", "other", "unit")},
        "begun": "new",
        "broken": "new",
        "metric": "unit",
    }
    assert len(plan.written) == 6
    assert plan.refused == [("unit", "cpu_pct"), ("metric", "gone_pct")]
    assert str(plan) == "9 series: 3 new, 1 same, 1 newer, 1 older, 1 other, 2 unit"
    assert set(plan.replacements.values()) <= WORDS.keys()
    assert plan_import([series()], {}, UNITS, START_S + 3600).replacements == {("web1", "cpu_pct"): "future"}


def test_servers_take_the_names_they_have_now() -> None:
    assert [one.key for one in rename([series("a"), series("b")], {"a": "c"}, "x")] == [
        ("c", "cpu_pct"),
        ("b", "cpu_pct"),
    ]
    with pytest.raises(PermanentError, match=r"x: it has no server z to rename; nothing was changed\. It has: a, b"):
        rename([series("a"), series("b")], {"z": "c"}, "x")
    with pytest.raises(PermanentError, match="cpu_pct of b would come twice; nothing was changed"):
        rename([series("a"), series("b")], {"a": "b"}, "x")
    assert [one.key[0] for one in rename([series("a"), series("b")], {"a": "b", "b": "a"}, "x")] == ["b", "a"]
