"""A store is asked how it is: through a pooler, with few rights, frozen in the middle, and while others write."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from holdfast.breaker import Policy
from holdfast.consistency.tables import TableName
from holdfast.errors import PermanentError, TransientError
from holdfast.health.stores import PairHealth, StoreHealth
from resources.guards.breakers import Breakers
from resources.guards.deadline import deadline
from resources.guards.process_states import ProcessStates
from resources.health.history import completed, latencies, record, rows_of
from resources.health.probing import Store, ask, configured, examine, probe
from resources.health.waiting import MOST, Waiting
from resources.postgres import Postgres
from tests.debian import pooler
from tests.resources.metrics.cycles import rows
from tests.servers import OwnPostgres, own_postgres

TABLES = [TableName.parse("Story"), TableName.parse("other.Thing")]
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        server.execute("create role app login superuser password 'correct horse'")
        server.execute("create role reader login password 'correct horse'")
        yield server


@pytest.fixture
def breakers() -> Breakers:
    return Breakers([ProcessStates()], view_s=0.0)


def at_rest(url: str, at: datetime, breakers: Breakers) -> PairHealth:
    return examine(configured(url, None, 500, None), breakers, TABLES, at)


def test_a_store_tells_how_it_is(database_url: str) -> None:
    said = ask(database_url, TABLES)
    assert len(said.latencies_ms) == 5
    assert 0 < said.p50_ms <= said.p95_ms <= max(said.latencies_ms) < said.connect_ms + 100
    assert said.version.startswith("18.")
    assert said.missing_tables == ("Story", "other.Thing")
    assert 1 <= said.connections_used <= said.connections_max
    assert said.size_bytes > 1_000_000
    assert (said.is_pooled, said.is_standby, said.is_read_only) == (False, False, False)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            'create schema other; create table other."Thing" (id int); create view "Story" as select 1 as id'
        )
    assert ask(database_url, TABLES).missing_tables == ("Story",)


def test_a_role_with_few_rights_is_enough(server: OwnPostgres) -> None:
    said = ask(server.url(user="reader"), TABLES)
    assert not said.has_all_connections
    assert said.connections_used >= 1
    full = ask(server.url(), TABLES)
    assert full.has_all_connections


def test_a_database_that_is_set_read_only_says_so(server: OwnPostgres) -> None:
    server.execute("create database still", "alter database still set default_transaction_read_only = on")
    assert ask(server.url(database="still"), TABLES).is_read_only
    server.execute("drop database still with (force)")


def test_a_probe_reads_its_latency_and_not_the_servers_load(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                connection.execute("select pg_sleep(0.2)")

        thread = threading.Thread(target=load)
        thread.start()
        try:
            assert ask(database_url, TABLES).p50_ms < 50
        finally:
            stop.set()
            thread.join(10)


def test_a_login_that_is_refused_is_no_transient_failure(server: OwnPostgres, breakers: Breakers) -> None:
    url = server.url(password="wrong")
    with pytest.raises(PermanentError):
        ask(url, TABLES)
    for _ in range(4):
        found = probe(Store(name="secondary", dsn=url), breakers, TABLES)
    assert (found.answer, found.breaker.failures, found.breaker_state) == (None, 0, "closed")
    assert "password authentication failed" in found.problem
    assert "wrong" not in found.problem


def test_three_probes_of_a_store_that_is_away_open_its_breaker_and_it_is_probed_all_the_same(
    breakers: Breakers,
) -> None:
    store = Store(name="secondary", dsn=NOWHERE)
    found = [probe(store, breakers, TABLES) for _ in range(4)]
    assert [one.breaker_state for one in found] == ["closed", "closed", "open", "open"]
    assert [one.breaker.failures for one in found] == [1, 2, 3, 3]
    assert "refused" in found[3].problem


def test_the_probe_of_a_store_that_is_back_closes_its_breaker(database_url: str) -> None:
    quick = Breakers([ProcessStates()], policy=Policy(reset=timedelta(seconds=0.2)), view_s=0.0)
    for _ in range(3):
        probe(Store(name="secondary", dsn=NOWHERE), quick, TABLES)
    early = probe(Store(name="secondary", dsn=database_url), quick, TABLES)
    assert early.answer is not None
    assert early.breaker_state == "open"
    time.sleep(0.2)
    assert probe(Store(name="secondary", dsn=database_url), quick, TABLES).breaker_state == "closed"


def test_a_server_that_freezes_in_the_middle_is_given_up_on(server: OwnPostgres) -> None:
    with Postgres(server.url()).autocommit() as line:
        began_s = time.monotonic()
        server.signal_all(signal.SIGSTOP)
        try:
            with pytest.raises(TransientError, match=r"did not answer within 1 s.*frozen"), deadline(line, 1.0):
                line.execute("select 1")
        finally:
            server.signal_all(signal.SIGCONT)
        assert time.monotonic() - began_s < 2
    with Postgres(server.url()).autocommit() as line, deadline(line, 1.0):
        assert line.execute("select 1").fetchone() == (1,)


@pytest.mark.slow
def test_a_frozen_server_is_not_available_after_seconds(server: OwnPostgres, breakers: Breakers) -> None:
    server.signal_all(signal.SIGSTOP)
    began_s = time.monotonic()
    try:
        found = probe(Store(name="secondary", dsn=server.url()), breakers, TABLES)
    finally:
        server.signal_all(signal.SIGCONT)
    assert time.monotonic() - began_s < 7
    assert found.answer is None
    assert found.breaker.failures == 1


def test_a_pooler_in_between_is_noticed(server: OwnPostgres) -> None:
    with pooler(server) as port:
        said = ask(f"postgresql://postgres@127.0.0.1:{port}/postgres", TABLES)
    assert said.is_pooled
    assert said.connections_max == 97
    assert not ask(server.url(), TABLES).is_pooled


def test_the_same_probe_written_twice_is_there_once(database_url: str, tmp_path: Path, breakers: Breakers) -> None:
    now, waiting = datetime.now(UTC), Waiting(tmp_path / "health")
    pair = at_rest(database_url, now, breakers)
    first, written = record(Postgres(database_url), waiting, pair)
    second, again = record(Postgres(database_url), waiting, pair)
    assert (written.rows, again.rows) == (1, 0)
    assert first.mode == second.mode
    assert rows(database_url, "select count(*) from holdfast.storage_health") == [(1,)]
    with Postgres(database_url).transaction() as db:
        points = latencies(db, now)
        assert completed(db, pair).rates == ()
    assert [at for at, _ in points["primary"]] == [now]


def test_two_runs_at_the_same_moment_write_one_row(database_url: str, tmp_path: Path, breakers: Breakers) -> None:
    pair = at_rest(database_url, datetime.now(UTC), breakers)
    threads = [
        threading.Thread(target=record, args=(Postgres(database_url), Waiting(tmp_path / "health"), pair))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert rows(database_url, "select count(*) from holdfast.storage_health") == [(1,)]


def test_what_waited_is_written_first_and_once(database_url: str, tmp_path: Path, breakers: Breakers) -> None:
    now, waiting = datetime.now(UTC), Waiting(tmp_path / "health")
    for minutes in (10, 5):
        at = now - timedelta(minutes=minutes)
        gone = PairHealth(probed_at=at, stores=(StoreHealth(store="primary", answer=None, problem="gone"),))
        assert waiting.put(at, rows_of(gone))
    (tmp_path / "health" / "20200101T000000000000.json").write_text('[{"store": "prim')
    with pytest.raises(TransientError):
        record(Postgres(NOWHERE), waiting, at_rest(NOWHERE, now, breakers))
    with pytest.raises(TransientError):
        record(Postgres(NOWHERE, connect_timeout_s=1), waiting, at_rest(database_url, now, breakers))
    assert len(waiting.files()) == 3
    pair, written = record(Postgres(database_url), waiting, at_rest(database_url, now, breakers))
    assert (written.rows, written.late_rows) == (1, 2)
    assert waiting.files() == []
    counts = pair.stores[0].availability
    assert counts is not None
    assert (counts.day_probes, counts.day_answered) == (3, 1)
    assert record(Postgres(database_url), waiting, pair)[1].late_rows == 0


def test_what_waits_is_bounded_and_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path / "health")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(MOST + 3):
        (tmp_path / "health").mkdir(exist_ok=True)
        (tmp_path / "health" / f"{start + timedelta(minutes=number):%Y%m%dT%H%M%S%f}.json").write_text("[]")
    waiting.put(start + timedelta(days=100), [])
    assert len(waiting.files()) == MOST
    assert waiting.files()[-1].name == "20260411T000000000000.json"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert not Waiting(blocked / "health").put(start, [])
    assert Waiting(blocked / "health").files() == []
