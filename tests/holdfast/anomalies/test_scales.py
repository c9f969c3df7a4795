"""The rarest scale counts, while what it saw goes on, and where anybody would act."""

import numpy as np
import pytest

from holdfast.anomalies.scales import PAGING_DEPTH, SCALES, evidence_of, is_material, is_told, score_of
from holdfast.baselines.grid import RESIDUALS

LONG_S = 28 * 86_400


def evidence(**depths: float) -> tuple[float, str]:
    """Depth and scale of a slot whose residuals are this deep, and so were those of the slot before."""
    rows = np.zeros((len(RESIDUALS), 2))
    for name, depth in depths.items():
        rows[RESIDUALS.index(name)] = depth
    told = np.ones((len(SCALES), 2), bool)
    depth, leading = evidence_of(rows, np.array([5.0, 5.0]), told, LONG_S)
    return float(depth[0]), SCALES[int(leading[0])]


def test_the_rarest_scale_counts() -> None:
    assert evidence(slot=2, slot_1h=3, step=5)[1] == "step"
    assert evidence(slot=2, slot_1h=3)[1] == "slot_1h"
    assert evidence(slot=2, slot_1h=3, slot_6h=6)[1] == "slot_6h"
    assert evidence(slot=2, level=7, level_1h=7, range_1h=7)[1] == "slot"


def test_means_count_only_while_slots_are_off() -> None:
    assert evidence(slot_1h=6)[0] == 0
    assert evidence(slot=0.6, slot_1h=6)[0] > 5
    assert evidence(slot_6h=6, slot=3, slot_1h=0.9)[1] == "slot"


@pytest.mark.parametrize("before", [(0.0, 5.0), (8.0, -5.0)])
def test_one_slot_alone_is_not_enough(before: tuple[float, float]) -> None:
    rows = np.zeros((len(RESIDUALS), 2))
    rows[0] = before[0], 8.0
    depth, _ = evidence_of(rows, np.array([before[1], 5.0]), np.ones((len(SCALES), 2), bool), LONG_S)
    assert depth[0] == 0


def test_of_few_days_depths_count_less() -> None:
    rows, told = np.full((len(RESIDUALS), 2), 5.0), np.ones((len(SCALES), 2), bool)
    some = [float(evidence_of(rows, np.ones(2), told, days * 86_400.0)[0][0]) for days in (1, 7, 28)]
    assert 0 < some[0] < 2 < some[1] < 4 < some[2] < 5


def test_half_is_what_pages() -> None:
    assert score_of(PAGING_DEPTH) == 0.5
    assert score_of(0.0) == 0.0


def test_after_a_gap_a_mean_waits_until_most_of_it_is_there() -> None:
    values = np.concatenate([np.full(72, np.nan), np.arange(72.0)])
    told = is_told(values, values - 100, 0)
    first = {name: int(np.argmax(told[row])) - 72 for row, name in enumerate(SCALES)}
    assert first == {"slot": 0, "slot_1h": 7, "slot_6h": 47, "step": 9, "rough": 15, "jolt": 2}


def test_six_hours_are_not_on_one_side_because_of_half_an_hour() -> None:
    rng = np.random.default_rng(3)
    deviations = rng.standard_normal(200)
    deviations[150:156] = 60
    told = is_told(deviations + 50, deviations, 0)
    assert not told[SCALES.index("slot_6h"), 190:].any()
    assert not told[SCALES.index("rough"), 163:174].any()


def test_what_nobody_acts_on_is_not_material() -> None:
    def material(metric: str, deviation: float, centre: float) -> bool:
        return bool(is_material(metric, np.array([deviation]), np.array([centre]))[0])

    assert not material("disk_pct", 0.9, 10)
    assert material("disk_pct", 3, 60)
    assert not material("disk_pct", 1.5, 60)
    assert not material("cache_hit_pct", 0.02, 99)
    assert material("cache_hit_pct", -0.5, 99)
    assert not material("throughput_rps", 5, 300)
    assert material("error_pct", 0.3, 0.1)
