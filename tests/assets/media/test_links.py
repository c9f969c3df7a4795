"""``media_links`` as the UI shows it: who serves every file, which link died, and what cannot be had at all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.media.links import MediaLinksConfig, every_item_can_be_reached, media_links
from resources.media.sample_files import FILES
from resources.media.sample_origin import SampleOrigin
from resources.media.vaults_resource import OriginResource
from resources.postgres_resource import PostgresResource
from tests.assets.baselines.deployment import checks, metadata
from tests.resources.media.linked import add_item
from tests.resources.media.origins import served

Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SampleOrigin]:
    with served(tmp_path / "origin") as started:
        yield started


@pytest.fixture
def run(instance: dg.DagsterInstance, database_url: str, server: SampleOrigin) -> Run:
    doors = {
        "postgres": PostgresResource(dsn=database_url),
        "media_origin": OriginResource(allowed_hosts=server.url),
    }

    def materialize(**config: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [media_links, every_item_can_be_reached],
            instance=instance,
            resources=doors,
            run_config=dg.RunConfig(ops={"media_links": MediaLinksConfig(**config)}),
        )

    return materialize


@pytest.fixture
def books(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def shown(table: Any) -> list[dict[str, str]]:
    return [dict(record.data) for record in table.records]


def test_nothing_in_the_books_is_said_and_good(run: Run) -> None:
    result = run()
    told = metadata(result, "media_links")
    assert told["what"] == "Every link answers."
    assert told["who_serves"] == "nothing yet"
    assert told["files"] == told["asked_links"] == 0
    assert checks(result)["every_item_can_be_reached"].passed


def test_a_link_that_died_is_told_with_who_serves_its_file_now(
    run: Run, books: psycopg.Connection[Any], server: SampleOrigin
) -> None:
    alive, dead = FILES[0].path, FILES[1].path
    (server.folder / f"{dead}.gone").touch()
    add_item(books, 1, url=f"{server.url}/{alive}")
    add_item(books, 2, url=f"{server.url}/{dead}", media_class="upscale", copies={"folder": "file:///v/2.mp4"})
    first = run()
    told = metadata(first, "media_links")
    (switched,) = shown(told["switched"])
    assert switched["file"] == "upscale gen_videos/2"
    assert (switched["served_by"], switched["url"]) == ("folder", "file:///v/2.mp4")
    assert "410 Gone" in switched["the_link_says"]
    assert "**upscale gen_videos/2** is served by the folder vault" in told["what"]
    assert len(told["who_serves"]) < 1000
    served = [told[f"files_by_{one}"] for one in ("origin", "drive", "folder", "s3")]
    assert served == [1, 0, 1, 0]
    assert sum(served) + told["unreachable_files"] == told["files"] == told["dagster/row_count"] == 2
    assert told["answering_links"] + told["dead_links"] + told["unclear_links"] == told["asked_links"] == 2
    check = checks(first)["every_item_can_be_reached"]
    assert check.passed
    assert check.metadata["reachable_files"].value == check.metadata["files"].value == 2
    second = metadata(run(), "media_links")
    assert second["asked_links"] == 0
    assert second.keys() == told.keys()
    assert metadata(run(again=True, limit=1), "media_links")["asked_links"] == 1


def test_a_file_that_cannot_be_had_fails_the_check_and_is_named(
    run: Run, books: psycopg.Connection[Any], server: SampleOrigin
) -> None:
    secret = "?signature=s3cr3t"
    add_item(books, 1, url=f"{server.url}/nothing.mp4{secret}")
    add_item(books, 2, url=f"{server.url}/{FILES[0].path}")
    result = run()
    told = metadata(result, "media_links")
    check = checks(result)["every_item_can_be_reached"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.description == "1 of 2 files cannot be had anywhere."
    (nobody,) = shown(check.metadata["unreachable"].value)
    assert nobody["url"] == f"{server.url}/nothing.mp4"
    assert "cannot be had anywhere" in told["what"]
    assert "s3cr3t" not in str(told) + str(check.metadata)


def test_a_link_whose_time_is_over_says_so(run: Run, books: psycopg.Connection[Any], server: SampleOrigin) -> None:
    add_item(books, 1, url="http://127.0.0.1:9/1.mp4", origin_state="answers", copies={"drive": "https://d.example/1"})
    books.execute(
        "update holdfast.media_items set deadline_at = now(), origin_checked_at = now() - interval '1 minute'"
    )
    told = metadata(run(limit=1, max_seconds=0.001), "media_links")
    assert "its link was good until" in told["what"]
