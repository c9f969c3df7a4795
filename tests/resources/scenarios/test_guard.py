"""Simulated samples never get into a real history; a drill's database takes them, at the drill's time."""

import logging
import time
from datetime import UTC, datetime

import pytest

from holdfast.metrics.cycles import Cycle, Reading, pack, unpack
from holdfast.scenarios.play import START_S
from resources.metrics.mover import Moved, move
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from tests.resources.metrics.cycles import MIDNIGHT_S, instants, packed, rows

LOG = logging.getLogger("test")
BEGIN = "scenarios/begin_drill"


@pytest.fixture
def buffer(redis_url: str) -> RedisCycles:
    return RedisCycles(RedisClient(redis_url), capacity=100_000)


def simulated(at_s: int, seed: int = 7) -> bytes:
    return pack(Cycle(at_s, 300, f"simulator:{seed}", float(at_s), [Reading("web1", at_s, {"cpu_pct": 1})]))


def run(url: str, buffer: RedisCycles) -> Moved:
    return move(Postgres(url), buffer, batch_cycles=100, log=LOG)


def begin(url: str, now_s: int) -> int:
    with Postgres(url).transaction() as db:
        return db.execute(BEGIN, now=datetime.fromtimestamp(now_s, UTC))


def test_a_real_database_sets_simulated_entries_aside_and_keeps_the_others(
    database_url: str, buffer: RedisCycles
) -> None:
    forged = simulated(MIDNIGHT_S)
    buffer.append([*packed([MIDNIGHT_S]), forged, *packed([MIDNIGHT_S + 30])])
    moved = run(database_url, buffer)
    assert (moved.cycles, moved.stored_rows, moved.rejected_entries) == (2, 2, 1)
    assert instants(database_url) == [MIDNIGHT_S, MIDNIGHT_S + 30]
    ((reason, kept),) = rows(database_url, "select reason, packed from holdfast.metrics_rejected")
    assert "simulated samples of simulator:7 have no place in a real history" in reason
    assert unpack(kept) == unpack(forged)
    assert run(database_url, buffer).cycles == 0


def test_only_the_beginning_of_a_name_makes_a_simulator(database_url: str, buffer: RedisCycles) -> None:
    at_s = MIDNIGHT_S
    buffer.append([pack(Cycle(at_s, 30, "my simulator:7", time.time(), [Reading("web1", at_s, {"cpu_pct": 1})]))])
    assert run(database_url, buffer).stored_rows == 1


def test_the_database_of_a_drill_takes_them_and_goes_by_its_own_clock(database_url: str, buffer: RedisCycles) -> None:
    assert begin(database_url, START_S) == 1
    buffer.append([simulated(START_S), simulated(START_S + 7200), simulated(START_S - 40 * 86_400)])
    moved = run(database_url, buffer)
    assert (moved.stored_rows, moved.rejected_rows, moved.skews_s) == (1, 2, {})
    with Postgres(database_url).transaction() as db:
        assert db.execute("scenarios/set_drill_clock", now=datetime.fromtimestamp(START_S + 7200, UTC)) == 1
    buffer.append([simulated(START_S + 7200)])
    assert run(database_url, buffer).stored_rows == 1
    assert instants(database_url) == [START_S, START_S + 7200]


def test_a_database_that_has_seen_a_server_cannot_become_a_drill(database_url: str, buffer: RedisCycles) -> None:
    buffer.append(packed([MIDNIGHT_S]))
    run(database_url, buffer)
    assert begin(database_url, START_S) == 0
    buffer.append([simulated(MIDNIGHT_S + 30)])
    assert run(database_url, buffer).rejected_entries == 1
    with Postgres(database_url).transaction() as db:
        assert db.execute("scenarios/set_drill_clock", now=datetime.now(UTC)) == 0
