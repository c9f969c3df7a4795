"""The samples' origin serves real files, in parts too, and its links die when they should."""

import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.errors import TransientError
from holdfast.media.kinds import FileCheck
from resources.media.sample_files import FILES, LIST, sample_rows, write_files
from resources.media.sample_origin import SampleOrigin
from tests.resources.media.origins import served

RESUMED_FROM_BYTES = 5_000_000
IMAGE = next(file for file in FILES if file.media_class == "images" and not file.dies_when_safe)
DYING = next(file for file in FILES if file.dies_when_safe)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("origin")
    write_files(folder, datetime.now(UTC))
    return folder


@pytest.fixture
def folder(files: Path, tmp_path: Path) -> Path:
    """A copy in which links may die."""
    return Path(shutil.copytree(files, tmp_path / "origin"))


class Safe:
    """What the books say; a test changes it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[], bool] = lambda: False

    def __call__(self, url: str) -> bool:
        self.asked.append(url)
        return self.answer()


@pytest.fixture
def safe() -> Safe:
    return Safe()


@pytest.fixture
def origin(folder: Path, safe: Safe) -> Iterator[SampleOrigin]:
    with served(folder, safe) as server:
        yield server


def ask(
    origin: SampleOrigin, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", origin.server_port, timeout=10)
    try:
        connection.request(method, f"/{path}", headers={name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_every_file_is_whole_and_of_its_kind(files: Path) -> None:
    for file in FILES:
        data = (files / file.path).read_bytes()
        check = FileCheck("image" if file.media_class == "images" else "video", declared_bytes=None, declared_type="")
        check.feed(memoryview(data))
        check.finish()
    large = [file for file in FILES if (files / file.path).stat().st_size > RESUMED_FROM_BYTES]
    assert {file.media_class for file in large} == {"upscale"}
    assert len(large) == 3


def test_no_two_files_are_the_same(files: Path) -> None:
    assert len({(files / file.path).read_bytes() for file in FILES}) == len(FILES) == 13


def test_rows_name_their_files_and_how_long_they_live(files: Path) -> None:
    rows = sample_rows(files, "http://127.0.0.1:1")
    assert [row["url"] for row in rows] == [f"http://127.0.0.1:1/{file.path}" for file in FILES]
    assert all(row["bytes"] == (files / file.path).stat().st_size for row, file in zip(rows, FILES, strict=True))
    by_row: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        by_row.setdefault((row["table"], row["row"]), set()).add(row["expires_at"])
    assert all(len(deadlines) == 1 for deadlines in by_row.values())


def test_a_file_comes_whole_and_in_parts(origin: SampleOrigin, folder: Path) -> None:
    data = (folder / IMAGE.path).read_bytes()
    status, headers, body = ask(origin, IMAGE.path)
    assert (status, body, headers["Content-Type"]) == (200, data, "image/png")
    etag = headers["ETag"]
    status, headers, body = ask(origin, IMAGE.path, Range="bytes=100-199", If_Range=etag)
    assert (status, body, headers["Content-Range"]) == (206, data[100:200], f"bytes 100-199/{len(data)}")
    assert ask(origin, IMAGE.path, Range="bytes=100-")[2] == data[100:]
    assert ask(origin, IMAGE.path, Range="bytes=-7")[2] == data[-7:]
    assert ask(origin, IMAGE.path, Range="bytes=100-", If_Range='"another"')[::2] == (200, data)
    assert ask(origin, IMAGE.path, Range=f"bytes={len(data)}-")[0] == 416


def test_head_says_what_get_would(origin: SampleOrigin) -> None:
    status, headers, body = ask(origin, IMAGE.path, "HEAD")
    assert (status, body) == (200, b"")
    assert dict(ask(origin, IMAGE.path)[1])["Content-Length"] == headers["Content-Length"]


def test_only_listed_files_are_served(origin: SampleOrigin, folder: Path) -> None:
    for path in (LIST, "../../etc/passwd", "%2e%2e/files.json", "", "images"):
        assert ask(origin, path)[0] == 404


def test_a_link_dies_when_its_time_comes_or_when_told(origin: SampleOrigin, folder: Path) -> None:
    (folder / f"{IMAGE.path}.gone").touch()
    assert ask(origin, IMAGE.path)[0] == ask(origin, IMAGE.path, "HEAD")[0] == 410
    other = FILES[0].path
    listed = json.loads((folder / LIST).read_text())
    listed[other]["dies_at"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert ask(origin, other, "HEAD")[0] == 200
    (folder / LIST).write_text(json.dumps(listed))
    assert ask(origin, other, "HEAD")[0] == 410


def test_one_link_dies_as_soon_as_its_file_is_safe_and_stays_dead(origin: SampleOrigin, safe: Safe) -> None:
    def away() -> bool:
        raise TransientError("the books are away")

    assert ask(origin, DYING.path)[0] == 200
    safe.answer = away
    assert ask(origin, DYING.path)[0] == 200
    safe.answer = lambda: True
    assert ask(origin, IMAGE.path)[0] == 200
    assert ask(origin, DYING.path)[0] == 410
    safe.answer = lambda: False
    assert ask(origin, DYING.path)[0] == 410
    assert set(safe.asked) == {f"{origin.url}/{DYING.path}"}
