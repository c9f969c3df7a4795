"""The inventory as the UI shows it, and what its checks make of the books."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.catalog import COMPARED_TABLES
from assets.media.backup import media_backup
from assets.media.checks import (
    no_media_lost,
    nothing_expires_unsaved,
    the_vaults_have_room,
    vault_matches_the_books,
)
from assets.media.inventory import media_inventory
from holdfast.media.vaults import Space
from holdfast.media.work import Result, Verdict
from holdfast.plots.picture import INLINE_LIMIT
from orchestration.definitions import resources
from orchestration.settings import load
from resources.media.queue import Queue
from resources.postgres import Postgres
from resources.stores import open_stores
from resources.tables.comparing import compare
from tests.assets.baselines.deployment import checks, metadata
from tests.assets.media.deployment import MediaDeployment
from tests.resources.media.books import Books, claims, verified
from tests.resources.media.test_scanning import TABLES

INVENTORY = (media_inventory, vault_matches_the_books, the_vaults_have_room)


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MediaDeployment:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return MediaDeployment(instance, database_url, tmp_path / "home")


@pytest.fixture
def queue(deployment: MediaDeployment) -> Iterator[Queue]:
    with closing(Queue(Postgres(deployment.database_url), owner="run")) as queue:
        yield queue


def take_stock(deployment: MediaDeployment, *, look: bool = False) -> dict[str, Any]:
    config = {"ops": {"media_inventory": {"config": {"look_into_vaults": look}}}}
    return metadata(deployment.run(media_inventory, run_config=config), "media_inventory")


def judged(deployment: MediaDeployment, *more: Any) -> dict[str, dg.AssetCheckEvaluation]:
    return checks(deployment.run(*INVENTORY, *more))


def after_a_backup(deployment: MediaDeployment) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of the backup say after a dry one."""
    config = {"ops": {"media_backup": {"config": {"dry_run": True}}}}
    found = deployment.run(
        media_inventory,
        media_backup,
        nothing_expires_unsaved,
        no_media_lost,
        partition_key="regular",
        run_config=config,
    )
    return checks(found)


def test_numbers_add_up_and_are_the_same_ones_each_time(deployment: MediaDeployment, queue: Queue) -> None:
    empty = take_stock(deployment)
    assert (empty["what"], empty["plot"]) == ("There are no files yet.", "nothing yet")
    for number in range(5):
        deployment.video(number)
    deployment.video(9, created_at=None)
    first = take_stock(deployment)
    verdicts: dict[str, Verdict] = {"0": "verified", "1": "failed", "2": "gone"}
    for work in queue.claim(vaults=("folder",), media_class=None, most=9):
        (claim,) = work.claims
        verdict = verdicts.get(work.item.source_id[-1], "released")
        queue.settle([verified(claim) if verdict == "verified" else Result(claim=claim, verdict=verdict)])
    told = take_stock(deployment)
    assert empty.keys() == first.keys() == told.keys()
    assert (first["new_files"], first["new_copies"], first["malformed_rows"], told["new_files"]) == (5, 5, 1, 0)
    parts = ("verified", "waiting", "failed", "expired", "lost")
    assert [told[f"{part}_files"] for part in parts] == [1, 3, 1, 0, 0]
    assert told["dagster/row_count"] == told["current_files"] == 5
    assert (told["complete_pct_regular"], told["complete_pct_upscale"]) == (20.0, 100.0)
    assert "it does not say when it was made" in told["what"]
    assert "regular: 20 % of the files are safe (1 failed, 3 pending, 1 verified)." in told["what"]
    assert (first["added_columns"], told["added_columns"], told["problems"]) == (0, 0, 1)
    assert told["plot"].startswith("![")
    assert max(len(told["plot"]), len(told["what"])) < INLINE_LIMIT


def test_the_application_learns_of_its_backup(deployment: MediaDeployment) -> None:
    deployment.video(1)
    told = take_stock(deployment)
    assert (told["added_columns"], told["told_rows"], told["untold_rows"], told["carried_rows"]) == (7, 1, 0, 0)
    assert deployment.books.value("select backup_status from gen_videos") == "pending"


def test_a_vault_that_was_never_looked_into_is_looked_into(deployment: MediaDeployment) -> None:
    deployment.make_folder()
    (deployment.folder / "old-clip.mp4").write_bytes(b"meow")
    first, second = take_stock(deployment), take_stock(deployment)
    assert (first["listed_vaults"], first["listed_files"], first["stray_files"]) == (1, 1, 1)
    assert second["listed_vaults"] == 0
    check = judged(deployment)["vault_matches_the_books"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "unknown: old-clip.mp4" in (check.description or "")
    (deployment.folder / "old-clip.mp4").unlink()
    assert take_stock(deployment, look=True)["stray_files"] == 0
    assert judged(deployment)["vault_matches_the_books"].passed


def test_a_copy_whose_file_is_gone_is_made_anew(deployment: MediaDeployment, queue: Queue) -> None:
    deployment.video(1)
    take_stock(deployment)
    (claim,) = claims(queue.claim(vaults=("folder",), media_class=None, most=9))
    queue.settle([verified(claim)])
    deployment.make_folder()
    # It was proven a moment ago: lists lag, so nobody judges yet.
    assert take_stock(deployment, look=True)["missing_files"] == 0
    deployment.books.run("update holdfast.media_copies set verified_at = verified_at - interval '3 hours'")
    told = take_stock(deployment, look=True)
    assert (told["missing_files"], told["waiting_files"], told["verified_files"]) == (1, 1, 0)
    check = judged(deployment)["vault_matches_the_books"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "1 copies are gone" in (check.description or "")
    (again,) = claims(queue.claim(vaults=("folder",), media_class=None, most=9))
    assert again.remote_id is None
    queue.settle([verified(again)])
    assert judged(deployment)["vault_matches_the_books"].passed


def test_what_expires_unsaved_is_an_error_until_it_is_saved(deployment: MediaDeployment, queue: Queue) -> None:
    deployment.video(1, expires_in=timedelta(hours=20))
    deployment.video(2, expires_in=-timedelta(hours=1))
    deployment.video(3, expires_in=timedelta(hours=30))
    fresh = after_a_backup(deployment)["nothing_expires_unsaved"]
    # What was found a moment ago is on its way; a link that is past its deadline cannot wait.
    assert (fresh.description or "").startswith("1 copies: gen_videos/00000000-0000-0000-0000-000000000002 (regular), ")
    deployment.books.run("update holdfast.media_items set found_at = found_at - interval '16 minutes'")
    check = after_a_backup(deployment)["nothing_expires_unsaved"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert (check.description or "").startswith("2 copies: gen_videos/00000000-0000-0000-0000-000000000002 (regular), ")
    told: dict[str, Any] = {key: value.value for key, value in check.metadata.items()}
    assert (told["copies_at_risk"], told["waiting_of_listed"], told["failed_of_listed"]) == (2, 2, 0)
    urgent = queue.claim(vaults=("folder",), media_class=None, most=9, only_urgent=True)
    queue.settle([verified(claim) for claim in claims(urgent)])
    assert after_a_backup(deployment)["nothing_expires_unsaved"].passed


def test_what_is_lost_is_told(deployment: MediaDeployment, queue: Queue) -> None:
    deployment.video(1)
    assert after_a_backup(deployment)["no_media_lost"].passed
    for _ in range(2):
        (claim,) = claims(queue.claim(vaults=("folder",), media_class=None, most=9))
        queue.settle([Result(claim=claim, verdict="gone", problem="the server says 404")])
        deployment.books.turn(timedelta(minutes=11))
    check = after_a_backup(deployment)["no_media_lost"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "lost in folder: the server says 404" in (check.description or "")
    assert "Lost: gen_videos/" in take_stock(deployment)["what"]


@pytest.mark.parametrize(
    ("free", "passed", "severity", "words"),
    [
        (100_000_000, True, "WARN", "folder: 100.0 MB free, 10.0 MB wait, 714 kB come a day: 126 days left."),
        (20_000_000, False, "WARN", "14 days left"),
        (4_000_000, False, "ERROR", "6.0 MB are missing. Make room there, or give it more"),
    ],
)
def test_room_is_forecast(
    deployment: MediaDeployment, queue: Queue, free: int, passed: bool, severity: str, words: str
) -> None:
    for number in range(10):
        deployment.video(number)
    take_stock(deployment)
    queue.note_space("folder", Space(used_bytes=10**9, limit_bytes=10**9 + free))
    check = room(deployment)
    assert (check.passed, check.severity.value) == (passed, severity)
    assert words in (check.description or "")
    told: dict[str, Any] = {key: value.value for key, value in check.metadata.items()}
    assert told["lacking_bytes"] == max(told["waiting_bytes_folder"] - told["free_bytes_folder"], 0)


def room(deployment: MediaDeployment) -> dg.AssetCheckEvaluation:
    """The check alone: the inventory asks the real folder."""
    doors = resources(load(deployment.environment))
    job = dg.Definitions(
        assets=[media_inventory],
        asset_checks=[the_vaults_have_room],
        jobs=[dg.define_asset_job("room", selection=dg.AssetSelection.checks(the_vaults_have_room))],
        resources=doors,
    ).resolve_job_def("room")
    (check,) = job.execute_in_process(instance=deployment.instance).get_asset_check_evaluations()
    return check


def test_a_vault_that_does_not_say_how_much_it_holds_has_what_is_configured(
    deployment: MediaDeployment, queue: Queue
) -> None:
    deployment.video(1)
    deployment.video(2)
    take_stock(deployment)
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("folder",), media_class=None, most=1))])
    queue.note_space("folder", Space())
    assert "folder does not say how much it holds" in (room(deployment).description or "")
    deployment.environment["HOLDFAST_MEDIA_BUDGET_GB"] = "0.0005"
    check = room(deployment)
    assert check.severity == dg.AssetCheckSeverity.ERROR
    # 500 kB are configured, 1 kB is used, 1 MB waits.
    assert "folder: 499 kB free, 1.0 MB wait, " in (check.description or "")
    assert "501 kB are missing" in (check.description or "")


def test_a_vault_that_takes_nothing_is_an_error(deployment: MediaDeployment, queue: Queue) -> None:
    take_stock(deployment)
    queue.close_vault("folder", by="quota", reason="folder: the disk is full. Make room", reopens_in=None)
    check = room(deployment)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "folder is closed: folder: the disk is full. Make room" in (check.description or "")


def test_a_share_that_is_not_mounted_is_told_and_nothing_of_it_is_missing(
    deployment: MediaDeployment, queue: Queue
) -> None:
    deployment.video(1)
    take_stock(deployment)
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("folder",), media_class=None, most=9))])
    deployment.books.run("update holdfast.media_copies set verified_at = verified_at - interval '3 hours'")
    told = take_stock(deployment, look=True)
    assert (told["missing_files"], told["verified_files"]) == (0, 1)
    assert told["problems"] == 1
    assert "folder could not be looked into" in told["what"]


def test_what_the_backup_writes_is_no_difference_between_the_stores(
    deployment: MediaDeployment, queue: Queue, secondary_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison of the two stores stays green over all that the backup writes."""
    other = Books(secondary_database_url)
    other.run(TABLES)
    deployment.environment |= {"SUPABASE_DB_URL": secondary_database_url}
    monkeypatch.setenv("SUPABASE_DB_URL", secondary_database_url)
    for number in range(20):
        deployment.video(number)
        deployment.video(number, into=other)
    take_stock(deployment)
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=("folder",), media_class=None, most=9))])
    assert take_stock(deployment)["carried_rows"] == 9
    stores = open_stores(deployment.database_url, secondary_database_url)
    declared = next(one for one in COMPARED_TABLES if one.name == "gen_videos")
    report = compare(stores, declared, mode="full").report
    assert (report.status, report.mismatch_count, report.notes) == ("ok", 0, ())
