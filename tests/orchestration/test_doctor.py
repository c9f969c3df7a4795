import json
import os
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg import sql

from orchestration import local
from orchestration.doctor import Row, examine, report
from orchestration.settings import dagster_url, load
from resources.doctor import examine_primary, examine_redis, examine_secondary, examine_storage
from resources.folder import FolderVault
from resources.sources.cloud_monitoring import GOOGLE_METRICS
from tests.fakes.cloud_monitoring import CPU, CloudMonitoring, Point, cloud_monitoring
from tests.servers import OwnPostgres, free_port, own_postgres

BUDGET = 500_000_000


@pytest.fixture(scope="module")
def guarded() -> Iterator[OwnPostgres]:
    """A server that asks for passwords, with users of few rights."""
    with own_postgres() as server:
        server.execute(
            "create role app login password 'correct horse'",
            "create role holder login password 'correct horse' createrole",
            "create role strict login password 'correct horse'",
            "alter role strict set default_transaction_read_only = on",
            "create database own owner holder",
        )
        yield server


def rows_by_name(**environment: str) -> dict[str, Row]:
    return {row.dependency: row for row in examine(load(environment))}


def test_a_healthy_store_has_no_remedy(database_url: str) -> None:
    found = examine_primary(database_url, "DATABASE_URL", BUDGET)
    assert found.problem is None
    assert found.remedy is None
    assert found.version == "18.4" or (found.version or "").startswith("18.")
    assert found.migrations == "done"
    assert found.latency_ms is not None
    assert found.latency_ms > 0
    assert "of 500 MB" in (found.quota or "")


def test_pending_migrations_name_the_command(empty_database_url: str) -> None:
    found = examine_primary(empty_database_url, "DATABASE_URL", BUDGET)
    assert "migrations are pending" in (found.problem or "")
    assert found.remedy == "holdfast migrate"
    assert (found.migrations or "").endswith("pending")


def test_a_nearly_full_store_is_told_before_it_is_full(database_url: str) -> None:
    found = examine_primary(database_url, "DATABASE_URL", 9_000_000)
    assert found.problem is None
    assert "nearly full" in (found.remedy or "")


def test_a_wrong_password_is_named_and_never_printed(guarded: OwnPostgres) -> None:
    found = examine_primary(guarded.url("sesame"), "DATABASE_URL", BUDGET)
    assert not found.is_reachable
    assert "password authentication failed" in (found.problem or "")
    assert found.remedy == "correct the user or the password in DATABASE_URL"
    assert "sesame" not in repr(found)


def test_a_missing_database_is_named(guarded: OwnPostgres) -> None:
    found = examine_secondary(guarded.url(database="nowhere"), "SUPABASE_DB_URL")
    assert found.remedy == "correct the database in SUPABASE_DB_URL, or create it"


def test_a_role_without_rights_is_told_which_one_it_lacks(guarded: OwnPostgres) -> None:
    found = examine_primary(guarded.url(), "DATABASE_URL", BUDGET)
    assert "app may not create schemas" in (found.problem or "")
    assert "grant create on database" in (found.remedy or "")
    found = examine_primary(guarded.url(user="holder", database="own"), "DATABASE_URL", BUDGET)
    assert found.remedy == "holdfast migrate"


def test_a_read_only_role_is_a_failure(guarded: OwnPostgres) -> None:
    for found in (
        examine_primary(guarded.url(user="strict"), "DATABASE_URL", BUDGET),
        examine_secondary(guarded.url(user="strict"), "SUPABASE_DB_URL"),
    ):
        assert "read-only" in (found.problem or "")
        assert "make room" in (found.remedy or "")


def test_a_read_only_database_is_a_failure(database_url: str) -> None:
    name = sql.Identifier(database_url.split("@/")[1].split("?")[0])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))
    assert "read-only" in (examine_primary(database_url, "DATABASE_URL", BUDGET).problem or "")


def test_a_server_that_is_too_old_says_found_and_needed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.doctor._OLDEST_POSTGRES", 99)
    found = examine_primary(database_url, "DATABASE_URL", BUDGET)
    assert (found.problem or "").endswith("found, 99 or newer needed")


def test_a_refused_connection_and_an_unknown_host_have_their_remedies() -> None:
    refused = examine_primary(f"postgresql://u:sesame@127.0.0.1:{free_port()}/x", "DATABASE_URL", BUDGET)
    assert refused.remedy == "start the server, or correct host and port in DATABASE_URL"
    unknown = examine_primary("postgresql://u:sesame@nowhere.invalid/x", "DATABASE_URL", BUDGET)
    assert unknown.remedy == "correct the host in DATABASE_URL, or this machine's DNS"
    assert "sesame" not in repr((refused, unknown))


def test_storage_without_its_schema_is_told(empty_database_url: str) -> None:
    found = examine_storage(f"{empty_database_url}&options=-csearch_path%3Ddagster", "DAGSTER_DATABASE_URL")
    assert found.remedy == "create schema dagster, or make run"
    local.make_room(dagster_url(empty_database_url))
    found = examine_storage(f"{empty_database_url}&options=-csearch_path%3Ddagster", "DAGSTER_DATABASE_URL")
    assert (found.problem, found.migrations) == (None, "at first run")


def test_redis_tells_its_version_and_memory(redis_url: str) -> None:
    found = examine_redis(redis_url, "REDIS_URL")
    assert found.problem is None
    assert (found.version or "").startswith("6.2")
    assert "MB" in (found.quota or "")


def test_redis_away_has_a_remedy() -> None:
    found = examine_redis(f"redis://:sesame@127.0.0.1:{free_port()}/0", "REDIS_URL")
    assert found.remedy == "start the server, or correct host and port in REDIS_URL"
    assert "sesame" not in repr(found)


def test_what_is_embedded_and_not_running_is_no_failure(tmp_path: Path) -> None:
    rows = rows_by_name(HOLDFAST_HOME=str(tmp_path / "home"), HOLDFAST_PORT=str(free_port()))
    for name in ("primary Postgres", "secondary Postgres", "Dagster storage", "Redis"):
        assert (rows[name].configured, rows[name].ok, rows[name].reachable) == ("embedded", None, "not running")
    assert not any(row.ok is False for row in rows.values())
    assert not (tmp_path / "home").exists()


def test_what_is_off_says_so(tmp_path: Path, database_url: str) -> None:
    rows = rows_by_name(HOLDFAST_HOME=str(tmp_path), DATABASE_URL=database_url, REDIS_ENABLED="false")
    assert rows["primary Postgres"].ok
    assert rows["Dagster storage"].configured == "DATABASE_URL"
    for name in ("secondary Postgres", "Redis", "Google Cloud Monitoring"):
        assert (rows[name].configured, rows[name].ok) == ("off", None)


def test_every_endpoint_has_its_row(tmp_path: Path) -> None:
    rows = rows_by_name(
        HOLDFAST_HOME=str(tmp_path), METRICS_TARGETS=f"local,web1=http://127.0.0.1:{free_port()}/metrics"
    )
    assert rows["metrics: this machine"].ok
    assert rows["metrics: web1"].ok is False
    assert "METRICS_TARGETS" in (rows["metrics: web1"].remedy or "")


def test_a_target_that_has_only_counters_is_looked_at_twice(tmp_path: Path) -> None:
    page = b'node_cpu_seconds_total{cpu="0",mode="idle"} %d\nnode_cpu_seconds_total{cpu="0",mode="user"} %d\n'
    asked: list[int] = []

    class Counters(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(len(asked))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page % (1000 + len(asked), 100 + len(asked)))

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Counters) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        row = rows_by_name(
            HOLDFAST_HOME=str(tmp_path), METRICS_TARGETS=f"web1=http://127.0.0.1:{server.server_port}/metrics"
        )["metrics: web1"]
        server.shutdown()
    assert (row.ok, row.problem, row.remedy) == (True, None, None)
    assert len(asked) == 2


def google(fake: CloudMonitoring, tmp_path: Path) -> Row:
    given = {"GCP_PROJECT_ID": "shop", "GOOGLE_MONITORING_API_ENDPOINT": fake.url}
    return rows_by_name(HOLDFAST_HOME=str(tmp_path), **given)["Google Cloud Monitoring"]


def test_google_is_asked_once_and_says_how_many_machines_it_knows(tmp_path: Path) -> None:
    with cloud_monitoring() as fake:
        at_s = int(time.time()) // 60 * 60 - 240
        fake.points = [Point(CPU, "web1", at_s, 0.25), Point(CPU, "web2", at_s, 0.5)]
        row = google(fake, tmp_path)
    assert (row.ok, row.reachable, row.problem) == (True, "yes, 2 machines in the last hour", None)
    assert row.latency_ms
    assert len(fake.asked) == len(GOOGLE_METRICS)


@pytest.mark.parametrize(
    ("status", "problem", "remedy"),
    [
        (403, "refused (403)", "give the account the role roles/monitoring.viewer on shop"),
        (401, "the credentials are not accepted (401)", "GOOGLE_APPLICATION_CREDENTIALS"),
        (404, "not found (404)", "check that the project shop exists"),
        (500, "answered 500", "the collector asks again every cycle"),
    ],
)
def test_what_google_refuses_has_its_remedy(tmp_path: Path, status: int, problem: str, remedy: str) -> None:
    with cloud_monitoring() as fake:
        fake.status = status
        row = google(fake, tmp_path)
    assert row.ok is False
    assert (row.problem or "").startswith(problem)
    assert remedy in (row.remedy or "")


def test_google_without_credentials_is_told_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    row = rows_by_name(HOLDFAST_HOME=str(tmp_path), GCP_PROJECT_ID="shop")["Google Cloud Monitoring"]
    assert (row.ok, row.problem) == (False, "no usable credentials")
    assert "gcloud auth application-default login" in (row.remedy or "")


def test_google_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.doctor._GOOGLE_TIMEOUT_S", 0.2)
    with cloud_monitoring() as fake:
        fake.delay_s = 1.0
        row = google(fake, tmp_path)
    assert row.problem == "timed out after 0.2 s"
    assert "monitoring.googleapis.com" in (row.remedy or "")


def test_a_taken_port_is_a_failure_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        row = rows_by_name(HOLDFAST_HOME=str(tmp_path), HOLDFAST_PORT=str(port))[f"UI, port {port}"]
    assert row.ok is False
    assert f"pid {os.getpid()}" in (row.problem or "")
    assert "HOLDFAST_PORT" in (row.remedy or "")


def test_the_table_fits_100_columns_and_json_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = examine(load({"HOLDFAST_HOME": str(tmp_path), "DATABASE_URL": "postgresql://u:sesame@127.0.0.1:1/x"}))
    report(rows, as_json=False)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    assert "to do: start the server, or correct host and port in DATABASE_URL" in text
    report(rows, as_json=True)
    out = capsys.readouterr().out
    assert {row["dependency"]: row["ok"] for row in json.loads(out)}["primary Postgres"] is False
    assert "sesame" not in text + out


def test_a_file_of_servers_with_a_mistake_is_told_with_the_command_that_checks_it(tmp_path: Path) -> None:
    file = tmp_path / "servers.toml"
    file.write_text('[[server]]\nid = "db1"\nkind = "database"\n')
    row = rows_by_name(HOLDFAST_HOME=str(tmp_path), SERVER_TEMPLATES=str(file))["servers"]
    assert row.ok is False
    assert "database" in (row.problem or "")
    assert (row.remedy or "").endswith("holdfast servers check")
    file.write_text('[[server]]\nid = "db1"\nkind = "db"\n')
    assert rows_by_name(HOLDFAST_HOME=str(tmp_path), SERVER_TEMPLATES=str(file))["servers"].reachable == "1 declared"
    file.unlink()
    assert rows_by_name(HOLDFAST_HOME=str(tmp_path), SERVER_TEMPLATES=str(file))["servers"].ok is False
    assert rows_by_name(HOLDFAST_HOME=str(tmp_path), SERVER_TEMPLATES="")["servers"].ok is None


def test_the_vault_counts_its_exports(tmp_path: Path) -> None:
    FolderVault(tmp_path / "vault").put("baselines/2026-11-20.json.gz", b"x")
    row = rows_by_name(HOLDFAST_HOME=str(tmp_path))["vault"]
    assert (row.ok, row.reachable) == (True, "1 export")
