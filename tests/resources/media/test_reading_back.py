"""Copies are read back from real vaults: whole, damaged, missing, away, or not now."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.media.readings import Ask, Report
from holdfast.media.vaults import MediaVault
from resources.media.reading_back import ReadingBack, standing
from tests.contracts.houses import House, house
from tests.resources.media.shelves import Shelf

VAULTS = ("folder", "s3")
ALL = Ask(slices=1)


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, House]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(house(kind, tmp_path, monkeypatch)) for kind in VAULTS}


@pytest.fixture
def shelf(database_url: str, houses: dict[str, House]) -> Shelf:
    vaults: dict[str, MediaVault] = {kind: one.open() for kind, one in houses.items()}
    return Shelf(database_url, vaults)


def read_back(shelf: Shelf, ask: Ask = ALL) -> Report:
    return ReadingBack(shelf.postgres, shelf.vaults, run="a test", say=lambda _: None).run(ask)


def test_what_is_whole_is_known_to_be_so(shelf: Shelf) -> None:
    contents = {"small": b"meow", "large": os.urandom(5500)}
    items = [shelf.add(name, content) for name, content in contents.items()]
    report = read_back(shelf)
    assert (report.due_copies, report.verdicts, report.left_copies) == (4, {"whole": 4}, 0)
    assert report.read_bytes == 2 * (4 + 5500)
    for item in items:
        for vault in VAULTS:
            assert shelf.copy(item, vault)["read_back_at"] is not None
            assert shelf.copy(item, vault)["state"] == "verified"
    assert shelf.run("select count(*), min(verdict), min(run) from holdfast.media_readings") == [(4, "whole", "a test")]
    assert read_back(shelf).due_copies == 0


@pytest.mark.parametrize("vault", VAULTS)
def test_a_damaged_copy_is_made_anew_and_its_file_stays(shelf: Shelf, houses: dict[str, House], vault: str) -> None:
    item = shelf.add("7", os.urandom(3000))
    whole = shelf.add("8", b"meow")
    remote_id = shelf.copy(item, vault)["remote_id"]
    houses[vault].damage(remote_id)
    report = read_back(shelf)
    assert report.verdicts == {"whole": 3, "damaged": 1}
    (bad,) = report.bad
    assert (bad.copy.item_id, bad.copy.vault) == (item, vault)
    assert "gen_videos/7" in str(bad)
    copy = shelf.copy(item, vault)
    assert (copy["state"], copy["remote_id"], copy["attempts"]) == ("pending", None, 0)
    assert copy["problem"].startswith("read back: sha256 ")
    assert copy["missing_at"] is None
    assert "new copy" in copy["remedy"]
    assert shelf.vaults[vault].find(remote_id) is not None
    assert shelf.copy(whole, vault)["state"] == "verified"
    (row,) = shelf.run("select found_sha256, problem from holdfast.media_readings where verdict = 'damaged'")
    assert row[0] != hashlib.sha256(b"").digest()
    assert "expected" in row[1]


@pytest.mark.parametrize("vault", VAULTS)
def test_a_missing_copy_is_made_anew(shelf: Shelf, vault: str) -> None:
    item = shelf.add("7", b"meow")
    shelf.vaults[vault].remove(shelf.copy(item, vault)["remote_id"])
    report = read_back(shelf)
    assert report.verdicts == {"whole": 1, "missing": 1}
    copy = shelf.copy(item, vault)
    assert copy["state"] == "pending"
    assert copy["missing_at"] is not None
    assert copy["problem"] == "read back: the vault has no such file"


@pytest.mark.parametrize(("by", "kind"), [(b"x", "longer"), (b"", "shorter")])
def test_a_copy_of_another_length_is_damaged(shelf: Shelf, houses: dict[str, House], by: bytes, kind: str) -> None:
    item = shelf.add("7", b"meow", into=["folder"])
    path = houses["folder"].folder / shelf.copy(item, "folder")["remote_id"]  # type: ignore[attr-defined]
    path.write_bytes(b"meow" + by if by else b"meo")
    assert read_back(shelf).verdicts == {"damaged": 1}
    assert "bytes, expected 4" in shelf.copy(item, "folder")["problem"]


def test_a_copy_in_the_bin_of_drive_is_missing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house("drive", tmp_path, monkeypatch) as drive:
        shelf = Shelf(database_url, {"drive": drive.open()})
        whole, binned = shelf.add("whole", b"meow"), shelf.add("binned", b"meow")
        shelf.vaults["drive"].remove(shelf.copy(binned, "drive")["remote_id"])
        assert read_back(shelf).verdicts == {"whole": 1, "missing": 1}
    assert [shelf.copy(item, "drive")["state"] for item in (whole, binned)] == ["verified", "pending"]
    assert "bin" in shelf.copy(binned, "drive")["problem"]


def test_the_longest_unproven_go_first_and_bytes_bound_a_run(shelf: Shelf) -> None:
    ages = {"slice": (30, None), "new": (2, None), "overdue": (100, None), "read": (400, 99), "proven": (400, 3)}
    items = {
        name: shelf.add(name, b"x" * 100, into=["folder"], age_days=age, read_days=read)
        for name, (age, read) in ages.items()
    }
    order = []
    while report := read_back(shelf, Ask(slices=1, max_bytes=1)):
        if not report.due_copies:
            break
        assert report.due_copies == 1
        (row,) = shelf.run("select item_id from holdfast.media_readings order by reading_id desc limit 1")
        order.append(next(name for name, item in items.items() if item == row[0]))
    # "proven" was read back this week or the week before, by the calendar of slices.
    assert order[:4] == ["overdue", "read", "new", "slice"]
    assert order[4:] in ([], ["proven"])


def test_every_copy_has_its_turn_once_in_as_many_weeks(shelf: Shelf) -> None:
    for number in range(26):
        shelf.add(str(number), b"x", into=["folder"])
    assert read_back(shelf, Ask(slices=13)).verdicts == {"whole": 2}
    assert read_back(shelf, Ask(slices=13)).due_copies == 0


def test_nothing_is_begun_while_files_of_the_rescue_window_wait(shelf: Shelf) -> None:
    shelf.add("7", b"meow")
    urgent = shelf.add("8", b"meow", into=[])
    shelf.run(
        "insert into holdfast.media_copies (item_id, vault, media_class, deadline_at) values (%s, 'folder', 'upscale', "
        "now() + interval '3 hours')",
        urgent,
    )
    report = read_back(shelf)
    assert (report.urgent_items, report.due_copies, report.read_copies) == (1, 0, 0)
    shelf.run("insert into holdfast.media_vaults (vault, is_open, closed_at) values ('folder', false, now())")
    assert read_back(shelf).verdicts == {"whole": 2}


def test_a_vault_that_is_away_condemns_nothing(shelf: Shelf, houses: dict[str, House]) -> None:
    item = shelf.add("7", b"meow")
    folder = houses["folder"].folder  # type: ignore[attr-defined]
    folder.rename(folder.with_name("unmounted"))
    report = read_back(shelf)
    assert report.verdicts == {"whole": 1}
    assert (report.unread_copies, report.left_copies) == (1, 0)
    assert "not mounted" in report.unread[0].problem
    assert shelf.copy(item, "folder")["state"] == "verified"


def test_a_vault_that_has_nothing_at_all_is_more_likely_another_one(shelf: Shelf) -> None:
    items = [shelf.add(str(number), b"meow") for number in range(3)]
    for item in items:
        shelf.vaults["s3"].remove(shelf.copy(item, "s3")["remote_id"])
    report = read_back(shelf)
    assert report.suspicious == {"s3": 3}
    assert [shelf.copy(item, "s3")["state"] for item in items] == ["verified"] * 3
    assert [shelf.copy(item, "folder")["state"] for item in items] == ["verified"] * 3


def test_a_copy_that_was_made_anew_meanwhile_is_left_alone(shelf: Shelf) -> None:
    item = shelf.add("7", b"meow", into=["folder"])
    run = ReadingBack(shelf.postgres, shelf.vaults, run="a test", say=lambda _: None)
    (due,) = run._due(ALL)
    shelf.vaults["folder"].remove(due.remote_id)
    reading = run._read(due)
    shelf.run("update holdfast.media_copies set remote_id = 'another' where item_id = %s", item)
    report = Report(due_copies=1)
    run._write_down([reading], report)
    run._give_back(report)
    assert shelf.copy(item, "folder")["state"] == "verified"
    assert shelf.copy(item, "folder")["remote_id"] == "another"


def test_time_bounds_a_run(shelf: Shelf) -> None:
    for number in range(6):
        shelf.add(str(number), b"meow", into=["folder"])
    report = read_back(shelf, Ask(slices=1, workers=1, max_seconds=1e-6))
    assert report.read_copies < 6
    assert report.read_copies + report.left_copies == 6


def test_what_was_found_damaged_is_told_until_there_is_a_new_copy(shelf: Shelf, houses: dict[str, House]) -> None:
    item = shelf.add("7", b"meow", into=["folder"])
    houses["folder"].damage(shelf.copy(item, "folder")["remote_id"])
    read_back(shelf)
    (waiting,) = standing(shelf.postgres, VAULTS, 13)[2]
    assert str(waiting).startswith("gen_videos/7 in folder: read back: sha256 ")
    shelf.run(
        "update holdfast.media_copies set state = 'verified', remote_id = 'b', size_bytes = 4, "
        "sha256 = sha256('meow'), verified_at = now() where item_id = %s",
        item,
    )
    assert standing(shelf.postgres, VAULTS, 13)[2] == []


def test_how_well_copies_are_proven_adds_up(shelf: Shelf) -> None:
    shelf.add("read", b"meow", into=["folder"], age_days=200, read_days=10)
    shelf.add("fresh", b"meow", into=["folder"], age_days=10)
    shelf.add("overdue", b"meow", into=["folder"], age_days=200)
    found, weeks, _ = standing(shelf.postgres, VAULTS, 13)
    assert (found.verified_copies, found.read_back_copies, found.fresh_copies, found.overdue_copies) == (3, 1, 1, 1)
    assert weeks == []
    read_back(shelf)
    found, weeks, _ = standing(shelf.postgres, VAULTS, 13)
    assert (found.read_back_copies, found.overdue_copies) == (3, 0)
    assert sum(week.whole for week in weeks) == 3
