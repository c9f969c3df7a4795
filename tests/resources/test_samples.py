"""The sample tables of the applications: what is planted, and that nobody's rows are ever touched."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from assets.catalog import COMPARED_TABLES
from orchestration import local
from orchestration.settings import load
from resources.postgres import Postgres
from resources.samples import PLANTED, make_samples
from tests.conftest import Stack

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rows(url: str, table: str) -> dict[Any, str]:
    """Rows by id as text, in which another form of a number is another text."""
    with psycopg.connect(url) as connection:
        query = sql.SQL("select id, row_to_json(t)::text from {} t").format(sql.Identifier(table))
        return dict(connection.execute(query).fetchall())


def everything(*urls: str) -> list[dict[Any, str]]:
    return [rows(url, table.name) for url in urls for table in COMPARED_TABLES]


def differences(a: dict[Any, str], b: dict[Any, str]) -> tuple[int, int, int]:
    return len(a.keys() - b.keys()), len(b.keys() - a.keys()), sum(a[key] != b[key] for key in a.keys() & b.keys())


def test_a_handful_of_differences_is_planted_and_counted(database_url: str, secondary_database_url: str) -> None:
    assert make_samples(Postgres(database_url), Postgres(secondary_database_url), NOW)
    names = [table.name for table in COMPARED_TABLES]
    found = {name: differences(rows(database_url, name), rows(secondary_database_url, name)) for name in names}
    assert found == {
        "Story": (3, 2, 4),
        "Scenario": (1, 0, 2),
        "Prompt": (2, 0, 1),
        "VideoAsset": (1, 0, 2),  # one of these two only in the form of a number
        "gen_videos": (2, 0, 1),
        "gen_images": (0, 0, 0),
    }
    assert sum(map(sum, found.values())) - 1 == PLANTED
    assert all(200 <= len(rows(database_url, name)) <= 2000 for name in names)


def test_only_rows_whose_files_are_there_have_links(database_url: str, secondary_database_url: str) -> None:
    files = [
        {"table": "gen_videos", "row": 1185, "column": column, "url": url, "bytes": size, "expires_at": NOW.isoformat()}
        for column, url, size in (("video_url", "http://a/1.mp4", 7), ("upscale_video_url", "http://a/2.mp4", 8))
    ]
    files += [{**files[0], "table": "gen_images", "row": 1480, "column": "image_url", "url": "http://a/3.png"}]
    make_samples(Postgres(database_url), Postgres(secondary_database_url), NOW, files)
    videos = "select video_url, upscale_video_url, file_size, upscale_file_size, expires_at from gen_videos"
    images = "select image_url, file_size, expires_at from gen_images"
    for url in (database_url, secondary_database_url):
        with psycopg.connect(url) as connection:
            found = connection.execute(f"{videos} where coalesce(video_url, upscale_video_url) is not null").fetchall()
            assert found == [("http://a/1.mp4", "http://a/2.mp4", 7, 8, NOW)]
            found = connection.execute(f"{images} where image_url is not null").fetchall()
            assert found == [("http://a/3.png", 7, NOW)]


def test_samples_are_the_same_at_every_first_start(database_url: str, secondary_database_url: str) -> None:
    a, b = Postgres(database_url), Postgres(secondary_database_url)
    assert make_samples(a, b, NOW)
    first = everything(database_url, secondary_database_url)
    for url in (database_url, secondary_database_url):
        with psycopg.connect(url) as connection:
            connection.execute('drop table "Story", "Scenario", "Prompt", "VideoAsset", gen_videos, gen_images')
    assert make_samples(a, b, NOW)
    assert everything(database_url, secondary_database_url) == first


def test_some_rows_are_of_the_last_day(database_url: str, secondary_database_url: str) -> None:
    make_samples(Postgres(database_url), Postgres(secondary_database_url), NOW)
    with psycopg.connect(database_url) as connection:
        for table in COMPARED_TABLES:
            query = "select count(*) filter (where {0} > {1} - interval '24 hours'), max({0}) < {1} from {2}"
            column = sql.Identifier(table.updated_at or "created_at")
            composed = sql.SQL(query).format(column, sql.Literal(NOW), sql.Identifier(table.name))
            recent, is_past = connection.execute(composed).fetchone() or (0, False)
            assert recent >= 4, table.name
            assert is_past


@pytest.mark.parametrize("side", ["a", "b"])
def test_what_a_user_has_is_never_touched(side: str, database_url: str, secondary_database_url: str) -> None:
    urls = {"a": database_url, "b": secondary_database_url}
    with psycopg.connect(urls[side]) as connection:
        connection.execute("create table gen_images (id int primary key)")
        connection.execute("insert into gen_images values (42)")
    assert not make_samples(Postgres(database_url), Postgres(secondary_database_url), NOW)
    assert rows(urls[side], "gen_images") == {42: '{"id":42}'}
    with psycopg.connect(urls["b" if side == "a" else "a"]) as connection:
        assert connection.execute("select to_regclass('public.gen_images')").fetchone() == (None,)


def test_a_second_start_leaves_what_a_user_did(database_url: str, secondary_database_url: str) -> None:
    a, b = Postgres(database_url), Postgres(secondary_database_url)
    make_samples(a, b, NOW)
    with psycopg.connect(secondary_database_url) as connection:
        connection.execute('drop table "VideoAsset"')
        connection.execute("update gen_images set generation_model = 'mine'")
    kept = rows(secondary_database_url, "gen_images")
    assert not make_samples(a, b, datetime.now(UTC))
    assert rows(secondary_database_url, "gen_images") == kept


@pytest.mark.parametrize(
    "configured", [{"DATABASE_URL": "a"}, {"SUPABASE_DB_URL": "b"}, {"DATABASE_URL": "a", "SUPABASE_DB_URL": "b"}]
)
def test_samples_never_go_near_a_configured_database(
    configured: dict[str, str], tmp_path: Path, empty_database_url: str, secondary_database_url: str
) -> None:
    urls = {"a": empty_database_url, "b": secondary_database_url}
    environment = {name: urls[side] for name, side in configured.items()}
    said: list[str] = []
    # Whatever is not configured would be embedded in this folder, where nothing runs: no socket is asked for there.
    local.add_samples(load({"HOLDFAST_HOME": str(tmp_path), **environment}), said.append)
    assert not said
    for url in urls.values():
        with psycopg.connect(url) as connection:
            tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            assert connection.execute(tables).fetchone() == (0,)


def test_the_embedded_default_gets_samples_once_and_says_so(stack: Stack) -> None:
    settings = load({"HOLDFAST_HOME": str(stack.home)})
    said: list[str] = []
    try:
        assert local.wants_samples(settings)
        for _ in range(2):
            local.add_samples(settings, said.append)
            assert not local.wants_samples(settings)
        assert len(rows(stack.secondary_url, "gen_images")) == 1500
    finally:
        for url in (stack.database_url, stack.secondary_url):
            with psycopg.connect(url) as connection:
                connection.execute('drop table "Story", "Scenario", "Prompt", "VideoAsset", gen_videos, gen_images')
    assert [line.partition(":")[0] for line in said] == [
        "samples",
        "  the secondary differs from the primary in a handful of rows, an index and a policy, for you to find",
    ]
