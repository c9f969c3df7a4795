"""Findings are those of a comparison by hand, whatever the types and the damages."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from holdfast.consistency.reports import KINDS
from tests.resources.tables.pairs import Pair


@dataclass(frozen=True)
class Kind:
    """A type: literals that mean different things, and pairs of literals that mean the same in another form."""

    type: str
    values: tuple[str | None, ...]
    forms: tuple[tuple[str, str], ...] = ()


TYPES = {
    "n_small": Kind("smallint", (None, "0", "1", "-32768")),
    "n_big": Kind("bigint", (None, "0", "9223372036854775807", "-9223372036854775808")),
    "n_num": Kind(
        "numeric",
        (None, "0", "1", "1.2", "1.4", "0.1", "0.1000000000000000000001", "NaN", "Infinity", "-Infinity", "100"),
        (("1", "1.0"), ("1.50", "1.5"), ("0.00", "0"), ("1000", "1000.000")),
    ),
    "n_float": Kind("double precision", (None, "0", "0.1", "0.10000000000000002", "NaN", "Infinity"), (("0", "-0"),)),
    "n_real": Kind("real", (None, "0", "0.1", "16777216", "NaN"), (("-0", "0"),)),
    "t_text": Kind("text", (None, "", "NULL", "<null>", "a", "A", "ä", "a ", "a\tb", "a|b", "'", '"', "\\")),
    "t_char": Kind("character(4)", (None, "", "a", "A", "ab c")),
    "j_b": Kind(
        "jsonb",
        (
            None,
            "null",
            "[]",
            "{}",
            "[[1],2]",
            "[[1,2]]",
            '{"a":{"b":1},"c":2}',
            '{"a":{"b":1,"c":2}}',
            '{"a":"1"}',
            '{"a":1}',
            "true",
            "1",
        ),
        (('{"a":1.0}', '{"a":1.00}'), ('{"b":[1.50,2]}', '{"b":[1.5,2]}')),
    ),
    "j_text": Kind(
        "json",
        (None, "[]", "{}", '{"a":1}', '{"a":2}', '{"a":"\\u0000"}', "1"),
        (('{"a":1,"b":2}', '{"b":2, "a":1}'), ("[1,2]", "[1, 2]"), ('{"x":1.0}', '{"x":1.00}')),
    ),
    "s_zone": Kind(
        "timestamptz",
        (
            None,
            "infinity",
            "2026-01-01 00:00:00.123+00",
            "2026-01-01 00:00:00.123456+00",
            "0044-03-15 00:00+00 BC",
            "0044-03-15 00:00+00",
        ),
    ),
    "s_local": Kind("timestamp", (None, "-infinity", "2026-01-01 00:00:00", "2026-01-01 00:00:00.000001")),
    "s_day": Kind("date", (None, "infinity", "2026-01-01", "0044-03-15 BC")),
    "s_span": Kind(
        "interval", (None, "1 mon", "31 days", "1 year", "1 sec"), (("1 mon", "30 days"), ("24:00", "1 day"))
    ),
    "b_bytes": Kind("bytea", (None, "\\x", "\\x00", "\\x0000", "\\xdeadbeef")),
    "a_text": Kind("text[]", (None, "{}", "{NULL}", '{"NULL"}', "{a,b}", '{"a,b"}', "{{a},{b}}", "[2:3]={a,b}")),
    "a_num": Kind(
        "numeric[]",
        (None, "{}", "{1}", "{1,2}", "{{1,2}}", "{10}", "{100}"),
        (("{1.0,2}", "{1,2.00}"), ("{1.50}", "{1.5}")),
    ),
    "a_float": Kind("double precision[]", (None, "{0}", "{1}", "{-1}"), (("{0,1}", "{-0,1}"),)),
    "r_num": Kind("numrange", (None, "empty", "[1,2)", "[1,3)", "(1,2)", "[10,)"), (("[1.0,2)", "[1,2.00)"),)),
    "e_mood": Kind("mood", (None, "sad", "happy")),
    "o_bool": Kind("boolean", (None, "true", "false")),
    "o_uuid": Kind("uuid", (None, "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001")),
    "o_inet": Kind("inet", (None, "10.0.0.1", "10.0.0.1/8", "::1")),
    "o_box": Kind("address", (None, "(a,1)", "(a,2)", '("",1)', "(,1)")),
}
NAMES = list(TYPES)


@dataclass(frozen=True)
class Row:
    """A row as both stores have it: what is expected of it, and its values there."""

    kind: str
    a: dict[str, str | None]
    b: dict[str, str | None]
    changed: tuple[str, ...] = ()


@st.composite
def rows(draw: st.DrawFn) -> Row:
    kind = draw(st.sampled_from(["same", "same", "only_in_a", "only_in_b", "mismatched", "form_only"]))
    values = {name: draw(st.sampled_from(TYPES[name].values)) for name in NAMES}
    if kind == "mismatched":
        changed = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
        other = {n: draw(st.sampled_from([v for v in TYPES[n].values if v != values[n]])) for n in changed}
        return Row(kind, values, values | other, tuple(sorted(changed)))
    if kind == "form_only":
        formed = draw(
            st.lists(st.sampled_from([n for n in NAMES if TYPES[n].forms]), min_size=1, max_size=2, unique=True)
        )
        pairs = {name: draw(st.sampled_from(TYPES[name].forms)) for name in formed}
        one = values | {name: pair[0] for name, pair in pairs.items()}
        return Row(kind, one, values | {name: pair[1] for name, pair in pairs.items()}, tuple(sorted(formed)))
    return Row(kind, values, values)


@pytest.fixture
def connections(pair: Pair) -> Iterator[list[psycopg.Connection]]:
    """Two tables with a column of every type: in another order in B, which has other oids and other defaults."""
    names = [f"{name} {TYPES[name].type}" for name in NAMES]
    for number, url in enumerate(pair.urls):
        ordered = ["id uuid primary key", *names] if number == 0 else [*reversed(names), "id uuid primary key"]
        with psycopg.connect(url, autocommit=True) as connection:
            if number:
                connection.execute("create type unrelated as enum ('x')")
                connection.execute(
                    "do $$ begin execute format('alter database %I set timezone = ''Asia/Seoul''', current_database());"
                    "execute format('alter database %I set bytea_output = ''escape''', current_database());"
                    "execute format('alter database %I set intervalstyle = ''iso_8601''', current_database());"
                    "execute format('alter database %I set datestyle = ''German, DMY''', current_database());"
                    "execute format('alter database %I set extra_float_digits = -3', current_database()); end $$"
                )
            connection.execute("create type mood as enum ('sad', 'happy')")
            connection.execute("create type address as (street text, number integer)")
            connection.execute(f"create table things ({', '.join(ordered)})".encode())
    opened = [psycopg.connect(url, autocommit=True, options="-c timezone=UTC -c datestyle=ISO") for url in pair.urls]
    yield opened
    for connection in opened:
        connection.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(rows(), max_size=12))
def test_what_is_found_is_what_was_done(pair: Pair, connections: list[psycopg.Connection], made: list[Row]) -> None:
    keyed = {str(uuid.UUID(int=number * 2**120 + 7)): row for number, row in enumerate(made, 1)}
    _fill(connections[0], {key: row.a for key, row in keyed.items() if row.kind != "only_in_b"})
    _fill(connections[1], {key: row.b for key, row in keyed.items() if row.kind != "only_in_a"})

    comparison = pair.compare("things")

    expected = {kind: sorted(key for key, row in keyed.items() if row.kind == kind) for kind in KINDS}
    report = comparison.report
    assert {kind: [key for (key,) in report.of(kind).keys] for kind in KINDS} == expected
    assert (report.rows_a, report.rows_b) == (
        len(made) - len(expected["only_in_b"]),
        len(made) - len(expected["only_in_a"]),
    )
    for difference in comparison.differences:
        assert difference.columns == keyed[difference.key[0]].changed
    assert report.status == ("differs" if report.mismatch_count else "ok")


def _fill(connection: psycopg.Connection, values: dict[str, dict[str, str | None]]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, ["id", *NAMES]))
    places = sql.SQL(", ").join([sql.Placeholder()] * (len(NAMES) + 1))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("truncate things")
        cursor.executemany(
            sql.SQL("insert into things ({}) values ({})").format(columns, places),
            [[key, *(row[name] for name in NAMES)] for key, row in values.items()],
        )
