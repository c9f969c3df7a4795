"""Write down what a transaction is about to change, before it commits: in the journal, and in the primary's log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.consistency.journals import Entry, table_text
from holdfast.consistency.repairs import Repair, Skipped
from holdfast.consistency.tables import Side
from resources.postgres import Transaction
from resources.repair.journaling import JournalFile
from resources.repair.log import Logged, RepairLog
from resources.repair.writes import Failed, Write

# Told to people while a repair goes on.
Say = Callable[[str], None]


@dataclass(slots=True)
class Recorder:
    """Where one repair is written down, and what it came to so far.

    Attributes:
        seed: of the hashes that the log shows, None where rows are not hashed.
    """

    repair: Repair
    journal: JournalFile | None
    log: RepairLog | None
    seed: int | None = None
    _logged: Logged = field(default_factory=Logged)

    def before_commit(self, db: Transaction, side: Side, writes: Sequence[Write]) -> None:
        """Write down the rows of a transaction that is about to commit."""
        batch = self.repair.batches + 1
        if self.journal:
            self.journal.write(_entry(one, side, batch) for one in writes)
        if self.log:
            self._logged = self.log.note(db, side, self.repair.repair_id, writes, batch=batch, seed=self.seed)

    def after_commit(self, side: Side, writes: Sequence[Write]) -> None:
        """Note that it did."""
        if self.log:
            self.log.applied(self._logged)
        self.repair.batches += 1
        for one in writes:
            self.repair.written[str(one.shape.name), one.verb, side] += 1

    def skip(self, failed: Failed) -> None:
        """Note rows that were left."""
        self.repair.skipped += [
            Skipped(
                table=str(one.shape.name),
                key=one.key,
                verb=one.verb,
                into=one.shape.side,
                code=failure.code,
                detail=failure.detail,
            )
            for one, failure in failed
        ]


def _entry(one: Write, side: Side, batch: int) -> Entry:
    return Entry(
        table=table_text(one.shape.name),
        side=side,
        verb=one.verb,
        key=one.key,
        key_columns=one.key_columns,
        before=one.before,
        after=one.after,
        batch=batch,
    )
