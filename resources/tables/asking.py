"""How a comparison goes about it, and who wants to know."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.consistency.scans import Checkpoint
from resources.tables.slicing import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a comparison goes about it.

    Attributes:
        max_keys: differing rows of a table that are looked at again and listed; further ones are counted.
        sample: rows of each kind that are shown with their values.
        recheck_rounds: looks at what differs before it counts; 0 takes the first for granted.
        recheck_delay_s: least time between two looks at the same row.
        statement_timeout_s: longest time of one statement; slices stay well below it.
        rows_per_s: longest pace of a scan, None as fast as it goes.
        small_rows: a table without a time column is compared in full, in place of a window, up to so many rows.
    """

    max_keys: int = 100_000
    sample: int = 50
    recheck_rounds: int = 3
    recheck_delay_s: float = 1.0
    statement_timeout_s: float = 60.0
    rows_per_s: float | None = None
    small_rows: int = 50_000


def _nothing(_: object) -> None:
    """Nobody wants to know."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """Who wants to know how a comparison goes on.

    Attributes:
        tell: gets a ``Progress`` after each slice of a scan.
        keep: gets a ``Checkpoint`` after each slice of a full scan, from which a cut off comparison goes on.
    """

    tell: Callable[[Progress], None] = _nothing
    keep: Callable[[Checkpoint], None] = _nothing
