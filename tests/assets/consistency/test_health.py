"""How both stores are, as the asset tells it: on stores that answer, that are away, frozen, or not configured."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.consistency.breaker_acting import breaker_act
from assets.consistency.health import storage_health
from orchestration.definitions import resources
from orchestration.settings import load
from resources.guards.breakers import open_breakers
from resources.migrations import migrate
from resources.postgres import Postgres
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.metrics.cycles import rows
from tests.servers import OwnPostgres, own_postgres

TABLES = ("Story", "Scenario", "Prompt", "VideoAsset", "gen_videos", "gen_images")
SENTENCES = {
    "both_stores_answer",
    "responses_are_quick_enough",
    "no_breaker_has_been_open_for_5_minutes",
    "less_than_1_percent_of_rows_differ",
    "every_declared_table_exists_in_both_stores",
}


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        server.execute("create role app login superuser password 'correct horse'")
        yield server


@pytest.fixture
def stores(deployment: Deployment) -> Deployment:
    """Both stores have the declared tables."""
    for name in ("DATABASE_URL", "SUPABASE_DB_URL"):
        declare(deployment.environment[name])
    return deployment


def declare(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in TABLES:
            connection.execute(f'create table public."{name}" (id uuid primary key)'.encode())


def report(url: str, table: str, rate: float, *, mode: str = "full", hours_ago: float = 1) -> None:
    """A comparison that found this share of 10,000 rows different."""
    count = round(rate * 10_000)
    statement = f"""
        insert into holdfast.consistency_reports (run_id, round, round_at, table_name, mode, status, reason, started_at,
            ended_at, rows_a, rows_b, only_in_a, only_in_b, mismatched, form_only, in_flux, by_column, rate, severity,
            is_complete, share, notes, seconds, bytes_received, finding_count, is_truncated)
        select '{table}{mode}{hours_ago}', '{mode}', now(), '{table}', '{mode}', '{"differs" if count else "ok"}', '',
            t, t, 10000, 10000, 0, 0, {count}, 0, 0, '{{}}', {rate}, 'ok', true, 1, '{{}}', 1, 1, 0, false
        from (select now() - interval '{hours_ago} hours') as i (t)
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def history(url: str, columns: str = "store, is_available, mode") -> list[Any]:
    return rows(url, f"select {columns} from holdfast.storage_health order by probed_at, store")


def shown(told: dict[str, Any], store: str) -> dict[str, str]:
    """What the table of the UI says of one store."""
    return {str(record.data["what"]): str(record.data[store]) for record in told["stores"].records}


def probed(deployment: Deployment, **more: Any) -> dg.ExecuteInProcessResult:
    return deployment.run(storage_health, **more)


def point_at(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, **urls: str) -> None:
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
        deployment.environment[name] = url


def test_two_good_stores_are_full_and_there_is_nothing_to_do(stores: Deployment) -> None:
    result = probed(stores)
    told = metadata(result, "storage_health")
    assert (told["mode"], told["severity"], told["recommendations"]) == ("full", "ok", 0)
    assert told["mode_reason"] == "both stores answer and their breakers are closed"
    assert told["what"] == "Nothing to do."
    assert 0 < told["primary_latency_p50_ms"] <= told["primary_latency_p95_ms"] < 100
    assert told["secondary_availability_24_h_pct"] == 100
    assert "image/svg" in told["latency_over_24_hours"]
    assert len(told["latency_over_24_hours"]) < 1000
    assert shown(told, "primary")["size"].endswith(" of 500 MB")
    assert shown(told, "secondary")["size"].endswith(" MB")
    assert shown(told, "secondary")["replication"] == "no declared table is in a publication or a subscription"
    assert shown(told, "primary")["answers"] == shown(told, "secondary")["answers"] == "yes"
    found = checks(result)
    assert found.keys() == SENTENCES
    assert all(check.passed for check in found.values())
    assert history(stores.database_url) == [("primary", True, "full"), ("secondary", True, "full")]
    (row,) = rows(stores.database_url, "select * from holdfast.storage_health where store = 'primary'")
    assert None not in row[:14]


def test_history_grows_by_a_row_per_store_and_the_picture_with_it(stores: Deployment) -> None:
    first = metadata(probed(stores), "storage_health")
    for _ in range(3):
        told = metadata(probed(stores), "storage_health")
    assert told.keys() == first.keys()
    assert len(history(stores.database_url)) == 8
    assert (told["written_rows"], told["late_rows"]) == (2, 0)


def test_rows_older_than_400_days_go(stores: Deployment) -> None:
    probed(stores)
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("update holdfast.storage_health set probed_at = probed_at - interval '401 days'")
    assert metadata(probed(stores), "storage_health")["forgotten_rows"] == 2
    assert len(history(stores.database_url)) == 2


def test_a_secondary_that_is_away_degrades_and_after_three_probes_is_left_alone(
    stores: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(stores, monkeypatch, SUPABASE_DB_URL="postgresql://nobody@127.0.0.1:1/none")
    for _ in range(3):
        result = probed(stores)
        told = metadata(result, "storage_health")
        assert told["mode"] == "degraded"
        assert told["secondary_latency_p50_ms"] is None
        assert "**warning** the secondary does not answer" in told["what"]
        assert "SUPABASE_DB_URL" in told["what"]
    found = checks(result)
    assert not found["both_stores_answer"].passed
    assert found["both_stores_answer"].severity == dg.AssetCheckSeverity.WARN
    assert found["no_breaker_has_been_open_for_5_minutes"].passed
    state = "select breaker_state, breaker_failures from holdfast.storage_health where store = 'secondary' \
        order by probed_at"
    assert rows(stores.database_url, state) == [("closed", 1), ("closed", 2), ("open", 3)]
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute(
            "update holdfast.breakers set document = document || jsonb_build_object("
            "'opened_at', now() - interval '6 minutes', 'probe_at', now() + interval '1 hour')"
        )
    check = checks(probed(stores))["no_breaker_has_been_open_for_5_minutes"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_store_that_comes_back_is_closed_by_the_probe_that_finds_it(
    stores: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = stores.environment["SUPABASE_DB_URL"]
    point_at(stores, monkeypatch, SUPABASE_DB_URL="postgresql://nobody@127.0.0.1:1/none")
    for _ in range(3):
        probed(stores)
    point_at(stores, monkeypatch, SUPABASE_DB_URL=good)
    told = metadata(probed(stores), "storage_health")
    assert told["mode"] == "degraded"
    assert told["mode_reason"] == "the breaker of the secondary is open"
    assert told["secondary_latency_p50_ms"] is not None
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute(
            'update holdfast.breakers set document = document || \'{"probe_at": "2020-01-01T00:00:00+00:00"}\''
        )
    assert metadata(probed(stores), "storage_health")["mode"] == "full"


@pytest.mark.slow
def test_a_frozen_store_is_not_available_within_a_bounded_time(
    stores: Deployment, server: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(stores, monkeypatch, SUPABASE_DB_URL=server.url())
    server.signal_all(signal.SIGSTOP)
    began_s = time.monotonic()
    try:
        told = metadata(probed(stores), "storage_health")
    finally:
        server.signal_all(signal.SIGCONT)
    assert time.monotonic() - began_s < 12
    assert told["mode"] == "degraded"
    assert "timeout" in shown(told, "secondary")["answers"]


@pytest.mark.slow
def test_while_the_primary_is_away_both_are_told_and_its_outage_is_in_the_history_later(
    deployment: Deployment, server: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.execute("drop database if exists main with (force)", "create database main")
    url = server.url(database="main")
    migrate(Postgres(url))
    point_at(deployment, monkeypatch, DATABASE_URL=url)
    probed(deployment)
    server.kill()
    failed = probed(deployment, raise_on_error=False)
    assert not failed.success
    (event,) = [event for event in failed.all_events if event.is_step_failure]
    said = str(event.step_failure_data.user_failure_data.description)
    assert "primary does not answer" in said
    assert "secondary answers" in said
    assert "its rows wait" in said
    found = checks(failed)
    assert found.keys() == SENTENCES
    assert not found["both_stores_answer"].passed
    server.start()
    told = metadata(probed(deployment), "storage_health")
    assert (told["written_rows"], told["late_rows"]) == (2, 2)
    assert told["primary_availability_24_h_pct"] == pytest.approx(66.6667)
    primary = [row[1] for row in history(url) if row[0] == "primary"]
    assert primary == [True, False, True]
    assert metadata(probed(deployment), "storage_health")["late_rows"] == 0


def test_when_both_are_away_it_is_critical_and_disabled(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "postgresql://nobody@127.0.0.1:1/none"
    point_at(deployment, monkeypatch, DATABASE_URL=away, SUPABASE_DB_URL=away)
    failed = probed(deployment, raise_on_error=False)
    assert not failed.success
    check = checks(failed)["both_stores_answer"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (event,) = [event for event in failed.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data.metadata
    assert told["mode"].value == "disabled"
    assert "**critical** neither store answers" in told["what"].value


def test_without_a_secondary_it_is_disabled_and_checks_say_why(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPABASE_DB_URL")
    del deployment.environment["SUPABASE_DB_URL"]
    result = probed(deployment)
    told = metadata(result, "storage_health")
    assert told["mode"] == "disabled"
    assert told["secondary_latency_p50_ms"] is None
    assert shown(told, "secondary")["answers"] == "not configured"
    for check in checks(result).values():
        assert check.passed
        assert "SUPABASE_DB_URL is not set" in str(check.metadata["not_judged_because"].value)
    assert history(deployment.database_url) == [("primary", True, "disabled")]


def test_tables_that_are_missing_are_named(stores: Deployment) -> None:
    with psycopg.connect(stores.environment["SUPABASE_DB_URL"], autocommit=True) as connection:
        connection.execute('drop table "Prompt", gen_images')
    result = probed(stores)
    check = checks(result)["every_declared_table_exists_in_both_stores"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "the secondary lacks Prompt, gen_images"
    assert "storage_schema" in metadata(result, "storage_health")["what"]


def test_declared_tables_in_publications_are_told(stores: Deployment) -> None:
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute('create publication pub for table "Story", gen_videos')
    told = metadata(probed(stores), "storage_health")
    assert shown(told, "primary")["replication"] == "Story is in publication pub; gen_videos is in publication pub"
    replicated = "select replicated_tables from holdfast.storage_health where store = 'primary'"
    assert rows(stores.database_url, replicated) == [(["Story", "gen_videos"],)]


@pytest.mark.parametrize(
    ("rate", "passed", "severity"),
    [
        (0.0, True, dg.AssetCheckSeverity.WARN),
        (0.0099, True, dg.AssetCheckSeverity.WARN),
        (0.01, False, dg.AssetCheckSeverity.WARN),
        (0.05, False, dg.AssetCheckSeverity.WARN),
        (0.0501, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_the_share_of_rows_that_differ_is_judged_by_the_worst_table(
    stores: Deployment, rate: float, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    report(stores.database_url, "Story", rate)
    report(stores.database_url, "Prompt", 0.0)
    report(stores.database_url, "Scenario", 0.9, hours_ago=25)
    check = checks(probed(stores))["less_than_1_percent_of_rows_differ"]
    assert (check.passed, check.severity) == (passed, severity)
    assert check.metadata["worst_rate_pct"].value == pytest.approx(100 * rate)
    assert check.metadata["compared_tables"].value == 2


def test_an_operator_leaves_a_store_alone_and_takes_it_back(stores: Deployment) -> None:
    def act(**config: Any) -> dg.ExecuteInProcessResult:
        return breaker_act.execute_in_process(
            run_config={"ops": {"act_on_breaker": {"config": config}}},
            instance=stores.instance,
            resources={"breakers": resources(load(stores.environment))["breakers"]},
            raise_on_error=False,
        )

    assert not act(store="secondary", action="open").success
    assert act(store="secondary", action="open", reason="moving house", by="ada").success
    told = metadata(probed(stores), "storage_health")
    assert told["mode"] == "degraded"
    assert "forced by ada: moving house" in told["what"]
    assert act(store="secondary", action="open", reason="moving house", by="ada").success
    assert act(store="secondary", action="auto").success
    assert metadata(probed(stores), "storage_health")["mode"] == "full"
    look = open_breakers(redis_url=None, database_url=stores.database_url).look("secondary")
    assert (look.state, look.breaker.forced) == ("closed", None)
