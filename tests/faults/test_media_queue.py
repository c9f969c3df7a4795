"""The queue under fire: many workers, killed workers, cut lines."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from holdfast.errors import TransientError
from resources.media.queue import Queue
from resources.migrations import migrate
from resources.postgres import Postgres
from tests.debian import pooler
from tests.resources.media.books import VAULTS, Books, claims, verified
from tests.servers import own_postgres

PROJECT = Path(__file__).parents[2]
WORKER = """
import sys, time
from resources.media.queue import Queue
from resources.postgres import Postgres
queue = Queue(Postgres(sys.argv[1]), owner="killed", lease_s=2)
works = queue.claim(vaults=("drive", "s3"), media_class=None, most=3)
queue.reserve([(claim, f"id-{claim.item_id}-{claim.vault}") for work in works for claim in work.claims])
print(sum(len(work.claims) for work in works), flush=True)
time.sleep(60)
"""


@pytest.fixture
def books(database_url: str) -> Books:
    return Books(database_url)


def test_many_workers_share_the_work_and_nothing_is_given_out_twice(books: Books) -> None:
    for number in range(120):
        books.add(number, ("upscale", "regular", "images")[number % 3], expires_in=timedelta(hours=number))
    given: Counter[tuple[int, str]] = Counter()
    whole: list[int] = []

    def work(name: int) -> None:
        with closing(Queue(Postgres(books.url), owner=f"worker {name}")) as queue:
            while works := queue.claim(vaults=VAULTS, media_class=None, most=4):
                given.update((claim.item_id, claim.vault) for claim in claims(works))
                whole.extend(len(one.claims) for one in works)
                queue.settle([verified(claim) for claim in claims(works)])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given.total() == len(given) == 240
    assert set(whole) == {2}
    assert books.value("select count(*) from holdfast.media_copies where state = 'verified'") == 240
    assert books.value("select count(*) from holdfast.media_transfers") == 240


def test_what_a_killed_worker_held_is_taken_over_where_it_was(books: Books) -> None:
    for number in range(3):
        books.add(number)
    argv = [sys.executable, "-c", WORKER, books.url]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == "6"
        worker.send_signal(signal.SIGKILL)
    with closing(Queue(Postgres(books.url), owner="heir")) as heir:
        assert heir.claim(vaults=VAULTS, media_class=None, most=9) == []
        books.turn(timedelta(seconds=3))
        works = heir.claim(vaults=VAULTS, media_class=None, most=9)
        assert {claim.remote_id for claim in claims(works)} == {
            f"id-{n}-{vault}" for n in (1, 2, 3) for vault in VAULTS
        }
        assert {claim.attempts for claim in claims(works)} == {0}
        heir.settle([verified(claim) for claim in claims(works)])
    assert books.value("select count(*) from holdfast.media_transfers where verdict = 'abandoned'") == 6


def cut_lines(books: Books) -> None:
    books.run("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
              "and datname = current_database()")  # fmt: skip


def test_a_line_that_is_cut_between_calls_is_opened_anew(books: Books) -> None:
    item_id = books.add(1)
    with closing(Queue(Postgres(books.url), owner="run")) as queue:
        (drive, s3) = claims(queue.claim(vaults=VAULTS, media_class=None, most=9))
        cut_lines(books)
        queue.reserve([(drive, "id-1")])
        cut_lines(books)
        assert queue.keep_upload(drive, name="n", state=b"s", etag="e")
        cut_lines(books)
        assert queue.heartbeat([drive, s3], {}) == {drive.token, s3.token}
        cut_lines(books)
        queue.settle([verified(drive), verified(s3)])
        cut_lines(books)
        assert queue.claim(vaults=VAULTS, media_class=None, most=9) == []
    assert books.states(item_id) == {"drive": "verified", "s3": "verified"}
    assert books.value("select count(*) from holdfast.media_transfers") == 2


def test_a_line_that_is_cut_in_the_middle_of_a_settlement_settles_all_or_nothing(books: Books) -> None:
    ids = [books.add(number) for number in range(3)]
    with closing(Queue(Postgres(books.url), owner="run")) as queue:
        held = claims(queue.claim(vaults=VAULTS, media_class=None, most=9))
        with psycopg.connect(books.url) as somebody:
            somebody.execute("select 1 from holdfast.media_items where item_id = %s for update", (ids[1],))
            settling = threading.Thread(target=lambda: queue.settle([verified(claim) for claim in held]))
            settling.start()
            waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            while not (rows := books.rows(waiting)):
                pass
            books.run("select pg_terminate_backend(%s)", rows[0]["pid"])
            somebody.rollback()
        settling.join()
    # The first attempt was rolled back, the second one did it all, once.
    assert books.value("select count(*) from holdfast.media_copies where state = 'verified'") == 6
    assert books.value("select count(*) from holdfast.media_transfers") == 6


def test_books_that_are_away_are_told_and_found_again(tmp_path: Path) -> None:
    with own_postgres() as server:
        migrate(Postgres(server.admin()))
        books = Books(server.admin())
        books.add(1)
        with closing(Queue(Postgres(server.admin()), owner="run")) as queue:
            held = claims(queue.claim(vaults=VAULTS, media_class=None, most=9))
            server.stop()
            with pytest.raises(TransientError):
                queue.settle([verified(claim) for claim in held])
            server.start()
            queue.settle([verified(claim) for claim in held])
        assert books.states(1) == {"drive": "verified", "s3": "verified"}


def test_the_queue_works_through_a_pooler_in_transaction_mode() -> None:
    with own_postgres() as server:
        migrate(Postgres(server.admin()))
        books = Books(server.admin())
        for number in range(8):
            books.add(number)
        with pooler(server) as port:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            queues = [Queue(Postgres(url), owner=f"run {number}") for number in range(5)]
            for queue in queues * 2:
                held = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
                queue.reserve([(claim, "id") for claim in held])
                assert queue.heartbeat(held, {}) == {claim.token for claim in held}
                queue.settle([verified(claim) for claim in held])
            for queue in queues:
                queue.close()
        assert books.value("select count(*) from holdfast.media_copies where state = 'verified'") == 16
