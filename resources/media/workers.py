"""Workers: threads that carry out transfers, and the meter they share."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from holdfast.errors import HoldfastError, TransientError, VaultClosedError
from holdfast.media.vaults import MediaVault
from holdfast.media.work import Claim, Result, Work
from resources.media.blocks import Buffers
from resources.media.mistakes import told
from resources.media.placing import Placing
from resources.media.rounds import Tools
from resources.media.transfer import transfer
from resources.media.waiting import Patience
from resources.web.origin import Origin

# One is filled while one is hashed and one is sent.
BUFFERS: Final = 3
BLOCK_BYTES: Final = 8 << 20
# A vault that fails so often in a row is left alone for a while: every item would wait for it in vain.
_FAILURES: Final = 3
_REST: Final = timedelta(minutes=5)
_SMALL_PER_LARGE: Final = 2

Done = tuple[Work, list[Result]]


class Meter:
    """What vaults took, and how they answered. Written by all workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[tuple[int, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._closed: dict[str, VaultClosedError] = {}
        self.sent_bytes = 0

    def sent(self, claim: Claim, count: int) -> None:
        """A vault took so many bytes of a copy."""
        with self._lock:
            self._sent[claim.item_id, claim.vault] += count
            self.sent_bytes += count

    def told(self, vault: str, error: HoldfastError | None) -> None:
        """A vault made a copy (None), or answered with an error."""
        with self._lock:
            if error is None:
                self._failures[vault] = 0
            elif isinstance(error, VaultClosedError):
                self._closed[vault] = error
            elif isinstance(error, TransientError):
                self._failures[vault] += 1
                if self._failures[vault] >= _FAILURES:
                    said = f"{vault}: it failed {_FAILURES} times in a row and is left alone for a while; last: {error}"
                    self._closed[vault] = VaultClosedError(vault, said, by="away", reopens_in=_REST)

    def sent_of_each(self) -> Mapping[tuple[int, str], int]:
        """Bytes by item and vault."""
        with self._lock:
            return dict(self._sent)

    def forget(self, work: Work) -> None:
        """An item is done with."""
        with self._lock:
            for claim in work.claims:
                self._sent.pop((claim.item_id, claim.vault), None)

    def newly_closed(self) -> Mapping[str, VaultClosedError]:
        """Vaults that closed since the last question."""
        with self._lock:
            closed, self._closed = self._closed, {}
            return closed


class Workers:
    """Threads that take work and give results, until they are told to stop.

    Large files have lanes of their own: a few at once fill the line. A small one mostly waits for answers, so more of
    them are under way.
    """

    def __init__(
        self,
        count: int,
        origin: Origin,
        vaults: Mapping[str, MediaVault],
        placing: Placing,
        patience: Callable[[threading.Event], Patience],
    ) -> None:
        """Start them.

        Args:
            count: large files at once; twice as many small ones besides.
            origin: where links lead.
            vaults: by label.
            placing: the books.
            patience: how patient vaults are dealt with, until the event is set.
        """
        self.stop = threading.Event()
        self.meter = Meter()
        self._large: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._small: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._origin, self._vaults, self._placing, self._patience = origin, vaults, placing, patience
        lanes = [self._large] * count + [self._small] * (_SMALL_PER_LARGE * count)
        self._threads = [(threading.Thread(target=self._run, args=(lane,), daemon=True), lane) for lane in lanes]
        for thread, _ in self._threads:
            thread.start()

    @property
    def count(self) -> int:
        """Transfers that can be under way at once."""
        return len(self._threads)

    def give(self, work: Work) -> None:
        """Work to be done."""
        item = work.item
        size = item.size_bytes or item.expected_bytes
        is_small = item.kind == "image" if size is None else size <= BLOCK_BYTES
        (self._small if is_small else self._large).put(work)

    def done(self, wait_s: float) -> list[Done]:
        """What is done by now; waits for the first so long."""
        found: list[Done] = []
        try:
            found.append(self._done.get(timeout=wait_s))
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Let each finish what it does, and end; with ``stop`` set that is the part it sends now."""
        for _, lane in self._threads:
            lane.put(None)
        for thread, _ in self._threads:
            thread.join()

    def _tools(self) -> Tools:
        return Tools(
            origin=self._origin,
            vaults=self._vaults,
            placing=self._placing,
            stop=self.stop,
            patience=self._patience(self.stop),
            buffers=Buffers(BLOCK_BYTES, BUFFERS),
            sent=self.meter.sent,
            told=self.meter.told,
        )

    def _run(self, lane: "queue.SimpleQueue[Work | None]") -> None:
        tools = self._tools()
        while (work := lane.get()) is not None:
            self._done.put((work, _carry_out(tools, work)))


def _carry_out(tools: Tools, work: Work) -> list[Result]:
    try:
        return transfer(tools, work)
    except Exception as error:  # noqa: BLE001  one item that we have a mistake for must not stop the others
        said = told(error)
        remedy = "Please report it; the item is tried again"
        return [
            Result(claim=claim, verdict="again", problem=said, remedy=remedy, after=timedelta(minutes=10))
            for claim in work.claims
        ]
