"""Comparing two stores of 1 000 000 rows: against the plain scan with a row hash, and against reladiff.

Processor time of the client and both servers, as ratios within one round; the limit is the plain scan with the cheapest
adequate row hash, on both servers at once.
"""

import json
import statistics
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks import repairing
from benchmarks.report import Line, processor, say, show
from benchmarks.stack import options, version
from benchmarks.two_stores import DAMAGES, FOUND, Cost, TwoStores, damage, fill, measured, two_stores

_DIFF = ["-m", "orchestration.cli", "consistency", "diff", "--tables", "items", "--json"]
_LIMIT = """
import sys, threading, psycopg
def scan(url):
    with psycopg.connect(url) as db:
        db.execute("set max_parallel_workers_per_gather = 0")
        db.execute("set jit = off")
        db.execute('''select count(*), sum(hashint8extended(uuid_hash_extended(id, 1)
            # coalesce(uuid_hash_extended(user_id, 2), 2) # coalesce(hashtextextended(title, 3), 3)
            # coalesce(hashtextextended(content, 4), 4) # coalesce(hashtextextended(metadata::text, 5), 5)
            # coalesce(timestamp_hash_extended(created_at at time zone 'UTC', 6), 6)
            # coalesce(timestamp_hash_extended(updated_at at time zone 'UTC', 7), 7)
            # coalesce(hashtextextended(price::text, 8), 8), 9)) from items''').fetchall()
both = [threading.Thread(target=scan, args=(url,)) for url in sys.argv[1:]]
[one.start() for one in both]
[one.join() for one in both]
"""
_RELADIFF = """
import sys
import reladiff
def table(url, threads):
    db = reladiff.connect(url, thread_count=threads)
    columns = ("user_id", "title", "content", "created_at", "updated_at", "price")
    return reladiff.TableSegment(db, ("items",), ("id",), extra_columns=columns + ("metadata",))
threads, factor, threshold = map(int, sys.argv[3:])
segments = [table(url, threads) for url in sys.argv[1:3]]
how = {"bisection_factor": factor, "bisection_threshold": threshold, "max_threadpool_size": threads}
found = list(reladiff.diff_tables(*segments, **how))
print(len(found))
"""
_RELADIFF_WAYS = {"4 threads, 32/16384": ("4", "32", "16384"), "8 threads, 100/12000": ("8", "100", "12000")}
_MUSTS = {
    "identical": ("1.65", "1.3", "1.8", "2.3"),
    "10 changed": ("1.65", "1.3", "1.8", "2.3"),
    "1000 scattered": ("2.2", "1.6", "3.3", "4.5"),
    "block missing": ("1.65", "1.3", "1.8", "2.3"),
}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    rows, rounds = (60_000, 1) if asked.quick else (asked.rows, asked.rounds)
    with two_stores(rows) as stores:
        title = f"Consistency: {rows:,} rows, two {version(stores.url(0))}, {processor()}"
        lines = [*_scenarios(stores, rows, rounds), *_since(stores, rows, rounds), *_writers(stores, rows)]
        lines += repairing.lines(stores, rows)
        lines += _growth(stores, rows)
        show(
            title,
            lines,
            ["processor time of client and servers ÷ that of the limit in the same round; medians (range)"],
        )


def _scenarios(stores: TwoStores, rows: int, rounds: int) -> Iterator[Line]:
    """Full comparisons of four damages, the limit, and reladiff at two settings, in turns."""
    databases = {name: damage(stores, name) for name in DAMAGES}
    ours: dict[str, list[float]] = {name: [] for name in DAMAGES}
    peers: dict[str, list[float]] = {name: [] for name in DAMAGES}
    peaks: dict[str, float] = dict.fromkeys(DAMAGES, 0.0)
    temp = 0.0
    for number in range(rounds):
        limit = measured(stores, ["-c", _LIMIT, *stores.urls]).total_s
        for name, database in databases.items():
            before = stores.temp_bytes()
            cost = measured(stores, [*_DIFF, "--a", stores.url(0), "--b", stores.url(1, database)])
            temp += stores.temp_bytes() - before
            _check(name, cost, rows)
            ours[name].append(cost.total_s / limit)
            peaks[name] = max(peaks[name], cost.peak_mib)
            best = min(_reladiff(stores, database, way).total_s for way in _RELADIFF_WAYS.values())
            peers[name].append(best / cost.total_s)
        say(f"round {number + 1} of {rounds}, limit {limit:.2f} s")
    for name in DAMAGES:
        must, aim, peer_must, peer_aim = _MUSTS[name]
        yield Line(f"{name}: CPU ÷ limit", _spread(ours[name]), "", "", f"≤ {must}", f"≤ {aim}")
        yield Line(f"{name}: reladiff's CPU ÷ ours", "", _spread(peers[name]), "", f"≥ {peer_must}", f"≥ {peer_aim}")
    yield Line("client's largest memory, MiB", f"{max(peaks.values()):.0f}", "", "", "≤ 160", "≤ 110")
    yield Line("temporary files of the servers, bytes", f"{temp:.0f}", "", "", "0", "0")


def _reladiff(stores: TwoStores, database: str, way: tuple[str, str, str]) -> Cost:
    return measured(stores, ["-c", _RELADIFF, stores.url(0), stores.url(1, database), *way])


def _check(name: str, cost: Cost, rows: int) -> None:
    (report,) = json.loads(cost.output)
    found = tuple(report[kind]["count"] for kind in ("only_in_a", "only_in_b", "mismatched"))
    expected = (rows // 20, 0, 0) if name == "block missing" else FOUND[name]
    if found != expected:
        sys.exit(f"{name}: found {found}, expected {expected}")


def _since(stores: TwoStores, rows: int, rounds: int) -> Iterator[Line]:
    """A day's window, and increments after a thousandth of the rows changed: what the servers take."""
    state = stores.home / "state.json"
    state.unlink(missing_ok=True)
    given = ["--a", stores.url(0), "--b", stores.url(1)]
    limits, windows, increments = [], [], []
    since = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=49)).strftime("%Y-%m-%dT%H:%M:%S")
    measured(stores, [*_DIFF, *given, "--state", str(state)])
    for number in range(rounds):
        limits.append(measured(stores, ["-c", _LIMIT, *stores.urls]).servers_s)
        windows.append(measured(stores, [*_DIFF, *given, "--mode", "window", "--since", since]).servers_s)
        expected = _churn(stores, rows, number)
        cost = measured(stores, [*_DIFF, *given, "--mode", "incremental", "--state", str(state)])
        increments.append(cost.servers_s)
        (report,) = json.loads(cost.output)
        found = report["only_in_a"]["count"] + report["only_in_b"]["count"] + report["mismatched"]["count"]
        if (report["mode"], found) != ("incremental", expected * (number + 1)):
            sys.exit(f"increments found {found} ({report['mode']}), expected {expected * (number + 1)}")
        say(f"increments, round {number + 1} of {rounds}")
    ratios = [one / limit for one, limit in zip(windows, limits, strict=True)]
    yield Line("window of 24 h (2 % of the rows): servers' CPU ÷ limit", _spread(ratios), "", "", "≤ 0.12", "0.06")
    ratios = [one / limit for one, limit in zip(increments, limits, strict=True)]
    yield Line("increments, 0.1 % churn with deletes: servers' CPU ÷ limit", _spread(ratios), "", "", "≤ 0.75", "0.5")


def _churn(stores: TwoStores, rows: int, number: int) -> int:
    """Change a thousandth of the rows in both stores alike, and thirty in one of them only; how many those are."""
    chosen = f"select id from items order by md5(id::text || '{number}') limit {rows // 1000}"
    both = f"update items set price = price + 1 where id in ({chosen})"
    for side in (0, 1):
        stores.execute(side, both)
    only = f"(select id from items order by md5('z{number}' || id::text) limit 10 offset "
    stores.execute(1, f"delete from items where id in {only} 0)")
    stores.execute(1, f"update items set title = 'quiet {number}' where id in {only} 100)")
    new = f"insert into items select md5('n{number}-' || i)::uuid, null, 't', 'c', '{{}}', now(), now(), 1"
    stores.execute(0, f"{new} from generate_series(1, 10) i")
    return 30


def _writers(stores: TwoStores, rows: int) -> Iterator[Line]:
    """Four applications write both stores while reports run: what is reported beyond the planted 30."""
    fill(stores, min(rows, 100_000), repairing.BUSY)
    lost = "update items set title = 'lost' where id in (select id from items order by id limit 30)"
    stores.execute(1, lost, database=repairing.BUSY)
    given = ["--a", stores.url(0, repairing.BUSY), "--b", stores.url(1, repairing.BUSY)]
    planted = 30
    stop, false, missed = threading.Event(), 0, 0
    writers = [threading.Thread(target=repairing.write_both, args=(stores, number, stop)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            cost = measured(stores, [*_DIFF, *given])
            (report,) = json.loads(cost.output)
            found = report["only_in_a"]["count"] + report["only_in_b"]["count"] + report["mismatched"]["count"]
            false, missed = false + max(0, found - planted), missed + max(0, planted - found)
            say(f"four writers: {found} of {planted}, {report['in_flux']['count']} in flux")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    yield Line("four writers, three reports: false / missed", f"{false} / {missed}", "", "", "0 / 0", "0 / 0")


def _growth(stores: TwoStores, rows: int) -> Iterator[Line]:
    """The client's memory with four times the rows."""
    peaks = []
    for times in (1, 4):
        fill(stores, rows * times)
        stores.execute(1, *DAMAGES["10 changed"])
        peaks.append(measured(stores, [*_DIFF, "--a", stores.url(0), "--b", stores.url(1)]).peak_mib)
    grown = f"{peaks[1] - peaks[0]:.0f} ({peaks[0]:.0f} to {peaks[1]:.0f})"
    yield Line(f"client's memory from {rows:,} to {4 * rows:,} rows, MiB", grown, "", "", "≤ 40", "~ 0")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
