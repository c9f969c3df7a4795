"""Files come home from real vaults, byte by byte: by the books, or by what a vault lists when these are lost."""

import hashlib
import os
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from assets.catalog import MEDIA_SOURCES
from holdfast.errors import PermanentError, StoppedError, TransientError
from holdfast.media.restores import Choice, Report, Wanted, days
from holdfast.media.vaults import MediaVault
from resources.folder_files import open_alone, partial_of
from resources.media.restored_file import restore_file
from resources.media.restoring import Restoring, wanted_in_books, wanted_in_vaults
from tests.contracts.houses import DriveHouse, House, house
from tests.fakes.s3 import Fault
from tests.resources.media.shelves import Shelf
from tests.servers import eventually

VAULTS = ("folder", "s3")
ALL = Choice()
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(house(kind, tmp_path, monkeypatch)) for kind in VAULTS}


@pytest.fixture
def shelf(database_url: str, houses: dict[str, House]) -> Shelf:
    return Shelf(database_url, {kind: one.open() for kind, one in houses.items()})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def in_books(shelf: Shelf, choice: Choice = ALL, labels: tuple[str, ...] = VAULTS) -> list[Wanted]:
    return wanted_in_books(shelf.postgres, choice, MEDIA_SOURCES, labels)


def restore(shelf: Shelf, wanted: list[Wanted], home: Path) -> Report:
    return Restoring(shelf.vaults, home, workers=4, say=lambda _: None).run(wanted)


def there(home: Path) -> dict[str, bytes]:
    """Every file in the folder, hidden ones included."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


def contents(count: int = 6) -> dict[str, bytes]:
    return {f"row-{number}": os.urandom(1 + 700 * number) for number in range(count)}


@pytest.mark.parametrize("labels", [("folder",), ("s3",), VAULTS])
def test_everything_comes_home_byte_by_byte(shelf: Shelf, home: Path, labels: tuple[str, ...]) -> None:
    made = contents()
    for name, content in made.items():
        shelf.add(name, content)
    report = restore(shelf, in_books(shelf, labels=labels), home)
    assert there(home) == {f"upscale/2026-11/{name}-0123456789.mp4": content for name, content in made.items()}
    assert (report.wanted_files, report.restored_files, report.failed) == (6, 6, [])
    # The catalogue has s3 before folder.
    assert report.by_vault == {"s3" if "s3" in labels else "folder": 6}
    assert report.received_bytes == report.wanted_bytes == sum(map(len, made.values()))


@pytest.mark.parametrize("labels", [("folder",), ("s3",), VAULTS])
def test_without_the_books_a_vault_says_itself_what_it_has(shelf: Shelf, home: Path, labels: tuple[str, ...]) -> None:
    made = contents()
    for name, content in made.items():
        shelf.add(name, content)
    vaults = {label: shelf.vaults[label] for label in labels}
    report = restore(shelf, wanted_in_vaults(vaults, ALL), home)
    assert there(home) == {f"upscale/2026-11/{name}-0123456789.mp4": content for name, content in made.items()}
    assert (report.restored_files, report.unproven_files, report.failed) == (6, 0, [])


def test_a_second_run_receives_nothing(shelf: Shelf, home: Path) -> None:
    for name, content in contents().items():
        shelf.add(name, content)
    restore(shelf, in_books(shelf), home)
    again = restore(shelf, in_books(shelf), home)
    assert (again.already_files, again.restored_files, again.received_bytes) == (6, 0, 0)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(id="a"), ["images/2026-11/a", "upscale/2026-11/a"]),
        (Choice(id="a", media_class="images"), ["images/2026-11/a"]),
        (Choice(media_class="upscale"), ["upscale/2026-10/b", "upscale/2026-11/a"]),
        (Choice(since=days("2026-11-05")[0], until=days("2026-11-05")[1]), ["images/2026-11/a", "upscale/2026-11/a"]),
        (Choice(since=days("2026-10")[0], until=days("2026-10")[1]), ["upscale/2026-10/b"]),
        (ALL, ["images/2026-11/a", "upscale/2026-10/b", "upscale/2026-11/a"]),
    ],
)
def test_what_is_chosen_comes_and_nothing_else(shelf: Shelf, choice: Choice, names: list[str]) -> None:
    shelf.add("a", b"1")
    shelf.add("a", b"2", media_class="images")
    shelf.add("b", b"3", created_at="2026-10-31 23:59+00", name="upscale/2026-10/b-0123456789.mp4")
    found = [one.name.removesuffix("-0123456789.mp4") for one in in_books(shelf, choice)]
    assert sorted(found) == names
    if not choice.since or choice.since.day == 1:
        listed = wanted_in_vaults(shelf.vaults, choice)
        assert sorted(one.name.removesuffix("-0123456789.mp4") for one in listed) == names


def test_the_number_of_a_file_is_an_id_as_well(shelf: Shelf) -> None:
    item = shelf.add("a", b"1")
    shelf.add("b", b"2")
    (found,) = in_books(shelf, Choice(id=str(item)))
    assert found.name == "upscale/2026-11/a-0123456789.mp4"
    with pytest.raises(PermanentError, match="the books know no file of 'nobody'"):
        in_books(shelf, Choice(id="nobody"))


@pytest.mark.parametrize("broken", ["damaged", "missing", "away"])
def test_where_one_vault_fails_the_other_is_read(shelf: Shelf, houses: dict[str, Any], home: Path, broken: str) -> None:
    content = os.urandom(3500)
    item = shelf.add("a", content)
    remote_id = shelf.copy(item, "s3")["remote_id"]
    if broken == "damaged":
        houses["s3"].damage(remote_id)
    elif broken == "missing":
        shelf.vaults["s3"].remove(remote_id)
    else:
        houses["s3"].server.door.faults.append(Fault("GET", times=99, status=403, code="AccessDenied"))
    report = restore(shelf, in_books(shelf), home)
    assert list(there(home).values()) == [content]
    assert report.by_vault == {"folder": 1}
    (note,) = report.notes
    assert note.problem.startswith("s3: ")
    assert report.failed == []


def test_what_no_vault_gives_is_told_and_the_rest_comes(shelf: Shelf, houses: dict[str, Any], home: Path) -> None:
    shelf.add("good", b"meow")
    bad = shelf.add("bad", os.urandom(2500))
    shelf.add("nowhere", b"x", into=[])
    elsewhere = shelf.add("elsewhere", b"x", into=["folder"])
    shelf.run("update holdfast.media_copies set vault = 'drive' where item_id = %s", elsewhere)
    for vault in VAULTS:
        houses[vault].damage(shelf.copy(bad, vault)["remote_id"])
    report = restore(shelf, in_books(shelf), home)
    assert list(there(home)) == ["upscale/2026-11/good-0123456789.mp4"]
    problems = {one.wanted.title.split(" ")[0]: one.problem for one in report.failed}
    assert problems.keys() == {"gen_videos/bad", "gen_videos/nowhere", "gen_videos/elsewhere"}
    assert "s3: its copy is damaged: sha256" in problems["gen_videos/bad"]
    assert "folder: its copy is damaged" in problems["gen_videos/bad"]
    assert "no vault has a proven copy of it; its link is https://v3.fal.media" in problems["gen_videos/nowhere"]
    assert "its copies are in drive" in problems["gen_videos/elsewhere"]


def test_another_file_of_that_name_is_left_as_it_is(shelf: Shelf, home: Path) -> None:
    shelf.add("a", b"meow")
    (one,) = in_books(shelf)
    (home / one.name).parent.mkdir(parents=True)
    (home / one.name).write_bytes(b"mine")
    report = restore(shelf, [one], home)
    assert there(home) == {one.name: b"mine"}
    assert "another file is there" in report.failed[0].problem
    (home / one.name).unlink()
    (home / one.name).mkdir()
    assert "is no file" in restore(shelf, [one], home).failed[0].problem


@pytest.mark.parametrize("vault", VAULTS)
@pytest.mark.parametrize("begun", [1, 1000, 1001, 3499, 3500])
def test_a_half_is_gone_on_with(shelf: Shelf, home: Path, vault: str, begun: int) -> None:
    content = os.urandom(3500)
    shelf.add("a", content)
    (one,) = in_books(shelf, labels=(vault,))
    half = partial_of(home / one.name, (home / one.name).name)
    half.parent.mkdir(parents=True)
    half.write_bytes(content[:begun])
    report = restore(shelf, [one], home)
    assert there(home) == {one.name: content}
    assert report.received_bytes == len(content) - begun


@pytest.mark.parametrize("half", [b"something else", b"x" * 5000])
def test_a_half_of_something_else_is_begun_anew(shelf: Shelf, home: Path, half: bytes) -> None:
    content = os.urandom(3500)
    shelf.add("a", content)
    (one,) = in_books(shelf)
    path = partial_of(home / one.name, (home / one.name).name)
    path.parent.mkdir(parents=True)
    path.write_bytes(half)
    assert restore(shelf, [one], home).restored_files == 1
    assert there(home) == {one.name: content}


def test_a_line_that_breaks_is_opened_anew_where_it_broke(shelf: Shelf, houses: dict[str, Any], home: Path) -> None:
    content = os.urandom(900_000)
    shelf.add("a", content, into=["s3"])
    door = houses["s3"].server.door
    door.faults.append(Fault("GET", times=3, cuts=True))
    report = restore(shelf, in_books(shelf), home)
    assert list(there(home).values()) == [content]
    assert report.failed == []
    assert report.received_bytes < 2 * len(content)


def test_what_a_stopped_restore_received_stays(shelf: Shelf, home: Path) -> None:
    shelf.add("a", os.urandom(3_500_000), into=["folder"])
    (one,) = in_books(shelf)
    stop = threading.Event()
    with pytest.raises(StoppedError):
        restore_file(one, home, shelf.vaults, stop=stop, received=lambda _: stop.set())
    (half,) = there(home).values()
    assert 0 < len(half) < 3_500_000
    report = restore(shelf, [one], home)
    assert report.received_bytes == 3_500_000 - len(half)


def test_two_restores_into_one_folder_do_not_mix(shelf: Shelf, home: Path) -> None:
    shelf.add("a", b"meow")
    (one,) = in_books(shelf)
    half = partial_of(home / one.name, (home / one.name).name)
    half.parent.mkdir(parents=True)
    handle = open_alone(half, makes=True)
    assert "another restore" in restore(shelf, [one], home).failed[0].problem
    os.close(handle)
    assert restore(shelf, [one], home).restored_files == 1


def test_too_little_room_is_told_before_anything_is_written(
    shelf: Shelf, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add("a", b"x" * 1000)
    wanted = in_books(shelf)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6 - 400, 400))
    with pytest.raises(PermanentError, match="600 are missing"):
        restore(shelf, wanted, home)
    assert not home.exists()


def test_a_plan_writes_nothing(shelf: Shelf, home: Path) -> None:
    shelf.add("a", b"x" * 1000)
    report = Restoring(shelf.vaults, home, workers=4, say=print).plan(in_books(shelf))
    assert (report.wanted_files, report.wanted_bytes) == (1, 1000)
    assert not home.exists()


def test_a_file_that_another_tool_stored_gets_a_name_of_ours(shelf: Shelf, home: Path) -> None:
    item = shelf.add("a", b"meow", into=["folder"])
    shelf.run("update holdfast.media_copies set is_adopted = true, name = '../My Vidéo: 1/2' where item_id = %s", item)
    restore(shelf, in_books(shelf), home)
    (name,) = there(home)
    assert name.startswith("upscale/2026-11/a-")
    assert name.endswith(".mp4")


def test_documents_and_odd_names_of_a_vault_come_home_too(shelf: Shelf, houses: dict[str, Any], home: Path) -> None:
    shelf.add("a", b"meow")
    folder = houses["folder"].folder
    (folder / "Ünïcode & (1).mp4").write_bytes(b"wuff")
    report = restore(shelf, wanted_in_vaults({"folder": shelf.vaults["folder"]}, ALL), home)
    assert sorted(there(home).values()) == [b"meow", b"wuff"]
    assert report.unproven_files == 1


def test_a_vault_that_cannot_be_listed_is_told(shelf: Shelf, houses: dict[str, Any]) -> None:
    shelf.add("a", b"meow")
    folder = houses["folder"].folder
    folder.rename(folder.with_name("unmounted"))
    with pytest.raises(TransientError, match="not mounted"):
        wanted_in_vaults(shelf.vaults, ALL)


def test_a_vault_whose_file_was_changed_on_purpose_gives_the_other_one(shelf: Shelf, home: Path) -> None:
    """The copies of a file may differ where the link gave another file later: both are proven, the first is taken."""
    item = shelf.add("a", b"meow", into=["s3"])
    vault: MediaVault = shelf.vaults["folder"]
    name = "upscale/2026-11/a-0123456789.mp4"
    other = shelf.add("b", b"later", into=["folder"], name=name)
    shelf.run("update holdfast.media_copies set item_id = %s where item_id = %s", item, other)
    (one,) = in_books(shelf, Choice(id="a"))
    assert [source.vault for source in one.sources] == ["s3"]
    assert one.sources[0].proof.sha256 == hashlib.sha256(b"meow").digest()
    assert vault.find(name) is not None
    assert restore(shelf, [one], home).restored_files == 1


@pytest.fixture
def on_drive(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shelf, DriveHouse]]:
    """Files in Drive and in S3, as most deployments have them."""
    with house("drive", tmp_path, monkeypatch) as drive, house("s3", tmp_path, monkeypatch) as s3:
        assert isinstance(drive, DriveHouse)
        yield Shelf(database_url, {"drive": drive.open(), "s3": s3.open()}), drive


@pytest.mark.parametrize("has_books", [True, False])
def test_everything_comes_home_from_drive(on_drive: tuple[Shelf, DriveHouse], home: Path, has_books: bool) -> None:
    shelf, _ = on_drive
    made = contents() | {"large": os.urandom(300_001)}
    for name, content in made.items():
        shelf.add(name, content)
    labels = ("drive", "s3")
    wanted = in_books(shelf, labels=labels) if has_books else eventually_all(shelf, len(made))
    report = restore(shelf, wanted, home)
    assert there(home) == {f"upscale/2026-11/{name}-0123456789.mp4": content for name, content in made.items()}
    assert (report.by_vault, report.failed, report.unproven_files) == ({"drive": 7}, [], 0)


def eventually_all(shelf: Shelf, count: int) -> list[Wanted]:
    """A listing of Drive lags."""
    drive = {"drive": shelf.vaults["drive"]}
    eventually(lambda: len(wanted_in_vaults(drive, ALL)) == count)
    return wanted_in_vaults(shelf.vaults, ALL)


def test_where_drive_fails_s3_is_read(on_drive: tuple[Shelf, DriveHouse], home: Path) -> None:
    shelf, drive = on_drive
    content = os.urandom(3000)
    items = {name: shelf.add(name, content) for name in ("damaged", "missing", "whole")}
    drive.damage(shelf.copy(items["damaged"], "drive")["remote_id"])
    drive.drive.world.delete(shelf.copy(items["missing"], "drive")["remote_id"])
    report = restore(shelf, in_books(shelf, labels=("drive", "s3")), home)
    assert set(there(home).values()) == {content}
    assert (report.by_vault, report.failed) == ({"drive": 1, "s3": 2}, [])
    assert {note.problem.split(":")[0] for note in report.notes} == {"drive"}


def test_a_half_from_drive_is_gone_on_with(on_drive: tuple[Shelf, DriveHouse], home: Path) -> None:
    shelf, _ = on_drive
    content = os.urandom(3000)
    shelf.add("a", content)
    (one,) = in_books(shelf, labels=("drive",))
    half = partial_of(home / one.name, (home / one.name).name)
    half.parent.mkdir(parents=True)
    half.write_bytes(content[:1234])
    assert restore(shelf, [one], home).received_bytes == 3000 - 1234
    assert there(home) == {one.name: content}
