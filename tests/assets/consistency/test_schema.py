"""``storage_schema`` on the sample tables: a look, an apply of just that plan, and a second look that finds nothing."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.consistency.checks_schema import CHECKS
from assets.consistency.schema import StorageSchemaConfig, storage_schema
from holdfast.plots.picture import INLINE_LIMIT
from resources.postgres import Postgres
from resources.samples import make_samples
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.schema.world import run

RLS = "every_declared_table_has_row_level_security"


@pytest.fixture
def sampled(deployment: Deployment, database_url: str, secondary_database_url: str) -> Deployment:
    make_samples(Postgres(database_url), Postgres(secondary_database_url), datetime.now(UTC))
    return deployment


def config(**values: object) -> dg.RunConfig:
    return dg.RunConfig(ops={"storage_schema": StorageSchemaConfig(**values)})  # type: ignore[arg-type]


def reason(result: dg.ExecuteInProcessResult) -> str:
    """Why the asset was not made: every cause."""
    error = next(event.step_failure_data.error for event in result.all_events if event.is_step_failure)
    said = []
    while error:
        said.append(error.message)
        error = error.cause
    return " ".join(said)


def test_a_look_shows_what_was_planted_and_changes_nothing(sampled: Deployment) -> None:
    result = sampled.run(storage_schema)
    found = metadata(result, "storage_schema")
    counts = ("declared_tables", "missing_tables_secondary", "differences", "statements_to_run", "applied_statements")
    assert [found[name] for name in counts] == [6, 0, 3, 3, 0]
    assert 'create index concurrently "idx_scenario_user_created"' in found["plan"]
    assert len(found["plan"]) <= INLINE_LIMIT
    assert found["sha256"] in found["plan_sql"]
    outcomes = checks(result)
    assert {name: outcome.passed for name, outcome in outcomes.items()} == {
        "declared_tables_exist_in_both_stores": True,
        "both_stores_have_the_same_schema": False,
        RLS: False,
    }
    assert outcomes[RLS].severity is dg.AssetCheckSeverity.ERROR
    assert not outcomes[RLS].blocking
    assert outcomes[RLS].description == "Whoever may read these sees everybody's rows: VideoAsset in the secondary."
    assert metadata(sampled.run(storage_schema), "storage_schema") == found


def test_report_plan_apply_green(sampled: Deployment) -> None:
    planned = metadata(sampled.run(storage_schema), "storage_schema")
    result = sampled.run(storage_schema, run_config=config(apply=True, confirm=planned["sha256"]))
    found = metadata(result, "storage_schema")
    assert (found["applied_statements"], found["statements_to_run"], found["differences"]) == (3, 0, 0)
    assert found["found"] == "Both stores have the same schema."
    assert all(outcome.passed for outcome in checks(result).values())
    again = metadata(
        sampled.run(storage_schema, run_config=config(apply=True, confirm=planned["sha256"])), "storage_schema"
    )
    assert again["applied_statements"] == 0
    assert found.keys() == planned.keys() == again.keys()


@pytest.mark.parametrize(("confirm", "says"), [("", "apply needs confirm"), ("x", "is not what the stores need now")])
def test_nothing_is_applied_that_nobody_looked_at(confirm: str, says: str, sampled: Deployment) -> None:
    result = sampled.run(storage_schema, run_config=config(apply=True, confirm=confirm), raise_on_error=False)
    assert not result.success
    assert says in reason(result)
    assert metadata(sampled.run(storage_schema), "storage_schema")["statements_to_run"] == 3


def test_a_table_that_is_missing_is_a_warning(sampled: Deployment, secondary_database_url: str) -> None:
    run(secondary_database_url, 'drop table "VideoAsset"')
    outcome = checks(sampled.run(storage_schema))["declared_tables_exist_in_both_stores"]
    assert not outcome.passed
    assert outcome.severity is dg.AssetCheckSeverity.WARN
    assert outcome.metadata["missing_in_secondary"].value == "VideoAsset"


def test_a_long_plan_stays_readable(sampled: Deployment, secondary_database_url: str) -> None:
    run(secondary_database_url, "drop table gen_images, gen_videos")
    found = metadata(sampled.run(storage_schema), "storage_schema")
    assert len(found["plan"]) <= INLINE_LIMIT
    assert "more lines: plan_sql" in found["plan"]
    assert "create table" in found["plan_sql"]


def test_without_a_secondary_store_it_says_so(
    instance: dg.DagsterInstance, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    result = Deployment(instance, database_url, tmp_path).run(storage_schema)
    found = metadata(result, "storage_schema")
    assert found["found"].startswith("no secondary store is configured")
    assert (found["declared_tables"], found["statements_to_run"]) == (6, 0)
    assert [outcome.passed for outcome in checks(result).values()] == [True] * len(CHECKS)


def test_a_store_that_is_away_is_an_error_with_its_reason(sampled: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u:sesame@127.0.0.1:1/x")
    result = sampled.run(storage_schema, raise_on_error=False)
    assert not result.success
    assert "Postgres is away" in reason(result)
    assert "sesame" not in reason(result)
