"""The backup on real parts: an origin, Drive's protocol, a real S3 server, a folder, and the books in Postgres."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.drive import FakeDrive
from tests.fakes.drive_faults import Fault, throttled
from tests.fakes.s3 import s3_server
from tests.resources.media.files import film, picture
from tests.resources.media.place import Place, place

MB = 1 << 20


@pytest.fixture
def drive() -> Iterator[FakeDrive]:
    with FakeDrive() as one:
        yield one


@pytest.fixture
def at_drive(database_url: str, tmp_path: Path, drive: FakeDrive) -> Iterator[Place]:
    with place(database_url, tmp_path, "drive", drive=drive) as one:
        yield one


@pytest.fixture
def at_folder(database_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(database_url, tmp_path, "folder") as one:
        yield one


@pytest.fixture
def everywhere(database_url: str, tmp_path: Path, drive: FakeDrive) -> Iterator[Place]:
    with s3_server() as s3, place(database_url, tmp_path, "drive", "s3", "folder", s3=s3, drive=drive) as one:
        yield one


def test_files_of_every_size_are_proven_in_every_vault_and_read_once(everywhere: Place) -> None:
    for number, size in enumerate((400, 5 * MB, 5 * MB + 1, 8 * MB, 8 * MB + 1, 16 * MB, 21 * MB)):
        everywhere.file(film(size, number), is_chunked=number == 6)
    for number in range(20):
        everywhere.file(picture(30_000, number), kind="image", media_class="images")
    report = everywhere.run()
    everywhere.assert_safe()
    assert report.copies == {"verified": 81}
    assert len(everywhere.origin.log) == 27
    second = everywhere.run()
    assert (second.claimed_items, second.sent_bytes) == (0, 0)
    assert len(everywhere.origin.log) == 27


def test_a_small_file_takes_one_call_a_large_one_a_start_and_its_parts(at_drive: Place, drive: FakeDrive) -> None:
    for number in range(30):
        at_drive.file(picture(20_000, number), kind="image", media_class="images")
    at_drive.file(film(20 * MB))
    at_drive.run()
    counts = drive.counts()
    assert counts["upload.multipart"] == 30
    assert (counts["upload.start"], counts["upload.chunk"]) == (1, 3)
    assert counts["files.generateIds"] == 1
    assert "upload.status" not in counts
    for number in range(30, 60):
        at_drive.file(picture(20_000, number), kind="image", media_class="images")
    at_drive.run()
    # Folders are looked up once, files never.
    assert drive.counts()["upload.multipart"] == 60
    assert drive.counts()["files.list"] == counts["files.list"]


BAD = {
    "dead": ({"status": 404}, "pending", "answers 404 status: the link is dead"),
    "forbidden": ({"status": 403}, "pending", "answers 403 status: the link is dead"),
    "down": ({"status": 503}, "pending", "answers 503"),
    "throttled": ({"status": 429}, "pending", "too many requests"),
    "cut": ({"cut_at": 700_000}, "pending", "cut off"),
    "reset": ({"cut_at": 700_000, "reset": True}, "pending", "cut off|the line broke"),
    "page": (
        {"content": b"<!doctype html><title>Sorry</title>", "content_type": "text/html"},
        "pending",
        "found an HTML",
    ),
    "empty": ({"content": b""}, "pending", "no bytes at all"),
    "json": ({"content": b'{"error": "expired"}'}, "pending", "JSON"),
    "picture": ({"content": picture(3000)}, "pending", "expected a video, found a picture"),
    "short": ({"content": film(900_000)[:-1]}, "pending", "cut off"),
    "private": ({"status": 302, "headers": {"Location": "http://169.254.169.254/latest"}}, "failed", "169.254.169.254"),
    "packed": ({"headers": {"Content-Encoding": "br"}}, "pending", "packed as br"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_link_is_told_and_the_others_go_on(at_folder: Place, name: str) -> None:
    served, state, said = BAD[name]
    content = bytes(served.get("content", film(900_000)))  # type: ignore[arg-type]
    more = {key: value for key, value in served.items() if key != "content"}
    before, bad = at_folder.file(film(50_000, 1)), at_folder.file(content, **more)
    after = at_folder.file(film(9 * MB, 2))
    report = at_folder.run()
    at_folder.assert_safe(before, after)
    copy = at_folder.books.copy(bad, "folder")
    assert copy["state"] == state
    assert re.search(said, copy["problem"]), copy["problem"]
    assert copy["remedy"]
    assert [problem.item_id for problem in report.problems] == [bad]
    assert at_folder.files("folder") == 2


def test_a_host_that_is_not_allowed_is_not_asked(at_folder: Place) -> None:
    bad = at_folder.file(b"", url="https://elsewhere.example/a.mp4")
    at_folder.run()
    copy = at_folder.books.copy(bad, "folder")
    assert copy["state"] == "failed"
    assert "is not among the hosts" in copy["problem"]
    assert "MEDIA_ALLOWED_HOSTS" in copy["remedy"]


@pytest.mark.parametrize("source_id", ["a/../b", 'it\'s "quoted"', "🎬" * 60, "x" * 300, "..", "\\ \t%"])
def test_an_id_of_any_kind_becomes_a_name_that_any_vault_takes(everywhere: Place, source_id: str) -> None:
    everywhere.file(film(40_000, 1), source_id=source_id)
    everywhere.file(film(9 * MB, 2), source_id=source_id + "2")
    everywhere.run()
    everywhere.assert_safe()


def test_the_most_pressing_go_first(at_folder: Place) -> None:
    day = timedelta(days=1)
    for media_class, days in (("images", 0.2), ("upscale", 5.0), ("regular", 3.0), ("regular", 0.5), ("upscale", 4.0)):
        at_folder.file(film(1000, int(days * 10)), media_class=media_class, expires_in=days * day, size=100 * MB)  # type: ignore[arg-type]
    at_folder.run(workers=1)
    assert [path for _, path, _ in at_folder.origin.log] == ["/4.mp4", "/1.mp4", "/5.mp4", "/2.mp4", "/3.mp4"]


def test_a_run_does_no_more_than_it_is_asked_for(at_folder: Place) -> None:
    for number in range(6):
        at_folder.file(film(50_000, number), size=50_000, media_class="regular" if number < 2 else "upscale")
    assert at_folder.run(limit=1).copies == {"verified": 1}
    assert at_folder.run(max_bytes=100_000).copies == {"verified": 2}
    assert at_folder.run(media_class="regular").copies == {"verified": 2}
    assert at_folder.run(only_urgent=True).claimed_items == 0
    assert at_folder.run().copies == {"verified": 1}


def test_a_run_out_of_time_goes_on_where_it_was(at_drive: Place, drive: FakeDrive) -> None:
    item = at_drive.file(film(40 * MB))
    drive.set(latency_ms=400)
    first = at_drive.run(max_seconds=1.5)
    assert first.copies == {"released": 1}
    assert at_drive.states()[item] == {"drive": "pending"}
    drive.set(latency_ms=0)
    second = at_drive.run()
    at_drive.assert_safe()
    assert first.sent_bytes > 0
    assert first.sent_bytes + second.sent_bytes == 40 * MB
    assert drive.counts()["upload.start"] == 1
    assert at_drive.files("drive") == 1


def test_of_another_file_behind_the_same_link_nothing_is_gone_on_with(at_drive: Place, drive: FakeDrive) -> None:
    item = at_drive.file(film(40 * MB))
    drive.set(latency_ms=400)
    at_drive.run(max_seconds=1.5)
    drive.set(latency_ms=0)
    at_drive.origin.put("/1.mp4", film(30 * MB, 5), etag='"another"')
    at_drive.contents[item] = film(30 * MB, 5)
    at_drive.run()
    at_drive.assert_safe()
    assert at_drive.files("drive") == 1


def test_a_line_that_breaks_in_the_middle_is_taken_up_again_in_the_middle(at_folder: Place) -> None:
    at_folder.file(film(30 * MB), cut_at=20 * MB, faults=1)
    assert at_folder.run().copies == {"verified": 1}
    at_folder.assert_safe()
    (_, _, first), (_, _, second) = at_folder.origin.log
    assert (first, second) == ("", f"bytes={20 * MB}-")


def test_files_that_break_again_and_again_do_not_wear_a_worker_out(at_folder: Place) -> None:
    for number in range(5):
        at_folder.file(film(20 * MB, number), cut_at=18 * MB, is_chunked=True, ranges=False)
    good = at_folder.file(film(20 * MB, 9), is_chunked=True)
    report = at_folder.run(workers=1)
    assert report.copies == {"again": 5, "verified": 1}
    at_folder.assert_safe(good)


@pytest.mark.parametrize("etag", ['"1"', ""])
def test_an_origin_without_ranges_is_read_again_where_it_vouches_for_the_file(at_folder: Place, etag: str) -> None:
    item = at_folder.file(film(20 * MB), cut_at=12 * MB, faults=1, ranges=False)
    at_folder.origin.files["/1.mp4"].etag = etag
    at_folder.run()
    if not etag:
        assert "neither go on nor say" in at_folder.problem(item, "folder")
        at_folder.again()
    at_folder.assert_safe()


def test_a_damaged_copy_is_withdrawn_and_made_anew(at_drive: Place, drive: FakeDrive) -> None:
    drive.set(fault=[{"where": "upload.multipart", "kind": "corrupt"}, {"where": "upload.chunk", "kind": "corrupt"}])
    at_drive.file(film(2 * MB, 1))
    at_drive.file(film(12 * MB, 2))
    assert at_drive.run().copies == {"verified": 2}
    at_drive.assert_safe()
    assert at_drive.files("drive") == 2


def test_a_vault_that_always_lies_gets_no_more_than_a_few_tries(at_drive: Place, drive: FakeDrive) -> None:
    drive.set(fault={"where": "upload.multipart", "kind": "corrupt", "times": -1})
    item = at_drive.file(film(2 * MB))
    assert at_drive.run().copies == {"again": 1}
    assert at_drive.files("drive") == 0
    assert at_drive.books.copy(item, "drive")["attempts"] == 1


def test_a_full_vault_stops_alone_says_how_much_is_missing_and_goes_on_when_there_is_room(
    everywhere: Place, drive: FakeDrive
) -> None:
    items = [everywhere.file(film(3 * MB, number), size=3 * MB) for number in range(4)]
    drive.set(fault={"where": "upload.*", "status": 403, "reason": "storageQuotaExceeded", "times": -1})
    report = everywhere.run()
    assert list(report.closed) == ["drive"]
    for item in items:
        assert everywhere.states()[item] == {"drive": "pending", "s3": "verified", "folder": "verified"}
    assert any("takes nothing for now" in line and "MB wait for room" in line for line in everywhere.said), (
        everywhere.said
    )
    drive.set(clear_faults=True)
    assert everywhere.run().copies == {"verified": 4}
    everywhere.assert_safe()


def test_a_throttle_is_waited_for_and_costs_no_attempt(at_drive: Place, drive: FakeDrive) -> None:
    drive.faults.add(throttled("upload.multipart", retry_after="1", times=2))
    item = at_drive.file(film(1 * MB))
    report = at_drive.run()
    assert report.copies == {"verified": 1}
    assert report.seconds >= 1
    assert at_drive.books.copy(item, "drive")["attempts"] == 0


def test_a_token_that_expires_in_the_middle_is_renewed(at_drive: Place, drive: FakeDrive) -> None:
    drive.faults.add(Fault("upload.*", kind="expire", times=1, skip=1))
    at_drive.file(film(20 * MB, 1))
    at_drive.file(film(1 * MB, 2))
    assert at_drive.run().copies == {"verified": 2}
    at_drive.assert_safe()


def test_what_earlier_tools_have_stored_is_recognised_and_not_sent(at_drive: Place, drive: FakeDrive) -> None:
    contents = [film(1 * MB, 1), film(12 * MB, 2), film(1 * MB, 3)]
    for number, content in enumerate(contents[:2]):
        old = drive.world.add_file(f"old tool {number}.mp4", content, drive.login("shared_drive")["folder_id"])
        at_drive.books.run(
            "insert into holdfast.media_strays (vault, remote_id, name, size_bytes, sha256, md5, seen_at) "
            "values ('drive', %s, %s, %s, %s, %s, now())",
            old.id, old.name, len(content), bytes.fromhex(old.sha256), bytes.fromhex(old.md5),
        )  # fmt: skip
    # The same size, other bytes.
    items = [at_drive.file(content) for content in contents]
    report = at_drive.run()
    assert (report.copies["verified"], report.adopted_copies) == (3, 2)
    at_drive.assert_safe()
    assert [at_drive.books.copy(item, "drive")["is_adopted"] for item in items] == [True, True, False]
    assert drive.counts().get("upload.start", 0) == 0
    assert drive.counts()["upload.multipart"] == 1
    assert at_drive.files("drive") == 3


def test_a_dead_link_is_no_loss_where_a_copy_can_be_read(everywhere: Place) -> None:
    item = everywhere.file(film(12 * MB))
    everywhere.run()
    everywhere.books.run(
        "update holdfast.media_copies set state = 'pending', remote_id = null, name = null, verified_at = null "
        "where vault = 'folder'"
    )
    (path,) = (path for path in everywhere.origin.files)
    del everywhere.origin.files[path]
    everywhere.vaults["folder"].remove(everywhere.books.copy(item, "s3")["name"])
    assert everywhere.run().copies == {"verified": 1}
    everywhere.assert_safe()


def test_several_runs_at_once_share_the_work(at_drive: Place, drive: FakeDrive) -> None:
    for number in range(40):
        at_drive.file(film(200_000, number))
    reports = []
    runs = [threading.Thread(target=lambda: reports.append(at_drive.run(workers=2))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sum(report.copies["verified"] for report in reports) == 40
    assert drive.counts()["upload.multipart"] == 40
    at_drive.assert_safe()


def test_a_vault_that_is_away_is_left_alone_after_a_few_failures(at_drive: Place, drive: FakeDrive) -> None:
    for number in range(30):
        at_drive.file(film(100_000, number))
    drive.set(fault={"where": "upload.*", "kind": "refuse", "times": -1})
    report = at_drive.run(workers=2)
    assert "3 times in a row" in report.closed["drive"]
    assert report.copies["verified"] == 0
    assert all(at_drive.books.copy(item, "drive")["attempts"] == 0 for item in at_drive.contents)
    drive.set(clear_faults=True)
    at_drive.again()
    at_drive.assert_safe()


def test_nothing_secret_is_said(at_drive: Place, drive: FakeDrive) -> None:
    item = at_drive.file(film(9 * MB))
    at_drive.books.run("update holdfast.media_items set url = url || '?signature=topsecret'")
    drive.set(fault={"where": "upload.*", "kind": "refuse", "times": -1})
    report = at_drive.run()
    told = " ".join([*at_drive.said, *map(str, report.problems), at_drive.problem(item, "drive")])
    assert told.strip()
    for secret in ("topsecret", "upload_id=", "ya29.", "PRIVATE KEY"):
        assert secret not in told
    state = at_drive.books.copy(item, "drive")["upload_state"]
    assert state is None or b"upload_id" not in bytes(state)
