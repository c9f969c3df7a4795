"""Compute logs: which folders go."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.dagster_log import Pruned, prune
from resources.postgres import Postgres

OLD_RUN, YOUNG_RUN = "5730d5cf-d2e2-4aaf-b4d1-91af41d32987", "923bf469-b5f8-41f3-8a2d-796ee5decb56"


def write(path: Path, *, days: float) -> None:
    """A file that was last written so many days ago, in folders as old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("said")
    at_s = time.time() - days * 86_400
    for each in (path, path.parent):
        os.utime(each, (at_s, at_s))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(tmp_path / OLD_RUN / "compute_logs" / "step.err", days=15)
    write(tmp_path / YOUNG_RUN / "compute_logs" / "step.err", days=13)
    return tmp_path


def pruned(url: str, logs: Path | None) -> Pruned:
    return prune(Postgres(url), logs, now=datetime.now(UTC), keep=timedelta(days=14))


def test_old_folders_go_and_young_ones_stay(dagster_database_url: str, logs: Path) -> None:
    assert pruned(dagster_database_url, logs).log_folders == 1
    assert [folder.name for folder in logs.iterdir()] == [YOUNG_RUN]
    assert pruned(dagster_database_url, logs).log_folders == 0


def test_a_log_that_still_grows_stays(dagster_database_url: str, logs: Path) -> None:
    at_s = time.time()
    os.utime(logs / OLD_RUN / "compute_logs" / "step.err", (at_s, at_s))
    assert pruned(dagster_database_url, logs).log_folders == 0


def test_only_logs_of_runs_go(dagster_database_url: str, logs: Path) -> None:
    write(logs / "sales" / "compute_logs" / "value", days=400)
    write(logs / OLD_RUN / "some_op" / "result", days=400)
    assert pruned(dagster_database_url, logs).log_folders == 1
    left = sorted(str(path.relative_to(logs)) for path in logs.rglob("*") if path.is_file())
    assert left == [f"{OLD_RUN}/some_op/result", f"{YOUNG_RUN}/compute_logs/step.err", "sales/compute_logs/value"]


def test_a_machine_without_logs_prunes_the_storage_alone(dagster_database_url: str, tmp_path: Path) -> None:
    for logs in (None, tmp_path / "nowhere"):
        assert pruned(dagster_database_url, logs).log_folders == 0


def test_more_than_a_batch_goes_in_one_pruning(dagster_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.dagster_log.BATCH_ROWS", 7)
    with Postgres(dagster_database_url).autocommit() as connection:
        connection.execute(
            "insert into runs (run_id, status, pipeline_name, run_body) values ('r', 'SUCCESS', 'p', '')"
        )
        connection.execute(
            "insert into event_logs (run_id, event, dagster_event_type, timestamp) "
            "select 'r', '', 'STEP_START', (now() - interval '20 days')::timestamp from generate_series(1, 20)"
        )
    assert pruned(dagster_database_url, None).run_rows == 20
