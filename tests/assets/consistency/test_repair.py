"""``consistency_repair`` on two real Postgres servers and Dagster on Postgres: look, apply, take back, reverse sync."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from assets.consistency.repair import ConsistencyRepairConfig, consistency_repair
from assets.consistency.report import NOT_CONFIGURED, ConsistencyReportConfig, consistency_report
from holdfast.plots.picture import INLINE_LIMIT
from resources.postgres import Postgres
from resources.samples import PLANTED, make_samples
from tests.assets.baselines.deployment import Deployment, metadata
from tests.resources.consistency.pairs import change
from tests.resources.metrics.cycles import rows


def launch(deployment: Deployment, **config: Any) -> dict[str, Any]:
    """What a launch with this config says."""
    ops = {"consistency_repair": ConsistencyRepairConfig(**config)}
    return metadata(deployment.run(consistency_repair, run_config=dg.RunConfig(ops=ops)), "consistency_repair")


def mismatches(deployment: Deployment) -> int:
    ops = {"consistency_report": ConsistencyReportConfig(mode="full")}
    result = deployment.run(consistency_report, run_config=dg.RunConfig(ops=ops))
    return int(metadata(result, "consistency_report")["mismatched_rows"])


@pytest.fixture
def samples(deployment: Deployment) -> Deployment:
    """The applications' tables in both stores, with the planted differences."""
    urls = (deployment.environment[name] for name in ("DATABASE_URL", "SUPABASE_DB_URL"))
    assert make_samples(*map(Postgres, urls), datetime.now(UTC))
    return deployment


def secondary(deployment: Deployment) -> str:
    return deployment.environment["SUPABASE_DB_URL"]


def test_a_launch_with_defaults_shows_a_plan_and_changes_nothing(samples: Deployment) -> None:
    told = launch(samples)
    assert told["planned_rows"] == told["insert_rows"] + told["update_rows"] + told["delete_rows"] > 0
    assert told["planned_rows"] + told["undecided_rows"] + told["left_rows"] == PLANTED
    assert (told["written_rows"], told["is_applied"], told["delete_rows"]) == (0, False, 0)
    assert f"`confirm: {told['plan_sha256']}`" in told["what"]
    assert len(told["what"]) <= INLINE_LIMIT
    assert mismatches(samples) == PLANTED
    assert rows(samples.database_url, "select count(*) from holdfast.repair_log") == [(0,)]


def test_report_plan_apply_and_green(samples: Deployment) -> None:
    plan = launch(samples, authority="a", delete=False)
    told = launch(samples, apply=True, confirm=plan["plan_sha256"])
    assert told["planned_rows"] == told["written_rows"] == plan["planned_rows"]
    assert told["skipped_rows"] == 0
    assert mismatches(samples) == plan["left_rows"] + plan["undecided_rows"]
    rest = launch(samples, authority="newest", max_rows=100, max_share_pct=100, apply=True)
    assert rest["skipped_rows"] == 0
    assert mismatches(samples) == rest["undecided_rows"] == 0
    logged = rows(samples.database_url, "select count(*) from holdfast.repair_log where state = 'applied'")
    assert logged == [(told["written_rows"] + rest["written_rows"],)]

    again = launch(samples, apply=True, confirm=plan["plan_sha256"])
    assert (again["written_rows"], again["already_rows"]) == (0, plan["planned_rows"])


def test_undo_is_looked_at_and_then_done(samples: Deployment) -> None:
    done = launch(samples, authority="a", apply=True, max_rows=100)
    left = mismatches(samples)
    look = launch(samples, undo=done["repair_id"])
    assert f"{done['written_rows']} rows stand" in look["what"]
    assert mismatches(samples) == left
    undone = launch(samples, undo=done["repair_id"], apply=True)
    assert undone["written_rows"] == done["written_rows"]
    assert mismatches(samples) == PLANTED


@pytest.mark.parametrize("back", ["a", "b"])
def test_reverse_sync_after_an_outage_is_one_launch(samples: Deployment, back: str) -> None:
    launch(samples, authority="a", apply=True, max_rows=100, max_share_pct=100)
    launch(samples, authority="newest", apply=True, max_rows=100, max_share_pct=100)
    assert mismatches(samples) == 0
    alive = secondary(samples) if back == "a" else samples.database_url
    change(alive, "update \"Story\" set title = 'while it was away', updated_at = now() where ctid = '(0,1)'")
    change(
        alive,
        'insert into "Story" select gen_random_uuid(), user_id, title, genre, content, metadata, now(), now() '
        'from "Story" limit 7',
    )
    change(
        alive,
        'insert into "Scenario" select gen_random_uuid(), user_id, (select max(id::text)::uuid from "Story"), '
        'title, content, version, now(), now() from "Scenario" limit 5',
    )
    change(
        alive,
        "insert into gen_videos (id, user_id, created_at) select gen_random_uuid(), user_id, now() "
        "from gen_videos limit 3",
    )
    assert mismatches(samples) == 16

    told = launch(samples, reverse_sync_into=back, apply=True, max_rows=5000, max_share_pct=50)

    assert (told["insert_rows"], told["update_rows"], told["written_rows"]) == (15, 1, 16)
    assert mismatches(samples) == 0
    assert rows(
        samples.database_url,
        f"select distinct store from holdfast.repair_log l where repair_id = '{told['repair_id']}'",
    ) == [(back,)]


def test_every_run_says_the_same_numbers_whatever_it_did(samples: Deployment) -> None:
    runs = [launch(samples), launch(samples, apply=True, max_rows=100, max_share_pct=100, authority="a")]
    runs.append(launch(samples, undo=runs[1]["repair_id"]))
    samples.environment.pop("SUPABASE_DB_URL")
    runs.append(launch(samples))
    assert runs[-1]["what"] == NOT_CONFIGURED
    assert len({frozenset(run) for run in runs}) == 1


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"apply": True}, "found neither; nothing was changed"),
        ({"apply": True, "confirm": "0" * 64}, "no plan with the sha256 0000"),
        ({"apply": True, "undo": "nobody"}, "the log has no repair nobody"),
        ({"tables": ["Nobody"]}, "expected tables of the catalogue"),
        ({"tables": ["a.b.c"]}, "nothing was changed"),
    ],
)
def test_a_launch_that_cannot_be_meant_is_refused(samples: Deployment, config: dict[str, Any], says: str) -> None:
    with pytest.raises(Exception, match=says):
        launch(samples, **config)
    assert mismatches(samples) == PLANTED


def test_a_table_that_is_refused_does_not_stop_the_others(samples: Deployment) -> None:
    change(secondary(samples), "truncate gen_images")
    told = launch(samples)
    assert told["refused_tables"] == 1
    assert told["planned_rows"] > 0
    assert "**gen_images** is refused" in told["what"]
