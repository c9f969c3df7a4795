"""What healthy servers look like: every kind's metrics over day and week, made from chance that repeats.

A server's day follows the demand of its fleet (by hour and weekday, with hours that are busier than usual), and
requests drive throughput, processor, network, response time, users and connections together. On top: noise with and
without memory, jobs at the same time every night, a disk that fills slowly and is cleaned at night. What a value is at
an instant depends on the seed, the server, the metric and the instant alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.scenarios import chance
from holdfast.scenarios.chance import DAY_S, Floats, Instants
from holdfast.servers.template import ServerTemplate

# Share of the busiest hour's requests, by UTC hour: a dip before dawn, a plateau at work, an evening peak.
_BY_HOUR: Final = (
    0.34, 0.26, 0.21, 0.18, 0.17, 0.20, 0.29, 0.45, 0.63, 0.76, 0.83, 0.86,
    0.84, 0.85, 0.86, 0.85, 0.83, 0.84, 0.88, 0.95, 1.00, 0.91, 0.70, 0.49,
)  # fmt: skip
# Monday to Sunday, each at its noon; 1970-01-01 was a Thursday.
_BY_WEEKDAY: Final = (1.00, 1.03, 1.02, 1.00, 0.96, 0.76, 0.70)
_FIRST_WEEKDAY: Final = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """How one metric of one kind of server comes about: ``(base + gain * demand ** power) * noise``.

    Attributes:
        base: value without any request.
        gain: what the busiest hour adds.
        power: how the value follows demand: 1 evenly, 3 where queues build up.
        drift: spread of the noise that remembers, as a share of the value.
        white: spread of the noise that does not, as a share of the value.
        memory_s: how long the drift remembers.
        busy_share: share of the server's capacity of this metric that the busiest hour takes; where the template says
            the capacity, it scales ``base`` and ``gain`` to that.
        is_rest: what is described is what is missing to 100.
    """

    base: float
    gain: float = 0.0
    power: float = 1.0
    drift: float = 0.05
    white: float = 0.05
    memory_s: int = 3600
    busy_share: float | None = None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Harmless work at the same time, every day or every hour.

    Attributes:
        at_s: seconds after midnight, or after the full hour.
        lasts_s: how long it takes, give or take a tenth.
        adds: metric to what it adds, in the metric's unit; network as a share of the busiest hour's.
        every_s: a day or an hour.
    """

    at_s: int
    lasts_s: int
    adds: Mapping[str, float]
    every_s: int = DAY_S


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server.

    Attributes:
        shapes: metric to how it comes about; ``load_1m`` and ``disk_pct`` follow rules of their own.
        jobs: what happens by the clock.
        cores: usual number of processors.
        disk: usual share of the disk in use, what a day adds before the nightly cleaning, what cleaning leaves a day.
    """

    shapes: Mapping[str, Shape]
    jobs: tuple[Job, ...] = ()
    cores: int = 4
    disk: tuple[float, float, float] = (40.0, 1.5, 0.05)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Everything a server of this kind measures."""
        return (*self.shapes, "disk_pct", "load_1m")


_ROTATION: Final = Job(4 * 3600 + 600, 480, {"cpu_pct": 9.0, "network_out_bytes_s": 0.2})
_BACKUP: Final = Job(2 * 3600, 2400, {"cpu_pct": 22.0, "network_out_bytes_s": 1.6, "response_ms": 1.2})
_BATCH: Final = Job(300, 840, {"cpu_pct": 24.0, "network_in_bytes_s": 0.5, "network_out_bytes_s": 0.3}, every_s=3600)
_REPORTS: Final = Job(5 * 3600, 3600, {"cpu_pct": 30.0, "memory_pct": 9.0, "network_in_bytes_s": 0.8})


def _network(inward: float, outward: float) -> dict[str, Shape]:
    """Both directions at the busiest hour, in bytes per second."""
    return {
        "network_in_bytes_s": Shape(inward * 0.03, inward, drift=0.06, white=0.08),
        "network_out_bytes_s": Shape(outward * 0.03, outward, drift=0.06, white=0.08),
    }


PROFILES: Final[Mapping[str, Profile]] = {
    "web": Profile(
        {
            "cpu_pct": Shape(5, 38, 1.1, drift=0.06, white=0.08, memory_s=1800),
            "memory_pct": Shape(46, 9, drift=0.015, white=0.004, memory_s=14400),
            **_network(900_000, 6_500_000),
            "response_ms": Shape(68, 34, 3.0, drift=0.05, white=0.09, memory_s=1800),
            "throughput_rps": Shape(1, 320, drift=0.04, white=0.05, memory_s=1800, busy_share=0.75),
            "error_pct": Shape(0.12, 0.1, drift=0.25, white=0.35, memory_s=3600),
            "active_users": Shape(4, 800, drift=0.03, white=0.02, memory_s=3600, busy_share=0.75),
        },
        (_ROTATION,),
    ),
    "api": Profile(
        {
            "cpu_pct": Shape(6, 44, 1.1, drift=0.06, white=0.08, memory_s=1800),
            "memory_pct": Shape(52, 7, drift=0.015, white=0.004, memory_s=14400),
            **_network(1_600_000, 2_400_000),
            "response_ms": Shape(24, 16, 3.0, drift=0.05, white=0.08, memory_s=1800),
            "throughput_rps": Shape(1, 400, drift=0.04, white=0.05, memory_s=1800, busy_share=0.75),
            "error_pct": Shape(0.08, 0.08, drift=0.25, white=0.35, memory_s=3600),
        },
        (_ROTATION,),
        cores=8,
    ),
    "db": Profile(
        {
            "cpu_pct": Shape(7, 32, 1.2, drift=0.06, white=0.09, memory_s=1800),
            "memory_pct": Shape(71, 4, drift=0.008, white=0.002, memory_s=21600),
            **_network(1_900_000, 4_100_000),
            "response_ms": Shape(2.6, 2.4, 3.0, drift=0.06, white=0.1, memory_s=1800),
            "throughput_rps": Shape(8, 1200, drift=0.04, white=0.05, memory_s=1800, busy_share=0.75),
            "db_connections": Shape(14, 78, 0.8, drift=0.04, white=0.03, memory_s=3600, busy_share=0.4),
            "cache_hit_pct": Shape(1.1, 0.5, drift=0.08, white=0.1, memory_s=7200, is_rest=True),
        },
        (_BACKUP,),
        cores=8,
        disk=(58.0, 0.8, 0.09),
    ),
    "cache": Profile(
        {
            "cpu_pct": Shape(3, 14, drift=0.06, white=0.08, memory_s=1800),
            "memory_pct": Shape(63, 5, drift=0.01, white=0.003, memory_s=21600),
            **_network(3_000_000, 7_800_000),
            "response_ms": Shape(0.4, 0.3, 2.0, drift=0.04, white=0.06, memory_s=1800),
            "throughput_rps": Shape(10, 2200, drift=0.04, white=0.05, memory_s=1800, busy_share=0.75),
            "cache_hit_pct": Shape(5.5, 1.5, drift=0.08, white=0.08, memory_s=7200, is_rest=True),
        },
        cores=2,
        disk=(22.0, 0.3, 0.01),
    ),
    "worker": Profile(
        {
            "cpu_pct": Shape(8, 18, drift=0.1, white=0.12, memory_s=3600),
            "memory_pct": Shape(44, 6, drift=0.03, white=0.008, memory_s=7200),
            **_network(700_000, 500_000),
            "throughput_rps": Shape(1, 20, drift=0.1, white=0.1, memory_s=3600, busy_share=0.75),
            "error_pct": Shape(0.3, 0.1, drift=0.25, white=0.35, memory_s=3600),
        },
        (_BATCH, _REPORTS),
    ),
    "host": Profile(
        {
            "cpu_pct": Shape(4, 12, drift=0.1, white=0.12, memory_s=3600),
            "memory_pct": Shape(38, 3, drift=0.02, white=0.005, memory_s=14400),
            **_network(120_000, 160_000),
        },
        (_ROTATION,),
        cores=2,
    ),
}


def metrics_of(kind: str) -> tuple[str, ...]:
    """What a server of a kind measures; a kind nobody described is a plain host."""
    return _profile(kind).metrics


def healthy(server: ServerTemplate, seed: int, at_s: Instants) -> dict[str, Floats]:
    """The values of every metric of a healthy server at some instants, in each metric's unit, not yet rounded.

    Args:
        server: its template; what its capacity says is what its busiest hour brings.
        seed: another seed is another fleet of the same kind.
        at_s: whole seconds since the epoch, in any order.
    """
    profile = _profile(server.kind)
    asked = np.asarray(at_s, dtype=np.int64)
    demand = _demand(server, seed, asked)
    found = {name: _shaped(server, seed, name, shape, demand, asked) for name, shape in profile.shapes.items()}
    for number, job in enumerate(profile.jobs):
        running = _running(job, f"{seed}/{server.server_id}/job {number}", asked)
        for name, adds in job.adds.items():
            found[name] = found[name] + running * adds * _unit(profile, name)
    found["disk_pct"] = _disk(profile, server, seed, asked)
    found["load_1m"] = _load(profile, server, seed, found["cpu_pct"], asked)
    return found


def _profile(kind: str) -> Profile:
    return PROFILES.get(kind, PROFILES["host"])


def _demand(server: ServerTemplate, seed: int, at_s: Instants) -> Floats:
    """Requests as a share of the busiest hour's: the fleet's, times what this server gets of it."""
    hours = np.interp(at_s % DAY_S / 3600.0, np.arange(25), [*_BY_HOUR, _BY_HOUR[0]])
    # Each weekday's factor holds at its noon and passes into the next one's, so that midnight is no step.
    noons = at_s / DAY_S - 0.5 + _FIRST_WEEKDAY
    weekdays = np.interp(noons % 7, np.arange(8), [*_BY_WEEKDAY, _BY_WEEKDAY[0]])
    everybody = 0.06 * chance.slow(f"{seed}/demand", at_s, 21_600)
    here = 0.03 * chance.slow(f"{seed}/{server.server_id}/demand", at_s, 3600)
    return np.asarray(hours * weekdays * np.exp(everybody + here))


def _shaped(server: ServerTemplate, seed: int, name: str, shape: Shape, demand: Floats, at_s: Instants) -> Floats:
    key = f"{seed}/{server.server_id}/{name}"
    limit = server.capacity.get(name) if shape.busy_share else None
    scale = 1.0 if limit is None else float(limit) * (shape.busy_share or 0.0) / shape.gain
    noise = shape.drift * chance.slow(f"{key}/drift", at_s, shape.memory_s) + shape.white * chance.fast(key, at_s)
    # A bound, as the exponential of a heavy tail has no mean: three times the usual is as far as a healthy value goes.
    values = scale * (shape.base + shape.gain * demand**shape.power) * np.exp(np.clip(noise, -1.1, 1.1))
    return np.asarray(100.0 - values if shape.is_rest else values)


def _unit(profile: Profile, name: str) -> float:
    return profile.shapes[name].gain if name.startswith("network_") else 1.0


def _running(job: Job, key: str, at_s: Instants) -> Floats:
    """How much of a job runs at each instant, 0 to 1: it starts a little early or late and takes a little longer."""
    cells, seconds = at_s // job.every_s, at_s % job.every_s
    starts = cells * job.every_s
    late_s = 60.0 * chance.even(f"{key}/late", starts, job.every_s)
    lasts_s = job.lasts_s * (0.9 + 0.2 * chance.even(f"{key}/lasts", starts, job.every_s))
    since_s = seconds - job.at_s - late_s
    return np.asarray((since_s >= 0) & (since_s < lasts_s), dtype=np.float64)


def _disk(profile: Profile, server: ServerTemplate, seed: int, at_s: Instants) -> Floats:
    """Fills through the day, is cleaned at 03:30, grows a little every day, and is purged every 90 days."""
    used, daily, growth = profile.disk
    key = f"{seed}/{server.server_id}/disk_pct"
    since_cleaning = ((at_s - 12_600) % DAY_S) / DAY_S
    since_purge = (at_s / DAY_S + 90.0 * chance.constant(key)) % 90.0
    wobble = 0.03 * chance.slow(key, at_s, 7200)
    return np.asarray(used + daily * since_cleaning + growth * since_purge + wobble)


def _load(profile: Profile, server: ServerTemplate, seed: int, cpu_pct: Floats, at_s: Instants) -> Floats:
    cores = float(server.capacity.get("cpu_cores", profile.cores))
    key = f"{seed}/{server.server_id}/load_1m"
    noise = 0.08 * chance.slow(key, at_s, 900) + 0.12 * chance.fast(key, at_s)
    return np.asarray((0.05 + cores * np.clip(cpu_pct, 0, 100) / 100.0 * 1.1) * np.exp(np.clip(noise, -1.1, 1.1)))
