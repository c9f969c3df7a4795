"""What exists, as text, so that a change of it is seen in review. ``make golden`` rewrites the files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from orchestration.definitions import defs

DEFINITIONS: Final = Path(__file__).parent / "definitions.txt"


def definitions() -> str:
    """Every asset, check, job, schedule and sensor of the code location, one line each."""
    return "\n".join(sorted(_lines(defs()))) + "\n"


def _lines(found: dg.Definitions) -> Iterator[str]:
    graph = found.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        deps = ",".join(sorted(parent.to_user_string() for parent in node.parent_keys)) or "-"
        partitions = _partitions(node.partitions_def)
        yield f"asset     {key.to_user_string()}  group={node.group_name}  deps={deps}  partitions={partitions}"
    for check in graph.asset_check_keys:
        yield f"check     {check.asset_key.to_user_string()}:{check.name}"
    for job in found.jobs or ():
        yield f"job       {job.name}"
    for schedule in found.schedules or ():
        yield f"schedule  {schedule.name}  {schedule.cron_schedule}  {schedule.execution_timezone}"
    for sensor in found.sensors or ():
        yield f"sensor    {sensor.name}  {sensor.minimum_interval_seconds} s"


def _partitions(found: dg.PartitionsDefinition[str] | None) -> str:
    if found is None:
        return "-"
    return ",".join(found.get_partition_keys()) if isinstance(found, dg.StaticPartitionsDefinition) else "daily"
