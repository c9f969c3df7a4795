"""The application's rows: room for what the backup says, made while the table is in use; and what they are told."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from assets.catalog import MEDIA_SOURCES
from holdfast.media.items import MediaSource
from holdfast.media.work import Result
from holdfast.retries import Backoff
from resources.media.columns import Columns, ensure_columns
from resources.media.projecting import carry_over, tell_all
from resources.media.queue import Queue
from resources.media.scanning import scan
from resources.media.shapes import BACKUP_COLUMNS
from resources.media.telling_rows import bring_in_line
from resources.postgres import Postgres
from resources.samples import make_samples
from tests.resources.media.books import Books, claims, digest, verified
from tests.resources.media.test_scanning import ID, TABLES, video

NOW = datetime.now(UTC).replace(microsecond=0)
NOT_NOW = Backoff(attempts=1)


@pytest.fixture
def books(database_url: str) -> Books:
    books = Books(database_url)
    books.run(TABLES)
    return books


@pytest.fixture
def queue(books: Books) -> Iterator[Queue]:
    with closing(Queue(Postgres(books.url), owner="run")) as queue:
        yield queue


def told(books: Books) -> dict[str, Any]:
    (row,) = books.rows(f"select {', '.join(BACKUP_COLUMNS)} from gen_videos")
    return row


def known(books: Books, *vaults: str, **columns: Any) -> None:
    """A row that the books know, with room for what they say."""
    video(books, **columns)
    ensure_columns(Postgres(books.url))
    scan(Postgres(books.url), MEDIA_SOURCES, vaults)


def test_the_columns_are_added_once(books: Books) -> None:
    assert ensure_columns(Postgres(books.url)) == Columns(has_table=True, added=tuple(BACKUP_COLUMNS))
    assert ensure_columns(Postgres(books.url)) == Columns(has_table=True)
    rows = books.rows(
        "select column_name, data_type, is_nullable, column_default from information_schema.columns "
        "where table_name = 'gen_videos' and column_name like 'back%'"
    )
    kinds = {row["column_name"]: row["data_type"].replace("timestamp with time zone", "timestamptz") for row in rows}
    assert kinds == BACKUP_COLUMNS
    assert all((row["is_nullable"], row["column_default"]) == ("YES", None) for row in rows)


def test_columns_that_are_there_are_left_as_they_are(books: Books) -> None:
    books.run("alter table gen_videos add backup_status varchar(20) default 'x'")
    assert "backup_status" not in ensure_columns(Postgres(books.url)).added


def test_an_application_without_videos_is_left_alone(database_url: str) -> None:
    assert ensure_columns(Postgres(database_url)) == Columns(has_table=False)
    assert tell_all(Postgres(database_url), "gen_videos") == (0, 0)


def test_a_table_in_use_is_asked_for_again_and_again(books: Books) -> None:
    pauses: list[float] = []
    with psycopg.connect(books.url, application_name="long report") as reader:
        reader.execute("select count(*) from gen_videos")

        def wait(seconds: float) -> None:
            pauses.append(seconds)
            reader.commit()

        found = ensure_columns(Postgres(books.url), backoff=Backoff(attempts=3, first_s=5), wait=wait)
    assert (found.problem, len(found.added), pauses) == ("", 7, [5])


def test_nobody_waits_long_behind_the_columns_and_who_is_in_the_way_is_told(books: Books) -> None:
    longest: list[float] = []
    over = threading.Event()

    def application() -> None:
        with psycopg.connect(books.url, autocommit=True) as connection:
            while not over.is_set():
                began = datetime.now(UTC)
                connection.execute("select count(*) from gen_videos")
                longest.append((datetime.now(UTC) - began).total_seconds())

    with psycopg.connect(books.url, application_name="long report") as reader:
        reader.execute("select count(*) from gen_videos")
        thread = threading.Thread(target=application)
        thread.start()
        found = ensure_columns(Postgres(books.url), backoff=NOT_NOW)
        over.set()
        thread.join()
    assert found.added == ()
    assert "long report" in found.problem
    assert "nothing was changed" in found.problem
    assert max(longest) < 3.5
    assert len(ensure_columns(Postgres(books.url)).added) == 7


def test_a_login_that_may_not_alter_the_table_is_told(books: Books) -> None:
    books.run("create role media_reader login")
    url = books.url.replace("postgres@", "media_reader@")
    try:
        found = ensure_columns(Postgres(url))
        assert "must be owner" in found.problem
    finally:
        books.run("drop role media_reader")


def test_a_row_says_how_its_backup_is(books: Books, queue: Queue) -> None:
    known(books, "drive", "s3", upscale_video_url="https://fal.media/u.mp4")
    assert tell_all(Postgres(books.url), "gen_videos") == (1, 1)
    assert told(books) == dict.fromkeys(BACKUP_COLUMNS) | {"backup_status": "pending"}
    drive, s3 = claims(queue.claim(vaults=("drive", "s3"), media_class="upscale", most=1))
    queue.settle([verified(drive), Result(claim=s3, verdict="failed", problem="no room")])
    assert told(books) == {
        "backup_status": "failed",
        "backup_drive_url": f"https://drive.example/{drive.item_id}",
        "backup_drive_file_id": f"drive-{drive.item_id}",
        "backup_storage_url": None,
        "backup_checksum": digest("whole").hex(),
        "backed_up_at": None,
        "backup_error": "s3: no room",
    }
    books.run("update holdfast.media_copies set state = 'pending', attempts = 0 where state = 'failed'")
    (s3,) = claims(queue.claim(vaults=("drive", "s3"), media_class="upscale", most=1))
    queue.settle([verified(s3)])
    row = told(books)
    assert (row["backup_status"], row["backup_error"]) == ("verified", None)
    assert row["backup_storage_url"] == f"https://s3.example/{s3.item_id}"
    assert row["backed_up_at"] == books.copy(s3.item_id, "s3")["verified_at"]
    # All of it was said when it was settled, of the upscaled file: the other one does not count.
    assert tell_all(Postgres(books.url), "gen_videos") == (0, 0)


def test_a_folder_stands_in_where_there_is_no_drive(books: Books, queue: Queue) -> None:
    known(books, "folder")
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("folder",), media_class=None, most=1))])
    row = told(books)
    assert (row["backup_drive_url"], row["backup_drive_file_id"]) == ("https://folder.example/1", None)


def test_a_row_that_somebody_holds_is_told_later(books: Books, queue: Queue) -> None:
    known(books, "drive")
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    with psycopg.connect(books.url) as application:
        application.execute("select 1 from gen_videos for update")
        queue.settle([verified(claim)])
        assert books.states(claim.item_id) == {"drive": "verified"}
        assert tell_all(Postgres(books.url), "gen_videos") == (1, 0)
    assert told(books)["backup_status"] is None
    assert tell_all(Postgres(books.url), "gen_videos") == (1, 1)
    assert told(books)["backup_status"] == "verified"


def test_a_table_that_is_locked_holds_up_no_settlement_for_long(books: Books, queue: Queue) -> None:
    known(books, "drive")
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    with psycopg.connect(books.url) as application:
        application.execute("lock table gen_videos in access exclusive mode")
        began = datetime.now(UTC)
        queue.settle([verified(claim)])
        assert datetime.now(UTC) - began < timedelta(seconds=4)
    assert books.states(claim.item_id) == {"drive": "verified"}


@pytest.mark.parametrize("column", ["backup_status varchar(3)", "backed_up_at date", "backup_error int"])
def test_columns_of_other_types_never_cost_a_copy(books: Books, queue: Queue, column: str) -> None:
    books.run(f"alter table gen_videos add {column}")
    known(books, "drive")
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    queue.settle([verified(claim)])
    assert books.states(claim.item_id) == {"drive": "verified"}


def test_both_stores_say_the_same(books: Books, queue: Queue, secondary_database_url: str) -> None:
    other = Books(secondary_database_url)
    other.run(TABLES)
    video(other)
    video(books)
    primary, secondary = Postgres(books.url), Postgres(other.url)
    scan(primary, MEDIA_SOURCES, ("drive",))
    first = bring_in_line(primary, secondary)
    assert (len(first.added_columns), first.told_rows, first.carried_rows, first.problems) == (14, 1, 1, ())
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    queue.settle([verified(claim)])
    assert bring_in_line(primary, secondary).carried_rows == 1
    assert told(other) == told(books)
    last = bring_in_line(primary, secondary)
    assert (last.added_columns, last.behind_rows, last.carried_rows) == ((), 0, 0)


def test_rows_of_one_store_only_are_no_concern(books: Books, secondary_database_url: str) -> None:
    other = Books(secondary_database_url)
    other.run(TABLES)
    known(books, "drive")
    primary, secondary = Postgres(books.url), Postgres(other.url)
    ensure_columns(secondary)
    tell_all(primary, "gen_videos")
    assert carry_over(primary, secondary, "gen_videos") == 0
    assert other.value("select count(*) from gen_videos") == 0


def test_a_secondary_that_is_away_is_told(books: Books) -> None:
    known(books, "drive")
    found = bring_in_line(Postgres(books.url), Postgres("postgresql://nobody@127.0.0.1:1/nowhere"))
    assert found.told_rows == 1
    assert len(found.problems) == 2
    assert "secondary" in found.problems[0]


def test_a_name_with_a_percent_sign_and_quotes_is_told_too(books: Books, queue: Queue) -> None:
    odd = 'key "%s" %'
    renamed = sql.SQL("alter table gen_videos rename id to {}").format(sql.Identifier(odd)).as_string()
    video(books)
    books.run(renamed)
    ensure_columns(Postgres(books.url))
    source = MediaSource(table="gen_videos", media_class="regular", kind="video", url="video_url", id=odd)
    scan(Postgres(books.url), [source], ("drive",))
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("drive",), media_class=None, most=1))])
    assert told(books)["backup_status"] == "verified"
    assert books.value('select "key ""%%s"" %%"::text from gen_videos where %s = 1', 1) == ID


def test_the_samples_get_their_columns_in_both_stores(database_url: str, secondary_database_url: str) -> None:
    a, b = Postgres(database_url), Postgres(secondary_database_url)
    make_samples(a, b, NOW)
    for url in (database_url, secondary_database_url):
        Books(url).run("update gen_videos set video_url = 'https://fal.media/' || id")
    scan(a, MEDIA_SOURCES, ("folder",))
    found = bring_in_line(a, b)
    assert found.problems == ()
    assert found.told_rows > 1000
    assert 0 < found.told_rows - found.carried_rows < 10  # some rows are missing in the secondary on purpose
