"""The mover neither loses nor doubles a cycle."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest

from holdfast.errors import HoldfastError, TransientError
from holdfast.metrics.buffer import Batch
from holdfast.metrics.cycles import Cycle, Reading, pack
from resources.metrics.mover import Moved, move
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from tests.resources.metrics.cycles import MIDNIGHT_S, at, cycle, instants, packed, rows, stored

LOG = logging.getLogger("test")


@pytest.fixture
def buffer(redis_url: str) -> RedisCycles:
    return RedisCycles(RedisClient(redis_url), capacity=100_000)


def run(url: str, buffer: RedisCycles, batch_cycles: int = 100) -> Moved:
    return move(Postgres(url), buffer, batch_cycles=batch_cycles, log=LOG)


def test_every_cycle_becomes_a_row_with_its_values(database_url: str, buffer: RedisCycles) -> None:
    buffer.append([pack(cycle(MIDNIGHT_S, ["a", "b"], cpu_pct=1234, network_in_bytes_s=7, load_1m=0))])
    run(database_url, buffer)
    found = rows(
        database_url,
        "select server_id, cpu_pct, network_in_bytes_s, load_1m, memory_pct from "
        "holdfast.server_metrics_history order by 1",
    )
    assert found == [("a", 12.34, 70.0, 0.0, None), ("b", 12.34, 70.0, 0.0, None)]


def test_a_second_move_changes_nothing(database_url: str, buffer: RedisCycles) -> None:
    buffer.append(packed(range(MIDNIGHT_S, MIDNIGHT_S + 300, 30)))
    first = run(database_url, buffer)
    before = stored(database_url)
    second = run(database_url, buffer)
    assert (first.stored_rows, second.cycles, second.stored_rows) == (10, 0, 0)
    assert stored(database_url) == before


def test_batches_add_up(database_url: str, buffer: RedisCycles) -> None:
    times = range(MIDNIGHT_S, MIDNIGHT_S + 25 * 30, 30)
    buffer.append(packed(times))
    moved = run(database_url, buffer, batch_cycles=10)
    assert (moved.cycles, moved.stored_rows) == (25, 25)
    assert instants(database_url) == list(times)


def test_two_collectors_of_one_server_leave_one_row_a_cycle(database_url: str, buffer: RedisCycles) -> None:
    for at_s in (MIDNIGHT_S, MIDNIGHT_S + 30):
        buffer.append(packed([at_s, at_s]))
    moved = run(database_url, buffer)
    buffer.append(packed([MIDNIGHT_S, MIDNIGHT_S + 60]))
    later = run(database_url, buffer)
    assert (moved.stored_rows, moved.duplicate_rows) == (2, 2)
    assert (later.stored_rows, later.duplicate_rows) == (1, 1)
    assert instants(database_url) == [MIDNIGHT_S, MIDNIGHT_S + 30, MIDNIGHT_S + 60]


def test_a_later_entry_fills_what_was_not_measured_and_overwrites_nothing(
    database_url: str, buffer: RedisCycles
) -> None:
    buffer.append([pack(cycle(MIDNIGHT_S, cpu_pct=1000))])
    run(database_url, buffer)
    buffer.append([pack(cycle(MIDNIGHT_S, cpu_pct=2000, memory_pct=3000))])
    run(database_url, buffer)
    assert rows(database_url, "select cpu_pct, memory_pct from holdfast.server_metrics_history") == [(10.0, 30.0)]


def test_late_and_out_of_order_cycles_land_in_their_slot(database_url: str, buffer: RedisCycles) -> None:
    yesterday = MIDNIGHT_S - 90
    buffer.append(packed([MIDNIGHT_S + 60, yesterday, MIDNIGHT_S, MIDNIGHT_S + 30]))
    run(database_url, buffer)
    assert instants(database_url) == [yesterday, MIDNIGHT_S, MIDNIGHT_S + 30, MIDNIGHT_S + 60]


def test_an_unreadable_entry_is_set_aside_and_the_rest_goes_on(database_url: str, buffer: RedisCycles) -> None:
    buffer.append([b"garbage", *packed([MIDNIGHT_S]), pack(cycle(MIDNIGHT_S + 30))[:-4]])
    moved = run(database_url, buffer)
    assert (moved.stored_rows, moved.rejected_entries) == (1, 2)
    kept = rows(database_url, "select packed, reason from holdfast.metrics_rejected order by position")
    assert kept[0][0] == b"garbage"
    assert "not a packed cycle" in kept[0][1]


@pytest.mark.parametrize("poison", [{"server_id": "a\0"}, {"codes": {"cpu_pct": 2**31}}, {"at_s": 10**14}], ids=str)
def test_an_entry_that_no_table_can_hold_does_not_stop_the_moves(
    database_url: str, buffer: RedisCycles, poison: dict[str, Any]
) -> None:
    reading = Reading(**{"server_id": "a", "at_s": MIDNIGHT_S, "codes": {"cpu_pct": 1}} | poison)
    buffer.append([pack(Cycle(MIDNIGHT_S, 30, "test", time.time(), [reading], {})), *packed([MIDNIGHT_S + 30])])
    moved = run(database_url, buffer)
    assert (moved.stored_rows, moved.rejected_entries) == (1, 1)
    assert run(database_url, buffer).cycles == 0


def test_an_impossible_instant_is_set_aside_and_the_others_are_stored(database_url: str, buffer: RedisCycles) -> None:
    now_s = int(time.time())
    wrong = Reading("wrong", now_s + 10 * 365 * 86_400, {"cpu_pct": 1})
    buffer.append(packed([now_s - 30], ["healthy"]))
    buffer.append([pack(Cycle(now_s, 30, "test", now_s, [wrong, Reading("right", now_s, {"cpu_pct": 2})], {}))])
    moved = run(database_url, buffer)
    assert (moved.stored_rows, moved.rejected_rows) == (2, 1)
    assert moved.newest_at == at(now_s)
    ((reason,),) = rows(database_url, "select reason from holdfast.metrics_rejected")
    assert reason.endswith("of: wrong")


def test_a_stream_trimmed_past_unread_entries_is_a_loud_event_with_the_range(
    database_url: str, buffer: RedisCycles, caplog: pytest.LogCaptureFixture
) -> None:
    buffer.append(packed([MIDNIGHT_S]))
    run(database_url, buffer)
    buffer.append(packed([MIDNIGHT_S + 30, MIDNIGHT_S + 60, MIDNIGHT_S + 90]))
    newest = buffer.read_after("0-0", 10).entries[-1].position
    buffer.acknowledge(newest)
    moved = run(database_url, buffer)
    assert moved.gaps == 1
    assert "DATA LOSS" in caplog.text
    gap = rows(
        database_url,
        "select extract(epoch from lost_from)::bigint, extract(epoch from lost_until)::bigint "
        "from holdfast.metrics_gaps",
    )
    assert gap == [(MIDNIGHT_S, MIDNIGHT_S + 90)]
    assert instants(database_url) == [MIDNIGHT_S, MIDNIGHT_S + 90]


def test_an_emptied_stream_is_one_event_and_then_goes_on(
    database_url: str, buffer: RedisCycles, redis_url: str
) -> None:
    buffer.append(packed([MIDNIGHT_S]))
    run(database_url, buffer)
    RedisClient(redis_url)._redis.flushall()
    assert [run(database_url, buffer).gaps for _ in range(3)] == [1, 0, 0]
    buffer.append(packed([MIDNIGHT_S + 60]))
    assert run(database_url, buffer).gaps == 0
    assert instants(database_url) == [MIDNIGHT_S, MIDNIGHT_S + 60]


def test_a_collector_whose_clock_is_off_is_named(database_url: str, buffer: RedisCycles) -> None:
    buffer.append([pack(cycle(MIDNIGHT_S, sent_s=time.time() + 600))])
    assert 590 < run(database_url, buffer).skews_s["test"] < 610


def test_a_spooled_backlog_is_no_wrong_clock(database_url: str, buffer: RedisCycles) -> None:
    buffer.append([pack(cycle(MIDNIGHT_S + 30 * n, sent_s=time.time() - 600 + 30 * n)) for n in range(21)])
    assert run(database_url, buffer).skews_s == {}


class Broken:
    """A buffer that dies at a given call, as a killed process would."""

    def __init__(self, buffer: RedisCycles, *, at: str) -> None:
        self.buffer, self.at = buffer, at

    def append(self, packed: Sequence[bytes]) -> None:
        self.buffer.append(packed)

    def read_after(self, position: str, limit: int) -> Batch:
        if self.at == "read":
            raise TransientError("killed while reading")
        return self.buffer.read_after(position, limit)

    def acknowledge(self, position: str) -> None:
        raise TransientError("killed between commit and acknowledgement")


@pytest.mark.parametrize("at", ["read", "acknowledge"])
def test_a_mover_killed_around_its_commit_loses_and_doubles_nothing(
    database_url: str, buffer: RedisCycles, at: str
) -> None:
    times = range(MIDNIGHT_S, MIDNIGHT_S + 300, 30)
    buffer.append(packed(times))
    with pytest.raises(HoldfastError, match="killed"):
        move(Postgres(database_url), Broken(buffer, at=at), batch_cycles=4, log=LOG)
    run(database_url, buffer)
    assert instants(database_url) == list(times)
