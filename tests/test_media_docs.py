"""What docs/media.md tells front ends to do works, as the roles it is written for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from resources.postgres import Postgres
from resources.samples import make_samples
from tests.resources.media.linked import add_item

DOCUMENT = (Path(__file__).parent.parent / "docs" / "media.md").read_text()
SQL = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
GRANTS = next(block for block in SQL if block.startswith("grant"))
WRAPPER = next(block for block in SQL if block.startswith("create function"))
ORIGIN, COPY = "http://origin.example/1.mp4", "https://drive.example/1"


@pytest.fixture
def video(database_url: str, secondary_database_url: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A database with the applications' tables, and the id of a row whose upscale is in the books."""
    files = [
        {"table": "gen_videos", "row": 1200, "column": column, "url": ORIGIN, "bytes": 7, "expires_at": "2999-01-01"}
        for column in ("video_url", "upscale_video_url")
    ]
    make_samples(Postgres(database_url), Postgres(secondary_database_url), datetime.now(UTC), files)
    with psycopg.connect(database_url, autocommit=True) as connection:
        (found,) = connection.execute("select id::text from gen_videos where video_url is not null").fetchone() or ("",)
        for media_class in ("regular", "upscale"):
            add_item(connection, 1, source_id=found, media_class=media_class, url=ORIGIN, copies={"drive": COPY})
        yield connection, found


def test_every_question_is_answered_and_switches_when_the_link_dies(
    video: tuple[psycopg.Connection[Any], str],
) -> None:
    connection, found = video
    questions = [
        block.replace("5b0f3c1e-8a39-4f5e-9a77-0d8a52d4b7aa", found) for block in SQL if block not in (GRANTS, WRAPPER)
    ]
    assert len(questions) == 3
    for url in (ORIGIN, COPY):
        for question in questions:
            assert url in (connection.execute(question.encode()).fetchone() or ()), question
        connection.execute("update holdfast.media_items set origin_state = 'gone', origin_gone_at = now()")


def test_the_example_in_python_prints_the_url(
    video: tuple[psycopg.Connection[Any], str], database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = PYTHON
    exec(compile(block, "docs/media.md", "exec"), {"DATABASE_URL": database_url, "VIDEO_ID": video[1]})
    assert capsys.readouterr().out.split() == [ORIGIN, "origin"]


def test_a_backend_needs_the_two_grants_and_users_see_their_own_rows(
    video: tuple[psycopg.Connection[Any], str],
) -> None:
    connection, found = video
    connection.execute("create role my_backend")
    try:
        connection.execute(WRAPPER.encode())
        connection.execute("grant select on public.gen_videos to my_backend")
        asked = ("select public.video_url(%s)", (found,))
        connection.execute("set role my_backend")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select holdfast.media_url('gen_videos', '{found}')".encode())
        connection.execute("reset role")
        connection.execute(GRANTS.encode())
        (owner,) = connection.execute("select user_id::text from gen_videos where id = %s", (found,)).fetchone() or (
            "",
        )
        connection.execute("set role my_backend")
        assert connection.execute(*asked).fetchone() == (None,)
        connection.execute("select set_config('app.user_id', %s, false)", (owner,))
        assert connection.execute(*asked).fetchone() == (ORIGIN,)
    finally:
        connection.execute("reset role")
        connection.execute("drop owned by my_backend")
        connection.execute("drop role my_backend")
