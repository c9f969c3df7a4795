"""Runs that a crash left "started": only those that cannot be alive are failed."""

import multiprocessing
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from orchestration.reconcile import reconcile
from tests.servers import eventually

FORK = multiprocessing.get_context("fork")
FAILED, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


@dg.asset
def endless() -> None:
    signal.pause()


def work(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        dg.materialize([endless], instance=instance)


class Worker:
    """A run that is under way in a process of its own."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        storage = Path(instance.storage_directory())
        self.process = FORK.Process(target=work, args=(storage.parent,))
        self.process.start()
        self.folder = Path(eventually(lambda: next(storage.glob("*/compute_logs"), None))).parent
        self.run_id = self.folder.name
        assert self.status is STARTED

    @property
    def status(self) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(self.run_id)
        assert run
        return run.status

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


@pytest.fixture
def worker(instance: dg.DagsterInstance) -> Iterator[Worker]:
    worker = Worker(instance)
    yield worker
    worker.kill()


def reconciled(worker: Worker, *, is_private: bool = False) -> list[str]:
    said: list[str] = []
    reconcile(worker.instance, said.append, is_private=is_private)
    return said


def places(worker: Worker) -> int:
    return worker.instance.event_log_storage.get_concurrency_info("place").active_slot_count


def test_a_run_whose_process_is_gone_is_failed_and_gives_up_its_place(worker: Worker) -> None:
    storage = worker.instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("place")
    storage.claim_concurrency_slot("place", worker.run_id, "endless")
    worker.kill()
    assert (worker.status, places(worker)) == (STARTED, 1)
    assert reconciled(worker) == [f"run {worker.run_id[:8]} was cut off by an earlier stop; marked as failed"]
    assert (worker.status, places(worker)) == (FAILED, 0)
    assert reconciled(worker) == []


def test_a_run_whose_process_lives_is_left_alone_in_a_shared_storage(worker: Worker) -> None:
    (said,) = reconciled(worker)
    assert f"({worker.run_id[:8]}) may be alive on another host" in said
    assert "run monitoring" in said
    assert worker.status is STARTED


def test_a_run_of_another_host_is_left_alone_whatever_its_number(worker: Worker) -> None:
    worker.kill()
    shutil.rmtree(worker.folder)
    assert len(reconciled(worker)) == 1
    assert worker.status is STARTED


def test_a_run_that_never_began_is_left_to_run_monitoring(worker: Worker) -> None:
    worker.kill()
    url = worker.instance.event_log_storage.postgres_url.replace("+psycopg2", "")  # type: ignore[attr-defined]
    with psycopg.connect(url) as connection:
        connection.execute("delete from event_logs where dagster_event_type = 'PIPELINE_START'")
        connection.execute("update runs set status = 'STARTING'")
    assert len(reconciled(worker)) == 1


def test_a_number_that_went_to_another_process_is_no_sign_of_life(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = worker.instance.all_logs(worker.run_id, of_type=dg.DagsterEventType.RUN_START)
    began_s = starts[0].timestamp

    def later(self: object) -> float:
        return began_s + 60

    monkeypatch.setattr("psutil.Process.create_time", later)
    assert "marked as failed" in reconciled(worker)[0]


def test_in_an_embedded_storage_nobody_else_can_be_alive(worker: Worker) -> None:
    assert "marked as failed" in reconciled(worker, is_private=True)[0]
    assert worker.status is FAILED


def test_finished_runs_are_not_looked_at(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def short() -> None: ...

    dg.materialize([short], instance=instance)
    said: list[str] = []
    reconcile(instance, said.append, is_private=True)
    assert said == []
