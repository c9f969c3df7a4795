"""The fleet's day as the UI shows it."""

from assets.baselines.anomalies import metric_anomalies
from assets.baselines.fleet import fleet_overview
from tests.assets.baselines.deployment import Deployment, metadata
from tests.resources.anomalies.worlds import high, install, usual_fleet

CASCADE = (high("web1", 9.1), high("api1", 9.05), high("db1", 9))


def test_an_empty_store_has_a_day_without_servers(deployment: Deployment) -> None:
    told = metadata(deployment.run(fleet_overview), "fleet_day")
    assert (told["servers"], told["overview"], told["what"]) == (0, "no slot yet", "Nothing happened.")


def test_a_day_is_a_picture_a_sentence_per_incident_and_a_row_per_server(deployment: Deployment) -> None:
    install(deployment.database_url, usual_fleet(*CASCADE), until_hour=9.4)
    quiet = metadata(deployment.run(fleet_overview), "fleet_day")
    deployment.run(metric_anomalies)
    told = metadata(deployment.run(fleet_overview), "fleet_day")
    assert quiet.keys() == told.keys()
    assert quiet["servers_with_incidents"] == 0
    assert told["servers_with_incidents"] == told["servers"] == 3
    assert "image/svg" in told["overview"]
    assert told["what"].startswith("db1: CPU 7")
    rows = [record.data for record in told["by_server"].records]
    assert [len(str(row["half_hours"])) for row in rows] == [48] * 3
    assert all("█" in str(row["half_hours"]) for row in rows)
