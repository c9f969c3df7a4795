"""``media_backup`` as Dagster runs it, after ``media_inventory``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.media.backup import MediaBackupConfig, media_backup
from assets.media.inventory import media_inventory
from resources.media.vaults_resource import MediaVaultsResource, OriginResource
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource
from tests.assets.baselines.deployment import metadata
from tests.fakes.origins import FakeOrigin
from tests.fakes.origins import origin as fake_origin
from tests.resources.media.application import add_image, add_video, make_tables
from tests.resources.media.files import film, picture

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def there() -> Iterator[FakeOrigin]:
    with fake_origin() as one:
        yield one


@pytest.fixture
def run(instance: dg.DagsterInstance, database_url: str, there: FakeOrigin, tmp_path: Path) -> Run:
    make_tables(database_url)
    doors = {
        "postgres": PostgresResource(dsn=database_url),
        "stores": StoresResource(a_url=database_url),
        "media_vaults": MediaVaultsResource(folder=str(tmp_path / "vault")),
        "media_origin": OriginResource(allowed_hosts=there.url),
    }

    def materialize(media_class: str, **config: Any) -> dict[str, Any]:
        result = dg.materialize(
            [media_inventory, media_backup],
            instance=instance,
            resources=doors,
            partition_key=media_class,
            run_config=dg.RunConfig(ops={"media_backup": MediaBackupConfig(**config)}),
        )
        assert result.success
        return metadata(result, "media_backup")

    return materialize


def test_a_row_of_the_application_becomes_a_proven_copy_and_is_told_so(
    run: Run, there: FakeOrigin, database_url: str, tmp_path: Path
) -> None:
    content = film(9_000_000)
    row = add_video(database_url, upscale=there.put("/u.mp4", content), regular=there.put("/r.mp4", film(1000)))
    told = run("upscale")
    assert (told["due_items"], told["verified_copies"], told["waiting_items"]) == (1, 1, 0)
    assert told["saved_bytes"] == told["sent_bytes"] == len(content)
    assert told["what"].startswith("1 copy made and proven (9.0 MB)")
    assert "data:image/svg+xml" in told["plot_sent"]
    (kept,) = (path for path in (tmp_path / "vault" / "upscale").rglob("*.mp4"))
    assert kept.read_bytes() == content
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "select backup_status, backup_drive_url, length(backup_checksum), backup_error from gen_videos "
            "where id = %s",
            [row],
        ).fetchone()
        summary = connection.execute(
            "select media_class, status, files from backup_status_summary order by media_class"
        ).fetchall()
    assert found == ("verified", kept.as_uri(), 64, None)
    assert summary == [("regular", "pending", 1), ("upscale", "verified", 1)]
    second = run("upscale")
    assert second["claimed_items"] == second["sent_bytes"] == 0
    assert second.keys() == told.keys()


def test_a_dry_run_asks_nobody_and_writes_nothing(
    run: Run, there: FakeOrigin, database_url: str, tmp_path: Path
) -> None:
    add_image(database_url, there.put("/a.png", picture(1000)), file_size=1000)
    told = run("images", dry_run=True)
    assert (told["due_items"], told["due_bytes"], told["claimed_items"], told["is_dry_run"]) == (1, 1000, 0, True)
    assert told["what"] == "Would make copies of 1 files; nothing was done."
    assert there.log == []
    assert not list(tmp_path.rglob("*.png"))


def test_what_could_not_be_saved_is_told_with_what_to_do(run: Run, there: FakeOrigin, database_url: str) -> None:
    add_image(database_url, there.put("/a.png", b"<html>gone</html>"))
    add_image(database_url, there.put("/b.png", picture(1000)))
    told = run("images")
    assert (told["verified_copies"], told["again_copies"]) == (1, 1)
    assert "found an HTML page" in told["what"]
    counted = sum(told[f"{name}_copies"] for name in ("verified", "again", "failed", "gone", "released"))
    assert counted == told["claimed_items"] == 2
