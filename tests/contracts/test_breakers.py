"""What breakers promise wherever their state is kept; Redis, Postgres and a process's memory pass alike."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain, pairwise

import psycopg
import pytest
import redis

from holdfast.breaker import Breaker, Policy
from holdfast.errors import BreakerOpenError, PermanentError, TransientError
from resources.guards.process_states import ProcessStates
from tests.contracts.crowd import FORK, Tier, ask, call_once, count_up, hammer, probe_and_die
from tests.servers import eventually

AWAY = TransientError("away")
QUICK = Policy(reset=timedelta(seconds=0.3), most_reset=timedelta(seconds=0.3), lease=timedelta(seconds=1))


@pytest.fixture(params=["redis", "postgres", "process"])
def tier(request: pytest.FixtureRequest) -> Iterator[Tier]:
    if request.param == "redis":
        yield Tier("redis", request.getfixturevalue("redis_url"))
    elif request.param == "postgres":
        yield Tier("postgres", request.getfixturevalue("database_url"))
    else:
        yield Tier("process", shared=ProcessStates())


def test_a_breaker_nobody_wrote_is_closed(tier: Tier) -> None:
    look = tier.open().look("primary")
    assert (look.state, look.breaker, look.tier) == ("closed", Breaker(), tier.name)


def test_three_failures_open_it_for_everybody_at_once(tier: Tier) -> None:
    breakers = tier.open()
    assert [ask(breakers, AWAY) for _ in range(4)] == ["away", "away", "away", "refused"]
    assert set(tier.crowd(3, call_once, 0.0)) == {"refused"}
    assert ask(tier.open(), name="secondary") == "done"
    with pytest.raises(BreakerOpenError) as caught, tier.open().guard("primary"):
        pass
    error = caught.value
    assert (error.store, error.reason) == ("primary", "away")
    assert error.next_probe_at == error.since + timedelta(seconds=60)


def test_failures_of_several_processes_add_up_and_none_is_lost(tier: Tier) -> None:
    patient = replace(QUICK, failures=1000)
    tier.crowd(4, count_up, 5, patient)
    assert tier.open(patient).look("primary").breaker.failures == 20


def test_of_many_processes_exactly_one_probes_and_its_success_closes_for_all(tier: Tier) -> None:
    for _ in range(3):
        ask(tier.open(QUICK), AWAY)
    time.sleep(0.35)
    answers = tier.crowd(6, call_once, time.time() + 1.0)
    assert sorted(answers) == ["refused"] * 5 + ["went through"]
    assert tier.open().look("primary").state == "closed"
    assert set(tier.crowd(3, call_once, 0.0)) == {"went through"}


def test_a_store_that_stays_away_is_reached_once_per_reset(tier: Tier) -> None:
    for _ in range(3):
        ask(tier.open(QUICK), AWAY)
    until_s = time.time() + 2.5
    reached = sorted(chain.from_iterable(tier.crowd(6, hammer, until_s, QUICK)))
    gaps = [late - early for early, late in pairwise(reached)]
    assert 3 <= len(reached) <= 8
    assert min(gaps) >= 0.29


def test_a_probers_lease_runs_out_when_it_is_killed(tier: Tier) -> None:
    breakers = tier.open(QUICK)
    for _ in range(3):
        ask(breakers, AWAY)
    time.sleep(0.35)
    with ExitStack() as never_ended:
        if tier.shared is None:
            child = FORK.Process(target=probe_and_die, args=(tier, QUICK))
            child.start()
            child.join(20)
            assert child.exitcode == -9
        else:
            never_ended.enter_context(tier.open(QUICK).guard("primary"))
        began_s = time.monotonic()
        assert tier.open(QUICK).look("primary").state == "half_open"
        assert ask(tier.open(QUICK)) == "refused"
        eventually(lambda: ask(tier.open(QUICK)) == "done", within_s=5)
        assert 0.5 < time.monotonic() - began_s < 3
        # The dead do not speak; one that was only slow does, and is not heard.
        before = tier.open(QUICK).look("primary").breaker
    assert tier.open(QUICK).look("primary").breaker == before


def test_the_late_result_of_an_old_call_is_ignored(tier: Tier) -> None:
    slow, quick = tier.open(QUICK), tier.open(QUICK)
    with suppress(TransientError), slow.guard("primary"):
        for _ in range(3):
            ask(quick, AWAY)
        time.sleep(0.35)
        assert ask(quick) == "done"
        raise TransientError("late")
    assert tier.open().look("primary").breaker.failures == 0
    with slow.guard("primary"):
        for _ in range(3):
            ask(quick, AWAY)
    assert tier.open().look("primary").state == "open"


def test_what_is_wrong_with_a_statement_or_with_us_does_not_count(tier: Tier) -> None:
    breakers = tier.open()
    for _ in range(5):
        assert ask(breakers, PermanentError("no such column")) == "no such column"
        with pytest.raises(ZeroDivisionError), breakers.guard("primary"):
            raise ZeroDivisionError
    assert tier.open().look("primary").breaker == Breaker()


def test_the_open_breaker_of_another_store_does_not_count(tier: Tier) -> None:
    breakers = tier.open()
    for _ in range(3):
        ask(breakers, AWAY, "secondary")
    for _ in range(3):
        with pytest.raises(BreakerOpenError), breakers.guard("primary"), breakers.guard("secondary"):
            pass
    assert tier.open().look("primary").breaker == Breaker()


def test_an_error_of_another_store_does_not_count(tier: Tier) -> None:
    breakers = tier.open()
    for _ in range(3):
        with (
            pytest.raises(TransientError),
            breakers.guard("primary", is_away=lambda: False),
            breakers.guard("secondary", is_away=lambda: True),
        ):
            raise TransientError("one of them is away")
    assert [tier.open().look(name).state for name in ("primary", "secondary")] == ["closed", "open"]


def test_a_probe_that_ends_with_an_error_of_our_own_lets_the_next_one_try(tier: Tier) -> None:
    breakers = tier.open(QUICK)
    for _ in range(3):
        ask(breakers, AWAY)
    time.sleep(0.35)
    assert ask(breakers, PermanentError("no such column")) == "no such column"
    assert ask(tier.open(QUICK)) == "done"


def test_a_success_between_failures_begins_a_new_count(tier: Tier) -> None:
    for error in (AWAY, AWAY, None, AWAY, AWAY):
        ask(tier.open(), error)
    assert tier.open().look("primary").breaker.failures == 2


def test_what_was_read_is_believed_for_a_while(tier: Tier) -> None:
    slow = tier.open(view_s=0.6)
    assert ask(slow) == "done"
    for _ in range(3):
        ask(tier.open(), AWAY)
    assert ask(slow) == "done"
    time.sleep(0.6)
    assert ask(slow) == "refused"
    assert ask(slow) == "refused"


def test_what_an_operator_forces_holds_for_everybody(tier: Tier) -> None:
    if tier.shared is not None:
        with pytest.raises(TransientError, match="nothing was changed"):
            tier.open().force("primary", "open", by="ada", reason="moving house")
        return
    look, tiers = tier.open().force("primary", "open", by="ada", reason="moving house")
    assert (look.state, tiers) == ("open", (tier.name,))
    assert set(tier.crowd(3, call_once, 0.0)) == {"refused"}
    tier.open().force("primary", "close", by="ada", reason="I know better")
    for _ in range(5):
        assert ask(tier.open(), AWAY) == "away"
    assert tier.open().look("primary").state == "closed"
    tier.open().force("primary", "auto", by="ada", reason="done")
    for _ in range(3):
        assert ask(tier.open(), AWAY) == "away"
    assert ask(tier.open(), AWAY) == "refused"


@pytest.mark.parametrize("garbage", ["{}", '{"format": 7}', '{"format": 1, "failures": [3], "x": 1}'])
def test_what_is_no_document_counts_as_closed_and_is_replaced(tier: Tier, garbage: str) -> None:
    states = tier.states()
    assert states.swap("primary", None, garbage, timedelta(hours=1))
    assert ask(tier.open()) == "done"
    for _ in range(3):
        assert ask(tier.open(), AWAY) == "away"
    assert ask(tier.open()) == "refused"


def test_of_two_that_swap_at_once_one_is_told_that_it_lost(tier: Tier) -> None:
    states, keep = tier.states(), timedelta(hours=1)
    first, second = Breaker(failures=1).to_document(), Breaker(failures=2).to_document()
    assert states.swap("primary", None, first, keep)
    assert not states.swap("primary", None, second, keep)
    stands = states.get("primary")
    assert stands is not None
    assert Breaker.from_document(stands).failures == 1
    assert states.swap("primary", stands, second, keep)
    assert not states.swap("primary", stands, first, keep)


def test_threads_of_one_process_share_their_breakers(tier: Tier) -> None:
    breakers = tier.open(QUICK, view_s=2.0)
    threads = [threading.Thread(target=ask, args=(breakers, AWAY)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert breakers.look("primary").state == "open"


def test_closed_costs_one_redis_command_in_two_seconds_and_writes_nothing(redis_url: str) -> None:
    breakers = Tier("redis", redis_url).open(view_s=2.0)
    with redis.Redis.from_url(redis_url) as client:
        client.config_resetstat()
        for _ in range(50):
            ask(breakers)
            ask(breakers, PermanentError("no such column"))
        calls = {name: found["calls"] for name, found in client.info("commandstats").items()}
        assert {name: n for name, n in calls.items() if "config" not in name} == {"cmdstat_get": 1}
        for _ in range(3):
            ask(breakers, AWAY)
        client.config_resetstat()
        assert {ask(breakers) for _ in range(50)} == {"refused"}
        stats = client.info("commandstats")
        assert stats.get("cmdstat_get", {"calls": 0})["calls"] <= 1
        assert 0 < client.ttl("holdfast:breaker:primary") <= 86_400


def test_closed_writes_nothing_to_postgres(database_url: str) -> None:
    breakers = Tier("postgres", database_url).open()
    assert [ask(breakers) for _ in range(3)] == ["done"] * 3
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from holdfast.breakers").fetchone() == (0,)
