"""``maintenance`` on Dagster's own storage in Postgres."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.platform import maintenance
from resources.dagster_log import DagsterLogResource

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])
THING, DAILY = dg.AssetKey("thing"), dg.AssetKey("daily")
HOLDS = dg.AssetCheckKey(THING, "it_holds")


@dg.asset(check_specs=[dg.AssetCheckSpec("it_holds", asset="thing")])
def thing() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"rows": 1}, data_version=dg.DataVersion("1"), check_results=[dg.AssetCheckResult(passed=True)]
    )


@dg.asset(partitions_def=DAYS)
def daily(context: dg.AssetExecutionContext) -> None:
    if context.run.tags.get("break"):
        raise ValueError("broken on purpose")


@dataclass(frozen=True)
class Storage:
    """Dagster's storage, looked at from behind."""

    instance: dg.DagsterInstance
    url: str

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def count(self, condition: str = "true") -> int:
        (found,) = self.rows(f"select count(*) from event_logs where {condition}")
        return int(found[0])

    def age(self, days: int) -> None:
        """Let everything that is in the log have happened so many days earlier."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table, column in (
                ("event_logs", "timestamp"),
                ("asset_check_executions", "evaluation_event_timestamp"),
                ("asset_event_tags", "event_timestamp"),
            ):
                by = f"update {table} set {column} = {column} - interval '{days} days'"
                connection.execute(by.encode())

    def make(self, *keys: str, **tags: str) -> None:
        for key in keys:
            dg.materialize([daily], instance=self.instance, partition_key=key, tags=tags, raise_on_error=not tags)
        if not keys:
            dg.materialize([thing], instance=self.instance)

    def prune(self) -> dict[str, Any]:
        result = dg.materialize(
            [maintenance],
            instance=self.instance,
            resources={"dagster_log": DagsterLogResource(dsn=self.instance.event_log_storage.postgres_url)},  # type: ignore[attr-defined]
        )
        (event,) = result.asset_materializations_for_node("maintenance")
        return {key: value.value for key, value in event.metadata.items()}


@pytest.fixture
def storage(instance: dg.DagsterInstance) -> Iterator[Storage]:
    return Storage(instance, instance.event_log_storage.postgres_url.replace("+psycopg2", ""))  # type: ignore[attr-defined]


def test_operational_rows_go_and_what_people_look_at_stays(storage: Storage) -> None:
    storage.make()
    storage.make("mon", "tue")
    storage.age(20)
    runs = storage.instance.get_run_records()
    partitions = storage.instance.get_materialized_partitions(DAILY)
    latest = storage.instance.get_latest_materialization_event(THING)
    pruned = storage.prune()
    assert pruned["pruned_run_rows"] >= 20
    assert pruned["pruned_asset_rows"] == 0
    assert storage.count("dagster_event_type like 'STEP_%' and step_key <> 'maintenance'") == 0
    assert storage.instance.get_materialized_partitions(DAILY) == partitions == {"mon", "tue"}
    assert storage.instance.get_latest_materialization_event(THING) == latest
    assert [r.dagster_run for r in storage.instance.get_run_records()][1:] == [r.dagster_run for r in runs]
    checks = storage.instance.event_log_storage.get_asset_check_execution_history(HOLDS, limit=10)
    assert [check.status.value for check in checks] == ["SUCCEEDED"]


def test_a_second_pruning_deletes_nothing(storage: Storage) -> None:
    for _ in range(3):
        storage.make()
    storage.age(200)
    storage.prune()
    before = storage.count("run_id <> (select run_id from runs order by id desc limit 1)")
    again = storage.prune()
    assert [again[f"pruned_{what}"] for what in ("run_rows", "asset_rows", "log_folders")] == [0, 0, 0]
    assert before > 0


def test_young_rows_stay(storage: Storage) -> None:
    storage.make()
    storage.age(13)
    before = storage.count()
    assert storage.prune()["pruned_run_rows"] == 0
    assert storage.count("step_key is null or step_key <> 'maintenance'") >= before


def test_beyond_the_long_window_the_newest_of_every_asset_partition_and_check_is_left(storage: Storage) -> None:
    for _ in range(3):
        storage.make()
        storage.make("mon")
    storage.make("tue")
    storage.age(100)
    storage.prune()
    left = storage.rows(
        "select asset_key, partition, count(*) from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' "
        "and asset_key not like '%maintenance%' group by 1, 2 order by 1, 2"
    )
    assert left == [('["daily"]', "mon", 1), ('["daily"]', "tue", 1), ('["thing"]', None, 1)]
    assert storage.instance.get_materialized_partitions(DAILY) == {"mon", "tue"}
    assert storage.rows("select check_name, count(*) from asset_check_executions group by 1") == [("it_holds", 1)]
    assert storage.count("dagster_event_type like 'ASSET_CHECK%'") == 0
    assert storage.count("dagster_event_type like 'PIPELINE%' and timestamp < now() - interval '1 day'") == 0
    assert storage.rows("select count(*) from asset_event_tags where event_id not in (select id from event_logs)") == [
        (0,)
    ]


def test_points_of_plots_stay_for_the_long_window(storage: Storage) -> None:
    for _ in range(3):
        storage.make()
    storage.age(60)
    storage.prune()
    assert len(storage.instance.fetch_materializations(THING, limit=10).records) == 3
    assert len(storage.instance.event_log_storage.get_asset_check_execution_history(HOLDS, limit=10)) == 3


def test_a_failed_partition_is_still_seen_as_failed(storage: Storage) -> None:
    def status() -> object:
        # Not what Dagster remembers, but what it works out anew.
        storage.instance.event_log_storage.wipe_asset_cached_status(DAILY)
        found = storage.instance.get_status_by_partition(DAILY, ["mon"], DAYS)
        return found and found["mon"].value

    storage.make("mon", **{"break": "true"})
    storage.age(30)
    assert status() == "FAILED"
    storage.prune()
    assert status() == "FAILED"


def test_rows_of_an_unfinished_run_stay_however_old(storage: Storage) -> None:
    storage.make()
    storage.age(20)
    with psycopg.connect(storage.url, autocommit=True) as connection:
        connection.execute("update runs set status = 'STARTED'")
    steps = storage.count("dagster_event_type like 'STEP_%'")
    storage.prune()
    assert storage.count("dagster_event_type like 'STEP_%' and step_key = 'thing'") == steps


def test_the_folder_of_compute_logs_is_the_one_dagster_writes_to(storage: Storage) -> None:
    storage.make()
    (record,) = storage.instance.get_run_records()
    folder = Path(storage.instance.storage_directory()) / record.dagster_run.run_id / "compute_logs"
    assert {path.suffix for path in folder.iterdir()} == {".out", ".err", ".complete"}
