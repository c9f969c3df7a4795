"""Run one statement over all pages of a table, in slices that stay below the longest time of a statement."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import psycopg
from psycopg import sql

from holdfast.consistency.scans import Pace, SideProgress
from holdfast.consistency.tables import Side
from holdfast.errors import StatementTimeoutError
from resources.postgres import Transaction


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the scan of one store's table has come, in pages of 8 kB."""

    table: str
    side: Side
    done_blocks: int
    block_count: int


@dataclass(slots=True)
class Slicer:
    """The slices of one store's table: whole pages in their physical order, whatever the key.

    Attributes:
        at: how far the scan is; moved on after each slice.
        tell: gets a ``Progress`` after each slice.
        keep: is called after each slice of a scan that may be cut off, while neither store's sums move.
        lock: of both stores' sums.
        rows_per_s: longest pace; None as fast as it goes.
    """

    db: Transaction
    table: str
    side: Side
    block_count: int
    at: SideProgress
    pace: Pace
    tell: Callable[[Progress], None]
    keep: Callable[[], None]
    lock: Lock
    rows_per_s: float | None = None

    def __call__(self, run: Callable[[sql.Composable], Callable[[], None]]) -> None:
        """Run the statement slice by slice; what it returns is called to take its rows in.

        Raises:
            StatementTimeoutError: even a small slice takes too long.
        """
        while self.at.next_block is not None:
            first, last = self.at.next_block, self.at.next_block + self.pace.blocks
            is_last = last >= self.block_count
            before, began_s = self.at.sums.row_count, time.monotonic()
            try:
                with self.db.savepoint():
                    take_in = run(_pages(first, None if is_last else last))
            except psycopg.errors.QueryCanceled as error:
                if not self.pace.halve():
                    raise StatementTimeoutError(
                        f"{self.table}: {self.pace.blocks} pages took longer than {self.pace.limit_s:g} s"
                    ) from error
                continue
            took_s = time.monotonic() - began_s
            self.pace.took(took_s)
            with self.lock:
                take_in()
                self.at.next_block = None if is_last else last
                self.keep()
            self.tell(Progress(self.table, self.side, min(last, self.block_count), self.block_count))
            if self.rows_per_s:
                time.sleep(max(0.0, (self.at.sums.row_count - before) / self.rows_per_s - took_s))


def _pages(first: int, end: int | None) -> sql.Composable:
    # The last slice has no end: pages may have been added since they were counted.
    parts: list[sql.Composable] = [sql.SQL("true")]
    if first:
        parts.append(sql.SQL("t.ctid >= {}::tid").format(sql.Literal(f"({first},0)")))
    if end is not None:
        parts.append(sql.SQL("t.ctid < {}::tid").format(sql.Literal(f"({end},0)")))
    return sql.SQL(" and ").join(parts)
