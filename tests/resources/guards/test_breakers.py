"""What breakers do while the places that keep their state are away, dead, frozen, full or switched off."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from holdfast.errors import BreakerOpenError, PermanentError, TransientError
from resources.guards.breakers import Breakers, open_breakers
from resources.guards.guarded import guard_both
from resources.guards.postgres_states import PostgresStates
from resources.guards.process_states import ProcessStates
from resources.guards.redis_states import RedisStates
from resources.health.probing import Store, probe
from resources.stores import open_stores
from tests.contracts.crowd import ask
from tests.resources.guards.redis_server import OwnRedis, own_redis
from tests.servers import OwnPostgres, free_port, own_postgres

AWAY = TransientError("away")
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def own() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        server.execute("create role app login superuser password 'correct horse'")
        yield server


def opened(redis_url: str | None, database_url: str | None) -> Breakers:
    """As a deployment opens them, with a memory of this test alone behind."""
    tiers = [RedisStates(redis_url)] if redis_url else []
    return Breakers([*tiers, *([PostgresStates(database_url)] if database_url else []), ProcessStates()], view_s=0.0)


def seconds(breakers: Breakers, error: Exception | None = None) -> float:
    began_s = time.perf_counter()
    ask(breakers, error)
    return time.perf_counter() - began_s


def test_a_redis_that_is_dead_is_asked_once_and_then_left_out(database_url: str) -> None:
    breakers = opened(f"redis://127.0.0.1:{free_port()}/0", database_url)
    assert seconds(breakers) < 0.3
    look = breakers.look("primary")
    assert (look.tier, look.state) == ("postgres", "closed")


def test_a_redis_that_is_frozen_costs_less_than_a_third_of_a_second_once(own: OwnRedis) -> None:
    breakers = opened(own.url, None)
    assert breakers.look("primary").tier == "redis"
    own.signal(signal.SIGSTOP)
    try:
        first, second = seconds(breakers), seconds(breakers)
        fresh = opened(own.url, None)
        at_start, later = seconds(fresh), seconds(fresh)
    finally:
        own.signal(signal.SIGCONT)
    assert max(first, at_start) < 0.31
    assert max(second, later) < 0.01


def test_when_redis_is_killed_in_the_middle_postgres_takes_over_and_redis_back_again(
    own: OwnRedis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.guards.breakers._REST_S", {"redis": 0.5, "postgres": 0.5})
    breakers = opened(own.url, database_url)
    assert [ask(breakers, AWAY), ask(breakers, AWAY)] == ["away", "away"]
    with suppress(TransientError), breakers.guard("primary"):
        own.kill()
        raise TransientError("last")
    look = breakers.look("primary")
    assert (look.tier, look.breaker.failures) == ("postgres", 1)
    assert [ask(breakers, AWAY), ask(breakers, AWAY), ask(breakers)] == ["away", "away", "refused"]
    with pytest.raises(BreakerOpenError), opened(None, database_url).guard("primary"):
        pass
    own.start()
    time.sleep(0.6)
    assert breakers.look("primary").tier == "redis"


def test_when_both_are_away_a_process_still_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    breakers = opened(f"redis://127.0.0.1:{free_port()}/0", NOWHERE)
    assert [ask(breakers, AWAY) for _ in range(4)] == ["away", "away", "away", "refused"]
    assert breakers.look("primary").tier == "process"
    with pytest.raises(TransientError, match="neither Redis nor the primary"):
        breakers.force("primary", "open", by="ada", reason="moving house")


@pytest.mark.slow
def test_a_frozen_primary_is_asked_for_two_seconds_once(server: OwnPostgres) -> None:
    breakers = opened(None, server.url())
    server.signal_all(signal.SIGSTOP)
    try:
        first, second = seconds(breakers), seconds(breakers)
    finally:
        server.signal_all(signal.SIGCONT)
    assert first < 2.5
    assert second < 0.01


def test_a_database_without_migrations_and_a_redis_that_is_full_are_passed_over(
    empty_database_url: str, own: OwnRedis
) -> None:
    with redis.Redis.from_url(own.url) as client:
        client.config_set("maxmemory", 1)
    breakers = opened(own.url, empty_database_url)
    assert [ask(breakers, AWAY) for _ in range(4)] == ["away", "away", "away", "refused"]
    assert breakers.look("primary").tier == "process"


def test_a_redis_that_needs_a_password_and_a_url_that_is_none_are_passed_over(database_url: str, own: OwnRedis) -> None:
    with redis.Redis.from_url(own.url) as client:
        client.config_set("requirepass", "s3cret")
    assert opened(own.url, database_url).look("primary").tier == "postgres"
    with pytest.raises(PermanentError) as caught:
        RedisStates("redis://:s3cret@host:port/0")
    assert "s3cret" not in str(caught.value)
    look = open_breakers(redis_url="redis://:s3cret@host:port/0", database_url=database_url).look("primary")
    assert look.tier == "postgres"


@pytest.mark.slow
def test_when_redis_is_off_no_socket_is_opened_to_it(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        knocks = []
        trap.settimeout(20)

        def wait() -> None:
            try:
                while True:
                    knocks.append(trap.accept())
            except OSError:
                pass

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        script = (
            "from orchestration.definitions import resources; from orchestration.settings import load;"
            "import dagster as dg; door = resources(load())['breakers'].process_config_and_initialize();"
            "guards = door.open();"
            "exec('with guards.guard(\"primary\"): pass');"
            "print(guards.force('secondary', 'open', by='x', reason='y')[1], guards.carry_over('secondary'))"
        )
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOLDFAST_HOME": str(tmp_path),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"redis://127.0.0.1:{trap.getsockname()[1]}/0",
        }
        for enabled, expected in (("false", 0), ("true", 1)):
            done = subprocess.run(
                [sys.executable, "-c", script],
                env=environment | {"REDIS_ENABLED": enabled},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout.startswith("('postgres',) False"), done.stderr
            assert bool(knocks) == bool(expected)
        trap.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for line, _ in knocks:
        line.close()


def test_the_word_of_an_operator_outlives_a_redis_that_forgot_it(own: OwnRedis, database_url: str) -> None:
    breakers = opened(own.url, database_url)
    look, tiers = breakers.force("secondary", "open", by="ada", reason="moving house")
    assert (look.tier, tiers) == ("redis", ("redis", "postgres"))
    with redis.Redis.from_url(own.url) as client:
        assert client.ttl("holdfast:breaker:secondary") > 86_400
        client.flushall()
    assert ask(breakers, name="secondary") == "done"
    assert breakers.carry_over("secondary")
    assert ask(breakers, name="secondary") == "refused"
    assert not breakers.carry_over("secondary")
    # And what was said while the primary was away reaches it later.
    alone = opened(own.url, None)
    assert alone.force("secondary", "auto", by="ada", reason="done")[1] == ("redis",)
    assert breakers.carry_over("secondary")
    assert opened(None, database_url).look("secondary").breaker.forced is None
    assert not breakers.carry_over("primary")


def test_bytes_that_are_no_text_are_replaced_and_a_key_of_another_kind_is_passed_over(
    own: OwnRedis, database_url: str
) -> None:
    with redis.Redis.from_url(own.url) as client:
        client.set("holdfast:breaker:primary", b"\xff\x00{")
        client.hset("holdfast:breaker:secondary", "a", "b")
    breakers = opened(own.url, database_url)
    assert [ask(breakers, AWAY) for _ in range(4)] == ["away", "away", "away", "refused"]
    assert breakers.look("primary").tier == "redis"
    assert opened(own.url, database_url).look("secondary").tier == "postgres"


def test_a_forced_breaker_is_the_same_word_everywhere(own: OwnRedis, database_url: str) -> None:
    breakers = opened(own.url, database_url)
    breakers.force("primary", "open", by="ada", reason="moving house")
    assert not breakers.carry_over("primary")


def test_a_probe_of_a_healthy_store_costs_one_redis_command(own: OwnRedis, database_url: str) -> None:
    breakers = open_breakers(redis_url=own.url, database_url=database_url)
    with redis.Redis.from_url(own.url) as client:
        client.config_resetstat()
        assert probe(Store(name="primary", dsn=database_url), breakers, []).tier == "redis"
        calls = {name: found["calls"] for name, found in client.info("commandstats").items()}
    assert {name: n for name, n in calls.items() if "config" not in name} == {"cmdstat_get": 1}


def test_of_two_stores_only_the_one_that_does_not_answer_counts(database_url: str, secondary_database_url: str) -> None:
    states = ProcessStates()
    breakers = Breakers([states])
    stores = open_stores(database_url, NOWHERE)
    for _ in range(3):
        with pytest.raises(TransientError), guard_both(breakers, stores), stores.b.snapshot():
            pass
    assert [breakers.look(name).state for name in ("primary", "secondary")] == ["closed", "open"]
    with pytest.raises(BreakerOpenError, match="secondary"), guard_both(breakers, stores):
        raise AssertionError("an open breaker lets nobody through")
    assert breakers.look("primary").breaker.failures == 0
    both = open_stores(database_url, secondary_database_url)
    fresh = Breakers([ProcessStates()])
    for _ in range(4):
        with suppress(TransientError), guard_both(fresh, both), both.a.snapshot():
            raise TransientError("a statement met its timeout, the stores are fine")
    assert [fresh.look(name).state for name in ("primary", "secondary")] == ["closed", "closed"]


def test_breakers_are_ready_without_dagster() -> None:
    script = (
        "import sys, resources.guards.guarded, resources.health.history, resources.health.probing, "
        "orchestration.cli_health; sys.exit('dagster' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
