"""Names, documents, rates, seeds, paces."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.consistency.layouts import Layout
from holdfast.consistency.reports import Found, Mark, StoreMark, TableReport
from holdfast.consistency.same_json import same_json
from holdfast.consistency.scans import FEWEST_BLOCKS, Checkpoint, Pace, SideProgress
from holdfast.consistency.seeds import seed_for
from holdfast.consistency.sides import Sums
from holdfast.consistency.tables import TableName


@pytest.mark.parametrize(
    ("text", "schema", "name"),
    [
        ("Story", "public", "Story"),
        ('"Story"', "public", "Story"),
        ('public."Story"', "public", "Story"),
        ("app.items", "app", "items"),
        ('"odd.schema"."odd ""name"', "odd.schema", 'odd "name'),
    ],
)
def test_a_table_is_named_as_it_is_written(text: str, schema: str, name: str) -> None:
    assert TableName.parse(text) == TableName(schema, name)


@pytest.mark.parametrize("text", ["", " ", "a.b.c", ".a", "a."])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no table"):
        TableName.parse(text)


@pytest.mark.parametrize(
    ("a", "b", "is_same"),
    [
        ('{"a":1,"b":2}', '{"b":2, "a":1.0}', True),
        ("[1,2]", "[2,1]", False),
        ("1", "true", False),
        ("0", "false", False),
        ('"1"', "1", False),
        ("[[1],2]", "[[1,2]]", False),
        ("1e2", "100", True),
        ("12345678901234567890.1", "12345678901234567890.2", False),
        ("not json", "not json", True),
        ("not json", "{}", False),
        ("[" * 10_000, "[" * 10_001, False),
    ],
)
def test_json_is_compared_by_what_it_says(a: str, b: str, is_same: bool) -> None:
    assert same_json(a, b) is is_same
    assert same_json(b, a) is is_same


def report(rows: tuple[int, int], only_a: int = 0, only_b: int = 0, changed: int = 0) -> TableReport:
    found = {"only_in_a": Found(count=only_a), "only_in_b": Found(count=only_b), "mismatched": Found(count=changed)}
    return TableReport(table="t", mode="full", status="differs", rows_a=rows[0], rows_b=rows[1], found=found)


@pytest.mark.parametrize(
    ("one", "rate", "severity"),
    [
        (report((0, 0)), 0.0, "ok"),
        (report((1000, 1000), changed=9), 0.009, "ok"),
        (report((1000, 1000), changed=10), 0.01, "warning"),
        (report((1000, 1000), changed=50), 0.05, "warning"),
        (report((1000, 1000), changed=51), 0.051, "critical"),
        (report((900, 1000), only_b=100), 0.1, "critical"),
        (report((1000, 0), only_a=1000), 1.0, "critical"),
    ],
)
def test_the_rate_is_of_all_rows_that_either_store_has(one: TableReport, rate: float, severity: str) -> None:
    assert one.rate == pytest.approx(rate)
    assert one.severity == severity


@pytest.mark.parametrize("status", ["rls", "error", "incomplete", "not_comparable", "schema", "missing_in_a"])
def test_what_was_not_compared_has_no_rate(status: str) -> None:
    one = TableReport(table="t", mode="full", status=status, rows_a=5, rows_b=0)
    assert one.rate is None
    assert one.severity != "ok"


def test_a_report_has_the_fields_that_others_rely_on() -> None:
    document = report((3, 2), only_a=1).to_document()
    assert list(document) == [
        "table", "mode", "status", "reason", "rows_a", "rows_b", "only_in_a", "only_in_b", "mismatched", "form_only",
        "in_flux", "rate", "severity", "coverage", "notes", "cost",
    ]  # fmt: skip
    assert document["only_in_a"] == {"count": 1, "keys": [], "sample": [], "truncated": False}
    assert document["mismatched"]["by_column"] == {}
    assert document["coverage"] == {"complete": True, "share": 1.0, "since": None}
    assert set(document["cost"]) == {"seconds", "bytes_received"}


def test_marks_and_checkpoints_survive_storage() -> None:
    store = StoreMark(system="1/2", table_oid=3, xmin=2**40, next_xid=2**40 + 1)
    mark = Mark(a=store, b=store, digest="d", verified_at=datetime(2026, 1, 1, tzinfo=UTC), open_keys=(("a", "1"),))
    assert Mark.from_document(mark.to_document()) == mark
    sums = Sums({1: 2, 3: 4}, {1: -(2**63), 3: 2**63 - 1})
    checkpoint = Checkpoint("d", 5, Layout(kind="hashed", bits=4), {"a": SideProgress(sums, 7, "f", store)})
    assert Checkpoint.from_document(checkpoint.to_document()) == checkpoint


@given(st.integers(0, 2**63 - 1), st.sets(st.integers(0, 3_000_000), min_size=2, max_size=20))
def test_every_column_has_a_seed_of_its_own(seed: int, numbers: set[int]) -> None:
    seeds = {seed_for(seed, number) for number in numbers}
    assert len(seeds) == len(numbers)
    assert all(-(2**63) <= one < 2**63 for one in seeds)


@given(st.lists(st.floats(0, 20), max_size=50), st.booleans())
def test_a_pace_never_stops_and_never_runs_away(durations_s: list[float], is_halved: bool) -> None:
    pace = Pace(10.0)
    for seconds in durations_s:
        pace.took(seconds)
        if is_halved:
            pace.halve()
        assert FEWEST_BLOCKS <= pace.blocks <= 2**24


def test_a_pace_gives_up_only_when_it_is_small() -> None:
    pace = Pace(10.0)
    tries = 0
    while pace.halve():
        tries += 1
    assert (tries, pace.blocks) == (4, FEWEST_BLOCKS)
