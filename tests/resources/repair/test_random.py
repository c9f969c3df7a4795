"""Whatever the damage: afterwards the store is as the authority says, and undone it is as it was, to the letter."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.consistency.tables import OTHER, Side
from tests.resources.repair.worlds import World

TABLES = (
    "create table author (id integer primary key, name text, born date, updated_at timestamptz not null)",
    "create table book (id integer primary key, author_id integer references author, title varchar(20) not null, "
    "price numeric, tags text[], doc jsonb, updated_at timestamptz not null)",
    "create table page (book_id integer references book, n smallint, body bytea, updated_at timestamptz not null, "
    "primary key (n, book_id))",
)
NAMES = ("author", "book", "page")
IDS = st.integers(1, 6)
TEXTS = st.one_of(st.none(), st.text("aA'\"\\{},é \n%", max_size=6))
STAMPS = st.integers(1, 4).map(lambda day: f"2026-01-0{day} 00:00:00+00")
AUTHORS = st.dictionaries(IDS, st.tuples(TEXTS, st.sampled_from([None, "1900-01-01", "infinity"]), STAMPS), max_size=6)
BOOKS = st.dictionaries(
    IDS,
    st.tuples(
        st.one_of(st.none(), IDS),
        TEXTS.map(lambda text: text or ""),
        st.sampled_from([None, "1", "1.50", "NaN", "-0.001"]),
        st.one_of(st.none(), st.lists(TEXTS, max_size=3)),
        st.sampled_from([None, {}, [1, "x"], {"b": [None, 1.5], "a": {}}]),
        STAMPS,
    ),
    max_size=6,
)
PAGES = st.dictionaries(st.tuples(IDS, IDS), st.tuples(st.one_of(st.none(), st.binary(max_size=3)), STAMPS), max_size=8)
STORES = st.tuples(AUTHORS, BOOKS, PAGES)


def load(world: World, side: Side, store: tuple[dict, dict, dict]) -> None:  # type: ignore[type-arg]
    """Fill a store; what refers to nothing is left out."""
    authors, books, pages = store
    with world.connect(side) as connection:
        connection.execute("truncate author, book, page")
        for key, row in authors.items():
            connection.execute("insert into author values (%s, %s, %s, %s)", (key, *row))
        for key, (author, title, price, tags, doc, at) in books.items():
            values = (
                key,
                author if author in authors else None,
                title,
                price,
                tags,
                None if doc is None else json.dumps(doc),
                at,
            )
            connection.execute("insert into book values (%s, %s, %s, %s, %s, %s, %s)", values)
        for (book, number), row in pages.items():
            if book in books:
                connection.execute("insert into page values (%s, %s, %s, %s)", (book, number, *row))


def dump(world: World, side: Side) -> list[list[str]]:
    return [[row[0] for row in world.rows(side, f"select t::text from {name} t order by 1")] for name in NAMES]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=STORES, b=STORES, authority=st.sampled_from(["a", "b"]), may_silence=st.booleans())
def test_the_authority_wins_and_undo_puts_back(world: World, a, b, authority: Side, may_silence: bool) -> None:  # type: ignore[no-untyped-def]
    world.both("drop table if exists page, book, author", *TABLES)
    if may_silence:
        # With a trigger the repair writes as replication does, and looks after foreign keys by itself.
        world.both(
            "create or replace function nothing() returns trigger language plpgsql as $$ begin return new; end $$",
            "create trigger nothing before insert or update on book for each row execute function nothing()",
        )
    load(world, "a", a)
    load(world, "b", b)
    before, wanted = dump(world, OTHER[authority]), dump(world, authority)
    world.journal.unlink(missing_ok=True)

    repair = world.repair("page", "book", "author", authority=authority, deletes=True)

    assert not repair.skipped
    assert dump(world, OTHER[authority]) == wanted == dump(world, authority)
    if repair.written_count:
        assert world.undo().skipped == []
    assert dump(world, OTHER[authority]) == before


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=STORES, b=STORES)
def test_newest_leaves_only_what_it_lists(world: World, a, b) -> None:  # type: ignore[no-untyped-def]
    world.both("drop table if exists page, book, author", *TABLES)
    load(world, "a", a)
    load(world, "b", b)
    world.journal.unlink(missing_ok=True)
    plan = world.plan("author", "book", "page", authority="newest")
    repair = world.apply(plan)
    left = {(table.table, one.key) for table in plan.tables for one in table.undecided}
    left |= {(one.table, one.key) for one in repair.skipped}
    assert sum(world.differences(name) for name in NAMES) == len(left)
    assert not any(table.left for table in plan.tables)
    assert world.apply(plan).written_count == 0
