"""The stores may be of other versions, behind poolers, and set up in other ways."""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from orchestration.settings import PROJECT
from tests.debian import pooler, postgres_15
from tests.resources.tables.pairs import Pair
from tests.servers import own_postgres


@pytest.fixture(scope="module")
def old_url() -> Iterator[str]:
    with postgres_15() as url:
        yield url


ROWS = """
    create table t (id uuid primary key, a bigint, b text, c jsonb, d timestamptz, e numeric, f double precision,
        g text[], h bytea, i boolean, j date, k interval, l json, m numrange, n time, o inet);
    insert into t select ('00000000-0000-4000-8000-' || lpad(to_hex(x * 7919), 12, '0'))::uuid, x, 'text ' || x,
        jsonb_build_object('b', x, 'a', x / 10.0), timestamptz '2026-01-01' + x * interval '1.000001 second',
        x / 7.0, x / 3.0::float8, array['a' || x, null], decode(lpad(to_hex(x), 8, '0'), 'hex'), x % 2 = 0,
        date '2026-01-01' + x % 1000, x * interval '1 day', json_build_object('x', x), numrange(x, x + 1.5),
        time '00:00' + x * interval '1 s', '10.0.0.1'::inet + x
    from generate_series(1, 5000) x;
"""


def test_postgresql_15_and_18_agree_on_equal_rows(pair: Pair, old_url: str) -> None:
    both = Pair(old_url, pair.urls[1])
    both.both("drop table if exists t", ROWS)
    assert both.found("t") == {}
    both.b("update t set c = c || '{\"z\": 1}' where a = 7", "delete from t where a = 8")
    assert {kind: len(keys) for kind, keys in both.found("t").items()} == {"mismatched": 1, "only_in_a": 1}


def test_a_collation_that_takes_cases_for_equal_hides_nothing(pair: Pair, old_url: str) -> None:
    both = Pair(old_url, pair.urls[1])
    both.a(
        "drop table if exists u",
        "create collation if not exists nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "create table u (id text collate nocase primary key, v text collate nocase)",
        "insert into u values ('one', 'Story'), ('two', 'x')",
    )
    both.b("create table u (id text primary key, v text)", "insert into u values ('one', 'story'), ('TWO', 'x')")
    assert both.found("u") == {"mismatched": ["one"], "only_in_a": ["two"], "only_in_b": ["TWO"]}


def test_a_pooler_in_transaction_mode_is_enough() -> None:
    with own_postgres() as server, pooler(server) as port:
        server.execute("create database a", "create database b")
        both = Pair(server.admin("a"), f"postgresql://postgres@127.0.0.1:{port}/b")
        both.both(ROWS)
        both.b("update t set b = 'x' where a = 7")
        with psycopg.connect(both.urls[1], prepare_threshold=None) as other:
            # What another client left in the pooled session must not count.
            other.execute("set timezone = 'Asia/Seoul'")
            other.execute("set bytea_output = 'escape'")
            other.commit()
            comparison = both.compare("t")
            assert comparison.report.of("mismatched").count == 1
            again = both.compare("t", mode="incremental", mark=comparison.mark)
            assert (again.report.mode, again.report.of("mismatched").count) == ("incremental", 1)


def test_a_comparison_imports_no_dagster(pair: Pair) -> None:
    pair.both("create table t (id integer primary key)")
    script = (
        "import sys; from orchestration.cli import cli\n"
        "try: cli.main(sys.argv[1:], standalone_mode=False)\n"
        "finally: assert 'dagster' not in sys.modules"
    )
    argv = [sys.executable, "-c", script, "consistency", "diff", "--tables", "t", "--json"]
    done = subprocess.run(
        [*argv, "--a", pair.urls[0], "--b", pair.urls[1]], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["status"] == "ok"
