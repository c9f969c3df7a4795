"""``baseline_templates``, its check and ``baseline_export`` on a real Postgres and Dagster on Postgres."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.baselines.checks_learned import baselines_cover_the_fleet
from assets.baselines.export import baseline_export
from assets.baselines.learned import baseline_templates
from assets.baselines.slots import server_metrics_slots
from assets.baselines.templates import server_templates
from resources import servers
from resources.postgres import Postgres
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.baselines.history import DAY_S, memories, store_history
from tests.resources.baselines.test_learner import change, template

# The newest sample is of now.
UNTIL_S = int(time.time()) // 300 * 300


def learn(deployment: Deployment) -> dg.ExecuteInProcessResult:
    return deployment.run(server_metrics_slots, server_templates, baseline_templates, baselines_cover_the_fleet)


def test_a_history_becomes_baselines_and_a_second_run_changes_nothing(deployment: Deployment) -> None:
    store_history(deployment.database_url, ["web1", "web2"], 3, until_s=UNTIL_S, metrics=["cpu_pct", "load_1m"])
    result = learn(deployment)
    first = metadata(result, "baseline_templates")
    assert (first["series"], first["learned_series"], first["learning_series"], first["new_series"]) == (4, 4, 0, 4)
    assert 4 * 10 <= first["folded_blocks"] <= 4 * 13
    assert len(first["baselines"].records) == 4
    assert checks(result)["baselines_cover_the_fleet"].passed
    before = memories(deployment.database_url)
    second = metadata(learn(deployment), "baseline_templates")
    assert (second["folded_blocks"], second["changed_series"], second["new_series"]) == (0, 0, 0)
    assert second.keys() == first.keys()
    assert memories(deployment.database_url) == before


def test_a_fleet_of_an_hour_is_learning_and_says_so(deployment: Deployment) -> None:
    store_history(deployment.database_url, ["web1"], 1 / 24, until_s=UNTIL_S)
    result = learn(deployment)
    assert metadata(result, "baseline_templates")["learning_series"] == 1
    check = checks(result)["baselines_cover_the_fleet"]
    assert check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["cpu_pct of web1"].value == "learning, 0 h of 24 h"
    assert check.description == "0 of 1 series are learned; 1 are learning."


def test_a_series_that_stays_uncovered_and_a_server_that_never_came_fail_the_check(deployment: Deployment) -> None:
    store_history(deployment.database_url, ["web1"], 2, until_s=UNTIL_S)
    learn(deployment)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    servers.apply(Postgres(deployment.database_url), [template("web1"), template("ghost", "db")], long_ago)
    change(
        deployment.database_url,
        "update holdfast.baseline_versions set is_learning = true, status = 'learning, 3 h of 24 h'",
    )
    check = checks(deployment.run(baseline_templates, baselines_cover_the_fleet))["baselines_cover_the_fleet"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.metadata["cpu_pct of web1"].value == "learning, 3 h of 24 h"
    assert check.metadata["never seen: ghost"].value == "declared and never sampled"
    assert "load_1m" in str(check.metadata["not reported by web1"].value)
    assert "1 should be learned by now (cpu_pct of web1); declared and never seen: ghost." in str(check.description)


def test_a_damaged_memory_is_a_warning_of_the_run_and_not_its_failure(deployment: Deployment) -> None:
    store_history(deployment.database_url, ["web1", "web2"], 2, until_s=UNTIL_S)
    learn(deployment)
    change(deployment.database_url, "update holdfast.baseline_memories set state = 'x' where server_id = 'web1'")
    change(
        deployment.database_url, "update holdfast.baseline_progress set folded_until = folded_until - interval '6 h'"
    )
    result = learn(deployment)
    found = metadata(result, "baseline_templates")
    assert found["set_aside"] == "cpu_pct of web1: unreadable"
    assert (found["learned_series"], found["set_aside_series"]) == (2, 1)
    logged = [entry.user_message for entry in deployment.instance.all_logs(result.run_id)]
    assert any("the memory of cpu_pct of web1 cannot be read" in line for line in logged)


def test_a_night_is_exported_once_and_twice_gives_the_same_bytes(deployment: Deployment, tmp_path: Path) -> None:
    store_history(deployment.database_url, ["web1"], 2, until_s=UNTIL_S)
    learn(deployment)
    first = metadata(deployment.run(baseline_export), "baseline_export")
    (file,) = (tmp_path / "home" / "vault" / "baselines").iterdir()
    assert first["name"] == f"baselines/{file.name}"
    content = file.read_bytes()
    assert (first["series"], first["left_out_series"], first["bytes"]) == (1, 0, len(content))
    deployment.run(baseline_export)
    assert file.read_bytes() == content


def test_the_last_day_of_learning_is_there_after_a_restart_in_the_middle(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_history(deployment.database_url, ["a", "b", "c"], 3, until_s=UNTIL_S)
    learn(deployment)
    expected = memories(deployment.database_url)
    tables = "holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress"
    change(deployment.database_url, f"truncate {tables}")
    from resources.baselines import learner

    monkeypatch.setattr(learner, "RANGE_S", DAY_S)
    monkeypatch.setattr(learner, "SERVERS_AT_ONCE", 2)
    save, calls = learner.save, 0

    def deadly(db: object, stored: object) -> None:
        nonlocal calls
        calls += 1
        save(db, stored)  # type: ignore[arg-type]
        if calls == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(learner, "save", deadly)
        interrupted = deployment.run(baseline_templates, raise_on_error=False)
    assert not interrupted.success
    assert 0 < len(memories(deployment.database_url)) <= 3
    assert memories(deployment.database_url) != expected
    deployment.run(baseline_templates)
    assert memories(deployment.database_url) == expected
