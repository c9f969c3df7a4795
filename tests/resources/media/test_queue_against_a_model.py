"""The queue does what a plain reading of the rules does, whatever happens in whatever order."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.media.items import CLASSES, MediaClass
from holdfast.media.work import Claim, Result, Verdict
from resources.media.queue import Queue
from resources.postgres import Postgres
from tests.resources.media.books import Books, verified

LEASE_MIN, DAY_MIN, CONFIRM_MIN, MOST_ATTEMPTS = 2, 1440, 10, 8
VAULTS = ("drive", "folder", "s3")
RECEIVED = 1000
WAITING = ("pending", "leased", "uploading")


@dataclass
class Copy:
    """One copy as the model has it; instants in minutes of the model's clock."""

    state: str = "pending"
    due_at: float = 0
    attempts: int = 0
    token: UUID | None = None
    remote_id: str | None = None


@dataclass
class File:
    media_class: MediaClass
    deadline: float
    size: int
    copies: dict[str, Copy]
    gone_at: float | None = None


@dataclass
class Model:
    """The rules in plain words."""

    now: float = 0
    files: dict[int, File] = field(default_factory=dict)

    def due(self, item_id: int, vaults: set[str]) -> list[str]:
        copies = self.files[item_id].copies
        return [
            v for v in sorted(vaults & copies.keys()) if copies[v].state in WAITING and copies[v].due_at <= self.now
        ]

    def claim(
        self, vaults: set[str], media_class: MediaClass | None, most: int, only_urgent: bool, max_bytes: int | None
    ) -> list[tuple[int, list[str]]]:
        def order(item_id: int) -> tuple[bool, int, float, int]:
            file = self.files[item_id]
            return (file.deadline > self.now + DAY_MIN, CLASSES.index(file.media_class), file.deadline, item_id)

        wanted = [
            item_id
            for item_id, file in self.files.items()
            if self.due(item_id, vaults)
            and media_class in (None, file.media_class)
            and (file.deadline <= self.now + DAY_MIN or not only_urgent)
            and (max_bytes is None or file.size <= max_bytes)
        ]
        chosen, total = [], 0
        for item_id in sorted(wanted, key=order)[:most]:
            total += self.files[item_id].size
            if max_bytes is None or total <= max_bytes:
                chosen.append((item_id, self.due(item_id, vaults)))
        return chosen

    def settle(self, told: list[tuple[int, str, UUID, Verdict, dict[str, Any]]]) -> None:
        """All at once: what one says of a copy is known when another is judged."""
        held = [one for one in told if self.files[one[0]].copies[one[1]].token == one[2]]
        good = {(item_id, vault) for item_id, vault, _, verdict, _ in held if verdict == "verified"}
        believed = {
            item_id: file.gone_at is not None and file.gone_at + CONFIRM_MIN <= self.now
            for item_id, file in self.files.items()
        }
        first_seen = {item_id: file.gone_at for item_id, file in self.files.items()}
        has_source = {
            (item_id, vault): any(
                other != vault and (copy.state == "verified" or (item_id, other) in good)
                for other, copy in self.files[item_id].copies.items()
            )
            for item_id, vault, _, _, _ in held
        }
        for item_id, vault, _, verdict, more in held:
            copy = self.files[item_id].copies[vault]
            copy.token = None
            self._decide(copy, verdict, more, believed[item_id], first_seen[item_id], has_source[item_id, vault])
            if verdict == "verified":
                copy.remote_id = f"{vault}-{item_id}"
                self.files[item_id].size = RECEIVED
            elif more.get("starts_anew"):
                copy.remote_id = None
        for item_id in {item_id for item_id, _ in good}:
            for copy in self.files[item_id].copies.values():
                if copy.state in ("expired", "lost"):
                    copy.state, copy.attempts, copy.due_at = "pending", 0, self.now
        for item_id in {one[0] for one in held}:
            file, verdicts = self.files[item_id], {one[3] for one in held if one[0] == item_id}
            if "gone" in verdicts:
                file.gone_at = self.now if file.gone_at is None else file.gone_at
            elif "verified" in verdicts:
                file.gone_at = None

    def _decide(
        self,
        copy: Copy,
        verdict: Verdict,
        more: dict[str, Any],
        is_believed: bool,
        seen_at: float | None,
        has_source: bool,
    ) -> None:
        before = copy.attempts
        if verdict in ("verified", "failed"):
            copy.state, copy.attempts = verdict, 0 if verdict == "verified" else before
        elif verdict == "again":
            copy.attempts += more["counts"]
            is_over = more["counts"] and copy.attempts >= MOST_ATTEMPTS
            copy.state, copy.due_at = "failed" if is_over else "pending", self.now + more["after_min"]
        elif verdict == "released":
            copy.state, copy.due_at = "pending", self.now
        elif not is_believed:
            copy.state, copy.due_at = "pending", (self.now if seen_at is None else seen_at) + CONFIRM_MIN
        elif has_source:
            copy.attempts += 1
            copy.state = "pending" if copy.attempts < MOST_ATTEMPTS else "expired"
            copy.due_at = self.now + before * CONFIRM_MIN
        else:
            copy.state = "lost"


class Machine(RuleBasedStateMachine):
    """Two runs, a clock that is turned, and the model beside the real queue."""

    books: Books

    def __init__(self) -> None:
        super().__init__()
        self.books.clear()
        self.queues = [Queue(Postgres(self.books.url), owner=f"run {n}", lease_s=60 * LEASE_MIN) for n in (1, 2)]
        self.model = Model()
        self.claims: list[Claim] = []

    def teardown(self) -> None:
        for queue in self.queues:
            queue.close()

    @initialize(
        files=st.lists(
            st.tuples(
                st.sampled_from(CLASSES),
                # Half a minute beside every limit: the real clock goes on by some seconds meanwhile.
                st.sampled_from([-600, -1, 5, 60, 1430, 1445, 2000, 9000]),
                st.integers(1, 5),
                st.sets(st.sampled_from(VAULTS), min_size=1),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def fill(self, files: list[tuple[MediaClass, int, int, set[str]]]) -> None:
        for number, (media_class, minutes, size, vaults) in enumerate(files):
            expires_in = timedelta(minutes=minutes + 0.5)
            item_id = self.books.add(number, media_class, expires_in=expires_in, size=size, vaults=sorted(vaults))
            self.model.files[item_id] = File(media_class, minutes + 0.5, size, {vault: Copy() for vault in vaults})

    @rule(
        who=st.integers(0, 1),
        vaults=st.sets(st.sampled_from(VAULTS), min_size=1),
        media_class=st.one_of(st.none(), st.sampled_from(CLASSES)),
        most=st.integers(1, 4),
        only_urgent=st.booleans(),
        max_bytes=st.one_of(st.none(), st.integers(1, 12)),
    )
    def claim(
        self,
        who: int,
        vaults: set[str],
        media_class: MediaClass | None,
        most: int,
        only_urgent: bool,
        max_bytes: int | None,
    ) -> None:
        expected = self.model.claim(vaults, media_class, most, only_urgent, max_bytes)
        works = self.queues[who].claim(
            vaults=sorted(vaults), media_class=media_class, most=most, only_urgent=only_urgent, max_bytes=max_bytes
        )
        assert [(work.item.item_id, [claim.vault for claim in work.claims]) for work in works] == expected
        for work in works:
            file = self.model.files[work.item.item_id]
            have = {(v, copy.remote_id) for v, copy in file.copies.items() if copy.state == "verified"}
            assert {(one.vault, one.remote_id) for one in work.elsewhere} == have
            for claim in work.claims:
                copy = file.copies[claim.vault]
                assert (claim.attempts, claim.remote_id) == (copy.attempts, copy.remote_id)
                copy.state, copy.token, copy.due_at = "leased", claim.token, self.model.now + LEASE_MIN
                self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(
        data=st.data(),
        verdicts=st.lists(
            st.sampled_from(["verified", "again", "failed", "gone", "gone", "released"]), min_size=1, max_size=4
        ),
        counts=st.booleans(),
        after_min=st.sampled_from([0, 1, 7]),
        starts_anew=st.booleans(),
    )
    def settle(self, data: Any, verdicts: list[Verdict], counts: bool, after_min: int, starts_anew: bool) -> None:
        """Of any claims, lost ones too."""
        chosen = data.draw(st.lists(st.sampled_from(self.claims), min_size=1, max_size=len(verdicts), unique=True))
        results, told = [], []
        for claim, verdict in zip(chosen, verdicts, strict=False):
            after = timedelta(minutes=after_min)
            result = Result(claim=claim, verdict=verdict, counts=counts, after=after, starts_anew=starts_anew)
            results.append(verified(claim) if verdict == "verified" else result)
            more = {"counts": counts, "after_min": after_min, "starts_anew": starts_anew}
            told.append((claim.item_id, claim.vault, claim.token, verdict, more))
        self.queues[0].settle(results)
        self.model.settle(told)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def heartbeat(self, data: Any) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.claims), min_size=1, unique=True))
        ours = self.queues[1].heartbeat(chosen, {})
        expected = set()
        for claim in chosen:
            copy = self.model.files[claim.item_id].copies[claim.vault]
            if copy.token == claim.token:
                copy.due_at = self.model.now + LEASE_MIN
                expected.add(claim.token)
        assert ours == expected

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: Any) -> None:
        """Reserve an id and begin an upload."""
        claim = data.draw(st.sampled_from(self.claims))
        copy = self.model.files[claim.item_id].copies[claim.vault]
        is_ours = copy.token == claim.token
        self.queues[0].reserve([(claim, "reserved")])
        assert self.queues[0].keep_upload(claim, name="n", state=b"s", etag="e") is is_ours
        if is_ours:
            copy.remote_id, copy.state = "reserved", "uploading"

    @rule(minutes=st.sampled_from([1, 2, 3, 10, 11, 1440]))
    def turn(self, minutes: int) -> None:
        self.books.turn(timedelta(minutes=minutes))
        self.model.now += minutes

    @invariant()
    def the_books_are_the_model(self) -> None:
        rows = self.books.rows(
            "select item_id, vault, state, attempts, lease_token, remote_id from holdfast.media_copies"
        )
        found = {
            (r["item_id"], r["vault"]): (r["state"], r["attempts"], r["lease_token"], r["remote_id"]) for r in rows
        }
        assert found == {
            (item_id, vault): (copy.state, copy.attempts, copy.token, copy.remote_id)
            for item_id, file in self.model.files.items()
            for vault, copy in file.copies.items()
        }


def test_the_queue_does_what_the_rules_say(database_url: str) -> None:
    Machine.books = Books(database_url)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
