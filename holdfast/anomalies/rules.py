"""Rules for what statistics cannot see: a value that no longer moves, is zero, or is at its ceiling.

Every rule reads a judged grid and gives its findings. A slot without a value (NaN, a gap) is never found: silence is
for ``holdfast.anomalies.silence``. All look only at the slot itself and at slots before it.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.anomalies.findings import CRITICAL, WARNING, Finding, explain
from holdfast.anomalies.grid import Floats, Grid
from holdfast.anomalies.scales import SCALES, WEAK_DEPTH, score_of
from holdfast.anomalies.wording import lasting, shown, words
from holdfast.baselines import DAYS, NEEDED_S, SLOT_S, Baseline
from holdfast.metrics.catalog import BY_NAME

FLAT_LINE: Final = "flat_line"
HARD_ZERO: Final = "hard_zero"
SATURATION: Final = "saturation"
STATISTICS: Final = "statistics"

# Nine slots: a median that is the same to the last digit for 45 min is no chance in a series that moves.
FLAT_S: Final = 45 * 60
# A series that stood still for an hour once will do so again, and a little longer; three times that it will not.
FLAT_TIMES: Final = 3
# With a week or less learned, the longest stretch that is usual has hardly been seen.
FLAT_TIMES_EARLY: Final = 6
WEEK_S: Final = 7 * 86_400
# Half of one per cent is 3 h in 28 days: an outage that was learned does not make zero usual.
ZERO_SHARE: Final = 0.005
# A series that is usually within a few steps of zero may well be zero.
ZERO_QUANTA: Final = 5
# Zero errors are good news.
ZERO_IS_GOOD: Final = frozenset({"error_pct"})
SATURATED_PCT: Final = 95.0
# One in 200 slots is 7 min a day: what is at its ceiling more often is so by nature (a nightly batch, a build server).
SATURATED_DEPTH: Final = 2.3
UNLEARNED_SLOTS: Final = 12
# A ceiling in percent that hurts when it is reached. Cache hits are best there, errors are judged by statistics.
CEILINGS: Final = frozenset({"cpu_pct", "memory_pct", "disk_pct"})
# As rare as tails can tell after a week, of what users feel at once, and to the worse. That much traffic, or an emptier
# disk, is as rare and no reason to wake anybody.
CRITICAL_DEPTH: Final = 6.0
FELT: Final = frozenset({"error_pct", "response_ms"})

RULE_SCORE: Final = 0.7
CRITICAL_RULE_SCORE: Final = 0.9


def out_of_the_ordinary(grid: Grid) -> Iterator[Finding]:
    """Slots that the baseline calls unusual; those below ``PAGES_ALONE`` count only in company."""
    for row, column in np.argwhere(grid.depth >= WEAK_DEPTH).tolist():
        depth = float(grid.depth[row, column])
        yield grid.finding(
            row,
            column,
            rule=STATISTICS,
            severity=CRITICAL if depth >= CRITICAL_DEPTH and _is_felt(grid, row, column) else WARNING,
            score=score_of(depth),
            sentence=_usually(grid, row, column, SCALES[int(grid.leading[row, column])], depth),
        )


def flat_lines(grid: Grid) -> Iterator[Finding]:
    """Values equal to the last digit for far longer than ever learned.

    A series that was learned to be constant never alerts, nor does one whose usual stretches are longer than a third
    of what is looked back on. A gap neither ends nor lengthens a stretch.
    """
    longest_s = grid.learned("longest_constant_s", np.inf)
    times = np.where(grid.learned("learned_s", 0) < WEEK_S, FLAT_TIMES_EARLY, FLAT_TIMES)
    needed_s = np.maximum(FLAT_S, times * longest_s)
    equal_s = _equal_slots(grid.values)[:, grid.first :] * SLOT_S
    found = np.isfinite(grid.judged) & (equal_s >= needed_s)
    for row, column in np.argwhere(found).tolist():
        metric = grid.keys[row][1]
        before = f", never longer than {lasting(longest_s[row, 0])} before" if longest_s[row, 0] else ""
        yield grid.finding(
            row,
            column,
            rule=FLAT_LINE,
            severity=WARNING,
            score=RULE_SCORE,
            sentence=f"{words(metric)} stuck at {shown(metric, grid.judged[row, column])} for "
            f"{lasting(equal_s[row, column])}{before}",
        )


def hard_zeros(grid: Grid) -> Iterator[Finding]:
    """Exactly zero where zero was practically never seen; critical from the second slot in a row on."""
    quanta = np.array([_quantum(metric) for _, metric in grid.keys]).reshape(-1, 1)
    can_alert = np.array([metric not in ZERO_IS_GOOD for _, metric in grid.keys]).reshape(-1, 1)
    usual = can_alert & (grid.learned("zero_share", 1.0) < ZERO_SHARE) & (grid.centre >= ZERO_QUANTA * quanta)
    before = grid.values[:, grid.first - 1 : -1]
    for row, column in np.argwhere((grid.judged == 0) & usual).tolist():
        is_second = before[row, column] == 0
        yield grid.finding(
            row,
            column,
            rule=HARD_ZERO,
            severity=CRITICAL if is_second else WARNING,
            score=CRITICAL_RULE_SCORE if is_second else RULE_SCORE,
            sentence=f"{words(grid.keys[row][1])} is exactly 0, {_usual_part(grid, row, column)}",
        )


def saturations(grid: Grid) -> Iterator[Finding]:
    """At least 95 % for a whole slot of 5 min on something that has a ceiling, where that is not usual.

    Of a series without a baseline, what it did in the slots looked back on counts as usual.
    """
    has_ceiling = np.array([metric in CEILINGS for _, metric in grid.keys]).reshape(-1, 1)
    by_baseline = (grid.level_depth >= SATURATED_DEPTH) & ~(grid.high >= SATURATED_PCT)
    unusual = np.where(np.isnan(grid.level_depth), _seldom_saturated(grid), by_baseline)
    for row, column in np.argwhere(has_ceiling & (grid.judged >= SATURATED_PCT) & unusual).tolist():
        yield grid.finding(
            row,
            column,
            rule=SATURATION,
            severity=CRITICAL,
            score=CRITICAL_RULE_SCORE,
            sentence=_usually(grid, row, column, depth=_known(grid.level_depth[row, column]))
            + f": at its ceiling for {SLOT_S // 60} min or more",
        )


def _is_felt(grid: Grid, row: int, column: int) -> bool:
    return grid.keys[row][1] in FELT and bool(grid.judged[row, column] > grid.high[row, column])


def _seldom_saturated(grid: Grid) -> npt.NDArray[np.bool_]:
    """Whether a series was below its ceiling in most of what is looked back on, of which an hour is known."""
    before = grid.values[:, : grid.first]
    known, low = np.isfinite(before).sum(axis=1), (before < SATURATED_PCT).sum(axis=1)
    seldom = (known >= UNLEARNED_SLOTS) & (low > known / 2)
    return np.repeat(seldom.reshape(-1, 1), grid.columns - grid.first, axis=1)


def _equal_slots(values: Floats) -> Floats:
    """Per slot, how many slots in a row (this one included, gaps left out) hold the same value."""
    last = np.full(len(values), np.nan)
    run = np.zeros(len(values))
    found = np.zeros_like(values)
    for column in range(values.shape[1]):
        now = values[:, column]
        known = np.isfinite(now)
        run = np.where(known, np.where(now == last, run + 1, 1), run)
        last = np.where(known, now, last)
        found[:, column] = run
    return found


def _usually(grid: Grid, row: int, column: int, scale: str = "slot", depth: float = 0.0) -> str:
    baseline = grid.baselines[row]
    return explain(
        grid.keys[row][1],
        float(grid.judged[row, column]),
        (float(grid.centre[row, column]), float(grid.low[row, column]), float(grid.high[row, column])),
        scale=scale,
        rank=_rank(baseline, depth),
        learned_s=min(baseline.learned_s if baseline else NEEDED_S, DAYS * 86_400),
    )


def _rank(baseline: Baseline | None, depth: float) -> float:
    """The share of what was learned that is less unusual: never more than was learned can tell; NaN where unknown."""
    if baseline is None or not depth:
        return float("nan")
    most: float = 1 - 1 / max(baseline.sample_count, 1)
    return min(1 - float(10.0**-depth), most)


def _known(depth: float) -> float:
    return 0.0 if np.isnan(depth) else float(depth)


def _usual_part(grid: Grid, row: int, column: int) -> str:
    return _usually(grid, row, column).split(", ", 1)[1]


def _quantum(metric: str) -> float:
    known = BY_NAME.get(metric)
    return known.value(1) if known else 0.0
