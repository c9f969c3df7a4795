"""This machine's own metrics, by psutil, in node_exporter's words."""

import socket
import time
from collections.abc import Iterator
from typing import Final

import psutil
from prometheus_client.samples import Sample

from holdfast.metrics import node
from holdfast.metrics.cycles import Collected, Reading
from holdfast.metrics.rates import Rates
from resources.sources.clock import steady_s

# What else psutil reports is contained in these (guest in user) or not Linux's.
_CPU_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class LocalSource:
    """This machine; the server's id is its host name. The first pass has no rates."""

    def __init__(self, server_id: str | None = None) -> None:
        self._server_id = server_id or socket.gethostname() or "localhost"
        self._rates = Rates()

    @property
    def name(self) -> str:
        """What to call this source in messages."""
        return "local"

    async def read(self, at_s: int) -> Collected:
        """Read this machine once. psutil answers from the kernel in about a millisecond."""
        try:
            samples = list(_samples())
        except (OSError, psutil.Error) as error:
            return Collected((), {self._server_id: f"this machine's counters cannot be read: {error}"})
        measured = node.measure(self._server_id, samples, self._rates, now_s=time.time(), clock_s=steady_s())
        return Collected((Reading(self._server_id, at_s, measured.codes),))

    async def close(self) -> None:
        """Nothing is held open."""


def _samples() -> Iterator[Sample]:
    for cpu, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in _CPU_MODES:
            if hasattr(times, mode):
                yield Sample(node.CPU, {"cpu": str(cpu), "mode": mode}, getattr(times, mode))
    memory = psutil.virtual_memory()
    yield Sample("node_memory_MemAvailable_bytes", {}, memory.available)
    yield Sample("node_memory_MemTotal_bytes", {}, memory.total)
    disk = psutil.disk_usage("/")
    for name, value in (("size", disk.total), ("free", disk.total - disk.used), ("avail", disk.free)):
        yield Sample(f"node_filesystem_{name}_bytes", {"mountpoint": "/"}, value)
    # A counter that starts again is Rates' business: psutil's own correction would hide it.
    for device, moved in psutil.net_io_counters(pernic=True, nowrap=False).items():
        yield Sample(node.RECEIVED, {"device": device}, moved.bytes_recv)
        yield Sample(node.SENT, {"device": device}, moved.bytes_sent)
    yield Sample("node_load1", {}, psutil.getloadavg()[0])
    yield Sample("node_boot_time_seconds", {}, psutil.boot_time())
    yield Sample("node_time_seconds", {}, time.time())
