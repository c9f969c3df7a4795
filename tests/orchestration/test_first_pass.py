"""The first pass makes all of what is always there, and the newest of what time brings."""

from pathlib import Path

import dagster as dg

from orchestration.first_pass import materialize_all

CLASSES = ["upscale", "regular", "images"]
made: list[str] = []


@dg.asset
def whole() -> None:
    made.append("whole")


@dg.asset(deps=[whole], partitions_def=dg.StaticPartitionsDefinition(CLASSES))
def in_parts(context: dg.AssetExecutionContext) -> None:
    made.append(context.partition_key)
    if context.partition_key == "regular":
        raise ValueError("no room")


@dg.asset(deps=[in_parts], partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04"))
def by_day(context: dg.AssetExecutionContext) -> None:
    made.append(context.partition_key)


@dg.asset(deps=[by_day], partitions_def=dg.DailyPartitionsDefinition("2999-01-01"))
def to_come() -> None:
    made.append("to come")


def test_every_part_is_made_and_one_that_fails_does_not_stop_the_others(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    made.clear()
    said: list[str] = []
    definitions = dg.Definitions(assets=[whole, in_parts, by_day, to_come], executor=dg.in_process_executor)
    outcomes = materialize_all(definitions, instance, tmp_path / "log", said.append)
    assert made == ["whole", *CLASSES, "2026-01-03"]
    parts = [f"in_parts {media_class}" for media_class in CLASSES]
    assert [outcome.asset for outcome in outcomes] == ["whole", *parts, "by_day", "to_come"]
    assert [outcome.asset for outcome in outcomes if not outcome.is_good] == ["in_parts regular"]
    assert outcomes[-1].skipped == "it has no partition yet"
    assert [line.split(" ·")[0] for line in said] == [outcome.asset for outcome in outcomes]
