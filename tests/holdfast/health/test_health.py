"""Modes, recommendations and shares, against what their sentences say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.breaker import Breaker, State, forced
from holdfast.health.advice import RANK, Advice, about, advise, severity
from holdfast.health.rates import Rate, standing_rates, worst_rate
from holdfast.health.stores import (
    Answer,
    Availability,
    PairHealth,
    StoreHealth,
    availability_words,
    connections_words,
    quantile,
    replication_words,
    server_words,
    size_words,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MB = 1_000_000


def answer(latency_ms: float = 1.0, **more: object) -> Answer:
    values: dict[str, object] = {
        "connections_used": 5,
        "connections_max": 100,
        "size_bytes": 10 * MB,
        "version": "18.4",
    }
    return Answer(connect_ms=3.0, latencies_ms=(latency_ms,) * 5, **(values | more))  # type: ignore[arg-type]


def store(name: str = "primary", said: Answer | None = None, **more: object) -> StoreHealth:
    return StoreHealth(store=name, answer=said or answer(), **more)  # type: ignore[arg-type]


def away(name: str = "primary", problem: str = "connection refused") -> StoreHealth:
    return StoreHealth(store=name, answer=None, problem=problem)


def pair(*stores: StoreHealth, rates: tuple[Rate, ...] | None = ()) -> PairHealth:
    return PairHealth(probed_at=NOON, stores=stores, rates=rates)


def opened(name: str = "secondary", minutes: float = 1, **more: object) -> StoreHealth:
    breaker = Breaker(failures=3, opened_at=NOON - timedelta(minutes=minutes), reason="connection refused")
    return store(name, breaker=breaker, breaker_state="open", **more)


def levels(*stores: StoreHealth, rates: tuple[Rate, ...] = ()) -> list[tuple[str, str | None]]:
    return [(one.level, one.store) for one in advise(pair(*stores, rates=rates))]


@pytest.mark.parametrize(
    ("stores", "mode", "reason"),
    [
        ((store(), store("secondary")), "full", "both stores answer and their breakers are closed"),
        ((store(), away("secondary")), "degraded", "the secondary does not answer"),
        ((away(), store("secondary")), "degraded", "the primary does not answer"),
        ((store(), opened()), "degraded", "the breaker of the secondary is open"),
        ((away(), opened()), "disabled", "the primary does not answer; the breaker of the secondary is open"),
        ((away(), away("secondary")), "disabled", "the primary does not answer; the secondary does not answer"),
        ((store(),), "disabled", "SUPABASE_DB_URL is not set: there is no secondary store"),
    ],
)
def test_the_mode_says_how_many_stores_can_be_used(stores: tuple[StoreHealth, ...], mode: str, reason: str) -> None:
    assert (pair(*stores).mode, pair(*stores).mode_reason) == (mode, reason)


def test_where_all_is_well_there_is_nothing_to_do() -> None:
    assert advise(pair(store(), store("secondary"))) == ()
    assert severity(()) == "ok"


@pytest.mark.parametrize(
    ("name", "latency_ms", "level"),
    [
        ("primary", 100.0, None),
        ("primary", 100.1, "look"),
        ("secondary", 200.0, None),
        ("secondary", 200.1, "look"),
        ("primary", 500.0, "look"),
        ("primary", 500.1, "warning"),
        ("secondary", 501.0, "warning"),
    ],
)
def test_slow_answers_are_told_by_the_limits_of_the_seed(name: str, latency_ms: float, level: str | None) -> None:
    other = store("secondary" if name == "primary" else "primary")
    assert levels(store(name, answer(latency_ms)), other) == ([(level, name)] if level else [])


@pytest.mark.parametrize(("minutes", "level"), [(0, "look"), (4.99, "look"), (5, "critical"), (500, "critical")])
def test_a_breaker_open_for_five_minutes_is_critical(minutes: float, level: str) -> None:
    assert levels(store(), opened(minutes=minutes)) == [(level, "secondary")]


def test_a_breaker_that_is_forced_names_who_and_how_to_take_it_back() -> None:
    breaker = forced(Breaker(), "open", NOON, by="ada", reason="moving house")
    (one,) = advise(pair(store(), store("secondary", breaker=breaker, breaker_state="open")))
    assert str(one) == (
        "the breaker of the secondary is open since 2026-03-02 12:00 UTC (forced by ada: moving house): "
        "holdfast breakers auto secondary when that is over."
    )


def test_both_away_is_critical_and_comes_first() -> None:
    found = advise(pair(away(), away("secondary")))
    assert [one.level for one in found] == ["critical", "warning", "warning"]
    assert (found[0].finding, found[0].store) == ("neither store answers", None)
    assert "connection refused" in str(found[1])
    assert [one.store for one in about(found, "secondary")] == [None, "secondary"]


@pytest.mark.parametrize(
    ("said", "budget_mb", "level"),
    [
        (answer(connections_used=80), None, None),
        (answer(connections_used=81), None, "warning"),
        (answer(connections_max=0), None, None),
        (answer(size_bytes=400 * MB), 500, None),
        (answer(size_bytes=401 * MB), 500, "look"),
        (answer(size_bytes=450 * MB), 500, "look"),
        (answer(size_bytes=451 * MB), 500, "warning"),
        (answer(size_bytes=10_000 * MB), None, None),
        (answer(is_standby=True), None, "warning"),
        (answer(is_read_only=True), None, "warning"),
        (answer(missing_tables=("Story", "Prompt")), None, "warning"),
    ],
)
def test_room_and_tables_are_told(said: Answer, budget_mb: int | None, level: str | None) -> None:
    one = store("secondary", said, budget_bytes=budget_mb * MB if budget_mb else None)
    assert levels(store(), one) == ([(level, "secondary")] if level else [])


@pytest.mark.parametrize(
    ("rate", "level"), [(0.0099, None), (0.01, "warning"), (0.05, "warning"), (0.0501, "critical")]
)
def test_rows_that_differ_are_told_by_the_limits_of_the_seed(rate: float, level: str | None) -> None:
    rates = (Rate(table_name="Story", mode="full", rate=rate, mismatches=1, ended_at=NOON),)
    assert levels(store(), store("secondary"), rates=rates) == ([(level, None)] if level else [])


def rate(table: str, mode: str, share: float, hour: int) -> Rate:
    at = NOON + timedelta(hours=hour)
    return Rate(table_name=table, mode=mode, rate=share, mismatches=round(share * 100), ended_at=at)  # type: ignore[arg-type]


def test_a_window_does_not_take_back_what_a_look_at_every_row_found() -> None:
    night, day = rate("Story", "incremental", 0.03, 1), rate("Story", "window", 0.0, 2)
    assert standing_rates([night, day]) == {"Story": night}
    assert standing_rates([night, day, rate("Story", "full", 0.0, 3)])["Story"].rate == 0
    assert standing_rates([rate("Story", "full", 0.0, 1), rate("Story", "window", 0.2, 2)])["Story"].rate == 0.2
    assert standing_rates([rate("Story", "window", 0.2, 1), rate("Story", "full", 0.0, 2)])["Story"].rate == 0
    worst = worst_rate([night, rate("Prompt", "window", 0.5, 1)])
    assert worst is not None
    assert worst.table_name == "Prompt"
    assert worst_rate([]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_a_quantile_lies_between_neighbours_of_its_rank(values: list[float], share: float) -> None:
    found, ranked = quantile(values, share), sorted(values)
    place = share * (len(ranked) - 1)
    slack = 1e-9 * max(ranked[-1], 1)
    assert ranked[int(place)] - slack <= found <= ranked[min(int(place) + 1, len(ranked) - 1)] + slack
    assert (quantile(values, 0), quantile(values, 1)) == (ranked[0], ranked[-1])


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    assert quantile([1, 2, 3, 4], 0.5) == 2.5


answers = st.builds(
    Answer,
    connect_ms=st.floats(0, 1000),
    latencies_ms=st.lists(st.floats(0, 2000), min_size=1, max_size=7).map(tuple),
    version=st.just("18.4"),
    is_standby=st.booleans(),
    is_read_only=st.booleans(),
    connections_used=st.integers(0, 200),
    connections_max=st.integers(-3, 200),
    is_pooled=st.booleans(),
    size_bytes=st.integers(0, 10**12),
    missing_tables=st.lists(st.sampled_from(["Story", "Prompt"]), unique=True).map(tuple),
)
states: st.SearchStrategy[State] = st.sampled_from(["closed", "open", "half_open"])


@st.composite
def healths(draw: st.DrawFn, name: str) -> StoreHealth:
    state = draw(states)
    opened_at = None if state == "closed" else NOON - timedelta(seconds=draw(st.integers(0, 10_000)))
    return StoreHealth(
        store=name,
        answer=draw(st.none() | answers),
        problem="gone",
        breaker=Breaker(opened_at=opened_at, reason="gone"),
        breaker_state=state,
        budget_bytes=draw(st.none() | st.integers(1, 10**12)),
        availability=draw(st.none() | st.just(Availability()) | st.just(Availability(day_probes=10, day_answered=9))),
    )


pairs = st.builds(
    PairHealth,
    probed_at=st.just(NOON),
    stores=st.tuples(healths("primary"), healths("secondary")) | st.tuples(healths("primary")),
    rates=st.none()
    | st.lists(
        st.builds(rate, st.sampled_from("ab"), st.sampled_from(["full", "window"]), st.floats(0, 1), st.integers(0, 9))
    ).map(tuple),
)


@given(pairs)
def test_every_recommendation_says_what_is_and_what_to_do_and_the_gravest_comes_first(health: PairHealth) -> None:
    found = advise(health)
    assert [RANK[one.level] for one in found] == sorted((RANK[one.level] for one in found), reverse=True)
    assert severity(found) == (found[0].level if found else "ok")
    for one in found:
        assert one.finding
        assert one.remedy
        assert ".:" not in str(one)
        assert one.store in (None, *(store.store for store in health.stores))
    away = sum(one.answer is None for one in health.stores)
    assert any(one.finding == "neither store answers" for one in found) == (away == 2)


@given(pairs)
def test_the_mode_follows_from_how_many_can_be_used(health: PairHealth) -> None:
    usable = sum(one.answer is not None and one.breaker_state == "closed" for one in health.stores)
    expected = "disabled" if len(health.stores) == 1 else ["disabled", "degraded", "full"][usable]
    assert health.mode == expected
    assert health.mode_reason


@given(pairs)
def test_full_means_that_nothing_but_care_is_needed(health: PairHealth) -> None:
    if health.mode == "full":
        critical = [one for one in advise(health) if one.level == "critical"]
        assert all("differ" in one.finding for one in critical)


def test_words_say_what_is_not_known() -> None:
    assert connections_words(answer()) == "5 of 100"
    assert connections_words(answer(is_pooled=True, has_all_connections=False)) == (
        "5 of 100 (the server's own workers included; a pooler is in between, its own limit is not known)"
    )
    assert replication_words(answer()) == "no declared table is in a publication or a subscription"
    assert replication_words(answer(replicated_tables={"Story": "publication p"}, standbys=1)) == (
        "Story is in publication p; 1 server streams from it"
    )
    assert (size_words(store()), size_words(store(budget_bytes=500 * MB))) == ("10 MB", "10 of 500 MB")
    assert (server_words(answer(is_standby=True)), size_words(away())) == ("PostgreSQL 18.4, a standby", "")
    counts = Availability(day_probes=287, day_answered=286, week_probes=1000, week_answered=990).with_probe(True)
    assert availability_words(store(availability=counts)) == "99.65% of 24 h, 99.00% of 7 d"
    assert availability_words(store()) == "unknown"


def test_availability_below_the_goal_is_worth_a_look() -> None:
    counts = Availability(day_probes=100, day_answered=99, week_probes=100, week_answered=99)
    assert levels(store(availability=counts), store("secondary")) == [("look", "primary")]
    assert isinstance(advise(pair(store(availability=counts)))[0], Advice)
