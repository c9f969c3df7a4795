"""The metrics assets on a real Postgres, a real Redis and Dagster on Postgres."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import psycopg
import pytest
import redis

from assets.metrics.checks import no_cycle_was_lost, rollups_equal_their_samples, the_last_hour_is_complete
from assets.metrics.history import server_metrics_history
from assets.metrics.keeping import RetentionConfig, server_metrics_chunks, server_metrics_retention
from assets.metrics.live import server_metrics_live
from assets.metrics.rollups import server_metrics_daily, server_metrics_hourly
from assets.metrics.snapshot import dashboard_snapshot
from holdfast.metrics.cycles import Cycle, Reading, pack
from orchestration.definitions import resources
from orchestration.settings import load
from resources.metrics.rollups import roll_up
from resources.postgres import Postgres
from tests.resources.metrics.cycles import MIDNIGHT_S, rows, stored

YESTERDAY_S = MIDNIGHT_S - 86_400
YESTERDAY = datetime.fromtimestamp(YESTERDAY_S, UTC).date().isoformat()
TODAY = datetime.fromtimestamp(MIDNIGHT_S, UTC).date().isoformat()


class Deployment:
    """Runs assets as the code location would, with the doors of a deployment."""

    def __init__(self, instance: dg.DagsterInstance, database_url: str, redis_url: str) -> None:
        self.instance = instance
        self.database_url = database_url
        self.redis = redis.Redis.from_url(redis_url)
        self.environment: dict[str, str] = {}

    def run(
        self, *assets: Any, partition_key: str | None = None, config: dg.RunConfig | None = None, **more: Any
    ) -> dg.ExecuteInProcessResult:
        settings = load(self.environment)
        return dg.materialize(
            list(assets),
            instance=self.instance,
            partition_key=partition_key,
            resources=resources(settings),
            run_config=config,
            **more,
        )

    def append(self, *cycles: Cycle) -> None:
        for cycle in cycles:
            self.redis.xadd("holdfast:metrics:cycles", {"c": pack(cycle)})

    def move(self, *cycles: Cycle) -> dg.ExecuteInProcessResult:
        self.append(*cycles)
        return self.run(server_metrics_history)


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return Deployment(instance, database_url, redis_url)


def cycle(at_s: int, servers: dict[str, dict[str, int]], **failed: str) -> Cycle:
    return Cycle(at_s, 30, "test", time.time(), [Reading(s, at_s, codes) for s, codes in servers.items()], failed)


def day_of_cycles(seed: int = 7) -> list[Cycle]:
    rng = np.random.default_rng(seed)
    return [
        cycle(YESTERDAY_S + n * 30, {s: {"cpu_pct": int(rng.integers(10_000)), "load_1m": n} for s in ("a", "b")})
        for n in range(2880)
        if rng.random() > 0.02
    ]


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    events = result.asset_materializations_for_node(asset)
    (event,) = [event for event in events if event.asset_key == dg.AssetKey(asset)]
    return {key: value.value for key, value in event.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_live_makes_one_pass_over_this_machine(deployment: Deployment) -> None:
    result = deployment.run(server_metrics_live)
    assert metadata(result, "server_metrics_live")["servers"] == 1
    deployment.run(server_metrics_history)
    (row,) = rows(deployment.database_url, "select cpu_pct, memory_pct, disk_pct from holdfast.server_metrics_history")
    assert all(0 <= value <= 100 for value in row)


def test_a_second_move_changes_nothing(deployment: Deployment) -> None:
    first = deployment.move(cycle(MIDNIGHT_S, {"a": {"cpu_pct": 100}}), cycle(MIDNIGHT_S + 30, {"a": {"cpu_pct": 200}}))
    before = stored(deployment.database_url)
    second = deployment.run(server_metrics_history)
    assert stored(deployment.database_url) == before
    assert metadata(first, "server_metrics_history")["stored_rows"] == 2
    assert metadata(second, "server_metrics_history")["stored_rows"] == 0


def test_a_move_reports_live_once_and_only_when_something_arrived(deployment: Deployment) -> None:
    deployment.move(*(cycle(MIDNIGHT_S + 30 * n, {"a": {"cpu_pct": n}}, web9="timed out") for n in range(10)))
    deployment.run(server_metrics_history)
    events = deployment.instance.fetch_materializations(dg.AssetKey("server_metrics_live"), limit=10).records
    assert len(events) == 1
    reported = events[0].asset_materialization
    assert reported
    assert {key: reported.metadata[key].value for key in ("servers", "failed_servers", "cycles")} == {
        "servers": 1,
        "failed_servers": 1,
        "cycles": 10,
    }


def test_a_failed_server_and_an_unreadable_entry_turn_their_checks(deployment: Deployment) -> None:
    assert checks(deployment.move(cycle(MIDNIGHT_S, {"a": {"cpu_pct": 1}}))) == {
        "every_entry_could_be_read": True,
        "the_clocks_agree": True,
        "every_server_answered": True,
    }
    deployment.redis.xadd("holdfast:metrics:cycles", {"c": b"<html>"})
    late = Cycle(MIDNIGHT_S + 30, 30, "test", time.time() + 600, [], {"web9": "timed out after 2 s"})
    assert checks(deployment.move(late)) == {
        "every_entry_could_be_read": False,
        "the_clocks_agree": False,
        "every_server_answered": False,
    }


def test_a_lost_range_fails_the_check_until_it_is_acknowledged(deployment: Deployment) -> None:
    deployment.move(cycle(MIDNIGHT_S, {"a": {"cpu_pct": 1}}))
    assert checks(deployment.run(server_metrics_history, no_cycle_was_lost))["no_cycle_was_lost"]
    deployment.redis.delete("holdfast:metrics:cycles")
    deployment.move(cycle(MIDNIGHT_S + 90, {"a": {"cpu_pct": 1}}))
    assert not checks(deployment.run(server_metrics_history, no_cycle_was_lost))["no_cycle_was_lost"]
    with psycopg.connect(deployment.database_url) as connection:
        connection.execute("update holdfast.metrics_gaps set acknowledged_at = now()")
    assert checks(deployment.run(server_metrics_history, no_cycle_was_lost))["no_cycle_was_lost"]


def test_rollups_are_what_pandas_makes_of_the_samples(deployment: Deployment) -> None:
    cycles = day_of_cycles()
    deployment.move(*cycles)
    deployment.run(server_metrics_hourly, partition_key=YESTERDAY)
    deployment.run(server_metrics_daily, partition_key=YESTERDAY)
    samples = pd.DataFrame(
        [
            (reading.server_id, pd.Timestamp(reading.at_s, unit="s", tz="UTC"), reading.codes["cpu_pct"] / 100)
            for each in cycles
            for reading in each.readings
        ],
        columns=["server_id", "at", "value"],
    )
    for view, rule in (("server_metrics_hourly", "h"), ("server_metrics_daily", "D")):
        grouped = samples.groupby(["server_id", samples["at"].dt.floor(rule)])["value"]
        expected = grouped.agg(["count", "min", "max", "mean", lambda values: values.quantile(0.95)])
        found = rows(
            deployment.database_url,
            f"select server_id, bucket_at, sample_count, min, max, avg, p95 from holdfast.{view} "
            "where metric = 'cpu_pct' order by 1, 2",
        )
        assert [(row[0], pd.Timestamp(row[1])) for row in found] == list(expected.index)
        table = np.array([row[2:] for row in found], float)
        np.testing.assert_allclose(table[:, :3], expected.to_numpy(float)[:, :3], rtol=1e-12)
        np.testing.assert_allclose(table[:, 3:], expected.to_numpy(float)[:, 3:], rtol=1e-6)


def test_rollups_of_a_compacted_day_and_a_second_run_write_nothing(deployment: Deployment) -> None:
    deployment.move(*day_of_cycles())
    deployment.run(server_metrics_hourly, partition_key=YESTERDAY)
    result = deployment.run(server_metrics_chunks)
    assert metadata(result, "server_metrics_chunks")["days"] == 1
    again = deployment.run(server_metrics_hourly, partition_key=YESTERDAY)
    assert metadata(again, "server_metrics_hourly")["changed_rows"] == 0
    assert metadata(deployment.run(server_metrics_chunks), "server_metrics_chunks")["days"] == 0


def test_a_late_cycle_brings_its_rollup_up_to_date(deployment: Deployment) -> None:
    deployment.move(cycle(YESTERDAY_S, {"a": {"cpu_pct": 1000}}))
    deployment.run(server_metrics_daily, partition_key=YESTERDAY)
    assert rows(deployment.database_url, "select count(*) from holdfast.metrics_due where rollup = 'daily'") == [(0,)]
    deployment.run(server_metrics_chunks)
    deployment.move(cycle(YESTERDAY_S + 30, {"a": {"cpu_pct": 3000}}))
    assert rows(deployment.database_url, "select count(*) from holdfast.metrics_due where rollup = 'daily'") == [(1,)]
    deployment.run(server_metrics_daily, partition_key=YESTERDAY)
    assert rows(deployment.database_url, "select sample_count, avg from holdfast.server_metrics_daily") == [(2, 20.0)]


def test_an_hour_that_is_not_over_is_not_rolled_up(deployment: Deployment) -> None:
    now_s = int(time.time()) // 30 * 30
    deployment.move(cycle(now_s, {"a": {"cpu_pct": 1}}))
    deployment.run(server_metrics_hourly, partition_key=TODAY)
    deployment.run(server_metrics_daily, partition_key=TODAY)
    assert rows(deployment.database_url, "select count(*) from holdfast.server_metrics_hourly") == [(0,)]
    assert rows(deployment.database_url, "select count(*) from holdfast.server_metrics_daily") == [(0,)]


def test_a_rollup_that_is_not_its_samples_fails_its_check(deployment: Deployment) -> None:
    start_s = (int(time.time()) // 3600 - 1) * 3600
    day = datetime.fromtimestamp(start_s, UTC).date().isoformat()
    if day != TODAY:
        pytest.skip("in the first hour of a UTC day no hour of the day is over")
    deployment.move(*(cycle(start_s + 30 * n, {"a": {"cpu_pct": n}}) for n in range(120)))
    result = deployment.run(server_metrics_hourly, rollups_equal_their_samples, partition_key=TODAY)
    assert checks(result) == {"rollups_equal_their_samples": True}
    with psycopg.connect(deployment.database_url) as connection:
        connection.execute("update holdfast.metrics_rollup_hours set max = array_replace(max, 119, 118)")
        connection.execute("delete from holdfast.metrics_due")
    spec = dg.AssetSelection.checks(rollups_equal_their_samples)
    result = deployment.run(server_metrics_hourly, rollups_equal_their_samples, selection=spec, raise_on_error=False)
    assert checks(result) == {"rollups_equal_their_samples": False}


def test_an_hour_with_missing_cycles_is_named(deployment: Deployment) -> None:
    start_s = (int(time.time()) // 3600 - 1) * 3600
    both = {"a": {"cpu_pct": 1}, "b": {"cpu_pct": 1}}
    cycles = [cycle(start_s + 30 * n, both if n % 4 else {"a": {"cpu_pct": 1}}) for n in range(-1, 121)]
    deployment.append(*cycles)
    result = deployment.run(server_metrics_history, the_last_hour_is_complete)
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "the_last_hour_is_complete")
    assert not check.passed
    assert check.metadata["short_servers"].value == 1
    assert check.metadata["samples_b"].value == 90


def test_the_snapshot_is_one_command_and_says_who_is_stale(deployment: Deployment) -> None:
    now_s = int(time.time()) // 30 * 30
    codes = {"cpu_pct": 8700, "network_in_bytes_s": 10, "network_out_bytes_s": 5}
    deployment.move(cycle(now_s, {"fresh": codes}), cycle(now_s - 900, {"old": codes}))
    result = deployment.run(dashboard_snapshot)
    assert metadata(result, "dashboard_snapshot") == {"servers": 2, "stale_servers": 1, "redis_commands": 1}
    assert checks(result) == {"no_server_is_stale": False}
    document = json.loads(deployment.redis.get("dashboard:snapshot") or b"")
    states = {server["id"]: server["status"] for server in document["servers"]}
    assert states == {"fresh": "online", "old": "stale"}
    fresh = document["servers"][0]
    assert fresh["metrics"] == {"cpu": 87.0, "networkIn": 100.0, "networkOut": 50.0, "network": 150.0}
    assert datetime.fromisoformat(fresh["lastUpdated"]).timestamp() == now_s
    assert not deployment.redis.exists("servers:active")


def test_the_seeds_hashes_are_one_setting_away(deployment: Deployment) -> None:
    deployment.environment["HOLDFAST_DASHBOARD_HASHES"] = "true"
    deployment.move(cycle(int(time.time()) // 30 * 30, {"web1": {"cpu_pct": 8700}}))
    deployment.run(dashboard_snapshot)
    assert deployment.redis.smembers("servers:active") == {b"web1"}
    assert deployment.redis.hget("server:web1", "name") == b"web1"
    assert deployment.redis.hget("metrics:web1", "cpu") == b"87.0"
    assert deployment.redis.hget("status:web1", "status") == b"online"
    assert 0 < deployment.redis.ttl("metrics:web1") <= 600


def test_everything_works_without_redis(deployment: Deployment) -> None:
    deployment.environment["REDIS_ENABLED"] = "false"
    deployment.run(server_metrics_live)
    deployment.run(server_metrics_history)
    deployment.run(dashboard_snapshot)
    assert len(stored(deployment.database_url)) == 1
    (found,) = rows(deployment.database_url, "select document ->> 'total' from holdfast.dashboard_snapshot")
    assert found == ("1",)
    assert deployment.redis.dbsize() == 0


def many_weeks(deployment: Deployment) -> None:
    servers = {"a": {"cpu_pct": 1}, "b": {"cpu_pct": 2}}
    deployment.move(*(cycle(MIDNIGHT_S - days * 86_400, servers) for days in range(1, 30)))
    postgres, now = Postgres(deployment.database_url), datetime.now(UTC)
    for days in range(1, 30):
        day = (datetime.fromtimestamp(MIDNIGHT_S, UTC) - timedelta(days=days)).date()
        roll_up(postgres, "hourly", day, now)
        roll_up(postgres, "daily", day, now)
    deployment.run(server_metrics_chunks)


def thin(deployment: Deployment, *, apply: bool) -> dict[str, Any]:
    deployment.environment |= {"HOLDFAST_RAW_DAYS": "14"}
    config = dg.RunConfig(ops={"server_metrics_retention": RetentionConfig(apply=apply)})
    return metadata(deployment.run(server_metrics_retention, config=config), "server_metrics_retention")


def test_retention_shows_its_plan_then_thins_whole_weeks_but_never_a_pinned_range(deployment: Deployment) -> None:
    many_weeks(deployment)
    before = stored(deployment.database_url)
    pinned_at = datetime.fromtimestamp(MIDNIGHT_S - 27 * 86_400, UTC)
    with psycopg.connect(deployment.database_url) as connection:
        connection.execute(
            "insert into holdfast.pinned_ranges (server_id, pinned_from, pinned_until, reason) "
            "values ('a', %s, %s, 'an outage')",
            (pinned_at, pinned_at + timedelta(hours=1)),
        )
    planned = thin(deployment, apply=False)
    assert planned["planned_weeks"] >= 1
    assert planned["thinned_weeks"] == 0
    assert stored(deployment.database_url) == before
    thinned = thin(deployment, apply=True)
    assert thinned["thinned_weeks"] == planned["planned_weeks"]
    left = stored(deployment.database_url)
    oldest_kept = datetime.fromtimestamp(MIDNIGHT_S, UTC) - timedelta(days=14)
    assert {row for row in before if row[1] >= oldest_kept} <= set(left)
    assert [(row[0], row[1]) for row in left if row[1] < oldest_kept - timedelta(days=7)] == [("a", pinned_at)]
    assert rows(deployment.database_url, "select count(*) from holdfast.server_metrics_daily") == [(58,)]
    again = thin(deployment, apply=True)
    assert (again["planned_weeks"], again["freed_bytes"]) == (0, 0)


def test_a_database_at_its_budget_loses_its_oldest_weeks_and_says_when_that_is_not_enough(
    deployment: Deployment,
) -> None:
    many_weeks(deployment)
    before = stored(deployment.database_url)
    with psycopg.connect(deployment.database_url) as connection:
        connection.execute("create table others as select repeat('x', 1000) from generate_series(1, 3000)")
    deployment.environment |= {"HOLDFAST_DATABASE_BUDGET_MB": "10"}
    config = dg.RunConfig(ops={"server_metrics_retention": RetentionConfig(apply=True)})
    result = deployment.run(server_metrics_retention, config=config)
    thinned = metadata(result, "server_metrics_retention")
    assert thinned["thinned_weeks"] >= 2
    assert thinned["freed_bytes"] > 0
    assert checks(result) == {"the_database_is_below_its_budget": False}
    left = stored(deployment.database_url)
    today = datetime.fromtimestamp(MIDNIGHT_S, UTC)
    newest_weeks = today - timedelta(days=today.weekday() + 7)
    assert left == [row for row in before if row[1] >= newest_weeks]


def test_entries_set_aside_go_after_90_days_and_only_when_retention_is_applied(deployment: Deployment) -> None:
    with psycopg.connect(deployment.database_url) as connection:
        for position, days in (("old", 92), ("young", 88)):
            connection.execute(
                "insert into holdfast.metrics_rejected values (%s, 'a test', '', now() - %s * interval '1 day')",
                (position, days),
            )
    left = "select position from holdfast.metrics_rejected order by 1"
    thin(deployment, apply=False)
    assert rows(deployment.database_url, left) == [("old",), ("young",)]
    thin(deployment, apply=True)
    assert rows(deployment.database_url, left) == [("young",)]


def test_no_credential_reaches_the_event_log(
    deployment: Deployment, dagster_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret-redis@127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://holdfast:s3cret-pg@127.0.0.1:1/none")
    for asset in (server_metrics_live, server_metrics_history, dashboard_snapshot):
        result = deployment.run(asset, raise_on_error=False)
        assert not result.success
        logged = deployment.instance.all_logs(result.run_id)
        assert logged
        assert "s3cret" not in "".join(str(entry) for entry in logged)
