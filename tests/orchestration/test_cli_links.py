"""``holdfast media links`` and ``holdfast media url``: for people, for programs, and by exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from orchestration.cli import cli
from resources.media.sample_files import FILES
from resources.media.sample_origin import SampleOrigin
from tests.resources.media.linked import add_item
from tests.resources.media.origins import served


@pytest.fixture
def books(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[psycopg.Connection[Any], SampleOrigin]]:
    """A configured primary, and an origin that is allowed."""
    with served(tmp_path / "origin") as origin, psycopg.connect(database_url, autocommit=True) as connection:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("MEDIA_ALLOWED_HOSTS", origin.url)
        monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
        yield connection, origin


def holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["media", *arguments])


def test_links_are_counted_and_asked_when_told(books: tuple[psycopg.Connection[Any], SampleOrigin]) -> None:
    connection, origin = books
    assert "no file is in the books yet" in holdfast("links").stdout
    path = FILES[0].path
    add_item(connection, 1, url=f"{origin.url}/{path}", copies={"drive": "https://drive.example/1"})
    told = json.loads(holdfast("links", "--json").stdout)
    assert told["served"] == [{"media_class": "regular", "served_by": "origin", "files": 1}]
    assert json.loads(holdfast("links", "--ask", "--json").stdout)["asked"]["answers"] == 1
    (origin.folder / f"{path}.gone").touch()
    assert json.loads(holdfast("links", "--ask", "--json").stdout)["asked"]["gone"] == 0
    done = holdfast("links", "--ask", "--again")
    assert done.exit_code == 0
    assert "regular gen_videos/1 is served by drive: https://drive.example/1" in done.stdout


def test_a_file_that_cannot_be_had_is_an_exit_code(books: tuple[psycopg.Connection[Any], SampleOrigin]) -> None:
    connection, _ = books
    add_item(connection, 1, url="https://a.example/1.mp4?signature=s3cr3t", origin_state="gone")
    for arguments in (("links",), ("links", "--json"), ("url", "gen_videos", "1")):
        done = holdfast(*arguments)
        assert done.exit_code == 1
        assert "s3cr3t" not in done.output
    assert "no file of this row can be had" in holdfast("url", "gen_videos", "1").stderr
    assert holdfast("url", "gen_videos", "1", "--json").stdout == "null\n"


def test_the_url_of_a_row_is_one_line_or_a_document(books: tuple[psycopg.Connection[Any], SampleOrigin]) -> None:
    connection, _ = books
    add_item(connection, 1, media_class="upscale", url="http://a.example/up.mp4")
    add_item(connection, 1, media_class="regular", url="http://a.example/regular.mp4")
    assert holdfast("url", "gen_videos", "1").stdout == "http://a.example/up.mp4\n"
    told = json.loads(holdfast("url", "gen_videos", "1", "--class", "regular", "--json").stdout)
    assert (told["url"], told["served_by"]) == ("http://a.example/regular.mp4", "origin")


def test_again_alone_is_a_mistake(books: tuple[psycopg.Connection[Any], SampleOrigin]) -> None:
    assert holdfast("links", "--again").exit_code == 2
