"""What every buffer of cycles promises; the Redis stream and the Postgres table pass alike."""

from collections.abc import Iterator

import pytest

from holdfast.errors import TransientError
from holdfast.metrics.buffer import START, CycleBuffer
from resources.cycles import PostgresCycles
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles


@pytest.fixture(params=["redis", "postgres"])
def buffer(request: pytest.FixtureRequest) -> Iterator[CycleBuffer]:
    if request.param == "redis":
        yield RedisCycles(RedisClient(request.getfixturevalue("redis_url")), capacity=10_000)
    else:
        yield PostgresCycles(Postgres(request.getfixturevalue("database_url")))


def test_entries_come_back_in_order_and_whole(buffer: CycleBuffer) -> None:
    buffer.append([b"one", b"two"])
    buffer.append([bytes(range(256))])
    batch = buffer.read_after(START, 10)
    assert [entry.packed for entry in batch.entries] == [b"one", b"two", bytes(range(256))]
    assert not batch.is_cut


def test_reading_goes_on_behind_a_position(buffer: CycleBuffer) -> None:
    buffer.append([b"%d" % n for n in range(5)])
    first = buffer.read_after(START, 2)
    second = buffer.read_after(first.entries[-1].position, 2)
    third = buffer.read_after(second.entries[-1].position, 2)
    read = [entry.packed for batch in (first, second, third) for entry in batch.entries]
    assert read == [b"0", b"1", b"2", b"3", b"4"]
    assert [second.is_cut, third.is_cut] == [False, False]


def test_an_idle_buffer_is_empty_and_not_cut(buffer: CycleBuffer) -> None:
    assert not buffer.read_after(START, 10).entries
    buffer.append([b"one"])
    position = buffer.read_after(START, 10).entries[-1].position
    batch = buffer.read_after(position, 10)
    assert not batch.entries
    assert not batch.is_cut


def test_acknowledging_keeps_the_position_and_what_is_behind_it(buffer: CycleBuffer) -> None:
    buffer.append([b"one", b"two", b"three"])
    position = buffer.read_after(START, 2).entries[-1].position
    buffer.acknowledge(position)
    behind = buffer.read_after(position, 10)
    assert [entry.packed for entry in behind.entries] == [b"three"]
    assert not behind.is_cut
    assert [entry.packed for entry in buffer.read_after(START, 10).entries] == [b"two", b"three"]


def test_a_buffer_trimmed_past_the_position_says_so(buffer: CycleBuffer) -> None:
    buffer.append([b"one", b"two", b"three"])
    first, *_, last = buffer.read_after(START, 10).entries
    buffer.acknowledge(last.position)
    batch = buffer.read_after(first.position, 10)
    assert batch.is_cut
    assert [entry.packed for entry in batch.entries] == [b"three"]


def test_positions_begin_with_the_buffers_clock_in_milliseconds(buffer: CycleBuffer) -> None:
    buffer.append([b"one"])
    milliseconds, _, _ = buffer.read_after(START, 1).entries[0].position.partition("-")
    assert 1_700_000_000_000 < int(milliseconds) < 4_000_000_000_000


@pytest.mark.parametrize(
    "away",
    [
        RedisCycles(RedisClient("redis://127.0.0.1:1/0", timeout_s=1), capacity=10),
        PostgresCycles(Postgres("postgresql://nobody@127.0.0.1:1/none", connect_timeout_s=1)),
    ],
    ids=["redis", "postgres"],
)
def test_a_buffer_that_is_away_raises_a_transient_error(away: CycleBuffer) -> None:
    with pytest.raises(TransientError, match="is away"):
        away.append([b"one"])
