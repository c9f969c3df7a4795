"""Compare one table of both stores: exactly, without more rights than to read, and without holding anybody up."""

import secrets
import time
from dataclasses import replace
from datetime import datetime
from typing import Final

from holdfast.consistency.reports import Comparison, Mark, Mode
from holdfast.consistency.scans import Checkpoint
from holdfast.consistency.tables import ComparedTable
from resources.stores import Stores
from resources.tables.asking import Listener, Options
from resources.tables.moments import open_lines
from resources.tables.running import Run
from resources.tables.slicing import Progress

__all__ = ["Checkpoint", "Listener", "Options", "Progress", "compare"]
_SEED_BITS: Final = 63


def compare(
    stores: Stores,
    declared: ComparedTable,
    *,
    mode: Mode = "full",
    since: datetime | None = None,
    mark: Mark | None = None,
    options: Options | None = None,
    listener: Listener | None = None,
    checkpoint: Checkpoint | None = None,
    seed: int | None = None,
) -> Comparison:
    """Compare one table; a trouble of the table itself is the report's status and reason, never an error.

    Args:
        stores: both.
        declared: the table, and what is declared about it.
        mode: ``full``; ``window`` compares what either store wrote since ``since``; ``incremental`` what either wrote
            since ``mark``, exactly, and everything where the mark is none or does not hold any more.
        since: start of the window.
        mark: what an earlier full or incremental comparison left; in any mode it tells deleted rows from lost ones.
        options: how to go about it.
        listener: who wants to know how it goes on.
        checkpoint: where an earlier full comparison was cut off.
        seed: of the hashes; random by default, so that nobody can write rows that collide.

    Raises:
        TransientError: a store is away.
    """
    began_s = time.monotonic()
    asked = options or Options()
    with open_lines(stores, asked.statement_timeout_s) as lines:
        run = Run(
            lines=lines,
            declared=declared,
            mode=mode,
            since=since,
            mark=mark,
            options=asked,
            listener=listener or Listener(),
            checkpoint=checkpoint,
            seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        )
        comparison = run.compared()
    spent = {"seconds": time.monotonic() - began_s, "bytes_received": run.bytes_received}
    return replace(comparison, report=replace(comparison.report, **spent))  # type: ignore[arg-type]
