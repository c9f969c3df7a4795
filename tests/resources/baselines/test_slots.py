"""Slots against medians taken by hand, on the real Postgres."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from holdfast.metrics.cycles import Reading
from resources.baselines.slots import KEEP, history_slots, read_slots, roll_slots
from resources.metrics.compaction import compact_day
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres
from tests.resources.metrics.cycles import MIDNIGHT_S, at, rows

START_S = MIDNIGHT_S - 86_400
HOUR_S = 3600


def store(url: str, readings: list[Reading]) -> None:
    with Postgres(url).transaction() as db:
        merge_readings(db, readings)


def readings(
    server: str, from_s: int, until_s: int, every_s: int = 30, metric: str = "cpu_pct", seed: int = 1
) -> list[Reading]:
    rng = np.random.default_rng([seed, from_s])
    return [Reading(server, at_s, {metric: int(rng.integers(0, 10_000))}) for at_s in range(from_s, until_s, every_s)]


def lower_medians(sampled: list[Reading], metric: str, quantum: float) -> dict[int, float]:
    slots: dict[int, list[int]] = {}
    for reading in sampled:
        slots.setdefault(reading.at_s // 300 * 300, []).append(reading.codes[metric])
    return {slot: sorted(codes)[(len(codes) - 1) // 2] * quantum for slot, codes in slots.items()}


def read(
    url: str, from_s: int = START_S, until_s: int = MIDNIGHT_S + 86_400
) -> dict[tuple[str, str], dict[int, float]]:
    with Postgres(url).transaction() as db:
        found = read_slots(db, at(from_s), at(until_s))
    return {key: dict(zip(at_s.tolist(), values.tolist(), strict=True)) for key, (at_s, values) in found.items()}


def test_a_slot_is_the_lower_median_of_its_samples_in_the_metrics_unit(database_url: str) -> None:
    one = readings("web1", START_S, START_S + HOUR_S)
    other = readings("db1", START_S, START_S + HOUR_S, every_s=60, metric="network_in_bytes_s")
    store(database_url, [*one, *other, Reading("web1", START_S + HOUR_S, {"cpu_pct": 1})])
    rolled = roll_slots(Postgres(database_url), at(START_S + HOUR_S + 60))
    assert rolled.rows == 24
    found = read(database_url)
    assert found["web1", "cpu_pct"] == pytest.approx(lower_medians(one, "cpu_pct", 0.01))
    assert found["db1", "network_in_bytes_s"] == pytest.approx(lower_medians(other, "network_in_bytes_s", 10))
    assert set(found) == {("web1", "cpu_pct"), ("db1", "network_in_bytes_s")}


def test_only_slots_that_are_over_are_rolled(database_url: str) -> None:
    store(database_url, readings("web1", START_S, START_S + 290))
    assert roll_slots(Postgres(database_url), at(START_S + 290)).rows == 0
    # Nothing tells that the slot is complete, however late it is.
    assert roll_slots(Postgres(database_url), at(START_S + HOUR_S)).rows == 0
    store(database_url, readings("db1", START_S + 300, START_S + 301))
    assert roll_slots(Postgres(database_url), at(START_S + HOUR_S)).rows == 1


def test_a_clock_ahead_of_ours_does_not_close_slots_early(database_url: str) -> None:
    store(database_url, [*readings("web1", START_S, START_S + 600), *readings("fast", START_S + 3000, START_S + 3001)])
    assert roll_slots(Postgres(database_url), at(START_S + 400)).until_at == at(START_S + 300)


def test_a_second_roll_writes_nothing_and_a_late_sample_is_taken_in(database_url: str) -> None:
    postgres, now = Postgres(database_url), at(START_S + HOUR_S)
    sampled = readings("web1", START_S, START_S + HOUR_S + 30)
    store(database_url, sampled)
    assert roll_slots(postgres, now).rows == 12
    assert roll_slots(postgres, now).rows == 0
    late = [Reading("web1", START_S + 605 + 10 * i, {"cpu_pct": 9_999, "memory_pct": 5_000}) for i in range(29)]
    store(database_url, late)
    assert roll_slots(postgres, now).rows == 1
    assert read(database_url)["web1", "cpu_pct"][START_S + 600] == 99.99
    assert read(database_url)["web1", "memory_pct"] == {START_S + 600: 50.0}


def test_a_metric_filled_in_late_changes_its_slot(database_url: str) -> None:
    postgres, now = Postgres(database_url), at(START_S + 600)
    sampled = readings("web1", START_S, START_S + 301)
    store(database_url, sampled)
    roll_slots(postgres, now)
    store(database_url, [Reading("web1", sampled[0].at_s, {"load_1m": 150})])
    assert roll_slots(postgres, now).rows == 1
    assert read(database_url)["web1", "load_1m"] == {START_S: 1.5}


def test_slots_from_the_history_are_the_rolled_ones_before_and_after_compaction(database_url: str) -> None:
    postgres = Postgres(database_url)
    store(database_url, [*readings("web1", START_S, MIDNIGHT_S, 60), *readings("web2", START_S, MIDNIGHT_S + 1, 60)])
    roll_slots(postgres, at(MIDNIGHT_S))
    with postgres.transaction() as db:
        rolled = read_slots(db, at(START_S), at(MIDNIGHT_S))
        hot = history_slots(db, at(START_S), at(MIDNIGHT_S))
    compact_day(postgres, at(START_S).date())
    with postgres.transaction() as db:
        packed = history_slots(db, at(START_S), at(MIDNIGHT_S))
        (number,) = (
            row[0] for row in rows(database_url, "select server_no from holdfast.servers where server_id = 'web2'")
        )
        one = history_slots(db, at(START_S), at(MIDNIGHT_S), [number])
    assert set(rolled) == set(hot) == set(packed) == {("web1", "cpu_pct"), ("web2", "cpu_pct")}
    assert set(one) == {("web2", "cpu_pct")}
    for key, (at_s, values) in rolled.items():
        for again in (hot[key], packed[key]):
            assert np.array_equal(again[0], at_s)
            assert np.array_equal(again[1], values)


def test_slots_are_forgotten_after_three_days_and_the_history_still_has_them(database_url: str) -> None:
    postgres, first_s = Postgres(database_url), START_S - 3 * 86_400
    store(database_url, readings("web1", first_s, first_s + 331))
    assert roll_slots(postgres, at(first_s + 330)).rows == 1
    store(database_url, readings("web1", first_s + 4 * 86_400, first_s + 4 * 86_400 + 301))
    rolled = roll_slots(postgres, at(first_s + 4 * 86_400 + 600))
    assert rolled.forgotten_rows == 2
    with postgres.transaction() as db:
        assert len(history_slots(db, at(first_s), at(first_s + 300))) == 1


def test_an_empty_store_has_nothing_to_roll(database_url: str) -> None:
    rolled = roll_slots(Postgres(database_url), datetime.now(UTC))
    assert (rolled.rows, rolled.until_at) == (0, None)
    assert read(database_url) == {}


def test_a_first_roll_takes_no_more_than_is_kept(database_url: str) -> None:
    postgres, now_s = Postgres(database_url), MIDNIGHT_S
    store(database_url, [Reading("web1", now_s - 86_400 * day, {"cpu_pct": 1}) for day in range(9)])
    roll_slots(postgres, at(now_s))
    assert min(read(database_url, now_s - 9 * 86_400)["web1", "cpu_pct"]) >= now_s - KEEP // timedelta(seconds=1)
