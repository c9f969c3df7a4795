"""``scenario_execution_log``: failure scenarios that were played, and what of them was found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from pydantic import Field

from assets.baselines.tables import GROUP, REQUIRED
from assets.baselines.templates import server_templates
from assets.metrics.tables import OWNERS, table
from holdfast.scenarios.casting import with_learning
from holdfast.scenarios.outcome import Result
from resources.postgres_resource import PostgresResource
from resources.scenarios.executions import Execution, execute
from resources.scenarios.ready import find_scenario
from resources.scenarios.stage import Stage

# Over many seeds Holdfast promises 85 of 100 (benchmarks/scenarios.py). One run has eight failures: two of them may be
# missed by chance, three say that the chain is broken.
LEAST_RECALL: Final = 0.7
MOST_FALSE_PAGES: Final = 1.0


EXECUTIONS: Final = dg.TableSchema(
    [
        dg.TableColumn("execution_id", "bigint", "Number of the execution", REQUIRED),
        dg.TableColumn("name", "text", "The scenario", REQUIRED),
        dg.TableColumn("seed", "bigint", "Seed of the simulation: the same gives the same results", REQUIRED),
        dg.TableColumn("parameters", "jsonb", "The scenario as declared, and the servers it was played on", REQUIRED),
        dg.TableColumn("fleet", "text", "declared: on the real servers' templates; or sample", REQUIRED),
        dg.TableColumn("started_at", "timestamptz", "When the execution began", REQUIRED),
        dg.TableColumn("ended_at", "timestamptz", "When it was over", REQUIRED),
        dg.TableColumn("played_from", "timestamptz", "Virtual time at which things could break", REQUIRED),
        dg.TableColumn("played_until", "timestamptz", "Virtual time at which the play ended", REQUIRED),
        dg.TableColumn("affected_servers", "text[]", "Simulated servers that showed a failure", REQUIRED),
        dg.TableColumn("failures", "integer", "Failures that were played", REQUIRED),
        dg.TableColumn("detected", "integer", "Failures for which an incident called for attention", REQUIRED),
        dg.TableColumn("false_pages", "integer", "Calls for attention that no failure explains", REQUIRED),
        dg.TableColumn("false_pages_a_server_day", "double precision", "The same per server and day", REQUIRED),
        dg.TableColumn("are_roots_right", "boolean", "Whether every detected failure's incident names its server"),
        dg.TableColumn("results", "jsonb", "One object per failure: what, when, detected or missed", REQUIRED),
        dg.TableColumn("false_page_details", "jsonb", "One object per false page", REQUIRED),
    ]
)

RESULTS: Final = dg.TableSchema(
    [
        dg.TableColumn("scenario", "text", "The scenario", REQUIRED),
        dg.TableColumn("failure", "text", "Kind of failure", REQUIRED),
        dg.TableColumn("server", "text", "Simulated server", REQUIRED),
        dg.TableColumn("started", "text", "Virtual time, UTC", REQUIRED),
        dg.TableColumn("detected_after", "text", "Minutes from its start, or missed", REQUIRED),
        dg.TableColumn("said", "text", "The incident's sentence", REQUIRED),
    ]
)


class ScenarioConfig(dg.Config):
    """What one run of ``scenario_execution_log`` plays."""

    names: list[str] = Field(default=["mixed"], description="Ready-made scenarios, or paths of .toml files.")
    seed: int = Field(default=1, ge=0, lt=2**63, description="The same seed gives the same results.")
    learning_days: int | None = Field(default=None, ge=1, le=33, description="Healthy days before; None: as declared.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[server_templates],
    pool="baselines_scenarios",
    metadata=table("scenario_execution_log", EXECUTIONS),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8)),
    check_specs=[
        dg.AssetCheckSpec(
            "failures_are_found",
            asset="scenario_execution_log",
            description=f"Of the failures of this run at least {LEAST_RECALL:.0%} were found, with at most "
            f"{MOST_FALSE_PAGES:g} false page per server and day.",
        )
    ],
)
def scenario_execution_log(
    context: dg.AssetExecutionContext,
    config: ScenarioConfig,
    postgres: PostgresResource,
    stage: dg.ResourceParam[Stage],
) -> dg.MaterializeResult:
    """Failures played on simulated servers through the whole chain, and what was detected, when, and what was missed.

    Grain: one row per execution. Simulated samples live in stores of their own that are gone afterwards; of this
    database the templates are read and this log is written. A second run adds a row with the same results.
    """
    scenarios = [find_scenario(name) for name in config.names]
    if config.learning_days is not None:
        scenarios = [with_learning(scenario, config.learning_days) for scenario in scenarios]
    client = postgres.client()
    done = [execute(client, stage, scenario, config.seed, log=context.log) for scenario in scenarios]
    results = [result for one in done for result in one.outcome.results]
    detected = sum(not result.is_missed for result in results)
    pages = sum(len(one.outcome.false_pages) for one in done)
    server_days = sum(one.outcome.server_days for one in done)
    context.log.info("scenarios: %d of %d failures detected, %d false pages", detected, len(results), pages)
    return dg.MaterializeResult(
        metadata={
            "logged_rows": len(done),
            "failures": len(results),
            "detected_failures": detected,
            "missed_failures": len(results) - detected,
            "false_pages": pages,
            "false_pages_a_server_day": round(pages / server_days, 3),
            "on_declared_servers": sum(one.cast.fleet == "declared" for one in done),
            "results": _table(done),
        },
        check_results=[_check(results, pages / server_days)],
    )


def _check(results: Sequence[Result], false_pages_a_server_day: float) -> dg.AssetCheckResult:
    missed = [f"{result.kind} on {result.server}" for result in results if result.is_missed]
    recall = 1 - len(missed) / len(results)
    return dg.AssetCheckResult(
        check_name="failures_are_found",
        passed=recall >= LEAST_RECALL and false_pages_a_server_day <= MOST_FALSE_PAGES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"recall": round(recall, 3), "false_pages_a_server_day": round(false_pages_a_server_day, 3)},
        description=f"Missed: {', '.join(missed)}." if missed else None,
    )


def _table(done: Sequence[Execution]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "scenario": one.cast.play.scenario.name,
                "failure": result.kind,
                "server": result.server,
                "started": f"{datetime.fromtimestamp(result.started_s, UTC):%a %H:%M}",
                "detected_after": "missed" if result.delay_s is None else f"{result.delay_s / 60:.0f} min",
                "said": result.sentence or "",
            }
        )
        for one in done
        for result in one.outcome.results
    ]
    return dg.MetadataValue.table(records, RESULTS)
