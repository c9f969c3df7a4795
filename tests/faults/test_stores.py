"""Stores that refuse, fill up, stop or die: an error that says so, and nothing lost or doubled."""

import asyncio
import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.retries import Backoff
from resources.collector import Collector
from resources.metrics.compaction import closed_days, compact_day
from resources.metrics.mover import Moved, move
from resources.migrations import migrate
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from resources.spool import Spool
from tests.debian import pooler
from tests.resources.metrics.cycles import MIDNIGHT_S, instants, packed, rows, stored
from tests.resources.test_collector import Scripted, one
from tests.servers import OwnPostgres, become, eventually, given_away, own_postgres

LOG = logging.getLogger("test")
SERVERS = [f"web{number}" for number in range(50)]
ONCE = Backoff(attempts=1)
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        server.execute("create role app login password 'correct horse'", "create database template_holdfast")
        migrate(Postgres(server.admin("template_holdfast")))
        yield server


@pytest.fixture
def database(server: OwnPostgres) -> Iterator[str]:
    """The name of a migrated database of this test alone."""
    name = f"db_{secrets.token_hex(4)}"
    server.execute(f"create database {name} template template_holdfast")
    yield name
    server.execute(f"drop database {name} with (force)")


@pytest.fixture
def buffer(redis_url: str) -> RedisCycles:
    return RedisCycles(RedisClient(redis_url), capacity=100_000)


def run(url: str, buffer: RedisCycles, *, batch_cycles: int = 100) -> Moved:
    return move(Postgres(url), buffer, batch_cycles=batch_cycles, log=LOG)


def refusal(url: str, buffer: RedisCycles) -> HoldfastError:
    """What a move says; the buffer keeps what it has."""
    before = buffer.read_after("0-0", 1000).entries
    with pytest.raises(HoldfastError) as caught:
        run(url, buffer)
    assert buffer.read_after("0-0", 1000).entries == before
    assert "correct" not in str(caught.value).replace("correct the", "")
    return caught.value


def test_a_wrong_password_is_a_refused_login(server: OwnPostgres, buffer: RedisCycles) -> None:
    error = refusal(server.url("sesame"), buffer)
    assert isinstance(error, PermanentError)
    assert str(error).startswith("Postgres refused the login and nothing was changed: ")
    assert str(error).endswith("Check user, password and database of the URL.")
    assert "sesame" not in str(error)


@pytest.mark.parametrize("who", [{"database": "nowhere"}, {"user": "nobody"}])
def test_an_unknown_database_or_user_is_not_tried_again(
    server: OwnPostgres, buffer: RedisCycles, who: dict[str, str]
) -> None:
    began_s = time.monotonic()
    error = refusal(server.url(**who), buffer)
    assert isinstance(error, PermanentError)
    assert "refused the login" in str(error)
    assert time.monotonic() - began_s < 0.25


def test_a_database_that_may_not_be_entered_is_a_refused_login(server: OwnPostgres, database: str) -> None:
    server.execute(f"revoke connect on database {database} from public")
    with (
        pytest.raises(PermanentError, match="refused the login"),
        Postgres(server.url(database=database)).transaction(),
    ):
        pass


@pytest.mark.parametrize("password", ["p@sesame", "p/sesame", "p%sesame", "p?sesame", "p#sesame/x", "p:sesame@1"])
def test_a_password_that_splits_its_url_is_never_printed(server: OwnPostgres, password: str) -> None:
    with pytest.raises(PermanentError) as caught, Postgres(server.url(password)).transaction():
        pass
    chain = [caught.value, caught.value.__cause__]
    assert "sesame" not in repr(chain)
    assert any(words in str(caught.value) for words in ("cannot be read", "refused the login"))


def test_a_redis_url_that_cannot_be_read_is_never_printed() -> None:
    with pytest.raises(PermanentError, match="REDIS_URL cannot be read") as caught:
        RedisClient("redis://:p/sesame@127.0.0.1:6379/0")
    assert "sesame" not in repr([caught.value, caught.value.__cause__])


def test_a_read_only_database_keeps_everything_waiting(server: OwnPostgres, database: str, buffer: RedisCycles) -> None:
    buffer.append(packed([MIDNIGHT_S, MIDNIGHT_S + 30]))
    server.execute(f"alter database {database} set default_transaction_read_only = on")
    error = refusal(server.admin(database), buffer)
    assert isinstance(error, PermanentError)
    assert "read-only and nothing was written" in str(error)
    assert "Make room or point DATABASE_URL at the primary" in str(error)
    server.execute(f"alter database {database} reset default_transaction_read_only")
    assert run(server.admin(database), buffer).stored_rows == 2


def test_a_user_without_rights_is_told_whose_rights_it_needs(
    server: OwnPostgres, database: str, buffer: RedisCycles
) -> None:
    buffer.append(packed([MIDNIGHT_S]))
    error = refusal(server.url(database=database), buffer)
    assert isinstance(error, PermanentError)
    assert "permission denied for schema holdfast" in str(error)
    assert "the transaction is rolled back" in str(error)
    assert "Use the user that ran holdfast migrate" in str(error)


@pytest.fixture
def tiny(server: OwnPostgres) -> Iterator[str]:
    """A migrated database on a disk that has 3 MB left."""
    folder = given_away(Path(f"/tmp/holdfast-tiny-{secrets.token_hex(4)}"))
    options = ",".join(f"{key}={become()[name]}" for key, name in (("uid", "user"), ("gid", "group")) if become())
    argv = ["mount", "-t", "tmpfs", "-o", f"size=24m,mode=700,{options}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a small disk can be mounted by root only")
    server.execute(f"create tablespace tiny location '{folder}'", "create database tiny tablespace tiny")
    migrate(Postgres(server.admin("tiny")))
    rest = shutil.disk_usage(folder).free - 3_000_000
    server.execute(
        f"create table filler as select repeat('x', 950) from generate_series(1, {rest // 1024})", database="tiny"
    )
    yield server.admin("tiny")
    server.execute("drop database tiny with (force)", "drop tablespace tiny")
    subprocess.run(["umount", str(folder)], check=True)
    shutil.rmtree(folder)


def test_a_full_disk_keeps_what_was_committed_and_goes_on_when_there_is_room(tiny: str, buffer: RedisCycles) -> None:
    times = range(MIDNIGHT_S - 80_000, MIDNIGHT_S - 80_000 + 2000 * 30, 30)
    buffer.append(packed(times, SERVERS))
    with pytest.raises(TransientError) as caught:
        run(tiny, buffer, batch_cycles=50)
    assert "disk is full" in str(caught.value)
    assert "what was committed stays" in str(caught.value)
    assert "Make room" in str(caught.value)
    kept = len(stored(tiny))
    assert kept % (50 * len(SERVERS)) == 0
    assert kept > 0
    with Postgres(tiny).autocommit() as connection:
        connection.execute("drop table filler")
    run(tiny, buffer, batch_cycles=50)
    assert len(stored(tiny)) == len(times) * len(SERVERS)


def load(buffer: RedisCycles, cycles: int) -> list[int]:
    times = list(range(MIDNIGHT_S - 40_000, MIDNIGHT_S - 40_000 + cycles * 30, 30))
    for start in range(0, cycles, 500):
        buffer.append(packed(times[start : start + 500], SERVERS))
    return times


def nothing_is_lost_or_doubled(url: str, times: list[int]) -> None:
    assert instants(url) == sorted(times * len(SERVERS))
    assert rows(url, "select count(*) from holdfast.metrics_gaps") == [(0,)]
    assert rows(url, "select count(*) from holdfast.metrics_rejected") == [(0,)]


def _move_apart(url: str, redis_url: str) -> None:
    try:
        run(url, RedisCycles(RedisClient(redis_url), capacity=100_000), batch_cycles=5)
    except HoldfastError as error:
        os._exit(3 if isinstance(error, TransientError) else 4)
    finally:
        # Nothing of the test session that was forked may be closed here.
        os._exit(0)


def moving(url: str, redis_url: str) -> multiprocessing.process.BaseProcess:
    """A move in a process of its own; exit code 3 for what passes, 4 for what does not."""
    process = FORK.Process(target=_move_apart, args=(url, redis_url))
    process.start()
    return process


def test_a_mover_killed_at_random_moments_loses_and_doubles_nothing(
    server: OwnPostgres, database: str, buffer: RedisCycles, redis_url: str
) -> None:
    url, rng, kills = server.admin(database), np.random.default_rng(), 0
    times = load(buffer, 2000)
    while kills < 20:
        process = moving(url, redis_url)
        process.join(float(rng.uniform(0.02, 0.1)))
        if not process.is_alive():
            break
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        kills += 1
    assert kills >= 10, "the load was moved before it could be killed ten times"
    run(url, buffer)
    nothing_is_lost_or_doubled(url, times)


def has_moved(url: str) -> bool:
    return bool(rows(url, "select 1 from holdfast.watermarks"))


def test_a_server_killed_in_the_middle_of_a_move_loses_and_doubles_nothing(
    server: OwnPostgres, database: str, buffer: RedisCycles, redis_url: str
) -> None:
    url, times = server.admin(database), load(buffer, 400)
    process = moving(url, redis_url)
    eventually(lambda: has_moved(url))
    server.kill()
    process.join(30)
    assert process.exitcode == 3
    error = refusal(url, RedisCycles(RedisClient(redis_url), capacity=100_000))
    assert isinstance(error, TransientError)
    assert "Postgres is away" in str(error)
    assert "holdfast doctor tells what is wrong" in str(error)
    server.start()
    run(url, buffer)
    nothing_is_lost_or_doubled(url, times)


def test_a_server_that_is_frozen_for_a_while_loses_and_doubles_nothing(
    server: OwnPostgres, database: str, buffer: RedisCycles, redis_url: str
) -> None:
    url, times = server.admin(database), load(buffer, 600)
    process = moving(url, redis_url)
    eventually(lambda: has_moved(url))
    server.signal_all(signal.SIGSTOP)
    try:
        with pytest.raises(TransientError, match="away"), Postgres(url, connect_timeout_s=1).transaction(backoff=ONCE):
            pass
        assert process.is_alive()
    finally:
        server.signal_all(signal.SIGCONT)
    process.join(30)
    assert process.exitcode == 0
    nothing_is_lost_or_doubled(url, times)


def test_a_line_that_was_cut_is_noticed_within_a_minute(server: OwnPostgres) -> None:
    with Postgres(server.url()).autocommit() as connection, socket.socket(fileno=os.dup(connection.fileno())) as line:
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        idle_s, interval_s, count, unanswered_ms = (line.getsockopt(socket.IPPROTO_TCP, option) for option in options)
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle_s + interval_s * count <= 60
    assert unanswered_ms == 60_000


@pytest.fixture
def full_redis(redis_url: str) -> Iterator[RedisClient]:
    """Redis at its ``maxmemory``; it refuses writes until that is raised."""
    client = RedisClient(redis_url)
    client._redis.config_set("maxmemory", 1)
    yield client
    client._redis.config_set("maxmemory", 0)


def test_a_full_redis_is_named_and_the_collector_spools_until_there_is_room(
    full_redis: RedisClient, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, database_url: str
) -> None:
    buffer = RedisCycles(RedisClient(redis_url), capacity=1000)
    with pytest.raises(TransientError) as caught:
        buffer.append([b"entry"])
    assert str(caught.value).startswith("Redis is full or over its quota and took nothing: ")
    assert "raise its maxmemory" in str(caught.value)
    spool = Spool(tmp_path / "spool")
    times = [MIDNIGHT_S + 30 * number for number in range(6)]

    async def collect() -> None:
        collector = Collector([Scripted("s", one("web1"))], buffer, spool, every_s=10, name="me")
        for at_s in times[:3]:
            await collector.once(at_s)
        assert len(spool) == 3
        full_redis._redis.config_set("maxmemory", 0)
        for at_s in times[3:]:
            await collector.once(at_s)
        await collector.close()

    asyncio.run(collect())
    assert len(spool) == 0
    assert "Redis is full" in caplog.text
    run(database_url, buffer)
    assert instants(database_url) == times


def test_a_wrong_redis_password_and_a_server_that_is_not_redis_are_named(redis_url: str, server: OwnPostgres) -> None:
    client = RedisClient(redis_url)
    client._redis.config_set("requirepass", "s3cret")
    try:
        wrong = RedisClient(redis_url.replace("unix://", "unix://:sesame@"))
        for refused in (wrong, RedisClient(redis_url)):
            with pytest.raises(PermanentError, match=r"refused the login.*REDIS_URL") as caught, refused.classified():
                refused.commands.get("x")
            assert "sesame" not in str(caught.value)
    finally:
        client._redis.config_set("requirepass", "")
    other = RedisClient(f"redis://127.0.0.1:{server.port}/0", timeout_s=1)
    with pytest.raises(HoldfastError, match="REDIS_URL"), other.classified():
        other.commands.get("x")


def test_everything_works_through_a_pooler_in_transaction_mode(server: OwnPostgres, buffer: RedisCycles) -> None:
    with pooler(server) as port:
        server.execute("create database pooled")
        url = f"postgresql://postgres@127.0.0.1:{port}/pooled"
        eventually(lambda: reachable(url))
        _work_through(url, server, buffer)


def _work_through(url: str, server: OwnPostgres, buffer: RedisCycles) -> None:
    assert migrate(Postgres(url))
    assert migrate(Postgres(url)) == []
    yesterday = [MIDNIGHT_S - 3600 + 30 * number for number in range(240)]
    buffer.append(packed(yesterday))
    first = run(url, buffer, batch_cycles=50)
    # A second collector's rows go through a temporary table, which a pooler hands from client to client.
    buffer.append(packed(yesterday[:100]))
    second = run(url, buffer, batch_cycles=50)
    assert (first.stored_rows, second.stored_rows, second.duplicate_rows) == (240, 0, 100)
    before = stored(server.admin("pooled"))
    for day in closed_days(Postgres(url), datetime.now(UTC)):
        compact_day(Postgres(url), day)
    assert stored(server.admin("pooled")) == before
    assert rows(server.admin("pooled"), "select count(*) from holdfast.server_metrics_chunk") == [(1,)]
    server.execute("drop database pooled with (force)")


def reachable(url: str) -> bool:
    try:
        with Postgres(url).transaction():
            return True
    except TransientError:
        return False
