"""One file's life on embedded stores: a new row, a tick of the sensor, a verified copy, a dead link, the view that
switches, and the bytes back home.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import dagster as dg
import psycopg
import pytest
from click.testing import CliRunner

from assets.media.backup import media_backup
from assets.media.inventory import media_inventory
from assets.media.links import every_item_can_be_reached, media_links
from orchestration.cli_restore import restore
from orchestration.definitions import resources
from orchestration.media_jobs import media_backup_new
from orchestration.sensors import media_arrivals
from orchestration.settings import load
from resources.media.links import access_url
from resources.media.sample_files import LIST, SampleFile
from resources.media.sample_origin import SampleOrigin
from resources.postgres import Postgres
from resources.samples import make_samples
from tests.assets.baselines.deployment import checks, metadata
from tests.resources.media.origins import served
from tests.servers import eventually

VIDEO = SampleFile(media_class="regular", row=1, seed=31, lasts=timedelta(days=7))
UPSCALE = SampleFile(media_class="upscale", row=1, seed=31, lasts=timedelta(days=7))
ROW = "7d0c3b7e-52c5-4d0b-8f0e-0d3f4c1f9a31"
NEW_ROW = """
    insert into gen_videos (id, user_id, generation_model, prompt, video_url, upscale_video_url, created_at)
    values (%s, gen_random_uuid(), 'veo-3', 'a lighthouse in fog', %s, %s, now())
"""


@dataclass
class Studio:
    """An application, its origin, and Holdfast beside it."""

    instance: dg.DagsterInstance
    connection: psycopg.Connection[Any]
    environment: dict[str, str]
    origin: SampleOrigin
    definitions: dg.Definitions
    cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        doors = {name: self.definitions.resources[name] for name in ("postgres", "media_vaults")}
        context = dg.build_sensor_context(instance=self.instance, resources=doors, cursor=self.cursor)
        result = media_arrivals(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def launch(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(media_backup_new.name)
        return job.execute_in_process(
            instance=self.instance,
            run_config=request.run_config,
            partition_key=request.partition_key,
            tags=dict(request.tags),
        )

    def look_at_links(self, **config: bool) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [media_links, every_item_can_be_reached],
            instance=self.instance,
            resources=self.definitions.resources,
            run_config={"ops": {"media_links": {"config": config}}},
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), (ROW,)).fetchall()

    def served(self) -> dict[str, str]:
        rows = self.ask("select media_class, served_by from public.media_access_url where source_id = %s")
        return dict(rows)


@pytest.fixture
def studio(
    instance: dg.DagsterInstance,
    database_url: str,
    secondary_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Studio]:
    make_samples(Postgres(database_url), Postgres(secondary_database_url), datetime.now(UTC))
    folder = tmp_path / "origin"
    listed = {}
    for file in (VIDEO, UPSCALE):
        (folder / file.path).parent.mkdir(parents=True)
        (folder / file.path).write_bytes(file.content())
        listed[file.path] = {"dies_at": (datetime.now(UTC) + file.lasts).isoformat(), "dies_when_safe": False}
    (folder / LIST).write_text(json.dumps(listed))
    with served(folder) as origin, psycopg.connect(database_url, autocommit=True) as connection:
        environment = {
            "DATABASE_URL": database_url,
            "SUPABASE_DB_URL": secondary_database_url,
            "REDIS_ENABLED": "false",
            "HOLDFAST_HOME": str(tmp_path / "home"),
            "MEDIA_ALLOWED_HOSTS": origin.url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        definitions = dg.Definitions(
            assets=[media_inventory, media_backup],
            jobs=[media_backup_new],
            resources=resources(load(environment)),
            executor=dg.in_process_executor,
        )
        yield Studio(instance, connection, environment, origin, definitions)


def arrives(studio: Studio) -> None:
    """A row arrives; within a minute a tick asks for a run of each of its classes, the upscale first."""
    urls = {file.media_class: f"{studio.origin.url}/{file.path}" for file in (VIDEO, UPSCALE)}
    studio.connection.execute(NEW_ROW, (ROW, urls["regular"], urls["upscale"]))
    requests = eventually(lambda: studio.tick().run_requests, within_s=60)
    assert [request.partition_key for request in requests] == ["upscale", "regular"]
    for request in requests:
        assert studio.launch(request).success


def is_saved(studio: Studio) -> None:
    states = studio.ask("select media_class, state from holdfast.media_file_copies where source_id = %s")
    assert dict(states) == {"upscale": "verified", "regular": "verified"}
    ((status, checksum),) = studio.ask("select backup_status, backup_checksum from gen_videos where id = %s::uuid")
    assert status == "verified"
    assert checksum
    assert not studio.tick().run_requests


def dies(studio: Studio, file: SampleFile) -> None:
    """The link of one file dies; the other stays where it is."""
    (studio.origin.folder / f"{file.path}.gone").touch()
    result = studio.look_at_links(again=True)
    told = metadata(result, "media_links")
    assert (told["files_by_origin"], told["files_by_folder"], told["unreachable_files"]) == (1, 1, 0)
    assert checks(result)["every_item_can_be_reached"].passed


def is_served_by_the_vault(studio: Studio, file: SampleFile) -> None:
    """Whoever asks, by SQL or from Python, is sent to the vault, where the file is."""
    ((url,),) = studio.ask("select holdfast.media_url('gen_videos', %s)")
    assert Path(url2pathname(urlsplit(url).path)).read_bytes() == file.content()
    link = access_url(Postgres(studio.environment["DATABASE_URL"]), "gen_videos", ROW)
    assert link is not None
    assert (link.url, link.served_by, link.content_type) == (url, "folder", "video/mp4")


def comes_home(folder: Path) -> None:
    """What is gone from its origin comes back from the vault, byte for byte, without Dagster."""
    done = CliRunner().invoke(restore, ["media", "--id", ROW, "--to", str(folder)])
    assert done.exit_code == 0, done.output
    assert {path.read_bytes() for path in folder.rglob("*.mp4")} == {VIDEO.content(), UPSCALE.content()}


def test_a_new_row_is_saved_its_link_dies_the_view_switches_and_the_file_comes_home(
    studio: Studio, tmp_path: Path
) -> None:
    quiet = studio.tick()
    assert not quiet.run_requests
    assert quiet.skip_reason
    arrives(studio)
    is_saved(studio)
    assert studio.served() == {"upscale": "origin", "regular": "origin"}
    studio.look_at_links()
    assert studio.served() == {"upscale": "origin", "regular": "origin"}
    dies(studio, UPSCALE)
    assert studio.served() == {"upscale": "folder", "regular": "origin"}
    is_served_by_the_vault(studio, UPSCALE)
    comes_home(tmp_path / "restored")
