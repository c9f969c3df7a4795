"""The fleet's day, from slots and anomalies as they are stored."""

from datetime import timedelta

from holdfast.metrics.cycles import Reading
from resources.baselines.fleet import fleet_day
from resources.baselines.slots import roll_slots
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres
from tests.resources.metrics.cycles import MIDNIGHT_S, at, rows

NOW_S = MIDNIGHT_S
START_S = NOW_S - 86_400
HOUR_S = 3600


def store(url: str, server: str, from_s: int, until_s: int) -> None:
    with Postgres(url).transaction() as db:
        merge_readings(db, [Reading(server, at_s, {"cpu_pct": 1_000}) for at_s in range(from_s, until_s, 300)])


def incident(url: str, number: int, server: str, severity: str, from_s: int, until_s: int | None) -> None:
    rows(
        url,
        """
        with made as (
            insert into holdfast.incidents (incident_id, opened_at, last_finding_at, closed_at, severity, score,
                root_server_id, root_metric, sentence, server_ids, paged_at, page_count)
            values (%(number)s, %(began)s, coalesce(%(ended)s, %(began)s), %(ended)s, %(severity)s, 0.7, %(server)s,
                'cpu_pct', %(server)s || ' is odd', array[%(server)s], %(began)s, 1)
            returning incident_id
        )
        insert into holdfast.metric_anomalies (server_id, metric, started_at, ended_at, severity, score, incident_id,
            rule, is_root, sentence, last_finding_at)
        select %(server)s, 'cpu_pct', %(began)s, %(ended)s, %(severity)s, 0.7, %(number)s, 'statistics', true, 'odd',
            %(began)s
        from made
        returning incident_id
        """,
        number=number,
        server=server,
        severity=severity,
        began=at(from_s),
        ended=None if until_s is None else at(until_s),
    )


def day(url: str) -> dict[str, list[str]]:
    found = fleet_day(Postgres(url))
    assert found is not None
    assert (found.from_at, found.until_at) == (at(START_S), at(NOW_S))
    return {server.server_id: list(server.states) for server in found.servers}


def test_nothing_collected_is_no_day(database_url: str) -> None:
    assert fleet_day(Postgres(database_url)) is None


def test_a_half_hour_without_samples_is_silent_and_one_with_an_anomaly_is_not_quiet(database_url: str) -> None:
    store(database_url, "web1", START_S, NOW_S + 1)
    store(database_url, "web2", START_S, START_S + 6 * HOUR_S)
    roll_slots(Postgres(database_url), at(NOW_S))
    incident(database_url, 1, "web1", "warning", START_S + 2 * HOUR_S, START_S + 3 * HOUR_S)
    incident(database_url, 2, "web1", "critical", START_S + 2 * HOUR_S + 600, START_S + 2 * HOUR_S + 1200)
    incident(database_url, 3, "web2", "critical", START_S + 6 * HOUR_S, None)
    found = day(database_url)
    assert found["web1"] == ["quiet"] * 4 + ["critical", "warning"] + ["quiet"] * 42
    assert found["web2"] == ["quiet"] * 12 + ["critical"] * 36


def test_a_server_that_went_quietly_is_silent_and_one_long_gone_is_not_shown(database_url: str) -> None:
    store(database_url, "web1", START_S, NOW_S + 1)
    store(database_url, "web2", START_S, START_S + HOUR_S)
    store(database_url, "old", START_S - 4 * 86_400, START_S - 4 * 86_400 + 1)
    roll_slots(Postgres(database_url), at(NOW_S))
    found = day(database_url)
    assert set(found) == {"web1", "web2"}
    assert found["web2"] == ["quiet"] * 2 + ["silent"] * 46


def test_an_anomaly_of_the_fleet_is_one_of_every_server(database_url: str) -> None:
    store(database_url, "web1", START_S, NOW_S + 1)
    roll_slots(Postgres(database_url), at(NOW_S))
    incident(database_url, 1, "*", "critical", START_S, START_S + 1800)
    assert day(database_url)["web1"][:2] == ["critical", "quiet"]


def test_the_worst_sentence_is_the_critical_one(database_url: str) -> None:
    store(database_url, "web1", START_S, NOW_S + 1)
    roll_slots(Postgres(database_url), at(NOW_S))
    incident(database_url, 1, "web1", "warning", START_S, START_S + 1800)
    incident(database_url, 2, "web1", "critical", START_S + HOUR_S, None)
    rows(database_url, "update holdfast.incidents set sentence = 'down' where incident_id = 2 returning 1")
    found = fleet_day(Postgres(database_url))
    assert found is not None
    assert [(s.incidents, s.sentence) for s in found.servers] == [(2, "down")]
    assert found.until_at - found.from_at == timedelta(days=1)
