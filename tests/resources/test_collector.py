import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from holdfast.errors import PermanentError, TransientError
from holdfast.metrics.buffer import Batch
from holdfast.metrics.cycles import Collected, Cycle, Reading, Source, unpack
from resources import collector as collector_module
from resources.collector import Collector
from resources.sources.local import LocalSource
from resources.spool import Spool


class ListBuffer:
    """A buffer in memory that can be away, slow or broken."""

    def __init__(self) -> None:
        self.packed: list[bytes] = []
        self.error: Exception | None = None
        self.delay_s = 0.0
        self.calls = 0

    def append(self, packed: Sequence[bytes]) -> None:
        self.calls += 1
        time.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        self.packed += packed

    def read_after(self, position: str, limit: int) -> Batch:
        raise NotImplementedError

    def acknowledge(self, position: str) -> None:
        raise NotImplementedError

    @property
    def cycles(self) -> list[Cycle]:
        return [unpack(packed) for packed in self.packed]

    @property
    def instants(self) -> list[int]:
        return [cycle.at_s for cycle in self.cycles]


class Scripted:
    """A source that answers as a function says."""

    def __init__(self, name: str, answer: Callable[[int], Collected], *, delay_s: float = 0.0) -> None:
        self.name = name
        self.answer = answer
        self.delay_s = delay_s
        self.passes: list[int] = []
        self.is_closed = False

    async def read(self, at_s: int) -> Collected:
        self.passes.append(at_s)
        await asyncio.sleep(self.delay_s)
        return self.answer(at_s)

    async def close(self) -> None:
        self.is_closed = True


class Deaf(Scripted):
    """A source that is stuck and does not hear that it is cancelled."""

    async def read(self, at_s: int) -> Collected:
        self.passes.append(at_s)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                continue
        return Collected(())


def one(server: str, failed: Mapping[str, str] | None = None, **codes: int) -> Callable[[int], Collected]:
    return lambda at_s: Collected([Reading(server, at_s, codes or {"load_1m": 7})], failed or {})


@pytest.fixture
def buffer() -> ListBuffer:
    return ListBuffer()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", limit_bytes=100_000)
    yield spool
    spool.close()


def collector(buffer: ListBuffer, spool: Spool, *sources: Source, every_s: int = 2) -> Collector:
    return Collector(sources or (Scripted("s", one("a")),), buffer, spool, every_s=every_s, name="me")


def make(what: Collector, *instants_s: int, between: Callable[[int], None] = lambda _: None) -> list[Cycle]:
    async def go() -> list[Cycle]:
        found = []
        for number, at_s in enumerate(instants_s):
            between(number)
            found.append(await what.once(at_s))
        return found

    return asyncio.run(go())


def test_a_cycle_holds_what_all_sources_said(buffer: ListBuffer, spool: Spool) -> None:
    sources = [Scripted("x", one("a", {"b": "timed out"})), Scripted("y", one("c"))]
    (cycle,) = make(collector(buffer, spool, *sources), 60)
    assert buffer.cycles == [unpack(buffer.packed[0])]
    assert [reading.server_id for reading in cycle.readings] == ["a", "c"]
    assert (cycle.at_s, cycle.every_s, cycle.collector, cycle.failed) == (60, 2, "me", {"b": "timed out"})


def test_a_stuck_source_does_not_delay_the_cycle_and_is_left_alone_while_it_is_stuck(
    buffer: ListBuffer, spool: Spool
) -> None:
    stuck, good = Deaf("stuck", one("x")), Scripted("good", one("a"))
    began_s = time.monotonic()

    async def go() -> None:
        what = collector(buffer, spool, stuck, good)
        await what.once(2)
        first_s = time.monotonic() - began_s
        await what.once(4)
        assert first_s < 2
        assert time.monotonic() - began_s - first_s < 1

    asyncio.run(go())
    assert buffer.cycles[0].failed == {"stuck": "no answer within 1.3 s; the other sources went on without it"}
    assert [cycle.readings[0].server_id for cycle in buffer.cycles] == ["a", "a"]
    assert stuck.passes == [2]


def test_a_source_that_breaks_is_a_reason_not_an_end(buffer: ListBuffer, spool: Spool) -> None:
    def broken(at_s: int) -> Collected:
        raise ZeroDivisionError

    make(collector(buffer, spool, Scripted("broken", broken), Scripted("good", one("a"))), 2)
    assert buffer.cycles[0].failed == {"broken": "broke: ZeroDivisionError; see the collector's log"}
    assert len(buffer.cycles[0].readings) == 1


def test_of_two_sources_that_name_one_server_the_first_wins_per_metric(
    buffer: ListBuffer, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    sources = [Scripted("x", one("a", load_1m=1, cpu_pct=2)), Scripted("y", one("a", load_1m=9, memory_pct=3))]
    make(collector(buffer, spool, *sources), 2, 4)
    assert buffer.cycles[0].readings == (Reading("a", 2, {"load_1m": 1, "cpu_pct": 2, "memory_pct": 3}),)
    assert caplog.text.count("two sources name this server") == 1


def test_while_the_buffer_is_away_cycles_wait_and_then_arrive_in_order_once(buffer: ListBuffer, spool: Spool) -> None:
    def between(number: int) -> None:
        buffer.error = TransientError("away") if 2 <= number < 6 else None

    what = collector(buffer, spool)
    make(what, *range(10, 110, 10), between=between)
    assert buffer.instants == list(range(10, 110, 10))
    assert len(spool) == 0


def test_cycles_survive_a_restart_while_the_buffer_is_away(buffer: ListBuffer, tmp_path: Path) -> None:
    buffer.error = TransientError("away")
    first = Spool(tmp_path / "spool")
    make(collector(buffer, first), 10, 20)
    first.close()
    buffer.error = None
    second = Spool(tmp_path / "spool")
    make(collector(buffer, second), 30, 40)
    assert buffer.instants == [10, 20, 30, 40]


@pytest.mark.parametrize("error", [PermanentError("wrong password"), RuntimeError("a driver's surprise")])
def test_a_buffer_that_refuses_or_breaks_costs_no_cycle(buffer: ListBuffer, spool: Spool, error: Exception) -> None:
    def between(number: int) -> None:
        buffer.error = error if number < 3 else None

    make(collector(buffer, spool), 10, 20, 30, 40, between=between)
    assert buffer.instants == [10, 20, 30, 40]


def test_a_buffer_that_hangs_delays_no_cycle_and_gets_everything_in_the_end(buffer: ListBuffer, spool: Spool) -> None:
    async def go() -> None:
        what = collector(buffer, spool)
        buffer.delay_s = 1.5
        for at_s in (2, 4):
            began_s = time.monotonic()
            await what.once(at_s)
            assert time.monotonic() - began_s < 1.4
        assert len(spool) == 2
        buffer.delay_s = 0
        await asyncio.sleep(1.6)
        await what.once(6)

    asyncio.run(go())
    # The first was sent twice, as nobody could know: a buffer's readers take each server and instant once.
    assert buffer.instants == [2, 2, 4, 6]


def test_with_the_disk_full_as_well_cycles_are_held_in_memory_and_said(
    buffer: ListBuffer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def between(number: int) -> None:
        buffer.error = TransientError("away") if number < 6 else None

    spool = Spool(tmp_path / "spool", limit_bytes=400)
    make(collector(buffer, spool), *range(10, 90, 10), between=between)
    assert sorted(set(buffer.instants)) == buffer.instants == list(range(10, 90, 10))
    assert caplog.text.count("is full") == 1
    assert "held in memory" in caplog.text
    spool.close()


def test_memory_is_bounded_to_the_newest_cycles(
    buffer: ListBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "HELD_LIMIT", 3)
    spool = Spool(tmp_path / "spool", limit_bytes=0)
    buffer.error = TransientError("away")
    what = collector(buffer, spool)

    def between(number: int) -> None:
        buffer.error = TransientError("away") if number < 5 else None

    make(what, *range(10, 70, 10), between=between)
    assert buffer.instants == [40, 50, 60]
    spool.close()


def test_a_failure_is_logged_when_it_starts_and_when_it_ends(
    buffer: ListBuffer, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(at_s: int) -> Collected:
        return Collected((), {"web1": "timed out after 2 s"} if at_s < 50 else {})

    with caplog.at_level(logging.INFO):
        make(collector(buffer, spool, Scripted("s", answer)), *range(10, 100, 10))
    assert [record.getMessage() for record in caplog.records if "web1" in record.getMessage()] == [
        "metrics: web1: timed out after 2 s",
        "metrics: web1: over (timed out after 2 s)",
    ]


def test_a_thousand_failures_at_once_are_a_few_lines(
    buffer: ListBuffer, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    down = Collected((), {f"web{i}": "connection refused" for i in range(1000)})
    make(collector(buffer, spool, Scripted("s", lambda _: down)), 10, 20)
    assert len(caplog.records) == 11
    assert "and 990 more" in caplog.text


def run_for(what: Collector, seconds: float) -> None:
    async def go() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await what.run(stop)

    asyncio.run(go())


def test_running_makes_one_cycle_at_every_multiple_and_stops_when_told(buffer: ListBuffer, spool: Spool) -> None:
    source = Scripted("s", one("a"))
    run_for(collector(buffer, spool, source, every_s=1), 3.4)
    assert len(buffer.instants) in (3, 4)
    assert buffer.instants == list(range(buffer.instants[0], buffer.instants[-1] + 1))
    assert all(cycle.sent_s - cycle.at_s < 0.5 for cycle in buffer.cycles)
    assert source.is_closed


def test_the_first_cycle_of_this_machine_has_rates_already(buffer: ListBuffer, spool: Spool) -> None:
    run_for(collector(buffer, spool, LocalSource(), every_s=1), 2.2)
    assert "network_in_bytes_s" in buffer.cycles[0].readings[0].codes


def test_readings_with_an_instant_of_their_own_survive_the_first_pass(buffer: ListBuffer, spool: Spool) -> None:
    first = iter([Collected([Reading("gce", 5, {"load_1m": 1})]), Collected(())])
    what = collector(buffer, spool, Scripted("cloud", lambda _: next(first)), Scripted("s", one("a")))

    async def go() -> None:
        await what.prime()
        await what.once(10)

    asyncio.run(go())
    assert [(reading.server_id, reading.at_s) for reading in buffer.cycles[0].readings] == [("gce", 5), ("a", 10)]


def test_missed_cycles_are_skipped_and_said_not_bunched(
    buffer: ListBuffer, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    def asleep(at_s: int) -> Collected:
        if len(source.passes) == 3:
            time.sleep(2.5)  # the whole process stands still, as on a laptop whose lid is closed
        return one("a")(at_s)

    source = Scripted("s", asleep)
    run_for(collector(buffer, spool, source, every_s=1), 5)
    steps = [later - earlier for earlier, later in zip(buffer.instants, buffer.instants[1:], strict=False)]
    assert len(set(buffer.instants)) == len(buffer.instants)
    assert max(steps) in (2, 3)
    assert "cycles were missed" in caplog.text


def test_stopping_puts_what_is_in_memory_onto_the_disk(buffer: ListBuffer, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", limit_bytes=10)
    buffer.error = TransientError("away")
    what = collector(buffer, spool)
    make(what, 10, 20)
    assert len(spool) == 0
    spool._limit_bytes = 10_000
    asyncio.run(what.close())
    assert len(spool) == 2
    spool.close()


def test_the_event_loop_is_free_while_the_buffer_is_slow(buffer: ListBuffer, spool: Spool) -> None:
    buffer.delay_s = 0.4
    threads = set[str]()
    append = buffer.append
    buffer.append = lambda packed: (threads.add(threading.current_thread().name), append(packed))[1]  # type: ignore[method-assign]
    make(collector(buffer, spool), 10)
    assert threading.main_thread().name not in threads
    assert buffer.instants == [10]
