"""Learning from a real history: incremental, bit-identical however it is cut, and nothing lost on the way."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from holdfast.baselines import BLOCK_S, Memory, baseline_of
from holdfast.servers.template import ServerTemplate
from resources import servers
from resources.baselines import learner
from resources.baselines.learner import Learned, learn_due, relearn
from resources.baselines.store import baselines_in_force, read_memories, save
from resources.metrics.merge import merge_readings
from resources.postgres import Postgres
from tests.resources.baselines.history import (
    DAY_S,
    END_S,
    NOW,
    everything,
    learned,
    memories,
    readings,
    store_history,
)
from tests.resources.metrics.cycles import at, rows

LOG = logging.getLogger("test")
CPU = ("web1", "cpu_pct")


def learn(url: str, now: Any = NOW) -> Learned:
    return learn_due(Postgres(url), now, log=LOG)


def change(url: str, statement: str, **parameters: Any) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode(), parameters)


def test_a_first_run_learns_the_history_there_is(database_url: str) -> None:
    store_history(database_url, ["web1", "web2"], 3, metrics=["cpu_pct", "load_1m"])
    done = learn(database_url)
    assert done.folded_blocks == 4 * 3 * DAY_S // BLOCK_S
    assert learned(database_url) == {
        (server, metric): ("learned", 3 * DAY_S // BLOCK_S)
        for server in ("web1", "web2")
        for metric in ("cpu_pct", "load_1m")
    }
    (row,) = rows(
        database_url,
        "select learned_from, learned_until, coverage, origin, slot_s, array_length(centre, 1), "
        "array_length(spread, 1), array_length(slot_coverage, 1) "
        "from holdfast.baseline_templates where server_id = 'web1' and metric = 'cpu_pct'",
    )
    assert row[:2] == (at(END_S - 3 * DAY_S), at(END_S))
    assert row[2] > 0.98
    assert row[3] == "own"
    assert row[4] * row[5] == DAY_S
    assert row[5] == row[6] == row[7]


def test_the_profile_in_sql_is_that_of_the_memory(database_url: str) -> None:
    store_history(database_url, ["web1"], 2)
    learn(database_url)
    with Postgres(database_url).transaction() as db:
        ((stored,), _) = read_memories(db)
        in_force = baselines_in_force(db)[CPU]
    profile = baseline_of(stored.memory).profile()
    ((centre, spread, coverage),) = rows(
        database_url, "select centre, spread, slot_coverage from holdfast.baseline_templates"
    )
    assert centre == profile.centre.tolist()
    assert spread == profile.spread.tolist()
    assert coverage == pytest.approx(profile.coverage.tolist())
    assert in_force == (baseline_of(stored.memory), stored.version, "own")


def test_a_second_run_changes_nothing(database_url: str) -> None:
    store_history(database_url, ["web1"], 2)
    learn(database_url)
    before = everything(database_url)
    done = learn(database_url, NOW + timedelta(minutes=30))
    assert (done.folded_blocks, done.changed_series) == (0, set())
    assert everything(database_url) == before


def test_a_block_is_learned_once_it_is_over_by_an_hour(database_url: str) -> None:
    store_history(database_url, ["web1"], 1.5)
    assert learn(database_url, at(END_S) + timedelta(minutes=59)).folded_blocks == 5
    assert learn(database_url, at(END_S) + timedelta(minutes=60)).folded_blocks == 1


@pytest.mark.parametrize(("judged_ago_s", "learned_ago_s"), [(0, 0), (DAY_S // 2, DAY_S // 2), (9 * DAY_S, DAY_S)])
def test_what_is_not_judged_yet_is_not_learned_for_a_day(
    database_url: str, judged_ago_s: int, learned_ago_s: int
) -> None:
    store_history(database_url, ["web1"], 3)
    with Postgres(database_url).transaction() as db:
        db.execute("anomalies/move_watermark", until_at=at(END_S - judged_ago_s))
    assert learn(database_url).until_at == at(END_S - learned_ago_s)
    assert rows(database_url, "select distinct learned_until from holdfast.baseline_templates") == [
        (at(END_S - learned_ago_s),)
    ]


def test_learning_day_by_day_is_to_the_last_bit_learning_at_once(database_url: str) -> None:
    store_history(database_url, ["web1", "db1"], 9, metrics=["cpu_pct", "memory_pct"])
    for hours in range(-8 * 24 + 3, 3, 5):
        learn(database_url, at(END_S) + timedelta(hours=hours))
    piecemeal, versions = memories(database_url), learned(database_url)
    change(database_url, "truncate holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress")
    learn(database_url)
    assert memories(database_url) == piecemeal
    assert learned(database_url) == versions


class KilledError(Exception):
    pass


@contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, commits: int) -> Iterator[None]:
    """Learning stops dead inside its next transaction after so many."""
    count = 0

    def deadly(db: Any, stored: Any) -> None:
        nonlocal count
        save(db, stored)
        count += 1
        if count > commits:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(learner, "save", deadly)
        with pytest.raises(KilledError):
            yield


@pytest.mark.parametrize("commits", [0, 1, 2, 5])
def test_killed_between_batches_the_next_run_ends_with_the_same_bits(
    database_url: str, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    monkeypatch.setattr(learner, "SERVERS_AT_ONCE", 2)
    monkeypatch.setattr(learner, "RANGE_S", DAY_S)
    store_history(database_url, ["a", "b", "c"], 3)
    learn(database_url)
    expected, versions = memories(database_url), learned(database_url)
    change(database_url, "truncate holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress")
    with killed_after(monkeypatch, commits):
        learn(database_url)
    folded = sum(Memory.from_bytes(one).version for one in memories(database_url).values())
    done = learn(database_url)
    assert done.folded_blocks + folded == 3 * 3 * DAY_S // BLOCK_S
    assert memories(database_url) == expected
    assert learned(database_url) == versions


def test_only_the_newest_28_days_are_learned_and_a_long_pause_is_left_out(database_url: str) -> None:
    store_history(database_url, ["web1"], 30)
    assert learn(database_url).folded_blocks == 28 * DAY_S // BLOCK_S


def test_a_gap_and_a_metric_that_is_gone_keep_what_was_learned(database_url: str) -> None:
    store_history(database_url, ["web1"], 2, until_s=END_S - 3 * DAY_S, metrics=["cpu_pct", "load_1m"])
    learn(database_url, at(END_S - 3 * DAY_S) + timedelta(hours=2))
    gone = memories(database_url)["web1", "load_1m"]
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    store_history(database_url, ["web1"], 1)
    done = learn(database_url)
    assert done.folded_blocks == DAY_S // BLOCK_S
    assert memories(database_url)["web1", "load_1m"] == gone
    assert learned(database_url)["web1", "load_1m"] == ("learned", 8)


def test_a_series_with_too_little_history_says_how_far_it_is(database_url: str) -> None:
    store_history(database_url, ["web1"], 0.5)
    learn(database_url)
    assert learned(database_url) == {CPU: ("learning, 12 h of 24 h", 2)}
    assert rows(database_url, "select origin from holdfast.baseline_templates") == [("own, learning",)]


def test_a_series_without_a_closed_block_is_learning_from_the_start(database_url: str) -> None:
    store_history(database_url, ["web1"], 0.05, until_s=END_S + 1200)
    change(
        database_url,
        "insert into holdfast.metrics_slots (slot_at, server_no, sample_count, cpu_pct) "
        "select %(at)s, server_no, 1, 5 from holdfast.servers",
        at=at(END_S),
    )
    change(database_url, "update holdfast.servers set first_sampled_at = %(at)s", at=at(END_S))
    assert learn(database_url).new_series == {CPU}
    assert learned(database_url) == {CPU: ("learning, 0 h of 24 h", 0)}
    assert learn(database_url).new_series == set()


def damage(url: str, statement: str = "set_byte(state, 40, (get_byte(state, 40) + 1) %% 256)") -> None:
    change(
        url,
        f"update holdfast.baseline_memories set state = {statement} where server_id = 'web1' and metric = 'cpu_pct'",
    )


@pytest.mark.parametrize(
    "statement", ["set_byte(state, 40, (get_byte(state, 40) + 1) %% 256)", "''::bytea", "substring(state for 100)"]
)
def test_a_damaged_memory_is_kept_and_learned_anew_while_the_healthy_rest_goes_on(
    database_url: str, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    store_history(database_url, ["web1", "web2"], 3, metrics=["cpu_pct", "load_1m"])
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    damage(database_url, statement)
    with caplog.at_level("WARNING"):
        done = learn(database_url)
    assert done.set_aside == {CPU: "unreadable"}
    assert "the memory of cpu_pct of web1 cannot be read" in caplog.text
    found = learned(database_url)
    assert found[CPU] == ("learned", 8 + 1 + 12)
    assert found["web1", "load_1m"] == found["web2", "cpu_pct"] == ("learned", 12)
    kept = rows(
        database_url,
        "select version, status from holdfast.baseline_versions where set_aside is not null",
    )
    assert kept == [(8, "reset: unreadable")]
    healthy = memories(database_url)
    change(database_url, "truncate holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress")
    learn(database_url)
    assert memories(database_url) == healthy


def test_a_memory_of_another_format_is_learned_anew(database_url: str) -> None:
    store_history(database_url, ["web1"], 2)
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    damage(database_url, "set_byte(state, 4, 99)")
    assert learn(database_url).set_aside == {CPU: "unreadable"}
    assert learned(database_url)[CPU] == ("learned", 4 + 1 + 8)


def test_a_damaged_baseline_does_not_stop_judging_and_is_made_anew(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store_history(database_url, ["web1", "web2"], 2)
    learn(database_url)
    change(database_url, "update holdfast.baseline_versions set baseline = 'x' where server_id = 'web1'")
    with Postgres(database_url).transaction() as db:
        assert baselines_in_force(db, LOG).keys() == {("web2", "cpu_pct")}
    assert "cpu_pct of web1 not judged by its own baseline" in caplog.text
    learn(database_url)
    with Postgres(database_url).transaction() as db:
        assert baselines_in_force(db).keys() == {CPU, ("web2", "cpu_pct")}


def test_a_metric_of_another_resolution_begins_anew_and_what_was_learned_is_kept(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store_history(database_url, ["web1"], 3)
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    before = memories(database_url)[CPU]
    change(database_url, "update holdfast.metric_catalog set per_unit = 10 where metric = 'cpu_pct'")
    with caplog.at_level("WARNING"):
        done = learn(database_url)
    assert done.set_aside == {CPU: "unit changed"}
    assert "cpu_pct of web1 was learned with 100/1 quanta in a unit, now it has 10/1" in caplog.text
    assert learned(database_url) == {CPU: ("learning, 23 h of 24 h", 8 + 1 + 4)} or learned(database_url) == {
        CPU: ("learned", 8 + 1 + 4)
    }
    ((status, kept),) = rows(
        database_url, "select status, set_aside from holdfast.baseline_versions where set_aside is not null"
    )
    assert (status, kept) == ("reset: unit changed", before)
    assert learn(database_url).set_aside == {}


def test_relearning_one_series_gives_what_learning_gave_and_keeps_the_old(database_url: str) -> None:
    store_history(database_url, ["web1", "web2"], 2)
    learn(database_url)
    before = memories(database_url)
    done = relearn(Postgres(database_url), NOW, server_id="web1", metric="cpu_pct", log=LOG)
    assert done.set_aside == {CPU: "relearned on demand"}
    assert memories(database_url) == before
    assert learned(database_url) == {CPU: ("learned", 8 + 1 + 8), ("web2", "cpu_pct"): ("learned", 8)}
    ((kept,),) = rows(database_url, "select set_aside from holdfast.baseline_versions where set_aside is not null")
    assert kept == before[CPU]


def test_late_samples_are_learned_by_relearning_only(database_url: str) -> None:
    store_history(database_url, ["web1"], 2)
    with Postgres(database_url).transaction() as db:
        merge_readings(db, readings("web1", END_S - 3 * DAY_S, END_S - 3 * DAY_S + 600))
    learn(database_url)
    before = memories(database_url)
    with Postgres(database_url).transaction() as db:
        merge_readings(db, readings("web1", END_S - 3 * DAY_S, END_S - 2 * DAY_S))
    assert learn(database_url).folded_blocks == 0
    relearn(Postgres(database_url), NOW, server_id=None, metric=None, log=LOG)
    assert memories(database_url) != before
    assert rows(database_url, "select learned_from from holdfast.baseline_templates") == [(at(END_S - 3 * DAY_S),)]


def test_of_versions_the_newest_eight_and_two_set_aside_stay(database_url: str) -> None:
    store_history(database_url, ["web1"], 4)
    for hours in range(-72, 3, 6):
        learn(database_url, at(END_S) + timedelta(hours=hours + 2))
    for _ in range(3):
        relearn(Postgres(database_url), NOW, server_id="web1", metric=None, log=LOG)
    found = rows(
        database_url,
        "select version, set_aside is not null from holdfast.baseline_versions order by version",
    )
    assert sum(not is_aside for _, is_aside in found) == 8
    assert [version for version, is_aside in found if is_aside] == [16 + 17, 16 + 17 * 2]
    assert max(version for version, _ in found) == 16 + 17 * 3


def template(server_id: str, kind: str = "web", **more: Any) -> ServerTemplate:
    return ServerTemplate(server_id=server_id, name=server_id, kind=kind, **more)


def test_a_renamed_server_goes_on_with_what_was_learned(database_url: str) -> None:
    store_history(database_url, ["old"], 2, until_s=END_S - DAY_S)
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    before = memories(database_url)["old", "cpu_pct"]
    store_history(database_url, ["new"], 0.5, until_s=END_S)
    servers.apply(Postgres(database_url), [template("new", renamed_from="old")], NOW)
    done = learn(database_url)
    assert done.inherited_series == {("new", "cpu_pct")}
    assert learned(database_url) == {("old", "cpu_pct"): ("learned", 8), ("new", "cpu_pct"): ("learned", 8 + 2)}
    assert memories(database_url)["old", "cpu_pct"] == before
    assert rows(database_url, "select server_id, inherited_from from holdfast.baseline_templates order by 1") == [
        ("new", "old"),
        ("old", None),
    ]
    assert learn(database_url).inherited_series == set()


def test_a_rename_declared_a_while_after_it_takes_over_a_series_that_is_still_learning(database_url: str) -> None:
    store_history(database_url, ["old"], 2, until_s=END_S - DAY_S)
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    store_history(database_url, ["new"], 0.5, until_s=END_S)
    learn(database_url)
    assert learned(database_url)["new", "cpu_pct"] == ("learning, 12 h of 24 h", 2)
    servers.apply(Postgres(database_url), [template("new", renamed_from="mid"), template("x", renamed_from="y")], NOW)
    servers.apply(Postgres(database_url), [template("mid", renamed_from="old")], NOW)
    servers.apply(Postgres(database_url), [template("new", renamed_from="mid")], NOW)
    learn(database_url)
    assert learned(database_url)["new", "cpu_pct"] == ("learned", 9 + 2)
    kept = rows(database_url, "select server_id, status from holdfast.baseline_versions where set_aside is not null")
    assert kept == [("new", "reset: inherited from old")]


def test_a_former_servers_damaged_memory_is_told_and_the_new_one_learns(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store_history(database_url, ["web1"], 2, until_s=END_S - DAY_S)
    learn(database_url, at(END_S - DAY_S) + timedelta(hours=2))
    learn(database_url)
    damage(database_url)
    store_history(database_url, ["new"], 0.5)
    servers.apply(Postgres(database_url), [template("new", renamed_from="web1")], NOW)
    learn(database_url)
    assert "the memory of cpu_pct of web1 cannot be read, so its new name" in caplog.text
    assert learned(database_url)["new", "cpu_pct"] == ("learning, 12 h of 24 h", 2)


def test_a_learning_server_borrows_from_its_kind_and_environment_until_it_has_learned(database_url: str) -> None:
    store_history(database_url, ["web1", "web2", "stage1"], 3)
    store_history(database_url, ["web3"], 0.5)
    declared = [template(name, environment="production") for name in ("web1", "web2", "web3", "web4")]
    servers.apply(Postgres(database_url), [*declared, template("stage1", environment="staging")], NOW)
    learn(database_url)
    with Postgres(database_url).transaction() as db:
        found = baselines_in_force(db)
    assert {key[0]: (one.version, one.origin) for key, one in found.items()} == {
        "web1": (12, "own"),
        "web2": (12, "own"),
        "stage1": (12, "own"),
        "web3": (2, "kind web (borrowed from 2 servers of production)"),
        "web4": (0, "kind web (borrowed from 2 servers of production)"),
    }
    assert not found["web3", "cpu_pct"].baseline.is_learning
    assert rows(database_url, "select status, origin from holdfast.baseline_templates where server_id = 'web3'") == [
        ("learning, 12 h of 24 h", "kind web (borrowed from 2 servers of production)")
    ]
    store_history(database_url, ["web3"], 1, until_s=END_S + DAY_S)
    learn(database_url, NOW + timedelta(days=1))
    assert rows(database_url, "select status, origin from holdfast.baseline_templates where server_id = 'web3'") == [
        ("learned", "own")
    ]
