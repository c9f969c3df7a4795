"""``holdfast media``, as a person types it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from orchestration.cli import cli
from tests.fakes.origins import FakeOrigin
from tests.fakes.origins import origin as fake_origin
from tests.resources.media.application import add_image, add_video, make_tables
from tests.resources.media.files import film, picture

Call = Callable[..., Result]


@pytest.fixture
def there() -> Iterator[FakeOrigin]:
    with fake_origin() as one:
        yield one


@pytest.fixture
def call(database_url: str, there: FakeOrigin, tmp_path: Path) -> Call:
    make_tables(database_url)
    environment = {
        "DATABASE_URL": database_url,
        "HOLDFAST_HOME": str(tmp_path / "home"),
        "HOLDFAST_MEDIA_FOLDER": str(tmp_path / "vault"),
        "MEDIA_ALLOWED_HOSTS": there.url,
    }

    def run(*words: str) -> Result:
        result = CliRunner().invoke(cli, ["media", *words], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def test_run_saves_the_most_pressing_of_all_classes_and_status_tells(
    call: Call, there: FakeOrigin, database_url: str
) -> None:
    for number in range(3):
        add_image(database_url, there.put(f"/{number}.png", picture(2000, number)), file_size=2000)
    add_video(database_url, upscale=there.put("/u.mp4", film(3000)), regular=there.put("/r.mp4", film(4000)))
    looked = call("run", "--dry-run")
    assert looked.exit_code == 0
    assert "0 files are due" in looked.output
    first = call("run", "--limit", "1")
    assert first.exit_code == 0
    assert "1 copy made and proven (3 kB)" in first.output
    assert "5 files are due" not in first.output
    assert "4 files are due, 6 kB as far as sizes are known; nothing was done" in call("run", "--dry-run").output
    rest = json.loads(call("run", "--json").stdout)
    assert (rest["copies"], rest["is_dry_run"]) == ({"verified": 4}, False)
    told = call("status")
    assert told.exit_code == 0
    assert "100.00 %" in told.output
    assert "folder: 5 copies" in told.output
    document = json.loads(call("status", "--json").stdout)
    assert {(one["media_class"], one["status"], one["files"]) for one in document["classes"]} == {
        ("upscale", "verified", 1), ("regular", "verified", 1), ("images", "verified", 3),
    }  # fmt: skip


def test_what_failed_is_named_and_queued_again_when_told(call: Call, there: FakeOrigin, database_url: str) -> None:
    row = add_image(database_url, "https://elsewhere.example/a.png")
    ran = call("run", "--class", "images")
    assert ran.exit_code == 1
    assert "is not among the hosts that media may be fetched from" in ran.output
    told = call("status")
    assert told.exit_code == 1
    assert f"failed: gen_images/{row} (images, item 1) in folder: https://elsewhere.example/a.png" in told.output
    with psycopg.connect(database_url) as connection:
        connection.execute("update gen_images set image_url = %s", [there.put("/a.png", picture(900))])
        connection.execute("update holdfast.media_items set url = %s", [there.url + "/a.png"])
    assert "1 copy is queued again" in call("retry", "--id", row).output
    assert call("retry", "--id", "nobody").exit_code == 1
    assert call("retry").exit_code == 2
    call("run")
    assert there.log


def test_nothing_in_the_books_says_what_to_do(call: Call) -> None:
    told = call("status")
    assert told.exit_code == 0
    assert "there is nothing in the books yet: holdfast media run" in told.output
