"""Every schedule, evaluated at an instant; and what every definition says about itself."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from assets.metrics.keeping import RetentionConfig
from orchestration.definitions import defs
from orchestration.schedules import JOBS
from resources.metrics.mover import move
from resources.metrics.rollups import Rollup, roll_up
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.redis import RedisClient, RedisCycles
from tests.resources.metrics.cycles import MIDNIGHT_S, at, packed
from tests.resources.metrics.test_mover import LOG

TODAY = at(MIDNIGHT_S).date()
REPOSITORY = defs().get_repository_def()


def tick(name: str, when: datetime, database_url: str) -> ScheduleExecutionData:
    """What a schedule answers at an instant."""
    with dg.build_schedule_context(
        scheduled_execution_time=when,
        resources={"postgres": PostgresResource(dsn=database_url)},
        repository_def=REPOSITORY,
    ) as context:
        return REPOSITORY.get_schedule_def(name).evaluate_tick(context)


def asked(name: str, when: datetime, database_url: str) -> tuple[list[str | None], str | None]:
    """The partitions a schedule asks for at an instant, or why it does not."""
    found = tick(name, when, database_url)
    return [request.partition_key for request in found.run_requests or ()], found.skip_message


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def sample(database_url: str, redis_url: str, *days: int) -> None:
    """One sample in the first hour of each of these days before today."""
    buffer = RedisCycles(RedisClient(redis_url), capacity=1000)
    buffer.append(packed([MIDNIGHT_S - day * 86_400 for day in days]))
    move(Postgres(database_url), buffer, batch_cycles=100, log=LOG)


def rolled(database_url: str, rollup: Rollup, *days: int) -> None:
    for day in days:
        roll_up(Postgres(database_url), rollup, days_ago(day), datetime.now(UTC))


@pytest.mark.parametrize("name", ["metrics_move_schedule", "metrics_keep_schedule", "platform_maintain_schedule"])
def test_a_plain_schedule_asks_for_one_run(name: str, database_url: str) -> None:
    assert asked(name, datetime.now(UTC), database_url) == ([None], None)


@pytest.mark.parametrize(("rollup", "hour"), [("hourly", 2), ("daily", 0)])
def test_nothing_behind_is_said_in_words(rollup: str, hour: int, database_url: str) -> None:
    when = at(MIDNIGHT_S) + timedelta(hours=hour, minutes=20)
    said = asked(f"metrics_roll_{rollup}_schedule", when, database_url)
    assert said == ([], f"no {rollup} rollup is behind its samples")


def test_the_hourly_schedule_asks_for_exactly_the_days_that_are_due(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 0, 1, 2)
    rolled(database_url, "hourly", 1)
    when = at(MIDNIGHT_S) + timedelta(hours=1, minutes=7)
    assert asked("metrics_roll_hourly_schedule", when, database_url)[0] == [
        days_ago(2).isoformat(), TODAY.isoformat(),
    ]  # fmt: skip


def test_today_is_due_only_once_its_first_hour_is_over(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 0)
    before, after = at(MIDNIGHT_S) + timedelta(minutes=7), at(MIDNIGHT_S) + timedelta(hours=1, minutes=7)
    assert asked("metrics_roll_hourly_schedule", before, database_url)[0] == []
    assert asked("metrics_roll_hourly_schedule", after, database_url)[0] == [TODAY.isoformat()]


def test_late_samples_of_last_week_make_their_day_due_again(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 7, 1)
    for rollup in ("hourly", "daily"):
        rolled(database_url, rollup, 7, 1)  # type: ignore[arg-type]
    when = at(MIDNIGHT_S) + timedelta(hours=1, minutes=7)
    for rollup in ("hourly", "daily"):
        assert asked(f"metrics_roll_{rollup}_schedule", when, database_url)[0] == []
    buffer = RedisCycles(RedisClient(redis_url), capacity=1000)
    buffer.append(packed([MIDNIGHT_S - 7 * 86_400 + 30]))
    move(Postgres(database_url), buffer, batch_cycles=100, log=LOG)
    for rollup in ("hourly", "daily"):
        assert asked(f"metrics_roll_{rollup}_schedule", when, database_url)[0] == [days_ago(7).isoformat()]


def test_a_day_that_is_due_at_two_ticks_is_run_twice(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 1, 2)
    ticks = [at(MIDNIGHT_S) + timedelta(hours=hour, minutes=7) for hour in (0, 1)]
    found = [tick("metrics_roll_hourly_schedule", when, database_url).run_requests or () for when in ticks]
    assert len({request.run_key for requests in found for request in requests}) == 4


def test_the_daily_schedule_leaves_today_alone(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 0, 1)
    when = at(MIDNIGHT_S) + timedelta(minutes=20)
    assert asked("metrics_roll_daily_schedule", when, database_url)[0] == [days_ago(1).isoformat()]


def test_a_day_that_is_asked_for_is_a_partition_of_its_asset(database_url: str, redis_url: str) -> None:
    sample(database_url, redis_url, 0, 30)
    when = at(MIDNIGHT_S) + timedelta(hours=1, minutes=7)
    keys, _ = asked("metrics_roll_hourly_schedule", when, database_url)
    partitions = REPOSITORY.get_job("metrics_roll_hourly").partitions_def
    assert partitions
    assert [partitions.has_partition_key(key or "") for key in keys] == [True, True]


def test_a_database_that_is_away_fails_the_tick_in_words(database_url: str) -> None:
    with pytest.raises(Exception, match="Error occurred during the evaluation of schedule") as caught:
        asked("metrics_roll_hourly_schedule", datetime.now(UTC), "postgresql://u:sesame@127.0.0.1:1/x")
    assert "Postgres is away" in str(caught.value.__cause__)
    assert "sesame" not in str(caught.value.__cause__)


def test_the_nightly_run_thins_and_a_run_by_hand_shows_its_plan() -> None:
    (keep,) = [job for job in JOBS if job.name == "metrics_keep"]
    assert isinstance(keep.config, dict)
    assert keep.config["ops"]["server_metrics_retention"]["config"] == {"apply": True}
    assert RetentionConfig().apply is False


def test_every_schedule_runs_from_the_start_in_utc_and_explains_itself() -> None:
    for schedule in REPOSITORY.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name
        assert schedule.execution_timezone == "UTC", schedule.name
        assert schedule.description, schedule.name


def test_every_job_explains_itself() -> None:
    assert not [job.name for job in JOBS if not job.description]


def test_every_asset_says_whose_it_is_what_it_is_and_when_it_is_stale() -> None:
    silent = []
    for definition in defs().assets or ():
        assert isinstance(definition, dg.AssetsDefinition)
        for spec in definition.specs:
            said = (spec.group_name, spec.owners, spec.kinds, spec.description, spec.freshness_policy)
            silent += [spec.key.to_user_string()] * (not all(said))
    assert not silent
    assert len(REPOSITORY.asset_graph.materializable_asset_keys) == len(list(defs().assets or ()))


def test_every_check_says_what_holds() -> None:
    checks = REPOSITORY.asset_graph.asset_check_keys
    assert len(checks) >= 8
    assert not [key for key in checks if not REPOSITORY.asset_graph.get_check_spec(key).description]


def test_a_tick_closes_what_it_opened(database_url: str) -> None:
    for _ in range(3):
        asked("metrics_roll_hourly_schedule", datetime.now(UTC), database_url)
    with psycopg.connect(database_url) as connection:
        ours = (
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'holdfast'"
        )
        assert connection.execute(ours).fetchone() == (0,)
