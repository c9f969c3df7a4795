"""Compaction changes how a day is stored and nothing that anyone can see."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import VerificationError
from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES
from holdfast.metrics.cycles import Reading
from resources.metrics import compaction
from resources.metrics.compaction import closed_days, compact_day
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres
from tests.resources.metrics.cycles import MIDNIGHT_S, rows, stored

DAY = datetime.fromtimestamp(MIDNIGHT_S - 86_400, UTC).date()
DAY_S = MIDNIGHT_S - 86_400

codes = st.dictionaries(
    st.sampled_from(METRIC_NAMES), st.one_of(st.integers(0, 3), st.integers(0, CODE_LIMIT)), min_size=1
)
days = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.one_of(st.integers(0, 99).map(lambda n: n * 30), st.integers(0, 200))),
    codes,
    min_size=1,
    max_size=150,
)


def store(url: str, samples: dict[tuple[str, int], dict[str, int]]) -> int:
    with Postgres(url).transaction() as db:
        return merge_readings(db, [Reading(s, DAY_S + at, c) for (s, at), c in samples.items()])


def clear(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("truncate holdfast.server_metrics_chunk, holdfast.server_metrics_recent")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=days, late=days)
def test_history_reads_the_same_before_and_after_and_with_late_samples(
    database_url: str, samples: dict[tuple[str, int], dict[str, int]], late: dict[tuple[str, int], dict[str, int]]
) -> None:
    clear(database_url)
    store(database_url, samples)
    before = stored(database_url)
    compacted = compact_day(Postgres(database_url), DAY)
    assert stored(database_url) == before
    assert compacted.rows == len(samples)
    store(database_url, late)
    with_late = stored(database_url)
    assert len(with_late) == len({**samples, **late})
    compact_day(Postgres(database_url), DAY)
    assert stored(database_url) == with_late


def test_a_replay_onto_a_compacted_day_doubles_nothing(database_url: str) -> None:
    samples = {("a", n * 30): {"cpu_pct": n} for n in range(100)}
    store(database_url, samples)
    compact_day(Postgres(database_url), DAY)
    assert store(database_url, samples) == 0
    assert len(stored(database_url)) == 100


def test_a_chunk_that_reads_back_differently_leaves_the_day_hot(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database_url, {("a", n * 30): {"cpu_pct": n} for n in range(100)})
    before = stored(database_url)
    right = compaction.make_chunk
    monkeypatch.setattr(
        compaction, "make_chunk", lambda seconds, columns: right(seconds, {**columns, "cpu_pct": [7] * len(seconds)})
    )
    with pytest.raises(VerificationError, match="99 of 100 rows read back differently"):
        compact_day(Postgres(database_url), DAY)
    assert stored(database_url) == before
    assert rows(database_url, "select count(*) from holdfast.server_metrics_recent") == [(100,)]


def test_only_days_that_are_over_are_compacted(database_url: str) -> None:
    store(database_url, {("a", 0): {"cpu_pct": 1}, ("a", 86_400): {"cpu_pct": 2}})
    now = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(days=1, minutes=5)
    assert closed_days(Postgres(database_url), now) == [DAY]


def test_a_regular_day_of_30_s_costs_less_than_two_bytes_a_sample(database_url: str) -> None:
    store(database_url, {("a", n * 30): dict.fromkeys(METRIC_NAMES[:8], n * n % 900) for n in range(2880)})
    compact_day(Postgres(database_url), DAY)
    (found,) = rows(database_url, "select sum(pg_column_size(c.*)) from holdfast.server_metrics_chunk c")
    assert found[0] < 2 * 8 * 2880


def test_the_day_of_a_chunk_is_a_utc_day(database_url: str) -> None:
    store(database_url, {("a", 0): {"cpu_pct": 1}, ("a", 86_399): {"cpu_pct": 2}})
    compact_day(Postgres(database_url), DAY)
    assert rows(database_url, "select distinct day from holdfast.server_metrics_history") == [(DAY,)]
    assert isinstance(DAY, date)
