"""``holdfast restore media``, as a person types it: with the books, and without them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.errors import HoldfastError, PermanentError, SettingsError
from orchestration.cli import cli
from orchestration.settings import PROJECT
from resources.folder import FolderVault
from resources.object_store import S3Vault
from tests.contracts.houses import S3House, house
from tests.resources.media.shelves import Shelf

NAME = "upscale/2026-11/{}-0123456789.mp4"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3House]:
    with ExitStack() as stack:
        found = stack.enter_context(house("s3", tmp_path, monkeypatch))
        assert isinstance(found, S3House)
        yield found


@pytest.fixture
def shelf(database_url: str, tmp_path: Path, bucket: S3House, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    access = bucket.server.access(bucket.bucket)
    environment = {
        "DATABASE_URL": database_url,
        "HOLDFAST_HOME": str(tmp_path / "state"),
        "HOLDFAST_MEDIA_FOLDER": str(tmp_path / "nas"),
        "STORAGE_S3_ENDPOINT": access.endpoint,
        "STORAGE_S3_BUCKET": access.bucket,
        "STORAGE_S3_ACCESS_KEY_ID": access.access_key_id,
        "STORAGE_S3_SECRET_ACCESS_KEY": access.secret_access_key,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # Its parts are as large as those that the command expects.
    return Shelf(database_url, {"folder": FolderVault(tmp_path / "nas"), "s3": S3Vault(access)})


def call(*words: str, fails: type[HoldfastError] | None = None) -> Result:
    result = CliRunner().invoke(cli, ["restore", "media", *words])
    if fails:
        assert isinstance(result.exception, fails), result.output
    else:
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def document(result: Result) -> Any:
    return json.loads(result.stdout)


def files(home: Path) -> dict[str, bytes]:
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_plan_then_the_files_then_nothing_left_to_do(shelf: Shelf, tmp_path: Path) -> None:
    contents = {name: os.urandom(9_000_000 if name == "large" else 1000) for name in ("a", "b", "large")}
    for name, content in contents.items():
        shelf.add(name, content)
    home = tmp_path / "home"
    planned = call("--all", "--to", str(home), "--dry-run")
    assert planned.exit_code == 0
    assert f"{NAME.format('a')}: 1,000 bytes, s3, else folder" in planned.output
    assert "3 files, 9.0 MB, 0 of them in no vault that can be read" in planned.output
    assert "Nothing was written" in planned.output
    assert not home.exists()

    done = call("--all", "--to", str(home))
    assert done.exit_code == 0
    assert "3 restored (3 from s3), 0 were there, 0 not restored" in done.output
    assert files(home) == {NAME.format(name): content for name, content in contents.items()}

    again = document(call("--all", "--to", str(home), "--json"))
    assert (again["restored_files"], again["already_files"], again["received_bytes"]) == (0, 3, 0)


@pytest.mark.parametrize("vault", ["s3", "folder"])
def test_with_the_books_lost_a_vault_is_enough(
    shelf: Shelf, tmp_path: Path, vault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {name: os.urandom(17_000_000 if name == "large" else 1000) for name in ("a", "large")}
    for name, content in contents.items():
        shelf.add(name, content)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    home = tmp_path / "home"
    done = call("--all", "--from-vault", "--vault", vault, "--to", str(home))
    assert done.exit_code == 0, done.output
    assert "by size only" not in done.output
    assert files(home) == {NAME.format(name): content for name, content in contents.items()}
    one = tmp_path / "one"
    assert call("--id", "a", "--from-vault", "--to", str(one)).exit_code == 0
    assert list(files(one)) == [NAME.format("a")]


def test_what_is_not_there_is_listed_and_the_exit_code_says_so(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("good", b"meow")
    shelf.add("nowhere", b"x", into=[])
    result = call("--class", "upscale", "--to", str(tmp_path / "home"))
    assert result.exit_code == 1
    assert "not restored: gen_videos/nowhere (upscale, item 2): no vault has a proven copy of it" in result.output
    assert "1 restored" in result.output
    told = document(call("--all", "--to", str(tmp_path / "home"), "--json"))
    assert [one["name"] for one in told["failed"]]
    assert told["already_files"] == 1


def test_choices_are_put_together(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("a", b"1")
    shelf.add("a", b"2", media_class="images")
    shelf.add("b", b"3", created_at="2026-11-06 00:00+00")
    told = document(call("--id", "a", "--class", "images", "--to", str(tmp_path), "--dry-run", "--json"))
    assert [one["name"] for one in told["files"]] == ["images/2026-11/a-0123456789.mp4"]
    told = document(call("--day", "2026-11-05", "--to", str(tmp_path), "--dry-run", "--json"))
    assert told["wanted_files"] == 2


@pytest.mark.parametrize("words", [(), ("--all", "--id", "a"), ("--all", "--class", "upscale")])
def test_a_choice_is_needed_and_only_one_kind_of_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = call(*words, "--to", str(tmp_path))
    assert result.exit_code == 2
    assert "choose files" in result.output


def test_what_cannot_be_done_is_one_sentence(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("a", b"1")
    to = ("--to", str(tmp_path / "home"))
    no_vault = call("--all", "--vault", "drive", *to, fails=SettingsError)
    assert "drive is no vault of these settings" in str(no_vault.exception)
    assert "know no file" in str(call("--id", "nobody", *to, fails=PermanentError).exception)
    lost = call("--day", "2026-11-05", "--from-vault", *to, fails=PermanentError)
    assert "Choose the month (2026-11)" in str(lost.exception)
    assert not (tmp_path / "home").exists()


def test_it_works_without_dagster(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("a", b"meow")
    script = (
        "import sys; sys.modules['dagster'] = None;"
        "from orchestration.cli import main; sys.argv = ['holdfast', 'restore', 'media', *sys.argv[1:]]; main()"
    )
    argv = [sys.executable, "-c", script, "--all", "--to", str(tmp_path / "home")]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(files(tmp_path / "home").values()) == [b"meow"]
