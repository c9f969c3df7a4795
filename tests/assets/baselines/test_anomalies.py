"""``metric_anomalies``, its check and the operators' job, on a real Postgres and Dagster on Postgres."""

from typing import Any

import dagster as dg
import pytest

from assets.baselines.acting import IncidentActConfig, incident_act
from assets.baselines.anomalies import metric_anomalies
from assets.baselines.checks_anomalies import no_open_critical_anomalies
from holdfast.plots.picture import INLINE_LIMIT
from orchestration.definitions import resources
from orchestration.settings import load
from tests.assets.baselines.deployment import Deployment, checks, metadata
from tests.resources.anomalies.worlds import high, install, usual_fleet
from tests.resources.metrics.cycles import rows

CASCADE = (high("web1", 9.1), high("api1", 9.05), high("db1", 9))


def act(deployment: Deployment, **config: Any) -> dg.ExecuteInProcessResult:
    return incident_act.execute_in_process(
        instance=deployment.instance,
        resources={"postgres": resources(load(deployment.environment))["postgres"]},
        run_config=dg.RunConfig(ops={"act_on_incident": IncidentActConfig(**config)}),
        raise_on_error=False,
    )


def test_incidents_are_told_with_their_sentences_and_plots(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(*CASCADE), until_hour=9.4)
    result = deployment.run(metric_anomalies, no_open_critical_anomalies)
    told = metadata(result, "metric_anomalies")
    assert {key: told[key] for key in ("opened_incidents", "open_incidents", "open_critical_unacknowledged")} == {
        "opened_incidents": 1,
        "open_incidents": 1,
        "open_critical_unacknowledged": 1,
    }
    assert told["judged_series"] == 6
    assert told["incidents"].startswith("**1 critical** since 2026-01-13 09:00 UTC: db1: CPU 7")
    assert "image/svg" in told["incident_1"]
    check = checks(result)["no_open_critical_anomalies"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert str(check.metadata["incident_1"].value).startswith("db1: CPU 7")


def test_a_second_run_has_the_same_keys_and_judges_nothing(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(), until_hour=2)
    first = metadata(deployment.run(metric_anomalies, no_open_critical_anomalies), "metric_anomalies")
    result = deployment.run(metric_anomalies, no_open_critical_anomalies)
    second = metadata(result, "metric_anomalies")
    assert first.keys() == second.keys()
    assert (second["judged_slots"], second["incidents"]) == (0, "No incident is open.")
    assert checks(result)["no_open_critical_anomalies"].passed


def test_an_operator_acts_from_the_launchpad(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(*CASCADE), until_hour=9.4)
    deployment.run(metric_anomalies)
    assert act(deployment, action="acknowledge", incident_id=1, reason="known", by="ann").success
    spec = dg.AssetSelection.checks(no_open_critical_anomalies)
    result = deployment.run(metric_anomalies, no_open_critical_anomalies, selection=spec)
    assert checks(result)["no_open_critical_anomalies"].passed
    assert act(deployment, action="pin", incident_id=1).success
    assert act(deployment, action="mute", server="web1", hours=8, reason="load test").success
    assert act(deployment, action="unmute", server="web1").success
    assert act(deployment, action="close", incident_id=1).success
    assert rows(deployment.database_url, "select acknowledged_by, note, dismissed_by from holdfast.incidents") == [
        ("ann", "known", "an operator")
    ]
    assert rows(deployment.database_url, "select count(*) from holdfast.pinned_ranges") == [(3,)]
    assert rows(deployment.database_url, "select muted_until > now() from holdfast.metric_mutes") == [(False,)]


def test_an_action_says_what_it_changed(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(*CASCADE), until_hour=9.4)
    deployment.run(metric_anomalies)
    result = act(deployment, action="acknowledge", incident_id=1, by="ann")
    (handled,) = [event for event in result.all_events if event.is_successful_output]
    said = handled.step_output_data.metadata
    assert said["changed_rows"].value == 1
    assert said["now"].value.startswith("incident 1 is acknowledged by ann: db1: CPU")


@pytest.mark.parametrize("action", ["acknowledge", "pin", "close"])
def test_an_action_without_a_number_changes_nothing(deployment: Deployment, action: str) -> None:
    result = act(deployment, action=action)
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert f"{action}: expected incident_id, found none; nothing was changed" in str(failed.event_specific_data)


def test_what_is_open_is_shown_again_by_every_run(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(*CASCADE), until_hour=9.4)
    deployment.run(metric_anomalies)
    told = metadata(deployment.run(metric_anomalies), "metric_anomalies")
    assert told["opened_incidents"] == 0
    assert "image/svg" in told["incident_1"]


def test_many_incidents_are_told_as_far_as_the_ui_shows_them(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(), until_hour=2)
    deployment.run(metric_anomalies)
    rows(
        deployment.database_url,
        "insert into holdfast.incidents (incident_id, opened_at, last_finding_at, severity, score, root_server_id, "
        "root_metric, sentence, server_ids, paged_at, page_count) "
        "select n, now(), now(), 'warning', 0.7, 'web' || n, 'cpu_pct', repeat('odd ', 30), "
        "array['web' || n], now(), 1 "
        "from generate_series(1, 40) as n returning 1",
    )
    told = metadata(deployment.run(metric_anomalies), "metric_anomalies")
    assert len(told["incidents"]) <= INLINE_LIMIT
    shown = told["incidents"].count("**") // 2
    assert told["incidents"].endswith(f"… and {40 - shown} more: holdfast anomalies list")
