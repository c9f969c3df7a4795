"""What rings the bell: new rows and due copies, each class by itself, and nothing else."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.media.inventory import media_inventory
from holdfast.media.work import Result
from orchestration.definitions import defs, resources
from orchestration.media_jobs import media_backup_new
from orchestration.sensors import media_arrivals
from orchestration.settings import load
from resources.media.queue import Queue
from resources.postgres import Postgres
from tests.assets.media.deployment import MediaDeployment
from tests.resources.media.books import claims, verified

REPOSITORY = defs().get_repository_def()
STATUS = dg.DagsterRunStatus
LATE = b"insert into gen_videos (video_url, created_at) values ('https://fal.media/late', now() - interval '1 hour')"


class Bell(MediaDeployment):
    """A deployment, and the sensor with its cursor."""

    cursor: str | None = None

    def tick(self) -> tuple[list[str], str]:
        """The classes that a tick asks for, and why not the others."""
        doors = {name: resources(load(self.environment))[name] for name in ("postgres", "media_vaults")}
        context = dg.build_sensor_context(
            instance=self.instance, resources=doors, cursor=self.cursor, repository_def=REPOSITORY
        )
        with context:
            result = media_arrivals.evaluate_tick(context)
        self.cursor = result.cursor
        self.requests = list(result.run_requests or ())
        return [request.partition_key or "" for request in self.requests], result.skip_message or ""

    def take_stock(self) -> None:
        self.run(media_inventory)

    def runs(self, media_class: str, status: dg.DagsterRunStatus) -> str:
        """A run of a class is in this state."""
        run = dg.DagsterRun(job_name=media_backup_new.name, status=status, tags={"dagster/partition": media_class})
        self.instance.add_run(run)
        return run.run_id


@pytest.fixture
def bell(instance: dg.DagsterInstance, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bell:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Bell(instance, database_url, tmp_path / "home")


@pytest.fixture
def queue(bell: Bell) -> Iterator[Queue]:
    with closing(Queue(Postgres(bell.database_url), owner="run")) as queue:
        yield queue


def test_an_application_without_media_is_left_in_peace(bell: Bell) -> None:
    assert bell.tick() == ([], "upscale: nothing waits; regular: nothing waits; images: nothing waits")


def test_each_class_with_work_gets_a_run_the_most_valuable_first(bell: Bell) -> None:
    bell.books.run("insert into gen_images (image_url, created_at) values ('https://fal.media/i.png', now())")
    bell.video(1, upscale_video_url="https://fal.media/u.mp4")
    assert bell.tick() == (["upscale", "regular", "images"], "")
    assert [request.tags["dagster/priority"] for request in bell.requests] == ["3", "2", "1"]
    assert len({request.run_key for request in bell.requests}) == 3
    # Nothing was done about it: the next tick asks again, under other keys.
    keys = {request.run_key for request in bell.requests}
    bell.books.run("select pg_sleep(1)")
    assert bell.tick()[0] == ["upscale", "regular", "images"]
    assert not keys & {request.run_key for request in bell.requests}


def test_a_row_that_is_committed_late_is_not_lost(bell: Bell) -> None:
    with psycopg.connect(bell.database_url) as late:
        late.execute(LATE)
        bell.video(1)
        assert bell.tick()[0] == ["regular"]
        bell.take_stock()
        bell.books.run("update holdfast.media_copies set next_attempt_at = 'infinity'")
        assert bell.tick()[0] == []
        assert bell.tick()[0] == []
        late.commit()
    assert bell.tick()[0] == ["regular"]


def test_a_class_with_a_run_gets_no_second_one(bell: Bell) -> None:
    bell.video(1)
    for status in (STATUS.NOT_STARTED, STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING):
        run_id = bell.runs("regular", status)
        asked, why = bell.tick()
        assert asked == []
        assert "regular: a run is at work" in why
        bell.instance.delete_run(run_id)
    bell.runs("images", STATUS.STARTED)
    assert bell.tick()[0] == ["regular"]


def test_a_run_that_failed_is_not_repeated_at_once(bell: Bell) -> None:
    bell.video(1)
    bell.runs("regular", STATUS.FAILURE)
    asked, why = bell.tick()
    assert asked == []
    assert "regular: the last run failed, the next one begins after " in why


def test_what_waits_for_later_is_told_with_its_deadline(bell: Bell, queue: Queue) -> None:
    bell.video(1)
    bell.take_stock()
    (claim,) = claims(queue.claim(vaults=("folder",), media_class=None, most=9))
    queue.settle([Result(claim=claim, verdict="again", after=timedelta(minutes=5))])
    deadline = bell.books.item(claim.item_id)["deadline_at"]
    asked, why = bell.tick()
    assert asked == []
    assert f"regular: nothing is due, next deadline {deadline:%Y-%m-%d %H:%M} UTC" in why
    bell.books.turn(timedelta(minutes=6))
    assert bell.tick()[0] == ["regular"]


def test_a_closed_vault_is_told_and_looked_at_again_after_a_while(bell: Bell, queue: Queue) -> None:
    bell.video(1)
    bell.take_stock()
    queue.close_vault("folder", by="quota", reason="the disk is full", reopens_in=None)
    assert bell.tick()[0] == ["regular"]
    bell.runs("regular", STATUS.SUCCESS)
    asked, why = bell.tick()
    assert asked == []
    assert "folder is closed: the disk is full (tried again after " in why
    queue.open_vault("folder")
    assert bell.tick()[0] == ["regular"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "[1]", '{"gen_videos.video_url": 3}', '{"a": [1, 1e99]}'])
def test_a_cursor_that_says_nothing_costs_nothing(bell: Bell, cursor: str) -> None:
    bell.cursor = cursor
    bell.video(1)
    assert bell.tick()[0] == ["regular"]


def test_a_database_that_is_away_is_a_reason_and_no_failure(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    bell.tick()
    kept = bell.cursor
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    asked, why = bell.tick()
    assert (asked, bell.cursor) == ([], kept)
    assert "the books cannot be asked" in why


def test_no_migration_yet_is_a_reason(bell: Bell, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert "holdfast migrate" in bell.tick()[1]


class TestSchedules:
    def tick(self, bell: Bell, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict[str, Any]], str]:
        for variable, value in bell.environment.items():
            monkeypatch.setenv(variable, value)
        doors = {"postgres": resources(load(bell.environment))["postgres"]}
        with dg.build_schedule_context(
            scheduled_execution_time=datetime(2026, 11, 3, 2, 0, tzinfo=UTC), resources=doors, repository_def=REPOSITORY
        ) as context:
            found = REPOSITORY.get_schedule_def(name).evaluate_tick(context)
        asked = [
            {"class": one.partition_key, **one.run_config["ops"]["media_backup"]["config"]}
            | one.run_config["ops"]["media_inventory"]["config"]
            for one in found.run_requests or ()
        ]
        return asked, found.skip_message or ""

    def test_every_night_each_class_gets_a_run(self, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
        bell.environment["HOLDFAST_MEDIA_NIGHTLY_LIMIT"] = "50"
        bell.environment["HOLDFAST_MEDIA_WORKERS"] = "3"
        asked, _ = self.tick(bell, "media_nightly_schedule", monkeypatch)
        assert [one["class"] for one in asked] == ["upscale", "regular", "images"]
        assert [one["look_into_vaults"] for one in asked] == [True, False, False]
        assert {(one["limit"], one["workers"]) for one in asked} == {(50, 3)}

    def test_every_hour_what_expires_is_tried(self, bell: Bell, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        bell.video(1, expires_in=timedelta(days=2))
        bell.take_stock()
        asked, why = self.tick(bell, "media_rescue_schedule", monkeypatch)
        assert (asked, why) == ([], "nothing that could be tried expires within 24 hours")
        bell.video(2, expires_in=timedelta(hours=5))
        bell.take_stock()
        queue.close_vault("folder", by="quota", reason="full", reopens_in=None)
        (asked_for,), _ = self.tick(bell, "media_rescue_schedule", monkeypatch)
        assert (asked_for["class"], asked_for["only_urgent"]) == ("regular", True)
        queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("folder",), media_class=None, most=1))])
        assert self.tick(bell, "media_rescue_schedule", monkeypatch)[0] == []
