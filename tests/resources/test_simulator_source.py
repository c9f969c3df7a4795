"""Simulated servers, asked by the real collector."""

import asyncio
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.metrics.buffer import START, Batch, Entry
from holdfast.metrics.cycles import unpack
from holdfast.metrics.moving import is_simulated
from holdfast.scenarios.failures import Failure
from holdfast.scenarios.fleet import SAMPLE_FLEET
from holdfast.scenarios.play import START_S, World
from resources.collector import Collector
from resources.sources.simulator import SimulatorSource, VirtualClock
from resources.spool import Spool


class MemoryBuffer:
    """A buffer of cycles in memory."""

    def __init__(self) -> None:
        self.packed: list[bytes] = []

    def append(self, packed: list[bytes]) -> None:  # type: ignore[override]
        self.packed += packed

    def read_after(self, position: str, limit: int) -> Batch:
        return Batch([Entry(START, one) for one in self.packed], is_cut=False)

    def acknowledge(self, position: str) -> None: ...


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(START_S, START_S + 3 * 86_400), min_size=1, max_size=6))
def test_a_reading_is_what_the_world_says_at_that_instant(seed: int, instants: list[int]) -> None:
    spike = Failure(
        kind="spike", server_id="web1", metrics=("cpu_pct",), start_s=START_S + 90_000, lasts_s=9000, size=5
    )
    world = World(SAMPLE_FLEET, seed, [spike])
    source = SimulatorSource(world, every_s=300)
    for at_s in (*instants, START_S + 90_000 // 300 * 300):
        readings = asyncio.run(source.read(at_s)).readings
        assert {one.server_id for one in readings} == set(world.servers)
        for one in readings:
            expected = world.codes(one.server_id, np.array([at_s]))
            assert one.codes == {name: codes[0] for name, codes in expected.items()}
            assert one.at_s == at_s


def test_the_collector_packs_simulated_servers_under_their_own_name_by_virtual_time(tmp_path: Path) -> None:
    async def collect() -> MemoryBuffer:
        buffer, clock = MemoryBuffer(), VirtualClock(START_S)
        source = SimulatorSource(World(SAMPLE_FLEET, 7))
        spool = Spool(tmp_path)
        collector = Collector([source], buffer, spool, every_s=300, name=source.name, clock=clock)
        for at_s in range(START_S, START_S + 900, 300):
            clock.now_s = at_s
            await collector.once(at_s)
        await collector.close()
        spool.close()
        return buffer

    cycles = [unpack(packed) for packed in asyncio.run(collect()).packed]
    assert [cycle.at_s for cycle in cycles] == [START_S, START_S + 300, START_S + 600]
    assert all(cycle.collector == "simulator:7" and is_simulated(cycle) for cycle in cycles)
    assert [cycle.sent_s for cycle in cycles] == [cycle.at_s for cycle in cycles]
    assert {one.server_id for one in cycles[0].readings} == {server.server_id for server in SAMPLE_FLEET}
