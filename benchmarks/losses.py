"""Samples lost or doubled: what the history holds against what was collected, after four accidents and a replay.

``python -m benchmarks.losses`` runs the real collector, spool, stream, mover and compaction on servers of its own,
which it really stops, starts and kills. Only time is compressed: cycles carry their past instants, nothing waits for
the next one. Afterwards every server and instant of the history is compared with the cycles that were made.
"""

import asyncio
import logging
import multiprocessing
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from benchmarks import workload
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import folder, options, postgres_server, redis_server, version
from benchmarks.workload import EVERY_S
from holdfast.errors import TransientError
from holdfast.metrics.cycles import Collected, Cycle, Reading, aligned, pack
from resources.collector import Collector
from resources.metrics.compaction import compact_day
from resources.metrics.mover import Moved, move
from resources.migrations import migrate
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from resources.spool import Spool

SERVERS: Final = tuple(f"server-{number:02}" for number in range(20))
CAPACITY: Final = 2880
HOUR: Final = 3600 // EVERY_S
LOG: Final = logging.getLogger("benchmarks.losses")


@dataclass(slots=True)
class Accident:
    """What was collected and what is stored.

    Attributes:
        name: what happened.
        made: server and instant of every sample that was collected.
        note: what the accident really hit.
    """

    name: str
    made: set[tuple[str, int]] = field(default_factory=set)
    note: str = ""
    lost: int = 0
    doubled: int = 0

    def count(self, url: str) -> "Accident":
        """Compare the history with what was made; a sample that nobody made counts as doubled."""
        with psycopg.connect(url) as connection:
            stored = connection.execute(
                "select server_id, extract(epoch from sampled_at)::bigint from holdfast.server_metrics_history"
            ).fetchall()
        self.lost = len(self.made - set(stored))
        self.doubled = len(stored) - len(self.made & set(stored))
        say(f"{self.name}: {len(self.made)} samples, {self.lost} lost, {self.doubled} doubled; {self.note}")
        return self


class _Fleet:
    """A source: every server answers with values that depend on the instant, and with its own instant."""

    name = "benchmark"

    async def read(self, at_s: int) -> Collected:
        """Answer at once."""
        return Collected(_readings(at_s))

    async def close(self) -> None:
        """Nothing is held open."""


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seed", type=int, default=workload.SEED)
    parser.add_argument("--kills", type=int, default=30)
    asked = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    with folder() as home, postgres_server(home) as url:
        title = f"losses: {len(SERVERS)} servers, a sample every {EVERY_S} s; {version(url)}; {processor()}"
    kills = 4 if asked.quick else asked.kills
    accidents = [
        postgres_away(2 * HOUR),
        redis_away(HOUR // 6),
        mover_killed(kills, np.random.default_rng(asked.seed)),
        two_collectors(HOUR),
        replayed(HOUR),
    ]
    lines = [
        Line(a.name, f"{a.lost} lost, {a.doubled} doubled", f"of {len(a.made)} samples", must="0 / 0", aim="0 / 0")
        for a in accidents
    ]
    show(title, lines, [f"{accident.name}: {accident.note}" for accident in accidents])


def postgres_away(cycles: int) -> Accident:
    """Stop Postgres, go on collecting, start it, move."""
    accident = Accident("Postgres away for 2 h")
    instants = _past(2 * HOUR + cycles)
    with folder() as home, redis_server(home / "redis") as redis_url:
        buffer = RedisCycles(RedisClient(redis_url), capacity=CAPACITY)
        with postgres_server(home / "postgres") as url:
            migrate(Postgres(url))
            _append(buffer, instants[:HOUR], accident)
            _move(url, buffer)
        refused = 0
        for start in range(HOUR, HOUR + cycles, 10):
            _append(buffer, instants[start : min(start + 10, HOUR + cycles)], accident)
            if start % 60 == 0:
                try:
                    _move(url, buffer)
                except TransientError:
                    refused += 1
        with postgres_server(home / "postgres") as url:
            _move(url, buffer)
            _append(buffer, instants[HOUR + cycles :], accident)
            _move(url, buffer)
            accident.note = f"{cycles} cycles while the server was stopped, {refused} moves failed meanwhile"
            return accident.count(url)


def redis_away(cycles: int) -> Accident:
    """Stop Redis, go on collecting onto the disk, start it; the collector drains by itself."""
    accident = Accident("Redis away for 10 min")
    instants = _past(20 + cycles)
    with folder() as home, postgres_server(home / "postgres") as url, Spooling(home / "spool") as spooling:
        migrate(Postgres(url))
        with redis_server(home / "redis") as redis_url:
            collector = spooling.collector(redis_url, "one")
            _collect([collector], instants[:10], accident)
            _move(url, RedisCycles(RedisClient(redis_url), capacity=CAPACITY))
        _collect([collector], instants[10 : 10 + cycles], accident)
        spooled = spooling.waiting()
        with redis_server(home / "redis") as redis_url:
            _collect([collector], instants[10 + cycles :], accident)
            _move(url, RedisCycles(RedisClient(redis_url), capacity=CAPACITY))
            accident.note = f"{spooled} cycles were on disk when Redis came back, {spooling.waiting()} afterwards"
            return accident.count(url)


def mover_killed(kills: int, rng: np.random.Generator) -> Accident:
    """Kill the mover's process at random moments, while cycles go on arriving."""
    accident = Accident(f"mover killed {kills} times")
    every = 48
    instants = _past(every * kills)
    midway = 0
    with folder() as home, redis_server(home / "redis") as redis_url, postgres_server(home / "postgres") as url:
        migrate(Postgres(url))
        buffer = RedisCycles(RedisClient(redis_url), capacity=CAPACITY)
        for number in range(kills):
            _append(buffer, instants[number * every : (number + 1) * every], accident)
            ours, theirs = multiprocessing.Pipe()
            mover = multiprocessing.get_context("spawn").Process(target=_mover, args=(url, redis_url, theirs))
            mover.start()
            ours.recv()
            time.sleep(rng.uniform(0.0, 0.3))
            mover.kill()
            mover.join()
            midway += not ours.poll()
        _move(url, buffer)
        accident.note = f"{midway} of {kills} SIGKILLs fell into a move that was not over"
        return accident.count(url)


def two_collectors(cycles: int) -> Accident:
    """Two collectors of the same servers, and two movers at once."""
    accident = Accident("two collectors, two movers")
    instants = _past(cycles)
    with folder() as home, redis_server(home / "redis") as redis_url, postgres_server(home / "postgres") as url:
        migrate(Postgres(url))
        with Spooling(home / "spool") as spooling:
            both = [spooling.collector(redis_url, name) for name in ("one", "two")]
            for start in range(0, cycles, 10):
                _collect(both, instants[start : start + 10], accident)
                movers = [
                    threading.Thread(
                        target=_move, args=(url, RedisCycles(RedisClient(redis_url), capacity=CAPACITY), 3)
                    )
                    for _ in both
                ]
                for mover in movers:
                    mover.start()
                for mover in movers:
                    mover.join()
        accident.note = f"{2 * cycles} entries for {cycles} cycles, two movers at a time"
        return accident.count(url)


def replayed(cycles: int) -> Accident:
    """The same cycles arrive again after their days are compacted, as after a restore of Redis."""
    accident = Accident("replayed after compaction")
    instants = _past(cycles)
    with folder() as home, redis_server(home / "redis") as redis_url, postgres_server(home / "postgres") as url:
        migrate(Postgres(url))
        buffer = RedisCycles(RedisClient(redis_url), capacity=CAPACITY)
        _append(buffer, instants, accident)
        _move(url, buffer)
        for day in sorted({datetime.fromtimestamp(at_s, UTC).date() for at_s in instants}):
            compact_day(Postgres(url), day)
        _append(buffer, instants, accident)
        again = _move(url, buffer)
        accident.note = f"{again.duplicate_rows} of {again.read_rows} rows were found to be there"
        return accident.count(url)


class Spooling:
    """Collectors, each with a spool folder of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._spools: list[Spool] = []

    def __enter__(self) -> "Spooling":
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._spools:
            spool.close()

    def collector(self, redis_url: str, name: str) -> Collector:
        """A collector of all servers."""
        self._spools.append(Spool(self._place / name))
        buffer = RedisCycles(RedisClient(redis_url), capacity=CAPACITY)
        return Collector([_Fleet()], buffer, self._spools[-1], every_s=EVERY_S, name=name)

    def waiting(self) -> int:
        """Entries on disk."""
        return sum(map(len, self._spools))


def _collect(collectors: Sequence[Collector], instants: Iterable[int], accident: Accident) -> None:
    async def all_cycles() -> None:
        for at_s in instants:
            for cycle in await asyncio.gather(*(collector.once(at_s) for collector in collectors)):
                _note_made(accident, cycle)

    asyncio.run(all_cycles())


def _append(buffer: RedisCycles, instants: Sequence[int], accident: Accident) -> None:
    cycles = [Cycle(at_s, EVERY_S, "one", time.time(), _readings(at_s)) for at_s in instants]
    buffer.append([pack(cycle) for cycle in cycles])
    for cycle in cycles:
        _note_made(accident, cycle)


def _note_made(accident: Accident, cycle: Cycle) -> None:
    accident.made.update((reading.server_id, reading.at_s) for reading in cycle.readings)


def _readings(at_s: int) -> list[Reading]:
    return [
        Reading(server, at_s, {"cpu_pct": at_s % 9973, "memory_pct": number, "load_1m": at_s % 100})
        for number, server in enumerate(SERVERS)
    ]


def _past(cycles: int) -> list[int]:
    """The instants of the last cycles."""
    now_s = aligned(time.time(), EVERY_S)
    return list(range(now_s - cycles * EVERY_S, now_s, EVERY_S))


def _move(url: str, buffer: RedisCycles, batch_cycles: int = 100) -> Moved:
    return move(Postgres(url), buffer, batch_cycles=batch_cycles, log=LOG)


def _mover(url: str, redis_url: str, told: Connection) -> None:
    """The process that is killed; small batches, so that it dies between commits as well as within one."""
    LOG.addHandler(logging.NullHandler())
    buffer = RedisCycles(RedisClient(redis_url), capacity=CAPACITY)
    told.send("ready")
    with suppress(KeyboardInterrupt):
        move(Postgres(url), buffer, batch_cycles=4, log=LOG)
    told.send("done")
    time.sleep(60)


if __name__ == "__main__":
    main()
