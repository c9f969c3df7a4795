"""Rows of the application become files and copies; none is lost, and none stops the others."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from assets.catalog import MEDIA_SOURCES
from holdfast.media.items import LIFETIME, MediaSource
from resources.media.arrivals import Quiet, look_for_arrivals
from resources.media.queue import Queue
from resources.media.scanning import ScanReport, scan
from resources.postgres import Postgres
from tests.resources.media.books import Books, claims, verified

NOW = datetime.now(UTC).replace(microsecond=0)
TABLES = """
    create table gen_videos (
        id uuid primary key default gen_random_uuid(), video_url text, upscale_video_url text, file_size bigint,
        upscale_file_size bigint, created_at timestamptz, expires_at timestamptz
    );
    create table gen_images (
        id bigint generated always as identity primary key, image_url text, file_size bigint, created_at timestamptz,
        expires_at timestamptz
    );
"""
ID = "7d0c3b7e-52c5-4d0b-8f0e-0d3f4c1f9a31"


@pytest.fixture
def books(database_url: str) -> Books:
    books = Books(database_url)
    books.run(TABLES)
    return books


def look(
    books: Books, vaults: Sequence[str] = ("drive",), sources: Sequence[MediaSource] = MEDIA_SOURCES
) -> ScanReport:
    return scan(Postgres(books.url), sources, vaults)


def video(books: Books, **columns: Any) -> None:
    told = {"id": ID, "video_url": "https://fal.media/a.mp4", "created_at": NOW} | columns
    places = ", ".join(["%s"] * len(told))
    books.run(f"insert into gen_videos ({', '.join(told)}) values ({places})", *told.values())


def items(books: Books) -> list[dict[str, Any]]:
    return books.rows("select * from holdfast.media_items order by item_id")


def states(books: Books) -> list[tuple[str, str, bool]]:
    rows = books.rows("select vault, state, is_required from holdfast.media_copies order by item_id, vault")
    return [(row["vault"], row["state"], row["is_required"]) for row in rows]


def test_a_row_becomes_a_file_of_each_of_its_links(books: Books) -> None:
    video(books, upscale_video_url="https://fal.media/u.mp4", file_size=5, upscale_file_size=70)
    books.run("insert into gen_images (image_url, created_at) values ('https://fal.media/i.png', %s)", NOW)
    report = look(books, ("drive", "s3"))
    assert (report.new_items, report.new_copies, report.lines()) == (3, 6, [])
    found = {row["media_class"]: row for row in items(books)}
    assert (found["upscale"]["source_id"], found["upscale"]["expected_bytes"]) == (ID, 70)
    assert found["upscale"]["deadline_at"] == NOW + LIFETIME
    assert (found["regular"]["kind"], found["images"]["kind"]) == ("video", "image")
    assert found["images"]["source_id"] == "1"
    again = look(books, ("drive", "s3"))
    assert (again.new_items, again.new_copies) == (0, 0)
    assert all(one.changed_items == 0 for one in again.sources)


def test_a_row_that_says_when_its_link_dies_is_believed(books: Books) -> None:
    video(books, expires_at=NOW + timedelta(hours=3))
    look(books)
    assert items(books)[0]["deadline_at"] == NOW + timedelta(hours=3)


@pytest.mark.parametrize("url", [None, "", "   "])
def test_a_row_without_a_link_has_no_file(books: Books, url: str | None) -> None:
    video(books, video_url=url)
    assert look(books).new_items == 0


def test_a_row_that_was_committed_late_is_found(books: Books) -> None:
    with psycopg.connect(books.url) as late:
        late.execute(b"insert into gen_videos (video_url, created_at) values ('https://fal.media/late', now())")
        video(books)
        assert look(books).new_items == 1
        late.commit()
    assert look(books).new_items == 1


def test_a_new_signature_is_the_same_file_and_gives_it_another_chance(books: Books) -> None:
    video(books, video_url="https://fal.media/a.mp4?sig=1")
    look(books)
    books.run("update holdfast.media_copies set state = 'lost', attempts = 5")
    books.run("update holdfast.media_items set origin_state = 'gone', origin_gone_at = now(), origin_gone_count = 2")
    books.run("update gen_videos set video_url = 'https://fal.media/a.mp4?sig=2#x', expires_at = %s", NOW)
    report = look(books)
    assert [one.changed_items for one in report.sources] == [0, 1, 0]
    (item,) = items(books)
    assert (item["url"], item["deadline_at"]) == ("https://fal.media/a.mp4?sig=2#x", NOW)
    assert (item["origin_state"], item["origin_gone_at"], item["origin_gone_count"]) == ("unknown", None, 0)
    copy = books.copy(item["item_id"])
    assert (copy["state"], copy["attempts"], copy["deadline_at"]) == ("pending", 0, NOW)


def test_another_link_is_another_file_and_the_old_one_stays(books: Books) -> None:
    video(books)
    look(books)
    queue = Queue(Postgres(books.url), owner="run")
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("drive",), media_class=None, most=1))])
    queue.close()
    books.run("update gen_videos set video_url = 'https://fal.media/b.mp4'")
    report = look(books)
    assert (report.new_items, [one.superseded_items for one in report.sources]) == (1, [0, 1, 0])
    assert [(row["url"][-5:], row["is_current"]) for row in items(books)] == [("a.mp4", False), ("b.mp4", True)]
    assert states(books) == [("drive", "verified", False), ("drive", "pending", True)]
    # And back again: the file is known, its copy is there.
    books.run("update gen_videos set video_url = 'https://fal.media/a.mp4'")
    look(books)
    assert [row["is_current"] for row in items(books)] == [True, False]
    assert states(books) == [("drive", "verified", True), ("drive", "pending", False)]


@pytest.mark.parametrize("change", ["delete from gen_videos", "update gen_videos set video_url = null"])
def test_a_row_that_is_gone_or_says_nothing_keeps_its_file(books: Books, change: str) -> None:
    video(books)
    look(books)
    books.run(change)
    look(books)
    assert [row["is_current"] for row in items(books)] == [True]
    assert states(books) == [("drive", "pending", True)]


MALFORMED: dict[str, dict[str, Any]] = {
    "it does not say when it was made": {"created_at": None},
    "it was made at an impossible time": {"created_at": "infinity"},
    "its link is longer than 2000 bytes": {"video_url": "https://fal.media/" + "x" * 3000},
}


@pytest.mark.parametrize("why", MALFORMED)
def test_a_malformed_row_is_told_with_its_id_and_stops_nobody(books: Books, why: str) -> None:
    video(books, **MALFORMED[why])
    video(books, id="11111111-1111-1111-1111-111111111111")
    report = look(books)
    assert (report.new_items, report.malformed_rows) == (1, 1)
    (line,) = report.lines()
    assert f"{ID}: {why}" in line
    assert "gen_videos, regular: 1 rows" in line


@pytest.mark.parametrize("size", [0, -5, 2**62])
def test_an_impossible_size_is_no_size(books: Books, size: int) -> None:
    video(books, file_size=size)
    look(books)
    assert items(books)[0]["expected_bytes"] is None


def test_a_link_that_never_dies_has_a_deadline_a_program_can_read(books: Books) -> None:
    video(books, expires_at="infinity")
    look(books)
    queue = Queue(Postgres(books.url), owner="run")
    (work,) = queue.claim(vaults=("drive",), media_class=None, most=1)
    queue.close()
    assert work.item.deadline_at == datetime(9999, 12, 31, tzinfo=UTC)


def test_ids_of_any_type_and_columns_of_any_number_will_do(books: Books) -> None:
    books.run("drop table gen_videos, gen_images")
    books.run(
        'create table gen_videos (id text, "upscale_video_url" varchar, video_url varchar(200), file_size numeric, '
        "created_at timestamp)"
    )
    books.run("insert into gen_videos values ('o''brien / \\ 7', null, 'https://fal.media/é.mp4', 12.7, %s)", NOW)
    report = look(books)
    (item,) = items(books)
    assert (item["source_id"], item["expected_bytes"], item["created_at"]) == ("o'brien / \\ 7", 13, NOW)
    assert any("upscale_file_size" in line and "expires_at" in line for line in report.lines())
    assert any("gen_images is not in the primary" in line for line in report.lines())


def test_a_table_of_another_schema_and_odd_name(books: Books) -> None:
    books.run('create schema "My App"')
    books.run('create table "My App"."Clips %" (key int primary key, "Link" text, made date)')
    books.run('insert into "My App"."Clips %" values (7, \'https://fal.media/c\', current_date)')
    source = MediaSource(
        table='"My App"."Clips %"', media_class="regular", kind="video", url="Link", id="key", created_at="made",
        expires_at=None,
    )  # fmt: skip
    report = look(books, sources=[source])
    assert (report.new_items, report.lines()) == (1, [])


def test_tables_that_cannot_be_read_are_told(books: Books) -> None:
    books.run("alter table gen_videos rename created_at to made_at")
    books.run("alter table gen_images alter created_at type text")
    video_lines = look(books).lines()
    assert any("gen_videos has no column created_at" in line for line in video_lines)
    assert any("gen_images.created_at is text; expected an instant" in line for line in video_lines)


def test_rows_that_a_policy_hides_are_told(books: Books) -> None:
    video(books)
    books.run("alter table gen_videos enable row level security")
    books.run("create role media_clerk login")
    books.run("grant usage on schema holdfast to media_clerk")
    books.run("grant select, insert, update, delete on all tables in schema holdfast, public to media_clerk")
    try:
        report = scan(Postgres(books.url.replace("postgres@", "media_clerk@")), MEDIA_SOURCES, ("drive",))
        assert any("row-level security" in line for line in report.lines())
    finally:
        books.run("drop owned by media_clerk; drop role media_clerk")


def test_a_vault_that_is_new_gets_what_can_still_be_saved(books: Books) -> None:
    for number, expires_at in enumerate((NOW + timedelta(days=1), NOW - timedelta(days=1), NOW - timedelta(days=1))):
        video(
            books,
            id=f"00000000-0000-0000-0000-00000000000{number}",
            video_url=f"https://fal.media/{number}",
            expires_at=expires_at,
        )
    look(books)
    assert [state for _, state, _ in states(books)] == ["pending"] * 3  # overdue ones too: a deadline is a floor
    queue = Queue(Postgres(books.url), owner="run")
    works = {work.item.source_id[-1]: work for work in queue.claim(vaults=("drive",), media_class=None, most=9)}
    queue.settle([verified(works["2"].claims[0])])
    queue.close()
    look(books, ("drive", "s3"))
    rows = books.rows("select right(source_id, 1) as n from holdfast.media_file_copies where vault = 's3' order by 1")
    assert [row["n"] for row in rows] == ["0", "2"]


def test_a_vault_that_is_no_longer_configured_waits_for_nothing(books: Books) -> None:
    video(books)
    look(books, ("drive", "s3"))
    look(books, ("drive",))
    assert states(books) == [("drive", "pending", True), ("s3", "pending", False)]
    queue = Queue(Postgres(books.url), owner="run")
    assert len(claims(queue.claim(vaults=("drive", "s3"), media_class=None, most=9))) == 1
    queue.close()
    (row,) = books.rows("select is_configured from holdfast.media_vaults where vault = 's3'")
    assert row == {"is_configured": False}
    look(books, ("drive", "s3"))
    assert all(is_required for _, _, is_required in states(books))


def test_a_class_goes_only_into_its_vaults(books: Books) -> None:
    video(books)
    (source,) = [one for one in MEDIA_SOURCES if one.media_class == "regular"]
    only = MediaSource(table="gen_videos", media_class="regular", kind="video", url=source.url, vaults=("s3", "folder"))
    look(books, ("drive", "s3"), [only])
    assert states(books) == [("s3", "pending", True)]


def test_a_copy_that_had_no_source_is_tried_again_after_a_day(books: Books) -> None:
    video(books)
    look(books, ("drive", "s3"))
    queue = Queue(Postgres(books.url), owner="run")
    drive, s3 = claims(queue.claim(vaults=("drive", "s3"), media_class=None, most=1))
    queue.settle([verified(s3)])
    queue.close()
    books.run("update holdfast.media_copies set state = 'expired', lease_token = null, lease_owner = null, "
              "leased_at = null, lease_until = null where vault = %s", drive.vault)  # fmt: skip
    look(books, ("drive", "s3"))
    assert states(books)[0] == ("drive", "expired", True)
    books.run("update holdfast.media_copies set updated_at = updated_at - interval '25 hours'")
    look(books, ("drive", "s3"))
    assert states(books)[0] == ("drive", "pending", True)


def test_two_scans_at_once_find_each_file_once(books: Books) -> None:
    books.run("insert into gen_videos (video_url, created_at) select 'https://fal.media/' || n, now() "
              "from generate_series(1, 500) as n")  # fmt: skip
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(look(books).new_items)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 500]
    assert books.value("select count(*) from holdfast.media_copies") == 500


class TestArrivals:
    """What is asked every half minute."""

    def ask(self, books: Books, quiet: dict[str, Quiet] | None = None, now: datetime = NOW) -> Any:
        return look_for_arrivals(Postgres(books.url), MEDIA_SOURCES, ("drive",), quiet or {}, now)

    def test_a_new_row_is_seen_by_class(self, books: Books) -> None:
        assert self.ask(books).new == frozenset()
        video(books)
        assert self.ask(books).new == {"regular"}
        look(books)
        found = self.ask(books)
        assert found.new == frozenset()
        assert (found.waits["regular"].has_due, found.waits["upscale"].has_due) == (True, False)
        assert found.waits["regular"].next_deadline_at == NOW + LIFETIME

    def test_a_table_nobody_wrote_to_is_not_read_again(self, books: Books) -> None:
        quiet = dict(self.ask(books).quiet)
        assert set(quiet) == {"gen_videos.upscale_video_url", "gen_videos.video_url", "gen_images.image_url"}
        later = self.ask(books, quiet, NOW + timedelta(minutes=5))
        assert later.quiet == quiet
        assert self.ask(books, quiet, NOW + timedelta(minutes=10)).quiet != quiet

    def test_a_late_commit_is_seen_at_the_next_look(self, books: Books) -> None:
        with psycopg.connect(books.url) as late:
            late.execute(b"insert into gen_videos (video_url, created_at) values ('https://fal.media/late', now())")
            quiet = self.ask(books).quiet
            assert self.ask(books, dict(quiet)).new == frozenset()
            late.commit()
        assert self.ask(books, dict(quiet)).new == {"regular"}

    def test_malformed_rows_and_missing_tables_ring_no_bell(self, books: Books) -> None:
        video(books, created_at=None)
        books.run("drop table gen_images")
        assert self.ask(books).new == frozenset()

    def test_a_closed_vault_leaves_nothing_to_do(self, books: Books) -> None:
        video(books, expires_at=NOW + timedelta(hours=3))
        look(books)
        queue = Queue(Postgres(books.url), owner="run")
        queue.close_vault("drive", by="quota", reason="drive is full", reopens_in=None)
        queue.close()
        waits = self.ask(books).waits["regular"]
        assert (waits.has_due, waits.has_due_anywhere, waits.has_urgent) == (False, True, True)
