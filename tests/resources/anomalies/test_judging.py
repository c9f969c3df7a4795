"""Judging on a real Postgres: incidents that are stored, once, whatever happens in between."""

import logging
import math
from datetime import timedelta

import psycopg
import pytest

from holdfast.servers.topology import Topology
from resources.anomalies.judging import judge_due
from resources.anomalies.store import listed as read_listed
from resources.anomalies.store import read_standing, series_of
from tests.holdfast.anomalies.fleets import HOUR, live, usual
from tests.resources.anomalies.worlds import LOG, add_slots, at, high, incidents, install, listed, run, usual_fleet
from tests.resources.metrics.cycles import rows

SILENT = (math.nan,) * 2 * HOUR


def test_a_usual_day_makes_no_incident_and_a_second_run_judges_nothing(database_url: str) -> None:
    postgres = install(database_url, usual_fleet())
    first = run(postgres, 24)
    assert (first.judged_slots, first.series, first.opened, first.open_incidents) == (444, 6, [], 0)
    before = incidents(database_url)
    second = run(postgres, 24)
    assert (second.judged_slots, second.until_at) == (0, at(24))
    assert incidents(database_url) == before


def test_nothing_is_judged_before_the_first_slot(database_url: str) -> None:
    from resources.postgres import Postgres

    done = run(Postgres(database_url), 0)
    assert (done.judged_slots, done.until_at, done.open_incidents) == (0, None, 0)


def test_an_incident_has_its_numbers_its_sentence_and_its_baseline(database_url: str) -> None:
    postgres = install(database_url, usual_fleet(high("web1", 9)))
    done = run(postgres, 24)
    assert (len(done.opened), len(done.closed), done.open_incidents) == (1, 1, 0)
    with postgres.transaction() as db:
        (incident,) = read_listed(db, everything=True)
        (series, *_) = series_of(db, incident.incident_id)
    assert (incident.opened_at, incident.root_server_id, incident.root_metric) == (at(9), "web1", "cpu_pct")
    assert incident.closed_at is not None
    assert at(9.4) < incident.closed_at < at(11)
    assert (series.server_id, series.metric, series.is_root, series.rule) == ("web1", "cpu_pct", True, "statistics")
    assert series.observed is not None
    assert series.expected_high is not None
    assert 70 <= series.observed < 71 > series.expected_high
    assert (series.baseline_version, series.baseline_origin) == (32, "own")
    assert series.sentence in incident.sentence
    assert series.sentence.startswith("CPU 7")
    assert rows(
        database_url, "select sum(finding_count) >= 6, sum(late_count), count(*) from holdfast.judged_slots"
    ) == [(True, 0, 444)]


def test_a_cascade_is_one_critical_incident_with_the_database_first(database_url: str) -> None:
    postgres = install(database_url, usual_fleet(high("web1", 9.1), high("api1", 9.05), high("db1", 9)))
    done = run(postgres, 9.4)
    assert (done.open_incidents, done.calling_incidents) == (1, 1)
    assert listed(database_url) == [(1, "db1", "critical", True)]
    (found,) = rows(database_url, "select server_ids from holdfast.incidents")
    assert found == (["db1", "api1", "web1"],) or found == (["db1", "web1", "api1"],)


BROKEN = (
    high("db1", 3),
    high("api1", 3.2),
    high("web1", 9, hours=2),
    (("web1", "memory_pct"), live(usual("memory_pct", seed=1), 14, *SILENT)),
)


def test_every_five_minutes_or_all_at_once_the_incidents_are_the_same(database_url: str) -> None:
    series = usual_fleet(*BROKEN)
    postgres = install(database_url, series, until_hour=0)
    for slot in range(1, 20 * HOUR + 1):
        add_slots(database_url, series, (slot - 1) / HOUR, slot / HOUR)
        run(postgres, slot / HOUR)
    one_by_one = incidents(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("truncate holdfast.incidents, holdfast.metric_anomalies, holdfast.judged_slots")
        connection.execute("delete from holdfast.watermarks where name = 'metric_anomalies'")
    run(postgres, 20)
    assert len(listed(database_url)) >= 3
    assert incidents(database_url) == one_by_one


class KilledError(Exception):
    """The end of the process, as far as this test is concerned."""


class KilledAfter(logging.Filter):
    """Ends the run at one of its log lines: between two transactions, or in the middle of one."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def filter(self, record: logging.LogRecord) -> bool:
        self.left -= 1
        if self.left < 0:
            raise KilledError
        return True


def test_a_run_that_is_killed_anywhere_goes_on_to_the_same_incidents(database_url: str) -> None:
    postgres = install(database_url, usual_fleet(*BROKEN))
    log = logging.getLogger("test.killed")
    log.setLevel(logging.INFO)
    kills = 0
    for lines in range(100):
        log.filters = [KilledAfter(lines % 3)]
        try:
            judge_due(postgres, at(20), log, at_once=timedelta(hours=1), grace=timedelta())
        except KilledError:
            kills += 1
            continue
        break
    assert kills > 10
    after_kills = incidents(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("truncate holdfast.incidents, holdfast.metric_anomalies, holdfast.judged_slots")
        connection.execute("delete from holdfast.watermarks where name = 'metric_anomalies'")
    judge_due(postgres, at(20), LOG, grace=timedelta())
    assert incidents(database_url) == after_kills


def test_what_is_stored_is_what_is_read_back(database_url: str) -> None:
    postgres = install(database_url, usual_fleet(*BROKEN))
    run(postgres, 9.5)
    with postgres.transaction() as db:
        standing = read_standing(db, at(9.5))
    (incident,) = standing.open
    assert incident.root == ("web1", "cpu_pct")
    assert standing.next_id == max(standing.incidents) + 1
    assert Topology({}).root_of([incident.root[0]]) == "web1"
    assert {one.is_open for one in standing.incidents.values()} <= {True, False}


def test_slots_that_come_late_are_counted_and_not_judged(database_url: str) -> None:
    series = usual_fleet(high("web1", 3.5, hours=0.25))
    missing = {
        key: live(values, 3.5, *[math.nan] * 3) if key[0] == "web1" else values for key, values in series.items()
    }
    postgres = install(database_url, missing, until_hour=4)
    run(postgres, 4)
    add_slots(database_url, series, 3.5, 3.75)
    add_slots(database_url, series, 4, 4.25)
    done = run(postgres, 4.25)
    assert (done.late_slots, done.judged_slots) == (3, 3)
    assert run(postgres, 4.25).late_slots == 0
    judged_late = "select count(*) from holdfast.metric_anomalies where rule <> 'stale' and started_at < %(until)s"
    assert rows(database_url, judged_late, until=at(4)) == [(0,)]


def test_a_silent_fleet_is_one_incident_and_its_slots_are_judged_when_they_come(database_url: str) -> None:
    series = usual_fleet(high("web1", 4.5))
    postgres = install(database_url, series, until_hour=4)
    assert run(postgres, 4.2).open_incidents == 0
    for hour in (4.5, 4.6, 5):
        done = run(postgres, hour)
    assert (done.judged_slots, done.open_incidents, done.calling_incidents) == (0, 1, 1)
    assert listed(database_url) == [(1, "*", "critical", True)]
    (found,) = rows(database_url, "select sentence, server_ids, page_count from holdfast.incidents")
    assert found[0].startswith("3 of 3 servers silent for 1 h, since 2026-01-13 04:00 UTC: look at the collector")
    assert found[1:] == (["*"], 1)
    add_slots(database_url, series, 4, 6)
    done = run(postgres, 6)
    assert done.judged_slots == 24
    assert [(row[1], row[3]) for row in listed(database_url)] == [("*", False), ("web1", False)]


def test_a_muted_series_makes_no_incident_and_is_counted(database_url: str) -> None:
    from resources.anomalies import acting

    postgres = install(database_url, usual_fleet(high("web1", 9), high("db1", 15)))
    acting.mute(postgres, server_id="web1", metric=None, hours=2, reason="load test", by="ann", now=at(8.5))
    done = run(postgres, 24)
    assert done.muted >= 6
    assert [row[1] for row in listed(database_url)] == ["db1"]
    assert rows(database_url, "select sum(muted_count) from holdfast.judged_slots") == [(done.muted,)]


def test_two_incidents_that_become_one_keep_the_older_number(database_url: str) -> None:
    templates = 'upstream = ["api1"]'.join(
        ('[[server]]\nid = "web1"\nkind = "web"\n', '\n[[server]]\nid = "db1"\nkind = "web"\n')
    )
    templates += 'upstream = ["api1"]\n[[server]]\nid = "api1"\nkind = "api"\n'
    fleet = usual_fleet(high("web1", 9), high("db1", 9.1), high("api1", 9.2))
    postgres = install(database_url, fleet, templates=templates)
    run(postgres, 9.2)
    assert [row[1] for row in listed(database_url)] == ["web1", "db1"]
    run(postgres, 9.4)
    assert listed(database_url) == [(1, "api1", "critical", True)]
    assert rows(
        database_url, "select incident_id, merged_into from holdfast.incidents where merged_into is not null"
    ) == [(2, 1)]
    assert rows(database_url, "select distinct incident_id from holdfast.metric_anomalies") == [(1,)]


def test_a_night_switched_off_is_one_incident_that_is_over(database_url: str) -> None:
    night = {key: live(values, 1, *[math.nan] * 6 * HOUR) for key, values in usual_fleet().items()}
    done = run(install(database_url, night, until_hour=8), 8)
    assert (done.opened, done.closed, done.open_incidents) == ([1], [1], 0)
    assert rows(database_url, "select opened_at, closed_at, sentence from holdfast.incidents") == [
        (
            at(1) + timedelta(minutes=5),
            at(7),
            "3 of 3 servers silent for 6 h, since 2026-01-13 01:00 UTC: look at the collector and the network, not at "
            "the servers",
        )
    ]


@pytest.mark.parametrize("action", ["retire", "still"])
def test_a_server_that_falls_silent_is_critical_until_it_is_retired(database_url: str, action: str) -> None:
    gone = usual_fleet()
    gone = {
        key: live(values, 9, *[math.nan] * 15 * HOUR) if key[0] == "web1" else values for key, values in gone.items()
    }
    postgres = install(database_url, gone)
    assert run(postgres, 10).calling_incidents == 1
    assert listed(database_url) == [(1, "web1", "critical", True)]
    if action == "retire":
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "update holdfast.server_template_versions set retired_at = %s where server_id = 'web1'", (at(10),)
            )
    assert run(postgres, 12).open_incidents == (0 if action == "retire" else 1)
