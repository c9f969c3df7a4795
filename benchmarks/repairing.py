"""Repairing a thousand rows both ways; and applications that write both stores."""

import json
import threading
import time
from collections.abc import Iterator

import numpy as np
import psycopg

from benchmarks.report import Line, say
from benchmarks.two_stores import DAMAGES, TwoStores, fill, measured

_DATABASE = "repaired"
BUSY = "busy"
_CLI = ["-m", "orchestration.cli", "consistency"]


def lines(stores: TwoStores, rows: int) -> Iterator[Line]:
    """Plan and apply of a thousand rows, from comparing to the last commit, and once more."""
    fill(stores, rows, _DATABASE)
    newer = "update items set updated_at = updated_at + interval '1 hour' where content like '%x'"
    stores.execute(1, *DAMAGES["1000 scattered"], newer, database=_DATABASE)
    given = ["--a", stores.url(0, _DATABASE), "--b", stores.url(1, _DATABASE)]
    plan, journal = str(stores.home / "plan.json"), str(stores.home / "journal.jsonl")
    began_s = time.perf_counter()
    planned = measured(stores, [*_CLI, "plan", "items", "--authority", "newest", "--out", plan, "--json", *given])
    sha = json.loads(planned.output)["sha256"]
    applying_s = time.perf_counter()
    apply = [*_CLI, "apply", plan, "--confirm", sha, "--journal", journal, "--json", *given]
    applied = json.loads(measured(stores, apply).output)
    done_s = time.perf_counter()
    again = json.loads(measured(stores, apply).output)
    say(f"planned {planned.output[:200]}, applied {applied}, again {again}")
    took = f"{done_s - began_s:.1f} ({applying_s - began_s:.1f} + {done_s - applying_s:.1f})"
    yield Line("repair of 1000 rows both ways: plan + apply, s", took, "", "", "≤ 10", "")


def write_both(stores: TwoStores, number: int, stop: threading.Event) -> None:
    """An application: writes the primary, and the secondary 30 ms later."""
    rng = np.random.default_rng(number)
    urls = [stores.url(side, BUSY) for side in (0, 1)]
    with psycopg.connect(urls[0], autocommit=True) as a, psycopg.connect(urls[1], autocommit=True) as b:
        while not stop.is_set():
            # Every writer has rows of its own, and none of the planted ones: they are the smallest.
            key = f"{rng.integers(0x1000, 0xFFFF):04x}{number}000-0000-4000-8000-{rng.integers(2**40):012x}"
            text, nearest = (
                str(rng.random()),
                "select id from items where id >= %s and get_byte(uuid_send(id), 15) % 4 = %s",
            )
            chosen = a.execute(
                f"{nearest.replace('% 4', '%% 4')} order by id limit 1".encode(), (key, number)
            ).fetchone()
            statement, values = _write(int(rng.integers(3)), key, text, chosen)
            a.execute(statement.encode(), values)
            time.sleep(0.03)
            b.execute(statement.encode(), values)


def _write(kind: int, key: str, text: str, chosen: tuple[object, ...] | None) -> tuple[str, tuple[object, ...]]:
    if kind == 0 or chosen is None:
        return "insert into items (id, title) values (%s, %s) on conflict do nothing", (key, text)
    if kind == 1:
        return "update items set title = %s where id = %s", (text, chosen[0])
    return "delete from items where id = %s", (chosen[0],)
