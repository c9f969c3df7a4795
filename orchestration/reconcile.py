"""Runs that a crash left "started": failed where nobody can be working on them any more, else left alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import dagster as dg
import psutil

from orchestration.runs import Say

_UNFINISHED: Final = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
# An event is written a moment after its process began; the two clocks are the same machine's.
_SAME_START_S: Final = 2.0


def reconcile(instance: dg.DagsterInstance, say: Say, *, is_private: bool) -> None:
    """Fail the runs that were cut off: they hold their places in pools for as long as they look alive.

    Args:
        instance: Dagster's instance, before its daemon is started.
        say: where to tell.
        is_private: its storage is this state folder's own. A shared one holds runs of other hosts as well, and of
            those it cannot be told from here whether they live.
    """
    left: list[str] = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(_UNFINISHED))):
        run_id = record.dagster_run.run_id
        if not (is_private or _is_cut_off(instance, run_id)):
            left.append(run_id)
            continue
        instance.report_run_failed(record.dagster_run, "This run did not survive a restart of the services.")
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        say(f"run {run_id[:8]} was cut off by an earlier stop; marked as failed")
    if left:
        say(_left(left))


def _is_cut_off(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether it was worked on here, by a process that is gone.

    Dagster records the process of a run but not its host. What tells the host is the folder of the run's compute logs.
    """
    if not (Path(instance.storage_directory()) / run_id).is_dir():
        return False
    starts = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_START)
    workers = [(entry.dagster_event.pid, entry.timestamp) for entry in starts if entry.dagster_event]
    return bool(workers) and all(pid is not None and not _is_alive(pid, at_s) for pid, at_s in workers)


def _is_alive(pid: int, seen_at_s: float) -> bool:
    """Whether the process that had this number at that instant still has it."""
    try:
        process = psutil.Process(pid)
        is_same = process.create_time() <= seen_at_s + _SAME_START_S
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _left(run_ids: Sequence[str]) -> str:
    names = ", ".join(run_id[:8] for run_id in run_ids[:5]) + (", …" if len(run_ids) > 5 else "")
    return (
        f"{len(run_ids)} unfinished runs ({names}) may be alive on another host of this storage; left to Dagster's "
        "run monitoring, which ends what does not start or takes too long"
    )
