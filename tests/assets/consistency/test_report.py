"""``consistency_report`` on two real Postgres servers and Dagster on Postgres."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from assets.catalog import COMPARED_TABLES
from assets.consistency.report import NOT_CONFIGURED, ConsistencyReportConfig, consistency_report
from holdfast.plots.picture import INLINE_LIMIT
from orchestration.definitions import defs
from resources.postgres import Postgres
from resources.samples import PLANTED, make_samples
from tests.assets.baselines.deployment import Deployment, metadata
from tests.resources.consistency.pairs import change
from tests.resources.metrics.cycles import rows

KINDS = ("only_in_primary_rows", "only_in_secondary_rows", "changed_rows")


def compare(
    deployment: Deployment, *more: Any, raise_on_error: bool = True, **config: Any
) -> dg.ExecuteInProcessResult:
    """Materialize the report as the Launchpad would with this config."""
    ops = {"consistency_report": ConsistencyReportConfig(**config)}
    return deployment.run(consistency_report, *more, run_config=dg.RunConfig(ops=ops), raise_on_error=raise_on_error)


def told(deployment: Deployment, **config: Any) -> dict[str, Any]:
    return metadata(compare(deployment, **config), "consistency_report")


@pytest.fixture
def samples(deployment: Deployment) -> Deployment:
    """The applications' tables in both stores, with the planted differences."""
    urls = (deployment.environment[name] for name in ("DATABASE_URL", "SUPABASE_DB_URL"))
    assert make_samples(*map(Postgres, urls), datetime.now(UTC))
    return deployment


def test_a_full_report_finds_every_planted_difference_and_says_where(samples: Deployment) -> None:
    found = told(samples, mode="full")
    assert found["mismatched_rows"] == PLANTED == sum(found[kind] for kind in KINDS)
    assert (found["tables"], found["compared_tables"], found["not_compared_tables"]) == (6, 6, 0)
    stored = rows(
        samples.database_url,
        "select count(*) from holdfast.consistency_findings where kind in ('only_in_a', 'only_in_b', 'mismatched')",
    )
    assert stored == [(PLANTED,)]
    assert "**Story** differs in" in found["what"]
    assert len(found["what"]) <= INLINE_LIMIT
    assert found["share_over_time"].startswith("![plot](data:image/svg+xml,")
    assert len(found["share_over_time"]) <= INLINE_LIMIT


def test_every_run_says_the_same_numbers_whatever_it_compared(samples: Deployment) -> None:
    keys = {frozenset(told(samples, mode=mode)) for mode in ("window", "incremental")}
    samples.environment.pop("SUPABASE_DB_URL")
    keys.add(frozenset(told(samples)) | {"share_over_time"})
    assert len(keys) == 1


def test_numbers_are_plain_and_add_up(samples: Deployment) -> None:
    found = told(samples)
    assert found["tables"] == found["compared_tables"] + found["not_compared_tables"]
    assert found["mismatched_rows"] == sum(found[kind] for kind in KINDS)
    assert 0 < found["worst_rate_pct"] <= 100
    assert found["round"] == "window 24 h"
    by_table = rows(samples.database_url, "select sum(rows_a + only_in_b)::bigint from holdfast.consistency_reports")
    assert by_table == [(found["compared_rows"],)]


def test_progress_is_told_table_by_table(samples: Deployment) -> None:
    result = compare(samples)
    events = [e for e in result.all_events if e.event_type == dg.DagsterEventType.ASSET_OBSERVATION]
    seen = [e.asset_observation_data.asset_observation.metadata for e in events]
    assert [one["table"].value for one in seen] == [one.name for one in COMPARED_TABLES]
    assert [one["done_tables"].value for one in seen] == [1, 2, 3, 4, 5, 6]


def test_one_table_with_its_own_window_from_the_launchpad(samples: Deployment) -> None:
    found = told(samples, tables=['public."Story"'], hours=1)
    assert (found["tables"], found["compared_tables"], found["round"]) == (1, 1, "window 1 h of Story")
    assert "Story" in found["what"]
    assert "of the last 1 h" in found["what"]
    assert "Prompt" not in found["what"]


def test_a_table_that_nobody_declared_is_compared_by_its_primary_key(samples: Deployment) -> None:
    for url, last in ((samples.environment["DATABASE_URL"], 30), (samples.environment["SUPABASE_DB_URL"], 29)):
        change(
            url,
            "create schema app",
            "create table app.notes (id int primary key)",
            f"insert into app.notes select generate_series(1, {last})",
        )
    found = told(samples, tables=["app.notes"], mode="full")
    assert (found["compared_rows"], found["only_in_primary_rows"]) == (30, 1)


def test_a_name_that_is_none_fails_before_anything_is_compared(samples: Deployment) -> None:
    result = compare(samples, tables=["a.b.c"], raise_on_error=False)
    assert not result.success
    assert rows(samples.database_url, "select * from holdfast.consistency_reports") == []


def test_without_a_second_store_it_says_so_and_stores_nothing(deployment: Deployment) -> None:
    deployment.environment.pop("SUPABASE_DB_URL")
    found = told(deployment)
    assert found["what"] == NOT_CONFIGURED
    assert (found["compared_tables"], found["compared_rows"]) == (0, 0)
    assert rows(deployment.database_url, "select * from holdfast.consistency_reports") == []


def test_tables_that_a_store_lacks_are_told_and_the_run_succeeds(deployment: Deployment) -> None:
    found = told(deployment)
    assert (found["compared_tables"], found["not_compared_tables"]) == (0, 6)
    assert "was not compared" in found["what"]
    assert len(rows(deployment.database_url, "select * from holdfast.consistency_reports where rate is null")) == 6


def test_a_store_that_is_away_fails_the_run_with_its_reason_and_no_secret(
    samples: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u:sesame@127.0.0.1:1/none")
    result = compare(samples, raise_on_error=False)
    assert not result.success
    stored = rows(samples.database_url, "select status, rate, reason from holdfast.consistency_reports")
    assert [row[:2] for row in stored] == [("error", None)] * 6
    logged = "".join(str(entry) for entry in samples.instance.all_logs(result.run_id))
    assert "no table could be compared" in logged
    assert "sesame" not in logged + str(stored)
    assert rows(samples.database_url, "select * from holdfast.consistency_findings") == []


def test_the_jobs_compare_what_their_names_say() -> None:
    jobs = {job.name: job for job in defs().jobs or ()}
    modes = {}
    for name in ("consistency_window", "consistency_exact", "consistency_full"):
        config = jobs[name].config  # type: ignore[union-attr]
        assert isinstance(config, dict)
        modes[name] = config["ops"]["consistency_report"]["config"]["mode"]
    assert modes == {
        "consistency_window": "window",
        "consistency_exact": "incremental",
        "consistency_full": "full",
    }
