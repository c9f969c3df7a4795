"""``consistency_report`` and its checks on two real Postgres servers and Dagster on Postgres."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.consistency.checks_report import (
    every_declared_table_was_compared,
    the_last_exact_check_is_recent,
    the_stores_agree,
)
from assets.consistency.report import ConsistencyReportConfig, consistency_report
from holdfast.plots.picture import INLINE_LIMIT
from resources.postgres import Postgres
from resources.samples import PLANTED, make_samples
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.metrics.cycles import rows

CHECKS = (the_stores_agree, every_declared_table_was_compared, the_last_exact_check_is_recent)


def compare(deployment: Deployment, *more: Any, raise_on_error: bool = True, **config: Any) -> dg.ExecuteInProcessResult:
    """Materialize the report as the Launchpad would with this config."""
    ops = {"consistency_report": ConsistencyReportConfig(**config)}
    return deployment.run(
        consistency_report, *more, run_config=dg.RunConfig(ops=ops), raise_on_error=raise_on_error
    )


@pytest.fixture
def samples(deployment: Deployment) -> Deployment:
    """The applications' tables in both stores, with the planted differences."""
    urls = (deployment.environment[name] for name in ("DATABASE_URL", "SUPABASE_DB_URL"))
    assert make_samples(*map(Postgres, urls), datetime.now(UTC))
    return deployment


def test_the_first_report_finds_the_planted_differences(samples: Deployment) -> None:
    result = compare(samples, *CHECKS)
    told = metadata(result, "consistency_report")
    for key, value in told.items():
        print(key, "=", value)
    for name, check in checks(result).items():
        print(name, check.passed, check.severity, check.description, {k: v.value for k, v in check.metadata.items()})
    assert told["mismatched_rows"] == PLANTED
    assert 0
