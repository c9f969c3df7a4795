"""``server_templates`` on a real Postgres and Dagster on Postgres."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.baselines.templates import server_templates
from tests.assets.baselines.deployment import Deployment, metadata
from tests.resources.metrics.cycles import rows
from tests.resources.test_servers import sample

NOW = datetime.now(UTC)
SHOP = """
[[server]]
id = "web1"
kind = "web"
upstream = ["db1"]
[[server]]
id = "db1"
kind = "db"
"""


@pytest.fixture
def file(deployment: Deployment, tmp_path: Path) -> Path:
    deployment.environment["SERVER_TEMPLATES"] = str(tmp_path / "servers.toml")
    return tmp_path / "servers.toml"


def templates(deployment: Deployment) -> list[tuple[object, ...]]:
    return rows(deployment.database_url, "select id, kind, version, origin from holdfast.server_templates order by 1")


def test_without_a_file_every_server_that_reports_is_adopted(deployment: Deployment) -> None:
    sample(deployment.database_url, "a", NOW)
    found = metadata(deployment.run(server_templates), "server_templates")
    assert (found["servers"], found["adopted_servers"], found["newly_adopted"]) == (1, 1, 1)
    assert found["has_file"] is False
    assert templates(deployment) == [("a", "host", 1, "adopted")]


def test_a_declaration_replaces_an_adoption_and_a_second_run_changes_nothing(
    deployment: Deployment, file: Path
) -> None:
    sample(deployment.database_url, "web1", NOW)
    file.write_text("server = []")
    deployment.run(server_templates)
    file.write_text(SHOP)
    found = metadata(deployment.run(server_templates), "server_templates")
    assert found["newly_declared"] == 2
    assert found["changes"] == "db1: declared, version 1; web1: declared, version 2"
    assert templates(deployment) == [("db1", "db", 1, "declared"), ("web1", "web", 2, "declared")]
    again = metadata(deployment.run(server_templates), "server_templates")
    assert [again[key] for key in again if key.startswith("newly_")] == [0, 0, 0, 0, 0]
    assert again.keys() == found.keys()


def test_a_broken_file_changes_nothing_declared_and_adopts_who_is_new(deployment: Deployment, file: Path) -> None:
    file.write_text(SHOP)
    deployment.run(server_templates)
    sample(deployment.database_url, "new1", NOW)
    file.write_text(SHOP.replace('kind = "db"', 'kind = "bd"').replace("web1", "web2"))
    result = deployment.run(server_templates, raise_on_error=False)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error
    assert "servers.toml: 1 mistake; nothing was changed" in str(error)
    assert "server 'db1': kind: expected one of web, api, db, cache, worker, host, found 'bd'" in str(error)
    assert templates(deployment) == [
        ("db1", "db", 1, "declared"),
        ("new1", "host", 1, "adopted"),
        ("web1", "web", 1, "declared"),
    ]


def test_a_file_that_was_named_and_is_gone_fails_and_retires_nobody(deployment: Deployment, file: Path) -> None:
    file.write_text(SHOP)
    deployment.run(server_templates)
    file.unlink()
    result = deployment.run(server_templates, raise_on_error=False)
    assert not result.success
    assert "there is no such file" in str(result.get_step_failure_events()[0].step_failure_data.error)
    assert len(templates(deployment)) == 2
    assert rows(
        deployment.database_url, "select count(*) from holdfast.server_templates where retired_at is not null"
    ) == [(0,)]


def test_a_server_dropped_from_the_file_is_retired_and_comes_back(deployment: Deployment, file: Path) -> None:
    file.write_text(SHOP)
    deployment.run(server_templates)
    file.write_text('[[server]]\nid = "db1"\nkind = "db"')
    gone = metadata(deployment.run(server_templates), "server_templates")
    assert (gone["newly_retired"], gone["retired_servers"], gone["servers"]) == (1, 1, 1)
    file.write_text(SHOP)
    back = metadata(deployment.run(server_templates), "server_templates")
    assert (back["newly_returned"], back["retired_servers"]) == (1, 0)
    assert templates(deployment) == [("db1", "db", 1, "declared"), ("web1", "web", 2, "declared")]
