"""How long a claim of work takes with 100 000 waiting files and 8 workers that claim, settle and claim again.

``python -m benchmarks.media_queue`` fills the books (three classes, a sixth of the files in the rescue window, some
overdue), lets eight processes drain a part of them the way ``media_backup`` does, 64 files at a time, and takes the
time of every call. Every worker writes down what it was given: no copy may be given out twice. The peer is the claim
that comes to mind first: sort what waits, lock the first rows that are free.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import quantiles

import psycopg

from benchmarks.report import Line, processor, say, show
from benchmarks.stack import database, database_option, options, version
from holdfast.media.vaults import Stored
from holdfast.media.work import Claim, Result
from resources.media.queue import Queue
from resources.postgres import Postgres

WORKERS = 8
VAULTS = ("drive", "s3")
AT_ONCE = 64

FILL = """
    insert into holdfast.media_items (
        source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at, expected_bytes
    )
    select
        'gen_videos', n::text, (array['upscale', 'regular', 'images'])[n %% 3 + 1], 'video', 'https://fal.media/' || n,
        'https://fal.media/' || n, at.deadline - interval '7 days', at.deadline, 300000
    from generate_series(1, %(files)s) as n
    cross join lateral (
        select now() + interval '7 days' * (n * 7919::bigint %% %(files)s) / %(files)s - interval '2 hours' as deadline
    ) as at
"""
COPIES = """
    insert into holdfast.media_copies (item_id, vault, media_class, deadline_at)
    select item_id, vault, media_class, deadline_at
    from holdfast.media_items cross join unnest(%(vaults)s::text[]) as vault
"""
SORTED = """
    update holdfast.media_copies as c
    set state = 'leased', lease_token = gen_random_uuid(), lease_owner = 'peer', leased_at = now(),
        lease_until = now() + interval '2 minutes'
    from (
        select item_id, vault from holdfast.media_copies
        where state = 'pending' and next_attempt_at <= now()
        order by deadline_at > now() + interval '1 day',
            array_position(array['upscale', 'regular', 'images'], media_class), deadline_at, item_id
        limit %(most)s
        for update skip locked
    ) as one
    where c.item_id = one.item_id and c.vault = one.vault
    returning c.item_id, c.vault
"""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of every call of one worker, and what it was given."""

    claims_s: list[float]
    settles_s: list[float]
    given: list[tuple[int, str]]


def main() -> None:
    asked = database_option(options(__doc__)).parse_args()
    files, rounds = (5_000, 5) if asked.quick else (100_000, 60)
    with database(asked.database_url) as url:
        _fill(url, files)
        peer, peer_s = _race(url, _sorted_worker, 2 if asked.quick else 6)
        _fill(url, files)
        ours, seconds = _race(url, _worker, rounds)
        title = f"media queue: {files:,} waiting files, {WORKERS} workers; {version(url)}; {processor()}"
        show(title, _lines(ours, seconds, peer, peer_s), (f"{AT_ONCE} files and both their copies per call",))


def _fill(url: str, files: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("truncate holdfast.media_items, holdfast.media_copies, holdfast.media_transfers cascade")
        connection.execute(FILL, {"files": files})
        connection.execute(COPIES, {"vaults": list(VAULTS)})
        connection.execute("vacuum (analyze) holdfast.media_items, holdfast.media_copies")
    say(f"{files:,} files wait")


def _race(url: str, worker: Callable[[str, int, int], Timings], rounds: int) -> tuple[list[Timings], float]:
    """All workers at once."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        list(pool.map(_warm, range(WORKERS)))
        began_s = time.perf_counter()
        jobs = [pool.submit(worker, url, number, rounds) for number in range(WORKERS)]
        found = [job.result() for job in jobs]
        seconds = time.perf_counter() - began_s
    say(f"{worker.__name__}: {seconds:.1f} s")
    return found, seconds


def _warm(_: int) -> None:
    time.sleep(0.5)


def _worker(url: str, number: int, rounds: int) -> Timings:
    queue = Queue(Postgres(url), owner=f"worker {number}")
    found = Timings([], [], [])
    for _ in range(rounds):
        began_s = time.perf_counter()
        works = queue.claim(vaults=VAULTS, media_class=None, most=AT_ONCE)
        claimed_s = time.perf_counter()
        claims = [claim for work in works for claim in work.claims]
        queue.settle([_verified(claim) for claim in claims])
        settled_s = time.perf_counter()
        found.claims_s.append(claimed_s - began_s)
        found.settles_s.append(settled_s - claimed_s)
        found.given.extend((claim.item_id, claim.vault) for claim in claims)
    queue.close()
    return found


def _sorted_worker(url: str, _number: int, rounds: int) -> Timings:
    found = Timings([], [], [])
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(rounds):
            began_s = time.perf_counter()
            rows = connection.execute(SORTED, {"most": AT_ONCE * len(VAULTS)}).fetchall()
            found.claims_s.append(time.perf_counter() - began_s)
            found.given.extend(rows)
    return found


def _verified(claim: Claim) -> Result:
    sha256 = claim.item_id.to_bytes(32, "big")
    remote_id = f"{claim.vault}-{claim.item_id}"
    stored = Stored(remote_id=remote_id, name=remote_id, size_bytes=300_000, sha256=sha256)
    return Result(
        claim=claim, verdict="verified", stored=stored, sha256=sha256, size_bytes=300_000, sent_bytes=300_000, etag="e"
    )


def _lines(ours: Sequence[Timings], seconds: float, peer: Sequence[Timings], peer_s: float) -> list[Line]:
    claims, settles = _all(ours, "claims_s"), _all(ours, "settles_s")
    peers = _all(peer, "claims_s")
    given = Counter(one for timings in ours for one in timings.given)
    copies, peer_copies = given.total(), sum(len(timings.given) for timings in peer)
    return [
        Line("claim, p50 ms", _ms(claims, 50), _ms(peers, 50), _times(peers, claims, 50)),
        Line("claim, p99 ms", _ms(claims, 99), _ms(peers, 99), _times(peers, claims, 99), "100"),
        Line("claim, slowest ms", f"{1e3 * max(claims):.1f}", f"{1e3 * max(peers):.1f}"),
        Line("settle, p50 ms", _ms(settles, 50)),
        Line("settle, p99 ms", _ms(settles, 99)),
        Line("copies claimed and settled per second", f"{copies / seconds:.0f}", f"claimed {peer_copies / peer_s:.0f}"),
        Line("copies given out twice", str(sum(count - 1 for count in given.values())), must="0"),
    ]


def _all(found: Sequence[Timings], name: str) -> list[float]:
    return [value for timings in found for value in getattr(timings, name)]


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _ms(values: Sequence[float], percent: int) -> str:
    return f"{1e3 * _percentile(values, percent):.1f}"


def _times(peers: Sequence[float], ours: Sequence[float], percent: int) -> str:
    return f"{_percentile(peers, percent) / _percentile(ours, percent):.1f}x"


if __name__ == "__main__":
    main()
