"""Windows and increments find what they promise; what is cut off goes on."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from holdfast.consistency.reports import Mark
from holdfast.consistency.scans import SLICE_BLOCKS, Checkpoint, Pace
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import TransientError
from resources.tables import running
from resources.tables.asking import Listener, Options
from tests.resources.tables.pairs import QUICK, Pair
from tests.servers import eventually, own_postgres

TABLE = """
    create table t (id uuid primary key, v integer, note text, updated_at timestamptz);
    insert into t select ('00000000-0000-4000-8000-' || lpad(to_hex(x * 7919), 12, '0'))::uuid, x, repeat('n', 300),
        timestamptz '2026-01-01' + x * interval '1 minute'
    from generate_series(1, 6000) x;
"""
# The newest 500 rows are in it.
SINCE = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5500)


@pytest.fixture
def filled(pair: Pair) -> Pair:
    pair.both(TABLE, "create index on t (updated_at)", "analyze t")
    return pair


def pick(rng: np.random.Generator, choices: list[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def numbers(pair: Pair, keys: list[str]) -> list[int]:
    with psycopg.connect(pair.urls[0]) as a, psycopg.connect(pair.urls[1]) as b:
        found = [
            row[0]
            for one in (a, b)
            for row in one.execute("select v from t where id = any(%s::uuid[])", (keys,)).fetchall()
        ]
    return sorted(set(found))


def test_a_window_finds_what_either_store_wrote_in_it(filled: Pair) -> None:
    filled.a("delete from t where v = 5900", "update t set note = 'a' where v = 5800")
    filled.b("delete from t where v = 5700")
    # Written in A only, long after B's copy: B's row is not in the window, and yet it is there.
    filled.a("update t set note = 'new', updated_at = '2026-01-05 00:00+00' where v = 10")
    filled.a("update t set note = 'unseen' where v = 20")
    report = filled.compare("t", mode="window", since=SINCE).report
    found = {
        kind: numbers(filled, [k[0] for k in report.of(kind).keys]) for kind in ("only_in_a", "only_in_b", "mismatched")
    }
    assert found == {"only_in_a": [5700], "only_in_b": [5900], "mismatched": [10, 5800]}
    assert (report.mode, report.coverage.since) == ("window", SINCE)


def test_a_small_table_without_a_time_column_is_compared_in_full(filled: Pair) -> None:
    filled.b("update t set note = 'x' where v = 3")
    declared = ComparedTable(name="t", updated_at=None)
    report = filled.compare(declared, mode="window", since=SINCE).report
    assert (report.mode, report.of("mismatched").count) == ("full", 1)
    assert "no time column" in report.notes[0]
    large = replace(QUICK, small_rows=100)
    assert filled.compare(declared, mode="window", since=SINCE, options=large).report.status == "not_comparable"


def test_increments_find_deletes_and_writes_that_touch_no_time_and_tell_causes(filled: Pair) -> None:
    first = filled.compare("t")
    assert first.mark is not None
    filled.b("delete from t where v in (1, 2)")
    filled.a("update t set note = 'quiet' where v = 3")
    filled.a("insert into t values (gen_random_uuid(), -1, 'never arrives', '2020-01-01')")
    filled.both("delete from t where v = 4", "update t set note = 'both' where v = 5")
    comparison = filled.compare("t", mode="incremental", mark=first.mark)
    report = comparison.report
    assert report.mode == "incremental"
    assert numbers(filled, [k[0] for k in report.of("mismatched").keys]) == [3]
    assert report.of("only_in_b").count == 0
    causes = {numbers(filled, [d.key[0]])[0]: d.cause for d in comparison.differences if d.kind == "only_in_a"}
    assert causes == {-1: "never_arrived", 1: "deleted", 2: "deleted"}
    assert (report.rows_a, report.rows_b) == (6000, 5997)


def test_what_was_written_across_the_mark_and_committed_after_it_is_found(filled: Pair) -> None:
    with psycopg.connect(filled.urls[1]) as late:
        late.execute("update t set note = 'late' where v = 77")
        # Later transactions come and go while that one is open.
        filled.both("update t set note = 'both' where v = 78")
        mark = filled.compare("t").mark
        filled.both("update t set note = 'both again' where v = 78")
        late.commit()
    report = filled.compare("t", mode="incremental", mark=mark).report
    assert (report.mode, numbers(filled, [k[0] for k in report.of("mismatched").keys])) == ("incremental", [77])


def test_what_was_open_is_looked_at_again_and_again_until_it_is_mended(filled: Pair) -> None:
    filled.b("update t set note = 'x' where v = 3")
    mark = filled.compare("t").mark
    for _ in range(2):
        comparison = filled.compare("t", mode="incremental", mark=mark)
        assert comparison.report.of("mismatched").count == 1
        mark = comparison.mark
    filled.b("update t set note = repeat('n', 300) where v = 3")
    assert filled.compare("t", mode="incremental", mark=mark).report.status == "ok"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mark: None,
        lambda mark: replace(mark, digest="other"),
        lambda mark: replace(mark, a=replace(mark.a, system="restored")),
        lambda mark: replace(mark, b=replace(mark.b, table_oid=1)),
        lambda mark: replace(mark, b=replace(mark.b, next_xid=mark.b.next_xid + 10**6)),
        lambda mark: replace(mark, a=replace(mark.a, xmin=mark.a.xmin - 2**31)),
    ],
)
def test_a_mark_that_does_not_hold_means_all_is_compared(filled: Pair, spoil: Callable[[Mark], Mark | None]) -> None:
    first = filled.compare("t")
    assert first.mark is not None
    filled.b("update t set note = 'x' where v = 3")
    report = filled.compare("t", mode="incremental", mark=spoil(first.mark)).report
    assert (report.mode, report.of("mismatched").count) == ("full", 1)
    assert any(note.startswith("compared in full: ") for note in report.notes)


def test_maintenance_makes_no_work_and_hides_nothing(filled: Pair) -> None:
    mark = filled.compare("t").mark
    filled.b("update t set note = 'x' where v = 3")
    filled.a("vacuum full t", "vacuum freeze t")
    filled.b("vacuum freeze t", "cluster t using t_pkey", "alter table t add column later integer")
    report = filled.compare("t", mode="incremental", mark=mark).report
    assert (report.mode, report.of("mismatched").count) == ("incremental", 1)


def test_random_histories_are_found_exactly_by_increments(pair: Pair) -> None:
    rng = np.random.default_rng(4)
    pair.both(
        "create table t (id integer primary key, v integer)", "insert into t select n, 0 from generate_series(1, 400) n"
    )
    mark = pair.compare("t").mark
    for _ in range(12):
        for _ in range(rng.integers(12)):
            run = pick(rng, [pair.a, pair.b, pair.both])
            key, value = rng.integers(1, 440), rng.integers(3)
            run(
                pick(
                    rng,
                    [
                        f"delete from t where id = {key}",
                        f"update t set v = {value} where id = {key}",
                        f"insert into t values ({key}, {value}) on conflict (id) do update set v = excluded.v",
                        f"update t set v = v where id between {key} and {key + 9}",
                    ],
                )
            )
        comparison = pair.compare("t", mode="incremental", mark=mark)
        by_hand = _by_hand(pair)
        found = {d.key[0]: d.kind for d in comparison.differences}
        assert (comparison.report.mode, found) == ("incremental", by_hand)
        if rng.random() < 0.7:
            mark = comparison.mark


def _by_hand(pair: Pair) -> dict[str, str]:
    rows = []
    for url in pair.urls:
        with psycopg.connect(url) as connection:
            rows.append(dict(connection.execute("select id::text, v from t").fetchall()))
    a, b = rows
    kinds = {key: "only_in_a" if key not in b else "only_in_b" if key not in a else "mismatched" for key in a | b}
    return {key: kind for key, kind in kinds.items() if a.get(key) != b.get(key)}


def test_rows_that_are_being_written_are_no_mismatch(filled: Pair) -> None:
    stop = threading.Event()

    def write(number: int) -> None:
        """An application: writes A, then B a moment later."""
        rng = np.random.default_rng(number)
        with (
            psycopg.connect(filled.urls[0], autocommit=True) as a,
            psycopg.connect(filled.urls[1], autocommit=True) as b,
        ):
            while not stop.is_set():
                key, text = f"00000000-0000-4000-8000-{rng.integers(10**9):012x}", str(rng.random())
                statement, values = pick(
                    rng,
                    [
                        ("update t set note = %s where v = %s", (text, int(4 * rng.integers(1, 1200) + number))),
                        ("insert into t values (%s, -9, %s) on conflict do nothing", (key, text)),
                        ("delete from t where v = %s", (int(4 * rng.integers(1, 1200) + number),)),
                    ],
                )
                a.execute(statement, values)
                time.sleep(0.03)
                b.execute(statement, values)

    filled.b("update t set note = 'lost' where v between 5901 and 5910", "delete from t where v between 5951 and 5953")
    filled.a("delete from t where v = 5999")
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            report = filled.compare("t", options=Options(recheck_delay_s=0.5)).report
            assert [report.of(kind).count for kind in ("only_in_a", "only_in_b", "mismatched")] == [3, 1, 10]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert filled.compare("t").report.mismatch_count == 14


def numbers_changed(pair: Pair) -> bool:
    with psycopg.connect(pair.urls[1]) as b:
        return bool(b.execute("select 1 from t where v = 7 and note <> repeat('n', 300)").fetchone())


def test_a_row_that_changes_at_every_look_is_in_flux(filled: Pair) -> None:
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(filled.urls[1], autocommit=True) as b:
            while not stop.is_set():
                b.execute("update t set note = clock_timestamp()::text where v = 7")

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: numbers_changed(filled))
    try:
        report = filled.compare("t", options=Options(recheck_delay_s=0.05)).report
    finally:
        stop.set()
        writer.join()
    assert (report.status, report.of("in_flux").count, report.mismatch_count) == ("ok", 1, 0)


def test_a_comparison_that_was_cut_off_goes_on_where_it_was(filled: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "Pace", lambda limit_s: Pace(limit_s, blocks=32))
    filled.b("update t set note = 'x' where v in (3, 5995)")
    kept: list[dict[str, object]] = []

    def keep(checkpoint: Checkpoint) -> None:
        kept.append(checkpoint.to_document())
        if len(kept) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled.compare("t", listener=Listener(keep=keep))
    told = []
    comparison = filled.compare(
        "t",
        checkpoint=Checkpoint.from_document(kept[-1]),
        listener=Listener(tell=told.append),  # type: ignore[arg-type]
    )
    assert numbers(filled, [k[0] for k in comparison.report.of("mismatched").keys]) == [3, 5995]
    assert comparison.report.rows_a == 6000
    whole = []
    filled.compare("t", listener=Listener(tell=whole.append))
    assert len(told) <= len(whole) - 6, "what was scanned is not scanned again"


def test_a_checkpoint_of_a_table_that_was_rewritten_starts_that_side_anew(filled: Pair) -> None:
    kept: list[dict[str, object]] = []
    filled.compare("t", listener=Listener(keep=lambda c: kept.append(c.to_document())))
    filled.b("delete from t where v < 100", "vacuum full t")
    report = filled.compare("t", checkpoint=Checkpoint.from_document(kept[-1])).report
    assert (report.rows_a, report.rows_b, report.of("only_in_a").count) == (6000, 5901, 99)


def test_slices_cover_every_page_once(filled: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for blocks in (1, 7, 64, SLICE_BLOCKS):
        monkeypatch.setattr(running, "Pace", lambda limit_s, blocks=blocks: Pace(limit_s, blocks=blocks))
        report = filled.compare("t").report
        assert (report.rows_a, report.rows_b, report.status) == (6000, 6000, "ok")


def test_a_store_that_dies_in_the_middle_is_an_error_of_its_own() -> None:
    with own_postgres() as server:
        server.execute("create database a", "create database b")
        pair = Pair(server.admin("a"), server.admin("b"))
        pair.both(TABLE)
        with pytest.raises(TransientError):
            pair.compare("t", listener=Listener(tell=lambda _: server.kill()))


def test_differences_beyond_the_limit_are_counted(filled: Pair) -> None:
    filled.b("delete from t where v <= 1000", "update t set note = 'x' where v > 5000")
    report = filled.compare("t", options=Options(max_keys=100, recheck_delay_s=0)).report
    assert (report.of("only_in_a").count, report.of("mismatched").count) == (1000, 1000)
    assert len(report.of("only_in_a").keys) + len(report.of("mismatched").keys) == 100
    assert report.of("only_in_a").is_truncated or report.of("mismatched").is_truncated
    assert filled.compare("t", options=Options(max_keys=100, recheck_delay_s=0)).mark is None
