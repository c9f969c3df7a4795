"""Whatever type a value has, a repair carries it whole: into either store, and back again."""

import pytest

from holdfast.consistency.tables import Side
from tests.resources.repair.worlds import World

TYPES = (
    "create type mood as enum ('low', 'High', 'a b')",
    "create type pair as (n integer, t text)",
    "create domain positive as integer check (value > 0)",
)
# One column per type; its values are the first row's, the second row's, the third row's.
COLUMNS = {
    "small smallint": ("-32768", "32767", "null"),
    "big bigint": ("-9223372036854775808", "9223372036854775807", "0"),
    "n numeric": ("'NaN'", "0.1000000000000000000001", "1.50"),
    "money_ numeric(12,2)": ("-0.01", "9999999999.99", "null"),
    "f4 real": ("'-0'", "'Infinity'", "0.1"),
    "f8 double precision": ("'NaN'", "0.1::float8 + 0.2::float8", "'-0'"),
    "b boolean": ("true", "false", "null"),
    "txt text": ("E'quote '' back \\\\ tab \\t line \\n end'", "''", "'NULL'"),
    "vc varchar(40)": ("'{a,b}'", "'  blanks  '", "'ünï→漢'"),
    "ch char(5)": ("'ab'", "'     '", "null"),
    "bin bytea": ("'\\x00ff0a5c27'", "''", "null"),
    "d date": ("'0044-03-15 BC'", "'infinity'", "'2026-02-28'"),
    "ts timestamp": ("'2026-01-01 00:00:00.000001'", "'-infinity'", "'0001-01-01 BC'"),
    "tz timestamptz": ("'2026-01-01 00:00:00.123456+09'", "'infinity'", "'1900-01-01 00:00:00+00'"),
    "tm time": ("'23:59:59.999999'", "'24:00'", "null"),
    "tmz timetz": ("'12:00:00+09:30'", "'00:00:00-08'", "null"),
    "iv interval": ("'1 mon 30 days -00:00:00.000001'", "'-1 year'", "'0'"),
    "u uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "null", "'00000000-0000-0000-0000-000000000000'"),
    "j json": ('\'{"b": 1,  "a": [1.0, null]}\'', "'\"\\u0041\"'", "null"),
    "jb jsonb": ('\'{"b": 1, "a": [1.0, null, {}]}\'', "'null'", "'[[1], 2]'"),
    "ia integer[]": ("'{{1,2},{3,4}}'", "'[0:1]={1,null}'", "'{}'"),
    "ta text[]": ("array['a,b', 'NULL', '', E'q\"\\\\']", "array[null]::text[]", "null"),
    "tza timestamptz[]": ("array['2026-01-01 00:00:00.000001+00'::timestamptz]", "null", "'{}'"),
    "m mood": ("'High'", "'a b'", "null"),
    "ma mood[]": ("array['low', 'a b']::mood[]", "'{}'", "null"),
    "r int4range": ("'[1,5)'", "'empty'", "null"),
    "tr tstzrange": ("'[2026-01-01 00:00:00.5+00,)'", "'(,)'", "null"),
    "mr nummultirange": ("'{[1.0,2.50),(3,4]}'", "'{}'", "null"),
    "c pair": ("row(1, 'x,\"y)')::pair", "row(null, '')::pair", "null"),
    "ca pair[]": ("array[row(1, 'a b')::pair]", "'{}'", "null"),
    "p positive": ("1", "2147483647", "null"),
    "ip inet": ("'10.0.0.1'", "'fe80::1/64'", "null"),
    "net cidr": ("'10.0.0.0/8'", "'::/0'", "null"),
    "mac macaddr": ("'08:00:2b:01:02:03'", "null", "null"),
    "bits bit varying": ("B'1011'", "B''", "null"),
    "bits8 bit(8)": ("B'10110001'", "B'00000000'", "null"),
    "pt point": ("'(0.1,-0)'", "'(Infinity,NaN)'", "null"),
    "poly polygon": ("'((0,0),(1,1),(1,0))'", "null", "null"),
    "fts tsvector": ("to_tsvector('simple', 'it''s a \"b\"')", "''", "null"),
    "q tsquery": ("to_tsquery('simple', 'a & !b')", "null", "null"),
    "cash money": ("'-12.34'", "'92233720368547758.07'", "null"),
    "lsn pg_lsn": ("'16/B374D848'", "null", "null"),
    '"Odd ""name"" %s" text': ("'50 %'", "'%(x)s {y}'", "null"),
    '"schöne.Spalte" text': ("'dot'", "'comma,'", "null"),
}


def create() -> str:
    return f'create table "Every.thing" (id integer primary key, {", ".join(COLUMNS)})'


def insert(number: int) -> str:
    values = [given[number] for given in COLUMNS.values()]
    return f'insert into "Every.thing" values ({number}, {", ".join(values)})'


def text(world: World, side: Side) -> list[tuple[object, ...]]:
    return world.rows(side, 'select t::text from "Every.thing" t order by id')


@pytest.mark.parametrize("into", ["a", "b"])
def test_a_row_of_every_type_arrives_as_it_was(world: World, into: Side) -> None:
    source: Side = "b" if into == "a" else "a"
    world.both(*TYPES, create(), insert(0))
    # The target has other defaults of all that decides how values read as text.
    with world.connect(into) as connection:
        name = connection.info.dbname
        for setting in ("bytea_output = escape", "IntervalStyle = sql_standard", "DateStyle = 'German'"):
            connection.execute(f"alter database {name} set {setting}".encode())
        connection.execute(f"alter database {name} set TimeZone = 'Asia/Seoul'".encode())
        connection.execute(f"alter database {name} set extra_float_digits = -5".encode())
    world.run(source, insert(1), insert(2))
    names = [name.split()[0] for name in COLUMNS if not name.startswith('"')]
    world.run(into, f'update "Every.thing" set {", ".join(f"{name} = null" for name in names)}')

    repair = world.repair('public."Every.thing"', authority=source)

    assert not repair.skipped
    assert repair.written_count == 3
    settings = "set TimeZone = 'UTC'; set DateStyle = 'ISO'; set bytea_output = hex; set IntervalStyle = postgres;"
    settings += "set extra_float_digits = 1"
    rows = []
    for side in ("a", "b"):
        with world.connect(side) as connection:  # type: ignore[arg-type]
            connection.execute(settings.encode())
            rows.append(connection.execute('select t::text from "Every.thing" t order by id').fetchall())
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
    assert world.differences('public."Every.thing"') == 0

    before = world.undo()
    assert before.written_count == 3
    left = world.rows(into, 'select id, small, tz, c from "Every.thing"')
    assert left == [(0, None, None, None)]


def test_types_that_differ_hold_the_same_values(world: World) -> None:
    world.run(
        "a",
        "create type mood as enum ('low', 'high')",
        "create table mixed (id uuid primary key, n integer, t varchar(10), at timestamptz, local timestamp, m mood, "
        "doc json, big numeric, d date)",
    )
    world.run(
        "b",
        "create table mixed (d date, big numeric(20,4), doc jsonb, m text, local timestamptz, at timestamp, t text, "
        "n bigint, id text primary key, more text default 'own')",
    )
    world.run(
        "a",
        "insert into mixed values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 7, 'seven', '2026-07-01 12:00:00.5+02', "
        "'2026-07-01 12:00:00', 'high', '{\"b\":1,  \"a\":2}', 1.5, '2026-01-01')",
    )
    world.run(
        "b",
        "insert into mixed (id, n, t, at, local, m, doc, big) values ('b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 8, "
        "'eight', '2026-07-01 12:00:00', '2026-07-01 12:00:00+00', 'low', '[1.50]', 2.25)",
    )

    assert not world.repair("mixed", authority="a").skipped
    world.journal.unlink()
    assert not world.repair("mixed", authority="b").skipped

    assert world.differences("mixed") == 0
    assert world.rows("b", "select at::text, (local at time zone 'UTC')::text, more from mixed where n = 7") == [
        ("2026-07-01 10:00:00.5", "2026-07-01 12:00:00", "own")
    ]


def test_a_value_that_the_other_store_cannot_hold_is_left_and_named(world: World) -> None:
    world.run("a", "create table narrow (id integer primary key, n numeric, t text)")
    world.run("b", "create table narrow (id integer primary key, n numeric(10,2), t varchar(3))")
    world.run("a", "insert into narrow values (1, 1.25, 'abc'), (2, 1.234, 'abc'), (3, 1, 'abcd'), (4, 1e9, 'abc')")

    repair = world.repair("narrow", authority="a")

    assert {(one.key[0], one.code) for one in repair.skipped} == {
        ("2", "does_not_fit"),
        ("3", "does_not_fit"),
        ("4", "refused"),
    }
    assert world.rows("b", "select id from narrow") == [(1,)]
