"""Redis commands per month: counted in one real day of cycles, at 20 and at 1000 servers, against the seed's hashes.

``python -m benchmarks.redis_commands`` makes the 2880 cycles of a day (every 30 s) against a real Redis with a
password and a real Postgres: every cycle is appended over the collector's kept connection; every 5 min ``move`` runs
and the snapshot is written, each over a connection of its own, as a Dagster run makes it; every minute a dashboard
reads ``GET dashboard:snapshot`` over a kept connection. Time is compressed: nothing waits. Commands are those of ``INFO
commandstats``, times 30. Billed are all but the handshake (AUTH, HELLO, CLIENT). The peer is the seed's way: three
hashes and their expiry per server and cycle in a pipeline, ``servers:active`` read and the hashes of every server by
the 5 min batch and by the dashboard; counted in one real hour, times 720.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import redis

from benchmarks import workload
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, folder, options, redis_server
from benchmarks.workload import EVERY_S, SLOTS
from holdfast.metrics.cycles import Cycle, Reading, aligned, pack
from holdfast.metrics.dashboard import ServerState, hashes
from resources.metrics.dashboard import fleet, publish_to_redis
from resources.metrics.mover import move
from resources.postgres import Postgres
from resources.redis import CYCLES_KEY, SNAPSHOT_KEY, RedisClient, RedisCycles

HANDSHAKE: Final = frozenset({"auth", "hello", "client", "client|setinfo", "client|setname", "client|id"})
DAYS: Final = 30
BATCH_CYCLES: Final = 10  # 5 min of cycles
READ_CYCLES: Final = 2  # 1 min
STALE_AFTER: Final = timedelta(minutes=5)
CAPACITY: Final = 2880
PASSWORD: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Used:
    """What a month costs.

    Attributes:
        commands: command to its count.
        sent_bytes: what Redis sent.
        received_bytes: what Redis was sent.
        stream_bytes: memory of a day's stream that nobody read.
    """

    commands: Mapping[str, float]
    sent_bytes: float
    received_bytes: float
    stream_bytes: int = 0

    @property
    def billed(self) -> float:
        """Commands without the handshake."""
        return sum(count for name, count in self.commands.items() if name not in HANDSHAKE)

    @property
    def handshake(self) -> float:
        """Commands of connections."""
        return sum(count for name, count in self.commands.items() if name in HANDSHAKE)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seed", type=int, default=workload.SEED)
    asked = parser.parse_args()
    cycles, most = (240, 100) if asked.quick else (SLOTS, 1000)
    sizes = (20, most)
    with folder() as home, redis_server(home) as open_url:
        with redis.Redis.from_url(open_url) as control:
            control.config_set("requirepass", PASSWORD)
        url = open_url.replace("unix://", f"unix://:{PASSWORD}@")
        ours = {servers: _ours(url, servers, cycles, asked.seed) for servers in sizes}
        seeds = {servers: _seeds(url, servers) for servers in sizes}
    title = f"redis commands: {cycles} cycles of {EVERY_S} s, times {DAYS * SLOTS / cycles:g}; {processor()}"
    notes = [
        "peer: the seed's three hashes and expiries per server and cycle, counted for 1 h",
        *(f"ours by command, {servers} servers: {_split(used)}" for servers, used in ours.items()),
    ]
    show(title, _lines(ours, seeds, cycles), notes)


def _lines(ours: Mapping[int, Used], seeds: Mapping[int, Used], cycles: int) -> list[Line]:
    few, many = sorted(ours)
    growth, seeds_growth = ours[many].billed / ours[few].billed, seeds[many].billed / seeds[few].billed
    lines = [
        *(
            _against(f"billed commands a month, {n} servers", ours[n], seeds[n], "190 000", "150 000")
            for n in (few, many)
        ),
        Line(f"  growth from {few} to {many} servers", f"{growth:.3f}x", f"{seeds_growth:.1f}x", "", "none", "none"),
        Line(f"  handshakes a month, {few} servers", _whole(ours[few].handshake), _whole(seeds[few].handshake)),
    ]
    for n in (few, many):
        sent, seeds_sent = ours[n].sent_bytes, seeds[n].sent_bytes
        ratio = f"1/{seeds_sent / sent:.1f}"
        lines += [
            Line(f"GB a month out of Redis, {n} servers", _gigabytes(sent), _gigabytes(seeds_sent), ratio, "10"),
            Line(f"GB a month into Redis, {n} servers", *map(_gigabytes, (x[n].received_bytes for x in (ours, seeds)))),
            Line(f"stream of 24 h unread, {n} servers, MB", f"{ours[n].stream_bytes * SLOTS / cycles / 1e6:.1f}"),
        ]
    return lines


def _ours(url: str, servers: int, cycles: int, seed: int) -> Used:
    packed = _packed(servers, cycles, seed)
    collector, dashboard = RedisClient(url), RedisClient(url)
    with database() as database_url, _counted(url) as counted:
        for number, (at_s, entry) in enumerate(packed, start=1):
            _append(collector, at_s, entry)
            if number % BATCH_CYCLES == 0:
                _move_and_publish(url, Postgres(database_url), datetime.fromtimestamp(at_s, UTC))
            if number % READ_CYCLES == 0:
                dashboard.commands.get(SNAPSHOT_KEY)
            if number % 480 == 0:
                say(f"{servers} servers: {number} of {cycles} cycles")
    with redis.Redis.from_url(url) as control:
        control.flushall()
        for at_s, entry in packed:
            _append(collector, at_s, entry)
        stream_bytes = int(cast("int", control.memory_usage(CYCLES_KEY, samples=0)))
        control.flushall()
    collector.close()
    dashboard.close()
    return counted.a_month(DAYS * SLOTS / cycles, stream_bytes)


def _move_and_publish(url: str, postgres: Postgres, now: datetime) -> None:
    client = RedisClient(url)
    move(postgres, RedisCycles(client, capacity=CAPACITY), batch_cycles=100, log=logging.getLogger(__name__))
    client.close()
    client = RedisClient(url)
    publish_to_redis(client, fleet(postgres), now=now, stale_after=STALE_AFTER, with_hashes=False)
    client.close()


def _append(client: RedisClient, at_s: int, entry: bytes) -> None:
    """What ``RedisCycles.append`` sends, at the time of the cycle: the mover acknowledges by the hour of the entry."""
    cast("Any", client.commands).xadd(CYCLES_KEY, {"c": entry}, id=f"{at_s}000-0", maxlen=CAPACITY, approximate=True)


def _packed(servers: int, cycles: int, seed: int) -> list[tuple[int, bytes]]:
    """The last hours as packed cycles."""
    work = workload.generated(servers, 1, seed)
    every: dict[int, list[Reading]] = {}
    for reading in work.readings(work.days[0], range(servers)):
        every.setdefault(reading.at_s, []).append(reading)
    shift_s = aligned(time.time(), EVERY_S) - max(every)
    say(f"{servers} servers: {cycles} cycles made")
    return [
        (
            at_s + shift_s,
            pack(
                Cycle(
                    at_s + shift_s,
                    EVERY_S,
                    "benchmark",
                    at_s + shift_s,
                    [Reading(reading.server_id, at_s + shift_s, reading.codes) for reading in every[at_s]],
                )
            ),
        )
        for at_s in sorted(every)[-cycles:]
    ]


def _seeds(url: str, servers: int) -> Used:
    """The seed's way, for an hour."""
    cycles = 3600 // EVERY_S
    now = datetime.now(UTC)
    codes = dict.fromkeys(workload.SHAPES, 1234)
    states = [ServerState(f"server-{number:03}", now, codes) for number in range(servers)]
    with _counted(url) as counted, redis.Redis.from_url(url) as collector, redis.Redis.from_url(url) as dashboard:
        for number in range(1, cycles + 1):
            pipeline = collector.pipeline(transaction=False)
            pipeline.sadd("servers:active", *(state.server_id for state in states))
            for key, fields in hashes(states, now=now, stale_after=STALE_AFTER).items():
                pipeline.hset(key, mapping=dict(fields))
                pipeline.expire(key, 600)
            pipeline.execute()
            if number % BATCH_CYCLES == 0:
                with redis.Redis.from_url(url) as batch:
                    _read_hashes(batch)
            if number % READ_CYCLES == 0:
                _read_hashes(dashboard)
    say(f"{servers} servers, the seed's way: {cycles} cycles")
    return counted.a_month(DAYS * 24)


def _read_hashes(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for server in cast("set[bytes]", client.smembers("servers:active")):
        for kind in ("server", "metrics", "status"):
            pipeline.hgetall(f"{kind}:{server.decode()}")
    pipeline.execute()


class _Counted:
    """What a Redis server says it was asked."""

    def __init__(self) -> None:
        self.commands: dict[str, int] = {}
        self.sent_bytes = 0
        self.received_bytes = 0

    def a_month(self, times: float, stream_bytes: int = 0) -> Used:
        """The same for a month."""
        commands = {name: count * times for name, count in self.commands.items()}
        return Used(commands, self.sent_bytes * times, self.received_bytes * times, stream_bytes)


@contextmanager
def _counted(url: str) -> Iterator[_Counted]:
    counted = _Counted()
    with redis.Redis.from_url(url) as control:
        control.flushall()
        control.config_resetstat()
        yield counted
        stats = cast("dict[str, Any]", control.info("stats"))
        asked = cast("dict[str, Any]", control.info("commandstats"))
    counted.sent_bytes, counted.received_bytes = stats["total_net_output_bytes"], stats["total_net_input_bytes"]
    for name, numbers in asked.items():
        if not (command := name.removeprefix("cmdstat_")).startswith(("config", "info", "flushall")):
            counted.commands[command] = numbers["calls"]


def _against(measure: str, ours: Used, peer: Used, *limits: str) -> Line:
    return Line(measure, _whole(ours.billed), _whole(peer.billed), f"1/{peer.billed / ours.billed:.0f}", *limits)


def _split(used: Used) -> str:
    parts = [f"{name} {_whole(count)}" for name, count in sorted(used.commands.items()) if name not in HANDSHAKE]
    return ", ".join(parts)


def _whole(count: float) -> str:
    return f"{count:,.0f}".replace(",", " ")


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f}"


if __name__ == "__main__":
    main()
