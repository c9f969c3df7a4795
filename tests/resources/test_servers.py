"""Server templates in a real Postgres: versions, history, and a second run that changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.errors import SettingsError
from holdfast.servers.declared import parse_templates
from holdfast.servers.template import ServerTemplate
from orchestration.settings import PROJECT
from resources import servers
from resources.postgres import Postgres
from tests.resources.metrics.cycles import rows

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEB = ServerTemplate(
    server_id="web1",
    name="Shop",
    kind="web",
    environment="production",
    region="eu",
    capacity={"cpu_cores": 4.0, "memory_gb": 7.55},
    labels={"team": "shop", "note": 'a "quoted" \\ word'},
    upstream=("api1", "db1"),
)


def sample(url: str, server_id: str, at: datetime) -> None:
    rows(
        url,
        "insert into holdfast.servers (server_id, first_sampled_at, last_sampled_at) values (%(id)s, %(at)s, %(at)s) "
        "on conflict (server_id) do update set last_sampled_at = excluded.last_sampled_at returning 1",
        id=server_id,
        at=at,
    )


def everything(url: str) -> list[tuple[object, ...]]:
    return rows(url, "select * from holdfast.server_template_versions order by server_id, version")


def test_a_template_comes_back_as_it_was_declared(database_url: str) -> None:
    postgres = Postgres(database_url)
    servers.apply(postgres, [WEB], NOW)
    with postgres.transaction() as db:
        (stored,) = servers.read_templates(db).values()
    assert (stored.template, stored.version, stored.origin, stored.valid_from) == (WEB, 1, "declared", NOW)


def test_a_second_run_writes_no_version(database_url: str) -> None:
    postgres = Postgres(database_url)
    sample(database_url, "seen1", NOW)
    servers.apply(postgres, [WEB], NOW)
    before = everything(database_url)
    assert servers.apply(postgres, [WEB], NOW + HOUR).changes == ()
    assert everything(database_url) == before
    assert len(before) == 2


def test_no_version_is_ever_lost(database_url: str) -> None:
    postgres = Postgres(database_url)
    api = ServerTemplate(server_id="web1", name="web1", kind="api")
    sample(database_url, "web1", NOW)
    for hours, declared in enumerate((None, [WEB], [api], [], [WEB])):
        servers.apply(postgres, declared, NOW + hours * HOUR)
    found = rows(
        database_url,
        "select version, kind, origin, valid_from, valid_until, retired_at "
        "from holdfast.server_template_versions order by 1",
    )
    at = [NOW + hours * HOUR for hours in range(5)]
    assert found == [
        (1, "host", "adopted", at[0], at[1], None),
        (2, "web", "declared", at[1], at[2], None),
        (3, "api", "declared", at[2], at[4], at[3]),
        (4, "web", "declared", at[4], None, None),
    ]
    with postgres.transaction() as db:
        assert [one.version for one in servers.read_versions(db, "web1")] == [4, 3, 2, 1]


def test_a_retired_server_is_still_in_the_view_and_out_of_the_topology(database_url: str) -> None:
    postgres = Postgres(database_url)
    db1 = ServerTemplate(server_id="db1", name="db1", kind="db")
    servers.apply(postgres, [WEB, db1], NOW)
    with postgres.transaction() as db:
        assert servers.read_topology(db).upstream_of("web1") == {"api1", "db1"}
    servers.apply(postgres, [db1], NOW + HOUR)
    found = rows(database_url, "select id, retired_at from holdfast.server_templates order by 1")
    assert found == [("db1", None), ("web1", NOW + HOUR)]
    with postgres.transaction() as db:
        assert servers.read_topology(db).upstream_of("web1") == set()


def test_a_change_halfway_is_no_change(database_url: str) -> None:
    postgres = Postgres(database_url)
    servers.apply(postgres, [WEB], NOW)
    before = everything(database_url)
    broken = [
        ServerTemplate(server_id="aaa", name="aaa", kind="api"),
        ServerTemplate(server_id="zzz", name="\x00", kind="db"),
    ]
    with pytest.raises(Exception, match="NUL"):
        servers.apply(postgres, broken, NOW + HOUR)
    assert everything(database_url) == before


def test_the_example_file_is_right() -> None:
    text = servers.read_file(PROJECT / "servers.example.toml", is_required=True)
    assert [one.server_id for one in parse_templates(text or "")] == ["api1", "db1", "web1"]


def test_a_file_that_nobody_named_need_not_exist_and_one_that_was_named_must(tmp_path: Path) -> None:
    assert servers.read_file(tmp_path / "none.toml", is_required=False) is None
    for name, content, said in (("none.toml", None, "no such file"), ("binary.toml", b"\xff\xfe", "no UTF-8 text")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(SettingsError, match=f"SERVER_TEMPLATES: expected a TOML file of servers, .*{said}"):
            servers.read_file(tmp_path / name, is_required=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        servers.read_file(tmp_path, is_required=False)
