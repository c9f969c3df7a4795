"""What operators do: acknowledge, close, mute, pin; each is undone only by what becomes worse, or by time."""

from datetime import timedelta

import pytest

from holdfast.errors import PermanentError
from resources.anomalies import acting
from resources.anomalies.store import listed, mutes_in_force
from resources.postgres import Postgres
from tests.holdfast.anomalies.fleets import HOUR, live
from tests.resources.anomalies.worlds import at, high, install, run, usual_fleet
from tests.resources.metrics.cycles import rows


@pytest.fixture
def postgres(database_url: str) -> Postgres:
    """A fleet in which web1's CPU is far too high from 9:00 to 12:00, and at its ceiling from 11:00 on."""
    key, values = high("web1", 9, hours=2)
    return install(database_url, usual_fleet((key, live(values, 11, *[97.0] * HOUR))))


def only(postgres: Postgres):  # type: ignore[no-untyped-def]
    with postgres.transaction() as db:
        (incident,) = listed(db, everything=True)
    return incident


def test_an_acknowledged_incident_no_longer_calls_until_it_becomes_worse(postgres: Postgres) -> None:
    run(postgres, 10)
    assert only(postgres).severity == "warning"
    acted = acting.acknowledge(postgres, 1, by="ann", note="known, ticket 41", now=at(10))
    assert acted.changed == 1
    assert acted.sentence.startswith("incident 1 is acknowledged by ann: web1: CPU 7")
    run(postgres, 10.5)
    assert (only(postgres).is_acknowledged, only(postgres).note) == (True, "known, ticket 41")
    done = run(postgres, 11.5)
    incident = only(postgres)
    assert (incident.severity, incident.is_acknowledged, incident.is_calling) == ("critical", False, True)
    assert (done.calling_incidents, done.pages, incident.page_count) == (1, 1, 2)


def test_an_incident_closed_by_hand_stays_closed_until_it_becomes_worse(postgres: Postgres) -> None:
    run(postgres, 10)
    acted = acting.close(postgres, 1, by="ann", note="a test", now=at(10))
    assert acted.changed == 1
    assert acting.close(postgres, 1, by="ann", note=None, now=at(10)).changed == 0
    done = run(postgres, 10.5)
    assert (done.opened, done.open_incidents) == ([], 0)
    assert done.held >= 6
    assert (only(postgres).closed_at, only(postgres).dismissed_by) == (at(10), "ann")
    assert run(postgres, 11.5).opened == [2]


def test_a_mute_ends_by_itself_or_by_hand(postgres: Postgres, database_url: str) -> None:
    acting.mute(postgres, server_id="web1", metric="cpu_pct", hours=1, reason="load test", by="ann", now=at(9))
    other = acting.mute(postgres, server_id=None, metric=None, hours=24, reason="maintenance", by="bob", now=at(9))
    assert other.sentence == ("mute 2: everything makes no incident until 2026-01-14 09:00 UTC: maintenance")
    with postgres.transaction() as db:
        assert [str(one) for one in mutes_in_force(db, at(9.5))] == [
            "every metric of all servers until 2026-01-14 09:00 UTC, by bob: maintenance",
            "cpu_pct of web1 until 2026-01-13 10:00 UTC, by ann: load test",
        ]
    assert acting.unmute(postgres, server_id=None, metric=None, now=at(9.5)).changed == 1
    assert acting.unmute(postgres, server_id=None, metric=None, now=at(9.5)).changed == 0
    assert acting.unmute(postgres, server_id="web1", metric=None, now=at(9.5)).changed == 0
    done = run(postgres, 10)
    assert done.muted > 0
    assert not done.opened
    assert run(postgres, 10.5).opened == [1]
    assert rows(database_url, "select count(*) from holdfast.metric_mutes") == [(2,)]


@pytest.mark.parametrize(("hours", "reason"), [(0, "x"), (-1, "x"), (2161, "x"), (1, " ")])
def test_a_mute_without_an_end_or_a_reason_is_refused(postgres: Postgres, hours: float, reason: str) -> None:
    with pytest.raises(PermanentError, match="mute of everything: expected more than 0 and at most 2160 hours"):
        acting.mute(postgres, server_id=None, metric=None, hours=hours, reason=reason, by="ann", now=at(9))


@pytest.mark.parametrize(
    ("server_id", "metric", "said"),
    [("wbe1", None, "no server 'wbe1'.*did you mean web1"), ("web1", "cpu", "no metric 'cpu'; nothing was changed")],
)
def test_a_mute_of_what_nobody_has_is_refused(
    postgres: Postgres, server_id: str, metric: str | None, said: str
) -> None:
    with pytest.raises(PermanentError, match=said):
        acting.mute(postgres, server_id=server_id, metric=metric, hours=1, reason="x", by="ann", now=at(9))
    with postgres.transaction() as db:
        assert not mutes_in_force(db, at(9.5))


def test_a_pin_keeps_the_raw_samples_around_an_incident_once(postgres: Postgres, database_url: str) -> None:
    run(postgres, 20)
    incident = only(postgres)
    acted = acting.pin(postgres, 1, by="ann", now=at(20))
    assert acted.changed == 1
    assert acted.sentence.startswith("incident 1: raw samples of web1 from 2026-01-13 08:00 to 2026-01-13 1")
    pinned = rows(database_url, "select server_id, pinned_from, pinned_until, reason from holdfast.pinned_ranges")
    assert incident.closed_at is not None
    assert pinned[0][:3] == ("web1", at(8), incident.closed_at + timedelta(hours=1))
    assert pinned[0][3].startswith("incident 1, by ann: web1: CPU ")
    assert acting.pin(postgres, 1, by="bob", now=at(21)).changed == 0
    assert rows(database_url, "select count(*) from holdfast.pinned_ranges") == [(1,)]


def test_a_number_that_does_not_exist_is_refused_with_those_that_do(postgres: Postgres) -> None:
    run(postgres, 10)
    with pytest.raises(
        PermanentError, match=r"incident 9: there is no such incident; nothing was changed. Open ones: 1"
    ):
        acting.acknowledge(postgres, 9, by="ann", note=None, now=at(10))


def test_what_is_done_to_a_merged_incident_is_done_to_the_one_that_stays(database_url: str) -> None:
    templates = '[[server]]\nid = "{}"\nkind = "web"\nupstream = ["api1"]\n'
    texts = (templates.format("web1"), templates.format("db1"), '[[server]]\nid = "api1"\nkind = "api"\n')
    fleet = usual_fleet(high("web1", 9), high("db1", 9.1), high("api1", 9.2))
    postgres = install(database_url, fleet, templates="".join(texts))
    run(postgres, 9.2)
    run(postgres, 9.4)
    assert acting.acknowledge(postgres, 2, by="ann", note=None, now=at(10)).sentence.startswith("incident 1 is ack")
    assert only(postgres).is_acknowledged
