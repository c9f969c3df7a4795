"""Copies are read back, and files come home, as the UI shows it: on real vaults and the books of a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.media.restoring import media_restore
from assets.media.verification import media_verification
from holdfast.errors import TransientError
from holdfast.plots.picture import INLINE_LIMIT
from orchestration.definitions import resources
from orchestration.settings import load
from resources.folder import FolderVault
from resources.media.vaults_resource import MediaVaultsResource
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.media.shelves import Shelf

CHECK = "every_copy_read_back_is_whole"
NAME = "upscale/2026-11/{}-0123456789.mp4"


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    monkeypatch.setenv("DATABASE_URL", database_url)
    found = Deployment(instance, database_url, tmp_path / "home")
    found.environment |= {"DATABASE_URL": database_url, "HOLDFAST_MEDIA_FOLDER": str(tmp_path / "nas")}
    return found


@pytest.fixture
def shelf(database_url: str, tmp_path: Path) -> Shelf:
    return Shelf(database_url, {"folder": FolderVault(tmp_path / "nas")})


def config(**more: Any) -> dict[str, Any]:
    return {"ops": {"media_verification": {"config": {"slices": 1} | more}}}


def test_what_is_whole_is_told_in_numbers_that_add_up(deployment: Deployment, shelf: Shelf) -> None:
    for number in range(3):
        shelf.add(str(number), b"meow")
    result = deployment.run(media_verification, run_config=config())
    told = metadata(result, "media_verification")
    assert told["due_copies"] == told["read_copies"] + told["unread_copies"] + told["left_copies"] == 3
    assert told["read_copies"] == told["whole_copies"] + told["damaged_copies"] + told["missing_copies"] == 3
    assert told["verified_copies"] == told["read_back_copies"] + told["fresh_copies"] + told["overdue_copies"] == 3
    assert told["what"] == "3 of 3 due copies were read back, 0.0 MB."
    assert told["readings_by_week"].startswith("![")
    assert len(told["readings_by_week"]) < INLINE_LIMIT
    assert checks(result)[CHECK].passed
    again = deployment.run(media_verification, run_config=config())
    assert metadata(again, "media_verification").keys() == told.keys()
    assert metadata(again, "media_verification")["what"] == "No copy was due."
    assert checks(again)[CHECK].passed


def test_what_is_not_whole_is_named_until_it_is_mended(deployment: Deployment, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("good", b"meow")
    damaged, missing = shelf.add("damaged", b"meow"), shelf.add("missing", b"meow")
    (tmp_path / "nas" / NAME.format("damaged")).write_bytes(b"wuff")
    (tmp_path / "nas" / NAME.format("missing")).unlink()
    result = deployment.run(media_verification, run_config=config())
    told = metadata(result, "media_verification")
    assert (told["whole_copies"], told["damaged_copies"], told["missing_copies"]) == (1, 1, 1)
    check = checks(result)[CHECK]
    assert not check.passed
    which = str(check.metadata["which"].value)
    assert "gen_videos/damaged in folder" in which
    assert "gen_videos/missing in folder" in which
    assert [shelf.copy(item, "folder")["state"] for item in (damaged, missing)] == ["pending", "pending"]
    again = deployment.run(media_verification, run_config=config())
    assert not checks(again)[CHECK].passed
    assert "Not made anew yet: gen_videos/" in metadata(again, "media_verification")["what"]


def test_urgent_files_have_the_line_for_themselves(deployment: Deployment, shelf: Shelf) -> None:
    shelf.add("7", b"meow")
    item = shelf.add("8", b"meow", into=[])
    shelf.run(
        "insert into holdfast.media_copies (item_id, vault, media_class, deadline_at) "
        "values (%s, 'folder', 'upscale', now())",
        item,
    )
    told = metadata(deployment.run(media_verification, run_config=config()), "media_verification")
    assert told["what"] == "Files of the rescue window wait (1), so nothing was read back: the line is theirs."
    assert (told["due_copies"], told["urgent_items"]) == (0, 1)


def test_a_run_that_could_read_nothing_is_no_good_run(deployment: Deployment, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("7", b"meow")
    (tmp_path / "nas").rename(tmp_path / "unmounted")
    result = deployment.run(media_verification, run_config=config(), raise_on_error=False)
    assert not result.success
    assert shelf.run("select count(*) from holdfast.media_readings") == [(0,)]


def test_a_share_that_was_used_is_told_from_a_new_folder_by_the_books(
    deployment: Deployment, shelf: Shelf, tmp_path: Path
) -> None:
    doors = resources(load(deployment.environment))["media_vaults"]
    assert isinstance(doors, MediaVaultsResource)
    shelf.add("7", b"meow")
    (tmp_path / "nas").rename(tmp_path / "unmounted")
    (tmp_path / "nas").mkdir()
    opened = doors.process_config_and_initialize().open()["folder"]
    with pytest.raises(TransientError, match="not mounted"):
        opened.reserve(["upscale/2026-11/b.mp4"])
    assert list((tmp_path / "nas").iterdir()) == []
    shelf.run("update holdfast.media_copies set vault = 's3'")
    assert doors.process_config_and_initialize().open()["folder"].reserve(["upscale/2026-11/b.mp4"])


def restore(deployment: Deployment, **given: Any) -> dg.ExecuteInProcessResult:
    ops: Mapping[str, Any] = {"restore_media": {"config": given}}
    doors = resources(load(deployment.environment))
    return media_restore.execute_in_process(
        run_config={"ops": ops}, resources=doors, instance=deployment.instance, raise_on_error=False
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    return str(data.user_failure_data.description if data.user_failure_data else data.error)


@pytest.mark.parametrize("from_vault", [False, True])
def test_files_come_home_from_the_launchpad(
    deployment: Deployment, shelf: Shelf, tmp_path: Path, from_vault: bool
) -> None:
    shelf.add("a", b"meow")
    shelf.add("b", b"wuff")
    home = tmp_path / "restored"
    looked = restore(deployment, to=str(home), everything=True, dry_run=True, from_vault=from_vault)
    assert looked.success
    assert not home.exists()
    for id_, files in (("a", 1), ("", 2)):
        given = {"id": id_} if id_ else {"everything": True}
        assert restore(deployment, to=str(home), from_vault=from_vault, **given).success
        assert len([path for path in home.rglob("*") if path.is_file()]) == files
    assert (home / NAME.format("a")).read_bytes() == b"meow"
    assert (home / NAME.format("b")).read_bytes() == b"wuff"


def test_what_cannot_come_home_fails_the_run_and_the_rest_is_there(
    deployment: Deployment, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("a", b"meow")
    shelf.add("b", b"wuff")
    (tmp_path / "nas" / NAME.format("b")).write_bytes(b"meow")
    home = tmp_path / "restored"
    result = restore(deployment, to=str(home), media_class="upscale")
    assert not result.success
    assert "1 of 2 files restored" in failure(result)
    assert (home / NAME.format("a")).read_bytes() == b"meow"
    assert not (home / NAME.format("b")).exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "expected id, media_class or day, or everything"),
        ({"everything": True, "id": "a"}, "expected id, media_class or day, or everything"),
        ({"id": "nobody"}, "the books know no file of 'nobody'"),
        ({"day": "someday"}, "neither a day"),
        ({"everything": True, "vault": "s3"}, "s3 is no vault here, only folder is"),
    ],
)
def test_a_wrong_order_is_told_and_nothing_is_done(
    deployment: Deployment, shelf: Shelf, tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    result = restore(deployment, to=str(tmp_path / "restored"), **given)
    assert not result.success
    assert said in failure(result)
    assert not (tmp_path / "restored").exists()
