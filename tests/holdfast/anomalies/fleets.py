"""Small fleets for the tests of rules and incidents: a week of usual days, learned, and a day to judge."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from holdfast.anomalies.findings import WARNING, Finding, Severity
from holdfast.anomalies.grid import Grid, grid_of
from holdfast.baselines import BLOCK_S, LOOKBACK_S, SLOT_S, Baseline, Memory, baseline_of, learn

Floats = npt.NDArray[np.float64]
Series = tuple[npt.NDArray[np.int64], Floats]

MONDAY_S = 1_767_571_200
DAY_S = 86_400
DAY_SLOTS = DAY_S // SLOT_S
LEARNED_DAYS = 8
LIVE_S = MONDAY_S + LEARNED_DAYS * DAY_S
HOUR = 3600 // SLOT_S


def slots(days: int, first_s: int = MONDAY_S) -> npt.NDArray[np.int64]:
    return first_s + np.arange(days * DAY_SLOTS, dtype=np.int64) * SLOT_S


def usual(metric: str = "cpu_pct", days: int = LEARNED_DAYS + 1, seed: int = 7) -> Floats:
    """A wave over the day with noise, to the catalogue's hundredths; a disk fills a little and is emptied at night."""
    rng = np.random.default_rng([seed, *metric.encode()])
    of_day = np.tile(np.arange(DAY_SLOTS) / DAY_SLOTS, days)
    if metric == "disk_pct":
        return np.round(40 + 4 * of_day + 0.05 * rng.standard_normal(len(of_day)), 2)
    level = 45 if metric == "memory_pct" else 30
    return np.round(np.clip(level + 10 * np.sin(2 * np.pi * of_day) + rng.standard_normal(len(of_day)), 0, 100), 2)


def learned(values: Floats) -> Baseline:
    """The baseline of the first days of a series."""
    return baseline_of(remembered(values))


def remembered(values: Floats) -> Memory:
    """The memory of the first days of a series, folded block by block."""
    return _remembered(tuple(values[: LEARNED_DAYS * DAY_SLOTS].tolist()))


@cache
def _remembered(values: tuple[float, ...]) -> Memory:
    at_s, found = slots(len(values) // DAY_SLOTS), np.array(values)
    memory = Memory.empty()
    for block_s in range(MONDAY_S, MONDAY_S + len(values) * SLOT_S, BLOCK_S):
        begin, first, end = np.searchsorted(at_s, [block_s - LOOKBACK_S, block_s, block_s + BLOCK_S])
        known = np.isfinite(found[begin:end])
        context = int(known[: first - begin].sum())
        memory = learn(memory, baseline_of(memory), at_s[begin:end][known], found[begin:end][known], context)
    return memory


def grid(series: Mapping[tuple[str, str], Floats], *, with_baselines: bool = True, last_days: int = 1) -> Grid:
    """Learn the first days of each series and lay out the rest: the live day."""
    held = {key: (slots(len(values) // DAY_SLOTS), values) for key, values in series.items()}
    baselines = {key: learned(values) for key, values in series.items()} if with_baselines else {}
    return grid_of(held, baselines, from_s=LIVE_S, until_s=LIVE_S + last_days * DAY_S)


def live(values: Floats, hour: float, *new: float) -> Floats:
    """The series with other values from an hour of the live day on."""
    begin = LEARNED_DAYS * DAY_SLOTS + int(hour * HOUR)
    found = values.copy()
    found[begin : begin + len(new)] = new
    return found


def finding(
    server_id: str = "web1",
    at: int = 0,
    *,
    metric: str = "cpu_pct",
    score: float = 0.6,
    severity: Severity = WARNING,
    rule: str = "statistics",
) -> Finding:
    """A finding in slot number ``at`` of the live day."""
    sentence = f"{metric} of {server_id} in slot {at}"
    return Finding(server_id, metric, LIVE_S + at * SLOT_S, rule, severity, score, 90.0, 30.0, 20.0, 40.0, sentence)
