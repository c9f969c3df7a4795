"""What a long comparison leaves on its way: a line now and then, and from where it can go on."""

import json
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from holdfast.consistency.scans import Checkpoint
from holdfast.consistency.tables import LABELS
from holdfast.errors import HoldfastError
from holdfast.retries import Backoff
from resources.postgres import Postgres
from resources.tables.asking import Listener
from resources.tables.slicing import Progress

# Less than this is quicker compared again than written down.
KEEP_EVERY_S: Final = 15.0
TELL_EVERY_S: Final = 30.0
# Both scans wait while one writes down how far they are.
_ONCE: Final = Backoff(attempts=1)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Listens to the comparison of one table, whose two scans report from threads of their own."""

    postgres: Postgres
    round: str
    table: str
    log: logging.Logger
    every_s: float = KEEP_EVERY_S
    tell_every_s: float = TELL_EVERY_S
    _kept_s: float = field(default_factory=time.monotonic)
    _told_s: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listener(self) -> Listener:
        """What the comparison is given."""
        return Listener(tell=self.tell, keep=self.keep)

    def tell(self, progress: Progress) -> None:
        """A line of a long scan."""
        with self._lock:
            if time.monotonic() - self._told_s < self.tell_every_s:
                return
            self._told_s = time.monotonic()
        share = progress.done_blocks / max(progress.block_count, 1)
        self.log.info("consistency: %s: %.0f %% of the %s read", self.table, 100 * share, LABELS[progress.side])

    def keep(self, checkpoint: Checkpoint) -> None:
        """Store from where the comparison can go on; that this fails once is no reason to stop comparing."""
        with self._lock:
            if time.monotonic() - self._kept_s < self.every_s:
                return
            document = json.dumps(checkpoint.to_document())
            with suppress(HoldfastError), self.postgres.transaction(backoff=_ONCE) as db:
                keys = {"round": self.round, "table_name": self.table}
                db.execute("consistency/save_checkpoint", checkpoint=document, **keys)
            self._kept_s = time.monotonic()
