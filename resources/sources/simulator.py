"""Simulated servers as a source: what a world of ``holdfast.scenarios`` reports at the instant it is asked for."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from holdfast.metrics.cycles import Collected, Reading
from holdfast.metrics.moving import SIMULATOR
from holdfast.scenarios.play import World

DAY_S: Final = 86_400


class VirtualClock:
    """A clock that stands still until it is set; called, it tells the time in seconds since the epoch."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """What time it is."""
        return float(self.now_s)


class SimulatorSource:
    """Every server of a simulated fleet. Each reading is of the instant it is asked for, past or future.

    Days are simulated whole, on the grid of the collection cycles: a value does not depend on that, a second's work
    for a whole day and a lookup per cycle do.
    """

    def __init__(self, world: World, *, every_s: int = 300) -> None:
        """Simulate ``world`` for a collector that asks every ``every_s`` seconds."""
        self._world = world
        self._every_s = every_s
        self._day: int | None = None
        self._table: list[dict[str, Mapping[str, int]]] = []

    @property
    def name(self) -> str:
        """What to call this source in messages, and its collector: ``simulator:<seed>``."""
        return f"{SIMULATOR}{self._world.seed}"

    async def read(self, at_s: int) -> Collected:
        """Read every server once. Nothing fails: a simulated server that breaks says so by its values."""
        day, second = divmod(at_s, DAY_S)
        if second % self._every_s:
            (servers,) = self._simulated(np.array([at_s], dtype=np.int64))
        else:
            if day != self._day:
                self._table = self._simulated(day * DAY_S + np.arange(0, DAY_S, self._every_s, dtype=np.int64))
                self._day = day
            servers = self._table[second // self._every_s]
        return Collected([Reading(server_id, at_s, codes) for server_id, codes in servers.items()])

    async def close(self) -> None:
        """Nothing is held open."""

    def _simulated(self, at_s: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[dict[str, Mapping[str, int]]]:
        """Per instant, every server's codes."""
        found: list[dict[str, Mapping[str, int]]] = [{} for _ in at_s]
        for server_id in self._world.servers:
            columns = self._world.codes(server_id, at_s)
            rows = zip(*(codes.tolist() for codes in columns.values()), strict=True)
            for servers, row in zip(found, rows, strict=True):
                servers[server_id] = dict(zip(columns, row, strict=True))
        return found
