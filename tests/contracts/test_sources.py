"""What every source of readings promises; this machine, real HTTP pages, Google's API and a simulation pass alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES
from holdfast.metrics.cycles import Cycle, Source, aligned, pack, unpack
from holdfast.metrics.targets import Target
from holdfast.scenarios.fleet import SAMPLE_FLEET
from holdfast.scenarios.play import World
from resources.sources.cloud_monitoring import CloudMonitoringSource
from resources.sources.local import LocalSource
from resources.sources.prometheus import PrometheusSource
from resources.sources.simulator import SimulatorSource
from tests.fakes.cloud_monitoring import CPU, Point, cloud_monitoring
from tests.fakes.hostile_targets import hostile_targets

T = TypeVar("T")
MakeSource = Callable[[], Source]


@pytest.fixture(params=["local", "prometheus", "cloud monitoring", "simulator"])
def make_source(request: pytest.FixtureRequest) -> Iterator[MakeSource]:
    """A source with at least one server that answers."""
    if request.param == "local":
        yield LocalSource
    elif request.param == "simulator":
        yield lambda: SimulatorSource(World(SAMPLE_FLEET, 7), every_s=30)
    elif request.param == "prometheus":
        with hostile_targets() as server:
            targets = [Target(path, server.url(path)) for path in ("healthy", "gzipped", "html")]
            yield lambda: PrometheusSource(targets, timeout_s=1)
    else:
        with cloud_monitoring() as fake:
            newest_s = aligned(time.time(), 60)
            fake.points = [Point(CPU, f"web{i}", newest_s - 60 * i, 0.5) for i in range(3)]
            yield lambda: CloudMonitoringSource("shop", endpoint=fake.url)


def using(make_source: MakeSource, work: Callable[[Source], Awaitable[T]]) -> T:
    async def go() -> T:
        source = make_source()
        try:
            return await work(source)
        finally:
            await source.close()

    return asyncio.run(go())


def test_it_has_a_name_that_stays(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        before = source.name
        await source.read(aligned(time.time(), 30))
        assert before == source.name != ""

    using(make_source, work)


def test_codes_are_those_of_the_catalogue_and_can_be_stored(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        for _ in range(2):
            for reading in (await source.read(aligned(time.time(), 30))).readings:
                assert reading.codes
                assert set(reading.codes) <= set(METRIC_NAMES)
                assert all(type(code) is int and 0 <= code <= CODE_LIMIT for code in reading.codes.values())
            await asyncio.sleep(0.05)

    using(make_source, work)


def test_the_first_pass_brings_readings_of_instants_that_have_come(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        found = await source.read(aligned(time.time(), 30))
        assert found.readings
        assert all(reading.at_s <= time.time() for reading in found.readings)

    using(make_source, work)


def test_a_server_and_instant_comes_once_per_pass(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        found = await source.read(aligned(time.time(), 30))
        keys = [(reading.server_id, reading.at_s) for reading in found.readings]
        assert len(keys) == len(set(keys))
        assert not {server for server, _ in keys} & found.failed.keys()

    using(make_source, work)


def test_what_it_brings_survives_packing(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        at_s = aligned(time.time(), 30)
        found = await source.read(at_s)
        cycle = Cycle(at_s, 30, "here", 1.5, tuple(found.readings), dict(found.failed))
        assert unpack(pack(cycle)) == cycle

    using(make_source, work)


def test_closing_twice_is_fine_and_so_is_closing_unused(make_source: MakeSource) -> None:
    async def work(source: Source) -> None:
        await source.close()
        await source.close()

    using(make_source, work)
