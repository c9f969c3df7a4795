"""One schema on two servers, of one version or of several, differs in nothing."""

from collections.abc import Iterator

import psycopg
import pytest

from holdfast.consistency.tables import TableName
from resources.postgres import Postgres
from resources.schema.looking import look
from resources.stores import Store, Stores
from tests.conftest import _beside
from tests.debian import pooler, postgres_15
from tests.resources.schema.world import EXTRAS, TABLES, TYPES, WISHES, mended, run, seen, told, wanted
from tests.servers import own_postgres

FUNCTION = "create function touch() returns trigger language plpgsql as 'begin return new; end'"


@pytest.fixture(scope="module")
def older_url() -> Iterator[str]:
    """A PostgreSQL 15 server of this module alone, with the whole schema."""
    with postgres_15() as url:
        run(url, TYPES, TABLES, EXTRAS)
        yield url


def test_the_same_schema_twice_differs_in_nothing(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TYPES, TABLES, EXTRAS)
    found = seen(database_url, secondary_database_url, wanted("both"))
    assert [one.sentence for one in found.findings] == []
    assert found.statements == 0


def test_the_same_schema_on_another_version_differs_in_nothing(database_url: str, older_url: str) -> None:
    run(database_url, TYPES, TABLES, EXTRAS)
    for a, b in ((database_url, older_url), (older_url, database_url)):
        found = seen(a, b, wanted("both"))
        assert {found.a.major, found.b.major} == {15, 18}
        assert [one.sentence for one in found.findings] == []


def test_other_names_and_another_order_of_columns_are_no_difference(
    database_url: str, secondary_database_url: str
) -> None:
    run(
        database_url,
        "create table lines (id int constraint p primary key, a int not null, b text, constraint c check (a > 0))",
        "create index i on lines (b desc)",
        "create policy mine on lines for all using (b = current_setting('app.user_id', true))",
    )
    run(
        secondary_database_url,
        "create table lines (b text, gone int, id int constraint q primary key, a int not null check (a > 0))",
        "alter table lines drop column gone",
        "create index on lines (b desc)",
        *(
            f"create policy mine_{word} on lines for {word} using (current_setting('app.user_id', true) = b)"
            for word in ("select", "delete", "update")
        ),
        "create policy mine_insert on lines for insert with check (current_setting('app.user_id', true) = b)",
        "comment on table lines is 'a comment means nothing'",
    )
    found = seen(database_url, secondary_database_url, wanted("both", names=[TableName("public", "lines")]))
    assert [one.sentence for one in found.findings] == []


def test_an_empty_store_gets_everything(database_url: str, secondary_database_url: str) -> None:
    run(database_url, TYPES, TABLES, EXTRAS)
    run(secondary_database_url, FUNCTION)
    mended(database_url, secondary_database_url, wanted())
    found = seen(database_url, secondary_database_url, wanted("both"))
    # What the primary itself never validated was validated on empty tables.
    assert told(found) == ["lines: rows older than not_old were never held against it in the primary"]
    assert told(found, "note") == ["users: the secondary has no trigger touched as the primary has it"]


@pytest.mark.parametrize("is_older_empty", [True, False])
def test_an_empty_store_of_another_version_gets_everything(
    is_older_empty: bool, database_url: str, older_url: str
) -> None:
    with psycopg.connect(older_url, autocommit=True) as connection:
        connection.execute("drop database if exists empty with (force)")
        connection.execute("create database empty")
    empty = _beside(older_url, "empty")
    a, b = (database_url, empty) if is_older_empty else (older_url, database_url)
    if is_older_empty:
        run(a, TYPES, TABLES, EXTRAS)
    run(b, FUNCTION)
    mended(a, b, wanted(wishes=WISHES))
    assert seen(a, b, wanted(wishes=WISHES)).statements == 0


def test_keys_and_references_of_partitioned_tables_are_added_on_any_version(database_url: str, older_url: str) -> None:
    with psycopg.connect(older_url, autocommit=True) as connection:
        connection.execute("drop database if exists parted with (force)")
        connection.execute("create database parted")
    older = _beside(older_url, "parted")
    tables = (
        "create table parent (id int primary key)",
        "create table child (id int not null, parent int) partition by list (id)",
        "create table child_1 partition of child for values in (1)",
        "insert into parent values (7)",
        "insert into child values (1, 7)",
    )
    for url in (database_url, older):
        run(url, *tables)
    run(
        database_url,
        "alter table child add primary key (id)",
        "alter table child add foreign key (parent) references parent (id)",
        "alter table child add check (parent > 1)",
        "create index on child (parent)",
    )
    names = [TableName("public", "parent"), TableName("public", "child")]
    mended(database_url, older, wanted(names=names))
    assert told(seen(database_url, older, wanted("both", names=names))) == []


def test_a_role_that_may_only_connect_can_compare(database_url: str, secondary_database_url: str) -> None:
    for url in (database_url, secondary_database_url):
        run(url, TYPES, TABLES, EXTRAS)
    run(secondary_database_url, "drop table lines", "create role poor login")
    try:
        poor = secondary_database_url.replace("postgres@", "poor@")
        assert "the secondary has no table lines" in told(seen(database_url, poor, wanted()))
    finally:
        run(secondary_database_url, "drop owned by poor", "drop role poor")


def test_a_transaction_pooler_will_do(database_url: str) -> None:
    run(database_url, TYPES, TABLES, EXTRAS)
    with own_postgres() as server, pooler(server) as port:
        b = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        run(b, FUNCTION, *TYPES.strip().splitlines())
        mended(database_url, b, wanted())
        run(b, 'drop index "Order_stamp_idx"', "insert into users (mail, age) values (null, 20)")
        run(b, "insert into \"Order\" (region, user_id, \"sp ace\", price) select 'eu', id, 'x', 1 from users")
        assert [len(one.done) for one in mended(database_url, b, wanted())] == [1]
        assert seen(database_url, b, wanted()).statements == 0


def test_a_store_that_is_away_is_said_to_be(database_url: str) -> None:
    stores = Stores(Store("a", Postgres(database_url)), Store("b", Postgres("postgresql://u:sesame@127.0.0.1:1/x")))
    with pytest.raises(Exception, match="Postgres is away") as caught:
        look(stores, wanted())
    assert "sesame" not in str(caught.value)
