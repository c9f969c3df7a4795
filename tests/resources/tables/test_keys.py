"""Rows are matched by what their keys mean, whatever identifies them."""

import pytest

from holdfast.consistency.reports import MISMATCHES
from holdfast.consistency.tables import ComparedTable
from tests.resources.tables.pairs import Pair

UUID = "00000000-0000-4000-8000-00000000000"


@pytest.mark.parametrize(
    ("type_a", "type_b", "literals"),
    [
        ("integer", "bigint", ["1", "2", "3"]),
        ("bigint", "integer", ["-2147483648", "0", "7"]),
        ("smallint", "numeric", ["1", "2", "3"]),
        ("uuid", "text", [f"{UUID}{n}" for n in "1ab"]),
        ("text", "uuid", [f"{UUID}{n}".upper() for n in "1ab"]),
        ("text", "varchar(9)", ["a", "B", "ä"]),
        ("text", "text", ["_", "", "o''clock, {\"x\"}"]),
        ("character(3)", "text", ["a", "b", "c"]),
        ("numeric", "numeric(9,2)", ["1", "2.5", "3.25"]),
        ("timestamptz", "timestamptz", ["2026-01-01 00:00:00.000001+00", "2026-01-02 00:00+09", "infinity"]),
        ("timestamptz", "timestamp", ["2026-01-01 00:00:00.5+00", "2026-01-02 00:00+00", "2026-01-03 00:00+00"]),
        ("date", "date", ["2026-01-01", "2026-01-02", "0044-03-15 BC"]),
        ("boolean", "boolean", ["true", "false"]),
        ("mood", "text", ["sad", "happy"]),
        ("mood", "mood", ["sad", "happy"]),
        ("inet", "inet", ["10.0.0.1", "::1"]),
        ("bytea", "bytea", ["\\x00", "\\xff"]),
        ("double precision", "double precision", ["0.1", "1e300", "-2"]),
    ],
)
def test_a_key_of_any_type_finds_its_row(pair: Pair, type_a: str, type_b: str, literals: list[str]) -> None:
    pair.b("create type unrelated as enum ('x')")
    pair.both("create type mood as enum ('sad', 'happy')")
    for run, of_type in ((pair.a, type_a), (pair.b, type_b)):
        run(f"create table t (id {of_type} primary key, v integer)")
        run(*(f"insert into t values ('{literal}', 1)" for literal in literals))
    assert pair.found("t").keys() <= {"form_only"}

    pair.b(f"update t set v = 2 where id = '{literals[0]}'")
    pair.a(f"delete from t where id = '{literals[1]}'")
    found = pair.compare("t").report
    counts = {kind: found.of(kind).count for kind in MISMATCHES}
    assert counts == {"mismatched": 1, "only_in_a": 0, "only_in_b": 1}
    assert found.of("mismatched").sample[0]["columns"]["v"] == ["1", "2"]


def test_keys_of_several_columns(pair: Pair) -> None:
    pair.both(
        "create table t (tenant text, no integer, at timestamptz, v text, primary key (no, tenant, at))",
        "insert into t select 't' || (n % 3), n % 100, timestamptz '2026-01-01' + n * interval '1 minute', 'v'"
        " from generate_series(1, 3000) n",
    )
    pair.a("delete from t where no = 7 and at < '2026-01-01 02:00+00'")
    pair.b("update t set v = 'w' where no = 8 and at < '2026-01-01 00:20+00'")
    assert pair.found("t") == {
        "only_in_b": [("7", "t1", "2026-01-01 00:07:00"), ("7", "t2", "2026-01-01 01:47:00")],
        "mismatched": [("8", "t2", "2026-01-01 00:08:00")],
    }


@pytest.mark.parametrize("ids", ["n", "n * n * n", "case when n < 900 then n else n * 1000000000 end", "-n * 3"])
def test_integers_spread_in_any_way(pair: Pair, ids: str) -> None:
    pair.both(
        "create table t (id bigint primary key, v integer)",
        f"insert into t select {ids}, n from generate_series(1::bigint, 3000) n",
        "analyze t",
    )
    pair.b("insert into t values (-9223372036854775808, 0), (9223372036854775807, 0)", "delete from t where v = 1500")
    pair.a("update t set v = -1 where v in (1, 3000)")
    found = pair.compare("t").report
    counts = [found.of(kind).count for kind in ("only_in_a", "only_in_b", "mismatched")]
    assert counts == [1, 2, 2]


def test_uuids_that_begin_alike(pair: Pair) -> None:
    pair.both(
        "create table t (id uuid primary key, v integer)",
        "insert into t select ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n"
        " from generate_series(1, 5000) n",
        "analyze t",
    )
    pair.a("delete from t where v in (1, 2500)")
    pair.b("delete from t where v = 5000")
    assert {kind: len(keys) for kind, keys in pair.found("t").items()} == {"only_in_b": 2, "only_in_a": 1}


def test_values_that_change_places_are_noticed(pair: Pair) -> None:
    pair.both("create table t (id integer primary key, a integer, b integer, c text, d text)")
    pair.a("insert into t values (1, 5, 6, 'x', 'y'), (2, 7, 7, 'p', 'q'), (3, 7, 7, 'p', 'z'), (4, 0, null, null, '')")
    pair.b("insert into t values (1, 6, 5, 'x', 'y'), (2, 7, 7, 'p', 'z'), (3, 7, 7, 'p', 'q'), (4, null, 0, null, '')")
    assert pair.found("t") == {"mismatched": ["1", "2", "3", "4"]}


def test_a_unique_index_stands_in_for_a_primary_key(pair: Pair) -> None:
    pair.both(
        "create table t (code text not null, note text, v integer)",
        "create unique index on t (code)",
        "insert into t values ('a', 'n', 1), ('b', 'n', 1)",
    )
    pair.b("update t set v = 2 where code = 'b'")
    assert pair.found("t") == {"mismatched": ["b"]}


def test_a_table_without_a_key_is_not_comparable_and_one_can_be_declared(pair: Pair) -> None:
    pair.both("create table t (code text, v integer)", "insert into t values ('a', 1), ('b', 1)")
    report = pair.compare("t").report
    assert (report.status, report.rate, report.severity) == ("not_comparable", None, "warning")
    assert "declare key=" in report.reason

    pair.b("update t set v = 2 where code = 'b'")
    declared = ComparedTable(name="t", key=("code",))
    assert pair.found(declared) == {"mismatched": ["b"]}
    pair.a("insert into t values ('b', 9)")
    assert "several rows have the same" in pair.compare(declared).report.reason


@pytest.mark.parametrize("of_type", ["text", "uuid", "bigint", "integer"])
def test_a_null_in_a_declared_key_is_told(pair: Pair, of_type: str) -> None:
    key = f"{UUID}1" if of_type == "uuid" else "1"
    pair.both(f"create table t (code {of_type}, v integer)", f"insert into t values ('{key}', 1)")
    pair.a("insert into t values (null, 1)")
    report = pair.compare(ComparedTable(name="t", key=("code",))).report
    assert report.status == "not_comparable"
    assert "null" in report.reason
