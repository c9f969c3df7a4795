"""The queue: what is claimed, in which order, and what becomes of it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from holdfast.media.vaults import Space, Stored
from holdfast.media.work import Claim, Elsewhere, Result
from resources.media.queue import Queue
from resources.postgres import Postgres
from tests.resources.media.books import VAULTS, Books, claims, digest, ids, verified

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def books(database_url: str) -> Books:
    return Books(database_url)


@pytest.fixture
def queue(database_url: str) -> Iterator[Queue]:
    with closing(Queue(Postgres(database_url), owner="run 1")) as queue:
        yield queue


@pytest.fixture
def other(database_url: str) -> Iterator[Queue]:
    """Another run, on another machine."""
    with closing(Queue(Postgres(database_url), owner="run 2")) as queue:
        yield queue


def test_the_most_pressing_comes_first(books: Books, queue: Queue) -> None:
    order = [
        books.add(1, "upscale", expires_in=-HOUR),
        books.add(2, "upscale", expires_in=20 * HOUR),
        books.add(3, "images", expires_in=HOUR),
        books.add(4, "upscale", expires_in=2 * DAY),
        books.add(5, "upscale", expires_in=3 * DAY),
        books.add(6, "regular", expires_in=2 * DAY),
        books.add(7, "images", expires_in=25 * HOUR),
    ]
    assert ids(queue.claim(vaults=VAULTS, media_class=None, most=3)) == order[:3]
    assert ids(queue.claim(vaults=VAULTS, media_class=None, most=10)) == order[3:]
    assert queue.claim(vaults=VAULTS, media_class=None, most=10) == []


def test_an_item_is_claimed_whole_and_only_where_it_is_wanted(books: Books, queue: Queue) -> None:
    one, other = books.add(1), books.add(2, vaults=("drive",))
    (work,) = queue.claim(vaults=("s3",), media_class=None, most=5)
    assert [(claim.item_id, claim.vault) for claim in work.claims] == [(one, "s3")]
    rest = queue.claim(vaults=("drive", "s3"), media_class=None, most=5)
    assert [(claim.item_id, claim.vault) for claim in claims(rest)] == [(one, "drive"), (other, "drive")]


def test_a_claim_says_all_that_a_worker_needs(books: Books, queue: Queue) -> None:
    item_id = books.add(1, size=77)
    (work,) = queue.claim(vaults=VAULTS, media_class="upscale", most=1)
    item = work.item
    assert (item.item_id, item.source_table, item.source_id, item.expected_bytes) == (item_id, "gen_videos", "1", 77)
    assert item.url == "https://fal.media/1?sig=1"
    assert item.deadline_at.tzinfo is not None
    assert [claim.vault for claim in work.claims] == ["drive", "s3"]
    assert len({claim.token for claim in work.claims}) == 2
    assert (books.copy(item_id)["lease_owner"], books.copy(item_id)["state"]) == ("run 1", "leased")


def test_class_urgency_and_bytes_bound_a_claim(books: Books, queue: Queue) -> None:
    soon, large, small = (
        books.add(1, expires_in=HOUR, size=400),
        books.add(2, size=5000),
        books.add(3, "images", size=500),
    )
    assert ids(queue.claim(vaults=VAULTS, media_class=None, most=9, only_urgent=True)) == [soon]
    # The large one finds no room, what comes after it does.
    assert ids(queue.claim(vaults=VAULTS, media_class=None, most=9, max_bytes=600)) == [small]
    assert ids(queue.claim(vaults=VAULTS, media_class="regular", most=9)) == []
    assert ids(queue.claim(vaults=VAULTS, media_class="upscale", most=9)) == [large]


def test_bytes_are_counted_over_all_files_of_a_claim(books: Books, queue: Queue) -> None:
    first, second, _ = (books.add(number, size=400) for number in (1, 2, 3))
    assert ids(queue.claim(vaults=VAULTS, media_class=None, most=9, max_bytes=900)) == [first, second]


def test_copies_nobody_asks_for_are_left(books: Books, queue: Queue) -> None:
    books.add(1)
    books.run("update holdfast.media_copies set is_required = false")
    assert queue.claim(vaults=VAULTS, media_class=None, most=9) == []
    assert queue.due(None, VAULTS).items == 0


def test_a_verified_copy_is_in_the_books_with_all_its_evidence(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    (work,) = queue.claim(vaults=VAULTS, media_class=None, most=1)
    queue.settle([verified(claim) for claim in work.claims])
    assert books.states(item_id) == {"drive": "verified", "s3": "verified"}
    copy, item = books.copy(item_id), books.item(item_id)
    assert (copy["remote_id"], copy["size_bytes"], copy["sha256"]) == (f"drive-{item_id}", 1000, digest("whole"))
    assert copy["verified_at"] is not None
    assert (copy["lease_token"], copy["upload_state"], copy["problem"]) == (None, None, "")
    assert (item["size_bytes"], item["sha256"], item["etag"]) == (1000, digest("whole"), "e1")
    assert (item["content_type"], item["origin_state"]) == ("video/mp4", "answers")
    log = books.rows("select vault, run, verdict, sent_bytes from holdfast.media_transfers order by vault")
    assert [tuple(row.values()) for row in log] == [(v, "run 1", "verified", 1000) for v in VAULTS]


def test_evidence_is_needed(books: Books, queue: Queue) -> None:
    books.add(1)
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    with pytest.raises(ValueError, match="not told what is stored"):
        queue.settle([Result(claim=claim, verdict="verified")])
    with psycopg.connect(books.url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("update holdfast.media_copies set state = 'verified', lease_token = null")


def test_bad_attempts_wait_and_the_eighth_is_the_last(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    for attempt in range(8):
        (work,) = queue.claim(vaults=VAULTS, media_class=None, most=1)
        assert work.claims[0].attempts == attempt
        after = timedelta(minutes=5)
        queue.settle([Result(claim=work.claims[0], verdict="again", problem="reset", remedy="wait", after=after)])
        assert queue.claim(vaults=VAULTS, media_class=None, most=1) == []
        books.turn(timedelta(minutes=5))
    copy = books.copy(item_id)
    assert (copy["state"], copy["attempts"], copy["problem"], copy["remedy"]) == ("failed", 8, "reset", "wait")


def test_patience_costs_no_attempt(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    for _ in range(10):
        (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
        queue.settle([Result(claim=claim, verdict="again", counts=False)])
    assert (books.copy(item_id)["state"], books.copy(item_id)["attempts"]) == ("pending", 0)


def test_what_is_released_is_there_for_the_next(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.reserve([(claim, "id-1")])
    assert queue.keep_upload(claim, name="a.mp4", state=b"half", etag="e1")
    queue.settle([Result(claim=claim, verdict="released", sent_bytes=400)])
    (again,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    assert (again.remote_id, again.name, again.upload, again.attempts) == ("id-1", "a.mp4", b"half", 0)
    assert again.token != claim.token
    assert queue.sent_today_bytes("drive") == 400
    assert books.copy(item_id)["state"] == "leased"


def test_an_upload_of_another_edition_of_the_file_is_not_gone_on_with(books: Books, queue: Queue) -> None:
    books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    assert queue.keep_upload(drive, name="a", state=b"old", etag="e1")
    assert queue.keep_upload(s3, name="b", state=b"new", etag="e2")
    queue.settle([Result(claim=one, verdict="released") for one in (drive, s3)])
    found = {one.vault: one.upload for one in claims(queue.claim(vaults=VAULTS, media_class=None, most=1))}
    assert found == {"drive": None, "s3": b"new"}


def test_beginning_anew_forgets_where_it_was(books: Books, queue: Queue) -> None:
    books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.reserve([(claim, "id-1")])
    queue.keep_upload(claim, name="a.mp4", state=b"half", etag="e1")
    queue.settle([Result(claim=claim, verdict="again", starts_anew=True)])
    (again,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    assert (again.remote_id, again.name, again.upload) == (None, None, None)


def test_a_dead_link_is_believed_the_second_time(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=claim, verdict="gone", problem="404")])
    assert (books.copy(item_id)["state"], books.item(item_id)["origin_state"]) == ("pending", "gone")
    assert queue.claim(vaults=VAULTS, media_class=None, most=1) == []
    books.turn(timedelta(minutes=9))
    assert queue.claim(vaults=VAULTS, media_class=None, most=1) == []
    books.turn(timedelta(minutes=1))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=claim, verdict="gone", problem="404 again", remedy="make it again")])
    copy = books.copy(item_id)
    assert (copy["state"], copy["problem"], copy["remedy"]) == ("lost", "404 again", "make it again")
    assert books.item(item_id)["origin_gone_count"] == 2


def test_two_sightings_in_a_hurry_are_one(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone")])
    books.turn(timedelta(minutes=1))
    queue.settle([Result(claim=s3, verdict="gone")])
    assert books.states(item_id) == {"drive": "pending", "s3": "pending"}


def test_a_copy_without_a_link_is_made_from_the_other_copy(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone"), Result(claim=s3, verdict="gone")])
    books.turn(timedelta(minutes=11))
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone")])
    assert books.states(item_id)["drive"] == "lost"
    # Somebody had read it before it died.
    queue.settle([verified(s3, etag="")])
    assert books.states(item_id) == {"drive": "pending", "s3": "verified"}
    (work,) = queue.claim(vaults=VAULTS, media_class=None, most=1)
    assert [claim.vault for claim in work.claims] == ["drive"]
    assert work.elsewhere == (Elsewhere(vault="s3", remote_id=f"s3-{item_id}"),)


def test_a_copy_whose_source_cannot_be_read_expires_after_eight_attempts(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone"), verified(s3, etag="")])
    for _ in range(8):
        books.turn(timedelta(hours=2))
        (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
        queue.settle([Result(claim=claim, verdict="gone", problem="404")])
    assert books.states(item_id) == {"drive": "expired", "s3": "verified"}


def test_a_copy_in_a_vault_that_is_no_longer_there_is_no_source(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone"), verified(s3, etag="")])
    books.run("insert into holdfast.media_vaults (vault, is_configured) values ('s3', false)")
    books.turn(timedelta(minutes=11))
    (claim,) = claims(queue.claim(vaults=("drive",), media_class=None, most=1))
    queue.settle([Result(claim=claim, verdict="gone")])
    assert books.states(item_id)["drive"] == "expired"


def test_a_link_that_answers_again_is_not_half_dead(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=drive, verdict="gone")])
    queue.settle([verified(s3, etag="e1")])
    assert books.item(item_id)["origin_gone_at"] is None
    books.turn(timedelta(minutes=11))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([Result(claim=claim, verdict="gone")])
    assert books.states(item_id)["drive"] == "pending"


def test_what_was_received_first_stands_while_a_copy_of_it_is_left(books: Books, queue: Queue) -> None:
    item_id = books.add(1)
    drive, s3 = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([verified(drive, "old")])
    queue.settle([verified(s3, "new", etag="e2")])
    assert books.item(item_id)["sha256"] == digest("old")
    assert (books.copy(item_id, "s3")["sha256"], books.copy(item_id)["sha256"]) == (digest("new"), digest("old"))


# What a run says about a lease that it has lost by now.
LATE: dict[str, Callable[[Queue, Claim], object]] = {
    "settle": lambda queue, claim: queue.settle([verified(claim)]),
    "fail": lambda queue, claim: queue.settle([Result(claim=claim, verdict="failed", problem="late")]),
    "reserve": lambda queue, claim: queue.reserve([(claim, "late")]),
    "keep": lambda queue, claim: queue.keep_upload(claim, name="late", state=b"late", etag="late"),
    "heartbeat": lambda queue, claim: queue.heartbeat([claim], {(claim.item_id, claim.vault): 5}),
}


@pytest.mark.parametrize("say", LATE)
def test_who_lost_a_lease_changes_nothing(books: Books, queue: Queue, other: Queue, say: str) -> None:
    item_id = books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    books.turn(timedelta(minutes=3))
    (taken,) = claims(other.claim(vaults=VAULTS, media_class=None, most=1))
    before = books.copy(item_id), books.item(item_id)
    assert not LATE[say](queue, claim)
    assert (books.copy(item_id), books.item(item_id)) == before
    assert other.heartbeat([taken], {}) == {taken.token}


def test_a_lease_lasts_as_long_as_its_heart_beats(books: Books, queue: Queue, other: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    for _ in range(3):
        books.turn(timedelta(seconds=100))
        assert queue.heartbeat([claim], {(item_id, "drive"): 7}) == {claim.token}
        assert queue.claim(vaults=VAULTS, media_class=None, most=1) == []
    assert queue.sent_today_bytes("drive") == 7
    books.turn(timedelta(seconds=121))
    (taken,) = claims(other.claim(vaults=VAULTS, media_class=None, most=1))
    assert queue.heartbeat([claim], {}) == set()
    # What the silent run sent counts, although it never said what came of it.
    log = books.rows("select run, verdict, sent_bytes from holdfast.media_transfers")
    assert [tuple(row.values()) for row in log] == [("run 1", "abandoned", 7)]
    assert taken.attempts == 0


def test_a_lease_that_ran_out_and_that_nobody_took_is_still_good(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    books.turn(timedelta(hours=1))
    queue.settle([verified(claim)])
    assert books.states(item_id) == {"drive": "verified"}


def test_a_result_told_twice_counts_once(books: Books, queue: Queue) -> None:
    books.add(1, vaults=("drive",))
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([verified(claim), verified(claim)])
    queue.settle([verified(claim)])
    assert books.value("select count(*) from holdfast.media_transfers") == 1


def test_a_token_nobody_gave_changes_nothing(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    stranger = Claim(item_id=item_id, vault="drive", token=uuid4())
    queue.settle([verified(stranger)])
    assert books.states(item_id) == {"drive": "pending"}


def test_a_closed_vault_is_known_to_all_runs_until_its_time_has_come(books: Books, queue: Queue, other: Queue) -> None:
    queue.close_vault("drive", by="quota", reason="full", reopens_in=None)
    queue.close_vault("s3", by="daily_limit", reason="750 GB", reopens_in=timedelta(hours=3))
    assert other.closed_vaults() == {"drive": "full", "s3": "750 GB"}
    books.turn(timedelta(hours=3))
    assert other.closed_vaults() == {"drive": "full"}
    other.open_vault("drive")
    assert queue.closed_vaults() == {}


def test_space_is_noted(books: Books, queue: Queue) -> None:
    queue.note_space("drive", Space(used_bytes=5, limit_bytes=15))
    queue.note_space("drive", Space(used_bytes=6, limit_bytes=15))
    (row,) = books.rows("select used_bytes, limit_bytes, is_open from holdfast.media_vaults")
    assert tuple(row.values()) == (6, 15, True)


def test_what_was_sent_yesterday_does_not_count_today(books: Books, queue: Queue) -> None:
    books.add(1, vaults=("drive",))
    queue.settle([verified(claim) for claim in claims(queue.claim(vaults=VAULTS, media_class=None, most=1))])
    assert queue.sent_today_bytes("drive") == 1000
    books.turn(timedelta(hours=25))
    assert queue.sent_today_bytes("drive") == 0


def test_strays_are_found_by_size_until_they_are_adopted(books: Books, queue: Queue) -> None:
    item_id = books.add(1, vaults=("drive",))
    assert not queue.has_strays("drive")
    books.run(
        "insert into holdfast.media_strays (vault, remote_id, name, size_bytes, sha256) values "
        "('drive', %s, 'old.mp4', 1000, %s), ('drive', 'b', 'other.mp4', 999, null)",
        f"drive-{item_id}",
        digest("whole"),
    )
    assert queue.has_strays("drive")
    assert not queue.has_strays("s3")
    stray = Stored(remote_id=f"drive-{item_id}", name="old.mp4", size_bytes=1000, sha256=digest("whole"))
    assert queue.known_stray("drive", 1000) == [stray]
    (claim,) = claims(queue.claim(vaults=VAULTS, media_class=None, most=1))
    queue.settle([verified(claim, is_adopted=True, sent_bytes=0)])
    assert queue.known_stray("drive", 1000) == []
    assert books.copy(item_id)["is_adopted"]


def test_due_says_what_a_claim_would_find(books: Books, queue: Queue) -> None:
    books.add(1, size=10)
    books.add(2, "images", size=None, expires_in=HOUR)
    due = queue.due(None, VAULTS)
    assert (due.items, due.bytes, due.urgent_items) == (2, 10, 1)
    assert due.next_deadline_at == books.item(2)["deadline_at"]
    assert queue.due("regular", VAULTS).next_deadline_at is None
    queue.claim(vaults=VAULTS, media_class=None, most=9)
    assert queue.due(None, VAULTS).items == 0
