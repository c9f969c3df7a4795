"""The fleet's slots side by side: one row per series, one column per slot, judged by the baselines in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.anomalies import scales
from holdfast.anomalies.findings import Finding, Severity
from holdfast.anomalies.judging import RESIDUALS, judge
from holdfast.anomalies.wording import DAY_S
from holdfast.baselines import LOOKBACK_S as JUDGE_LOOKBACK_S
from holdfast.baselines import SLOT_S, Baseline

# The rules look back this far: a trend needs hours, and a series that was constant for hours must show for how long.
LOOKBACK_S: Final = 12 * 3600
# Slots before the first judged one that tell whether a deviation lasts, and whether it is of any size.
_BEFORE: Final = 2

Key = tuple[str, str]
Floats = npt.NDArray[np.float64]
Slots = Mapping[Key, tuple[npt.NDArray[np.int64], Floats]]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Slots of a fleet, judged.

    Attributes:
        keys: server and metric of each row, sorted.
        from_s: start of column 0, seconds since the epoch.
        first: the first judged column; those before are looked back on.
        values: (series, slots), NaN where there is none.
        baselines: per row what is in force; None where nothing was ever learned.
        depth: (series, judged slots), as are the following: -log10 of how rare the rarest scale is, 0 where nothing
            is known, where too little was learned, and where the deviation is too small for anybody to act.
        leading: which scale that is, by its place in ``scales.SCALES``.
        level_depth: -log10 of how rare the value is at any time of the day; NaN where too little was learned.
        centre: the usual value, NaN where unknown.
        low: lower end of the expected band.
        high: upper end of the expected band.
    """

    keys: tuple[Key, ...]
    from_s: int
    first: int
    values: Floats
    baselines: Sequence[Baseline | None]
    depth: Floats
    leading: Floats
    level_depth: Floats
    centre: Floats
    low: Floats
    high: Floats

    @property
    def columns(self) -> int:
        """Slots in all."""
        return int(self.values.shape[1])

    @property
    def judged(self) -> Floats:
        """The values of the judged slots: (series, judged slots)."""
        return self.values[:, self.first :]

    def at_s(self, judged_column: int) -> int:
        """Start of a judged slot, seconds since the epoch."""
        return self.from_s + (self.first + judged_column) * SLOT_S

    def learned(self, name: str, otherwise: float) -> Floats:
        """One field of every row's baseline as a column, ``otherwise`` where nothing was learned yet."""
        found = [otherwise if one is None or one.is_learning else float(getattr(one, name)) for one in self.baselines]
        return np.array(found, np.float64).reshape(-1, 1)

    def finding(self, row: int, column: int, *, rule: str, severity: Severity, score: float, sentence: str) -> Finding:
        """A finding about a judged slot."""
        server_id, metric = self.keys[row]
        return Finding(
            server_id=server_id,
            metric=metric,
            at_s=self.at_s(column),
            rule=rule,
            severity=severity,
            score=score,
            observed=float(self.judged[row, column]),
            expected=float(self.centre[row, column]),
            expected_low=float(self.low[row, column]),
            expected_high=float(self.high[row, column]),
            sentence=sentence,
        )


def grid_of(slots: Slots, baselines: Mapping[Key, Baseline], *, from_s: int, until_s: int) -> Grid:
    """Lay out and judge the slots that start in [from_s, until_s).

    Args:
        slots: by series, the slot starts and the values; those up to ``LOOKBACK_S`` before ``from_s`` are looked back
            on, others are left out. A slot start that is no whole slot is taken to be in the slot it falls into.
        baselines: by series, what is in force.
        from_s: first judged slot, a whole slot.
        until_s: end of the last, a whole slot.
    """
    start_s, keys = from_s - LOOKBACK_S, tuple(sorted(slots))
    columns, first = (until_s - start_s) // SLOT_S, LOOKBACK_S // SLOT_S
    values = np.full((len(keys), columns), np.nan)
    judged = np.full((6, len(keys), columns - first), np.nan)
    judged[0] = 0.0
    for row, key in enumerate(keys):
        at_s, found = slots[key]
        places = (at_s - start_s) // SLOT_S
        inside = (places >= 0) & (places < columns) & np.isfinite(found)
        values[row, places[inside]] = found[inside]
        if key in baselines:
            _judge(key[1], baselines[key], start_s, values[row], first, judged[:, row])
    in_force = [baselines.get(key) for key in keys]
    return Grid(keys, start_s, first, values, in_force, *judged)


def _judge(metric: str, baseline: Baseline, start_s: int, values: Floats, first: int, into: Floats) -> None:
    begin = first - _BEFORE - JUDGE_LOOKBACK_S // SLOT_S
    places = np.flatnonzero(np.isfinite(values[begin:])) + begin
    to_judge = int(np.searchsorted(places, first - _BEFORE))
    judged = judge(baseline, start_s + places * SLOT_S, values[places], to_judge)
    depths = np.zeros((len(RESIDUALS), into.shape[1] + _BEFORE))
    band = np.full((3, depths.shape[1]), np.nan)
    where = places[to_judge:] - (first - _BEFORE)
    depths[:, where] = judged.depths
    # No metric is negative, and no percentage is above 100.
    most = 100.0 if metric.endswith("_pct") else np.inf
    band[:, where] = judged.centre, np.maximum(judged.low, 0.0), np.minimum(judged.high, most)
    profile = baseline.profile()
    every_s = start_s + np.arange(len(values)) * SLOT_S
    deviations = values - profile.centre[every_s % DAY_S // profile.slot_s]
    told = scales.is_told(values, deviations, first - _BEFORE)
    deviations = deviations[first - _BEFORE :]
    depth, leading = scales.evidence_of(depths, deviations, told, baseline.learned_s)
    # What began a slot or two ago is of its size even where this slot has come back.
    largest = np.fmax(np.fmax(np.abs(deviations[2:]), np.abs(deviations[1:-1])), np.abs(deviations[:-2]))
    is_material = scales.is_material(metric, largest, band[0, _BEFORE:])
    into[0], into[1] = np.where(is_material, depth[_BEFORE - 1 :], 0.0), leading[_BEFORE - 1 :]
    into[2] = np.nan if baseline.is_learning else depths[scales.LEVEL, _BEFORE:]
    into[3:] = band[:, _BEFORE:]
