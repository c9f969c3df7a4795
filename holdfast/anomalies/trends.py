"""Trends: a disk, memory or connection count that rises for hours, and when it will be full.

The slope is the median of the rises between slots three hours apart, so that neither a spike nor a gap turns it.
Source: Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950, the incomplete method.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.anomalies.findings import CRITICAL, WARNING, Finding
from holdfast.anomalies.grid import Floats, Grid
from holdfast.anomalies.rules import CRITICAL_RULE_SCORE, RULE_SCORE
from holdfast.anomalies.wording import HOUR_S, lasting, shown, usual, words
from holdfast.baselines import SLOT_S

LEAK: Final = "leak"
DISK_FULL: Final = "disk_full"

WINDOW_S: Final = 6 * HOUR_S
_HALF: Final = WINDOW_S // SLOT_S // 2
# Of 36 pairs of slots three hours apart, at most one may not rise: a random walk does that in one window of thousands.
RISING: Final = 0.95
# With a third of the pairs missing a trend is not told.
KNOWN: Final = 0.66
# A rise in six hours that is worth a word: in percent of the ceiling, and in steps between slots.
RISE: Final = 0.01
RISE_STEPS: Final = 6
# The newer half of the window rises at least half as fast: a step up is no trend.
GOES_ON: Final = 0.5
# This share of the rise must be beyond the usual one (the nightly backup, the morning's load).
BEYOND_USUAL: Final = 0.7


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Until when a rise is worth waking somebody.

    Attributes:
        rule: name of the rule.
        warning_s: time left from which on it is a warning.
        critical_s: time left from which on it is critical.
    """

    rule: str
    warning_s: int
    critical_s: int


# A disk does not empty itself, and making room takes a day's work; memory comes back with a restart.
CEILINGS: Final[Mapping[str, Ceiling]] = {
    "disk_pct": Ceiling(DISK_FULL, 48 * HOUR_S, 6 * HOUR_S),
    "memory_pct": Ceiling(LEAK, 24 * HOUR_S, 2 * HOUR_S),
    "db_connections": Ceiling(LEAK, 24 * HOUR_S, 2 * HOUR_S),
}


def rises(grid: Grid, capacities: Mapping[str, Mapping[str, float]]) -> Iterator[Finding]:
    """Trends of the judged slots that lead to a ceiling.

    Args:
        grid: the slots.
        capacities: per server what a metric may reach, where it is not a percentage; a metric without a ceiling is
            never full and never found.
    """
    for row, (server, metric) in enumerate(grid.keys):
        full = 100.0 if metric.endswith("_pct") else capacities.get(server, {}).get(metric, np.nan)
        if metric in CEILINGS and np.isfinite(full):
            yield from _rises(grid, row, float(full), CEILINGS[metric])


def _rises(grid: Grid, row: int, full: float, ceiling: Ceiling) -> Iterator[Finding]:
    begin = grid.first - 2 * _HALF + 1
    values = grid.values[row, begin:]
    slope, rising = _slope(values, _HALF)
    newer = _slope(values[_HALF:], _HALF // 2)[0]
    left_s = np.maximum(full - grid.judged[row], 0) / np.maximum(slope, 1e-12)
    rise, step = slope * WINDOW_S, _step(values)
    is_found = (
        (rising >= RISING)
        & (newer >= GOES_ON * slope)
        & (rise >= np.maximum(RISE * full, RISE_STEPS * step))
        & (left_s <= _horizon_s(grid, row, ceiling))
        & _is_unusual(grid, row, begin, slope)
    )
    for column in np.flatnonzero(is_found).tolist():
        yield _finding(grid, row, column, ceiling, float(slope[column]), float(left_s[column]))


def _horizon_s(grid: Grid, row: int, ceiling: Ceiling) -> int:
    """Nobody knows yet whether a learning series rises like this every day: only what is urgent counts."""
    baseline = grid.baselines[row]
    return ceiling.critical_s if baseline is None or baseline.is_learning else ceiling.warning_s


def _slope(values: Floats, half: int) -> tuple[Floats, Floats]:
    """Per window of twice ``half`` slots its slope, in units per second, and the share of its pairs that rise.

    NaN where there are too many gaps.
    """
    pairs = values[half:] - values[:-half]
    windows = np.lib.stride_tricks.sliding_window_view(pairs, half)
    known = np.isfinite(windows).sum(axis=1)
    is_enough = known >= KNOWN * half
    slope, rising = np.full(len(windows), np.nan), np.full(len(windows), np.nan)
    if is_enough.any():
        slope[is_enough] = np.nanmedian(windows[is_enough], axis=1) / (half * SLOT_S)
        rising[is_enough] = (windows[is_enough] > 0).sum(axis=1) / known[is_enough]
    return slope, rising


def _step(values: Floats) -> Floats:
    """Per window, the median size of a step from slot to slot: how restless the series is."""
    steps = np.abs(np.diff(values))
    windows = np.lib.stride_tricks.sliding_window_view(steps, 2 * _HALF - 1)
    known = np.isfinite(windows).any(axis=1)
    found = np.full(len(windows), np.nan)
    found[known] = np.nanmedian(windows[known], axis=1)
    return found


def _is_unusual(grid: Grid, row: int, begin: int, slope: Floats) -> npt.NDArray[np.bool_]:
    """Whether most of the rise is beyond the usual one at this time of the day, and has left the expected band.

    What is still learning is unusual only if it rises.
    """
    baseline = grid.baselines[row]
    if baseline is None or baseline.is_learning:
        return np.isfinite(slope)
    profile = baseline.profile()
    at_s = grid.from_s + np.arange(begin, grid.columns) * SLOT_S
    expected = profile.centre[at_s % 86_400 // profile.slot_s]
    usual_rise = _slope(expected, _HALF)[0]
    return np.asarray((slope - usual_rise >= BEYOND_USUAL * slope) & (grid.judged[row] > grid.high[row]))


def _finding(grid: Grid, row: int, column: int, ceiling: Ceiling, slope: float, left_s: float) -> Finding:
    metric, is_critical = grid.keys[row][1], left_s <= ceiling.critical_s
    per_hour = shown(metric, slope * HOUR_S)
    band = (float(grid.centre[row, column]), float(grid.low[row, column]), float(grid.high[row, column]))
    observed = float(grid.judged[row, column])
    known = "" if np.isnan(band[0]) else f", usual at this time {usual(metric, *band, like=observed)}"
    return grid.finding(
        row,
        column,
        rule=ceiling.rule,
        severity=CRITICAL if is_critical else WARNING,
        score=CRITICAL_RULE_SCORE if is_critical else RULE_SCORE,
        sentence=f"{words(metric)} {shown(metric, observed)} and rising by {per_hour} an hour: "
        f"full in {lasting(left_s)} at this rate{known}",
    )
