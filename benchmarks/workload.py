"""What is stored: 100 servers, 8 metrics, a sample every 30 s, 7 days: 16.1 million samples in codes.

Two sources. Generated (the default, seeded, runs from a clone): every series is

    level x steps x (1 + daily x sine of the day + noise x AR(1)) + bursts

with a level drawn log-uniformly per server, steps that change it a few times a week, an AR(1) process of unit
variance and correlation ``memory`` from cycle to cycle, bursts that start at random and decay by a tenth per cycle,
and plateaus (a share of slots repeats the value before); ``SHAPES`` has the numbers. Real (``--nab FOLDER``): the
series of the Numenta Anomaly Benchmark (``points.parquet``: series_id, seq, ts, value), cloud monitoring for the most
part, one per server and metric with a random offset, wrapped. Those were sampled every 5 min, so that neighbours
differ more than values 30 s apart would: a pessimistic source.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.metrics.catalog import BY_NAME, CODE_LIMIT
from holdfast.metrics.cycles import Reading

EVERY_S: Final = 30
SLOTS: Final = 86_400 // EVERY_S
SEED: Final = 20_261_120
FIRST: Final = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday: the week is one partition of chunks

Codes = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a generated metric behaves; shares and sizes are relative to its level.

    Attributes:
        lowest: smallest level.
        highest: largest level.
        daily: amplitude of the day.
        noise: standard deviation of the AR(1) process.
        memory: its correlation from cycle to cycle.
        bursts: bursts per day.
        burst: mean height of a burst.
        steps: changes of level per day.
        held: share of slots that repeat the value before.
    """

    lowest: float
    highest: float
    daily: float
    noise: float
    memory: float
    bursts: float
    burst: float
    steps: float
    held: float


SHAPES: Final[Mapping[str, Shape]] = {
    "cpu_pct": Shape(2, 45, daily=0.3, noise=0.15, memory=0.7, bursts=12, burst=1.0, steps=0.3, held=0.05),
    "memory_pct": Shape(20, 75, daily=0.05, noise=0.01, memory=0.98, bursts=1, burst=0.05, steps=0.5, held=0.2),
    "disk_pct": Shape(15, 85, daily=0.002, noise=0.001, memory=0.999, bursts=1, burst=0.01, steps=0.5, held=0.8),
    "network_in_bytes_s": Shape(5e3, 5e6, daily=0.4, noise=0.3, memory=0.5, bursts=20, burst=3.0, steps=0.2, held=0.0),
    "network_out_bytes_s": Shape(5e3, 5e6, daily=0.4, noise=0.3, memory=0.5, bursts=20, burst=3.0, steps=0.2, held=0.0),
    "response_ms": Shape(8, 250, daily=0.1, noise=0.1, memory=0.6, bursts=10, burst=1.5, steps=0.3, held=0.0),
    "throughput_rps": Shape(2, 200, daily=0.5, noise=0.1, memory=0.6, bursts=5, burst=0.5, steps=0.2, held=0.0),
    "active_users": Shape(20, 3000, daily=0.6, noise=0.03, memory=0.95, bursts=1, burst=0.3, steps=0.1, held=0.1),
}

# Parts of the names of NAB's series whose kind of value a metric has; the other series in the folder are not used.
_NAB_KINDS: Final[Mapping[str, Sequence[str]]] = {
    "cpu_pct": ("cpu_utilization",),
    "memory_pct": ("cpu_utilization", "temperature", "grok_asg"),
    "disk_pct": ("cpu_utilization", "temperature"),
    "network_in_bytes_s": ("network_in", "NetworkIn", "disk_write_bytes"),
    "network_out_bytes_s": ("network_in", "NetworkIn", "disk_write_bytes"),
    "response_ms": ("latency",),
    "throughput_rps": ("elb_request_count",),
    "active_users": ("nyc_taxi", "elb_request_count", "rogue_agent"),
}
_NAB_PERIOD_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Workload:
    """The samples.

    Attributes:
        source: where the values come from, for a title.
        servers: names.
        days: UTC days.
        codes: per metric one row per server and one column per cycle.
    """

    source: str
    servers: tuple[str, ...]
    days: tuple[date, ...]
    codes: Mapping[str, Codes]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return sum(codes.size for codes in self.codes.values())

    def __str__(self) -> str:
        parts = f"{len(self.servers)} servers x {len(self.codes)} metrics x {EVERY_S} s x {len(self.days)} days"
        return f"{parts} = {self.samples / 1e6:.1f} M samples, {self.source}"

    def instants_s(self, day: date) -> range:
        """Epoch seconds of the cycles of a day."""
        midnight_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        return range(midnight_s, midnight_s + 86_400, EVERY_S)

    def of_day(self, day: date) -> dict[str, Codes]:
        """The codes of one day."""
        start = self.days.index(day) * SLOTS
        return {metric: codes[:, start : start + SLOTS] for metric, codes in self.codes.items()}

    def values(self, metric: str, codes: Codes) -> Values:
        """Codes in the metric's unit."""
        known = BY_NAME[metric]
        return codes * float(known.units_per_quantum) / known.per_unit

    def readings(self, day: date, servers: range) -> Iterator[Reading]:
        """The samples of one day and some servers, as a collector reads them: cycle by cycle."""
        lists = {metric: codes[servers.start : servers.stop].T.tolist() for metric, codes in self.of_day(day).items()}
        for slot, at_s in enumerate(self.instants_s(day)):
            for number, server in enumerate(self.servers[servers.start : servers.stop]):
                yield Reading(server, at_s, {metric: lists[metric][slot][number] for metric in lists})


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let the user choose the source and the seed."""
    parser.add_argument("--nab", type=Path, help="folder with NAB's points.parquet: real values, not generated ones")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser


def asked_for(asked: argparse.Namespace) -> Workload:
    """The samples the options ask for."""
    servers, days = (10, 2) if asked.quick else (100, 7)
    if asked.nab:
        return real(asked.nab, servers, days, asked.seed)
    return generated(servers, days, asked.seed)


def generated(servers: int, days: int, seed: int) -> Workload:
    """Made samples."""
    rng = np.random.default_rng(seed)
    return _workload(
        f"generated, seed {seed}",
        days,
        {metric: _series(shape, servers, days * SLOTS, rng) for metric, shape in SHAPES.items()},
    )


def real(folder: Path, servers: int, days: int, seed: int) -> Workload:
    """Samples of NAB: CloudWatch's bytes and requests are counted per period of 5 min, so rates are a 300th of them."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    points = pd.read_parquet(folder / "points.parquet").sort_values(["series_id", "seq"])
    series = {str(name): values.to_numpy() for name, values in points.groupby("series_id")["value"]}
    codes: dict[str, Values] = {}
    for metric, parts in _NAB_KINDS.items():
        usable = [values for name, values in series.items() if any(part in name for part in parts)]
        rows = []
        for number in range(servers):
            values = usable[number % len(usable)]
            rows.append(np.take(values, np.arange(days * SLOTS) + rng.integers(len(values)), mode="wrap"))
        codes[metric] = np.array(rows) / (_NAB_PERIOD_S if metric.endswith(("_s", "_rps")) else 1.0)
    return _workload(f"real values (NAB), seed {seed}", days, codes)


def _workload(source: str, days: int, values: Mapping[str, Values]) -> Workload:
    servers = len(next(iter(values.values())))
    return Workload(
        source,
        tuple(f"server-{number:03}" for number in range(servers)),
        tuple((FIRST + timedelta(days=day)).date() for day in range(days)),
        {metric: _quantised(metric, found) for metric, found in values.items()},
    )


def _quantised(metric: str, values: Values) -> Codes:
    known = BY_NAME[metric]
    most = 100.0 if metric.endswith("_pct") else known.value(CODE_LIMIT)
    clipped = np.clip(np.nan_to_num(values), 0, most)
    return np.rint(clipped * known.per_unit / known.units_per_quantum).astype(np.int64)


def _series(shape: Shape, servers: int, slots: int, rng: np.random.Generator) -> Values:
    size = (servers, slots)
    level = np.exp(rng.uniform(np.log(shape.lowest), np.log(shape.highest), (servers, 1)))
    changes = np.where(rng.random(size) < shape.steps / SLOTS, rng.normal(0, 0.15, size), 0.0)
    day = np.sin(2 * np.pi * (np.arange(slots) / SLOTS + rng.normal(0, 0.05, (servers, 1))))
    shocks = rng.normal(0, np.sqrt(1 - shape.memory**2), size)
    starts = np.where(rng.random(size) < shape.bursts / SLOTS, rng.exponential(shape.burst, size), 0.0)
    noise = _filtered(shocks, shape.memory)
    relative = np.exp(changes.cumsum(axis=1)) * (1 + shape.daily * day + shape.noise * noise) + _filtered(starts, 0.9)
    return _held(level * relative, rng.random(size) < shape.held)


def _filtered(shocks: Values, memory: float) -> Values:
    found = np.empty_like(shocks)
    last = np.zeros(len(shocks))
    for slot in range(shocks.shape[1]):
        last = memory * last + shocks[:, slot]
        found[:, slot] = last
    return found


def _held(values: Values, is_held: npt.NDArray[np.bool_]) -> Values:
    slots = np.arange(values.shape[1])
    newest = np.maximum.accumulate(np.where(is_held, 0, slots), axis=1)
    return np.take_along_axis(values, newest, axis=1)
