"""One run of a backup: claims work, hands it to workers, writes into the books what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from holdfast.errors import HoldfastError, TransientError, VaultClosedError
from holdfast.media.backups import Ask, Report, Tick, megabytes, spare_bytes
from holdfast.media.vaults import MediaVault
from holdfast.media.work import Claim, Result, Work
from resources.media.placing import Placing
from resources.media.queue import Queue
from resources.media.waiting import Patience
from resources.media.workers import Done, Workers
from resources.web.origin import Origin

_SAY_S: Final = 10.0
_TICK_S: Final = 1.0
_SETTLE_S: Final = 1.0
# Enough to keep workers busy between two settlements; few enough to be soon free again when a run is killed.
_BATCH: Final = 128
# Files larger than this on average are claimed as they are needed: what one run holds, no other can take.
_SMALL_BYTES: Final = 4_000_000
Say = Callable[[str], None]


class Backup:
    """Makes copies of what waits. Several of these may run at once, on several machines."""

    def __init__(
        self,
        queue: Queue,
        origin: Origin,
        vaults: Mapping[str, MediaVault],
        *,
        say: Say,
        patience: Callable[..., Patience] = Patience,
    ) -> None:
        """Asks nothing yet.

        Args:
            queue: the books.
            origin: where links lead.
            vaults: by label.
            say: hears of progress every ten seconds, and of what is unusual.
            patience: how patient vaults are dealt with.
        """
        self._queue, self._origin, self._vaults, self._say, self._patience = queue, origin, vaults, say, patience

    def run(self, ask: Ask) -> Report:
        """Make copies until nothing is due any more, or as much as was asked for.

        Raises:
            TransientError: the books are away. What was sent is known to the vaults; the next run goes on.
        """
        workers = Workers(ask.workers, self._origin, self._vaults, Placing(self._queue), self._patience)
        one = _Run(self._queue, self._vaults, ask, workers, self._say)
        try:
            one.look_at_vaults()
            one.carry_out()
        finally:
            workers.stop.set()
            workers.close()
            one.settle(workers.done(0))
        return one.finished()


class _Run:
    """The state of one run; used by one thread."""

    def __init__(self, queue: Queue, vaults: Mapping[str, MediaVault], ask: Ask, workers: Workers, say: Say) -> None:
        self._queue, self._vaults, self._ask, self._workers, self._say = queue, vaults, ask, workers, say
        self._began_s = time.monotonic()
        self._beaten_s = self._said_s = self._ticked_s = self._began_s
        self._held: dict[tuple[int, str], Claim] = {}
        self._items = 0
        self._bytes_claimed = 0
        self._unsettled: list[Done] = []
        self._settled_s = self._began_s
        self._batch = 2 * ask.workers
        self._room: dict[str, int] = {}
        self._usable: list[str] = []
        self.report = Report(media_class=ask.media_class)

    def look_at_vaults(self) -> None:
        """Which vaults take something now; one that was closed is tried again."""
        closed = self._queue.closed_vaults()
        for label, vault in self._vaults.items():
            try:
                if label in closed:
                    vault.probe()
                    self._queue.open_vault(label)
                space = vault.space()
            except VaultClosedError as error:
                self._close(error)
            except TransientError as error:
                self._close(VaultClosedError(label, str(error), by="away"))
            except HoldfastError as error:
                self._close(VaultClosedError(label, str(error), by="settings"))
            else:
                self._usable.append(label)
                self._queue.note_space(label, space)
                vault.note_sent_today(self._queue.sent_today_bytes(label))
                if space.free_bytes is not None:
                    self._room[label] = space.free_bytes - spare_bytes(space.limit_bytes)

    def carry_out(self) -> None:
        """Claim, hand out, settle; until there is nothing left to claim and nothing on its way."""
        due = self._queue.due(self._ask.media_class, self._usable)
        self.report.due_items, self.report.due_bytes = due.items, due.bytes
        is_small = due.bytes < due.items * _SMALL_BYTES
        self._batch = self._workers.count + 2 * _BATCH if is_small else 2 * self._ask.workers
        has_more = True
        while has_more or self._held:
            if self._is_over():
                has_more = False
                self._workers.stop.set()
            if has_more and len(self._held) <= self._batch // 2:
                has_more = self._claim()
            self._take_in(self._workers.done(0.2 if self._held else 0))
            self._keep_up()

    def _take_in(self, done: Sequence[Done]) -> None:
        """Take note of what was done; it goes into the books many at a time, and soon."""
        self._unsettled += done
        is_old = time.monotonic() - self._settled_s >= _SETTLE_S
        if len(self._unsettled) >= min(_BATCH, max(len(self._held), 1)) or is_old:
            self.settle([])

    def settle(self, done: Sequence[Done]) -> None:
        """Write into the books what came of this work, and of all before it."""
        finished, self._unsettled = [*self._unsettled, *done], []
        self._settled_s = time.monotonic()
        for work, results in finished:
            self.report.add(work.item, results)
            self._workers.meter.forget(work)
            self._items += 1
            for claim in work.claims:
                self._held.pop((claim.item_id, claim.vault), None)
        if results := [result for _, found in finished for result in found]:
            self._queue.settle(results)
        for error in self._workers.meter.newly_closed().values():
            self._close(error)

    def finished(self) -> Report:
        """The report of the run."""
        self.report.seconds = time.monotonic() - self._began_s
        self.report.sent_bytes = self._workers.meter.sent_bytes
        self._tick()
        return self.report

    def _is_over(self) -> bool:
        most_s = self._ask.max_seconds
        return most_s is not None and time.monotonic() - self._began_s >= most_s

    def _claim(self) -> bool:
        """Take on more work; whether there may be more after that."""
        ask = self._ask
        most = self._batch - len(self._held)
        if ask.limit is not None:
            most = min(most, ask.limit - self.report.claimed_items)
        left = None if ask.max_bytes is None else ask.max_bytes - self._bytes_claimed
        if most <= 0 or not self._usable or (left is not None and left <= 0):
            return False
        works = self._queue.claim(
            vaults=self._usable,
            media_class=ask.media_class,
            most=most,
            only_urgent=ask.only_urgent,
            max_bytes=left,
        )
        for work in self._with_ids(works):
            self.report.claimed_items += 1
            self._bytes_claimed += work.item.expected_bytes or 0
            self._hand_out(work)
        return bool(works)

    def _hand_out(self, work: Work) -> None:
        """Give an item to the workers, but for vaults that have no room for it."""
        size = work.item.size_bytes or work.item.expected_bytes or 0
        full = {claim.vault for claim in work.claims if size > self._room.get(claim.vault, size)}
        for label in full:
            self._close(self._full(label, size))
        refused = [Result(claim=claim, verdict="released") for claim in work.claims if claim.vault in full]
        if refused:
            self.report.add(work.item, refused)
            self._queue.settle(refused)
        claims = tuple(claim for claim in work.claims if claim.vault not in full)
        for claim in claims:
            if claim.vault in self._room:
                self._room[claim.vault] -= size
        if claims:
            self._held.update({(claim.item_id, claim.vault): claim for claim in claims})
            self._workers.give(replace(work, claims=claims))

    def _full(self, label: str, size: int) -> VaultClosedError:
        needed = max(self.report.due_bytes - self.report.saved_in[label], size) - max(self._room[label], 0)
        return VaultClosedError(
            label,
            f"{label}: no room: {megabytes(needed)} are missing for what waits. Make room, empty its bin, or give it "
            "more; the next run looks again and goes on by itself",
            by="quota",
            needed_bytes=needed,
        )

    def _with_ids(self, works: Sequence[Work]) -> list[Work]:
        """The work, with a remote id for every copy in a vault that draws them; all of them are in the books then."""
        pairs: list[tuple[Claim, str]] = []
        for label, vault in self._vaults.items():
            lacking = [
                claim for work in works for claim in work.claims if claim.vault == label and claim.remote_id is None
            ]
            if not lacking or not vault.draws_ids:
                continue
            try:
                ids = vault.reserve([""] * len(lacking))
            except HoldfastError as error:
                self._workers.meter.told(label, error)
                continue
            pairs += zip(lacking, ids, strict=True)
        self._queue.reserve(pairs)
        drawn = {(claim.item_id, claim.vault): remote_id for claim, remote_id in pairs}
        return [replace(work, claims=tuple(_with_id(claim, drawn) for claim in work.claims)) for work in works]

    def _close(self, error: VaultClosedError) -> None:
        """Nothing more goes into this vault in this run; other runs learn of it."""
        label = error.vault
        if label in self.report.closed:
            return
        reason = str(error)
        waiting = self.report.due_bytes - self.report.saved_in[label]
        if error.by == "quota" and error.needed_bytes is None and waiting > 0:
            reason += f" ({megabytes(waiting)} wait for room)"
        self.report.closed[label] = reason
        if label in self._usable:
            self._usable.remove(label)
        self._queue.close_vault(label, by=error.by, reason=reason, reopens_in=error.reopens_in)
        self._say(f"{label} takes nothing for now: {reason}")

    def _keep_up(self) -> None:
        now_s = time.monotonic()
        if now_s - self._beaten_s >= self._queue.lease_s / 4:
            self._beaten_s = now_s
            self._queue.heartbeat(list(self._held.values()), self._workers.meter.sent_of_each())
        if now_s - self._ticked_s >= _TICK_S:
            self._ticked_s = now_s
            self._tick()
        if now_s - self._said_s >= _SAY_S:
            self._said_s = now_s
            self.report.sent_bytes = self._workers.meter.sent_bytes
            self._say(self.report.progress(now_s - self._began_s, self._items))

    def _tick(self) -> None:
        seconds = time.monotonic() - self._began_s
        self.report.ticks.append(Tick(seconds, self._workers.meter.sent_bytes, self.report.copies["verified"]))


def _with_id(claim: Claim, drawn: Mapping[tuple[int, str], str]) -> Claim:
    remote_id = drawn.get((claim.item_id, claim.vault))
    return claim if remote_id is None else replace(claim, remote_id=remote_id, is_new=True)
