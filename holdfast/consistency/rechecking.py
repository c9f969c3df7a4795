"""Rows that are being written look different for a moment: what differs is looked at again before it counts."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from holdfast.consistency.finding import BATCH_KEYS, Pair, chunks, look_up
from holdfast.consistency.sides import Both
from holdfast.consistency.tables import Key


@dataclass(slots=True)
class Settled:
    """What further looks at the rows that differed came to.

    Attributes:
        confirmed: rows of which both stores showed the same two values twice.
        in_flux: rows that still changed at the last look.
    """

    confirmed: dict[Key, Pair] = field(default_factory=dict)
    in_flux: dict[Key, Pair] = field(default_factory=dict)


def recheck(
    found: dict[Key, Pair],
    rounds: int,
    reopen: Callable[[], AbstractContextManager[Both]],
    wait: Callable[[int], None],
) -> Settled:
    """Look again, each time at a new moment, until every row is equal, confirmed or out of rounds.

    Args:
        found: rows that differ, with both hashes.
        rounds: how many further looks there are at most; 0 takes the first for granted.
        reopen: opens both tables at a new moment.
        wait: lets time pass before the look of this number.
    """
    if not rounds:
        return Settled(confirmed=dict(found))
    settled, pending = Settled(), dict(found)
    for number in range(rounds):
        if not pending:
            return settled
        wait(number)
        with reopen() as both:
            pending = _look(both, pending, settled)
    settled.in_flux = pending
    return settled


def _look(both: Both, pending: dict[Key, Pair], settled: Settled) -> dict[Key, Pair]:
    """Look at what is pending; what changed since is pending still, with what it is now."""
    in_question = _settle_lone(both, pending, settled)
    changed: dict[Key, Pair] = {}
    for some in chunks(in_question, BATCH_KEYS):
        now = look(both, some)
        for key in some:
            if now[key] == pending[key]:
                settled.confirmed[key] = now[key]
            elif now[key][0] != now[key][1]:
                changed[key] = now[key]
    return changed


def _settle_lone(both: Both, pending: dict[Key, Pair], settled: Settled) -> list[Key]:
    """Confirm rows that still only one store has, by their keys alone, which an index tells; the keys that are left."""
    lone = [key for key, pair in pending.items() if None in pair]
    left = [key for key, pair in pending.items() if None not in pair]
    for some in chunks(lone, BATCH_KEYS):
        in_a, in_b = _present(both, some)
        for key in some:
            a, b = pending[key]
            is_same = (key in in_a) == (a is not None) and (key in in_b) == (b is not None)
            if is_same:
                settled.confirmed[key] = pending[key]
            elif key in in_a or key in in_b:
                left.append(key)
    return left


def _present(both: Both, keys: Sequence[Key]) -> tuple[set[Key], set[Key]]:
    return both.ask(lambda side: side.present(keys))


def look(both: Both, keys: Sequence[Key]) -> dict[Key, Pair]:
    """Both stores' hashes of some rows, None where a store lacks the row."""
    rows_a, rows_b = look_up(both, keys)
    return {key: (rows_a.get(key), rows_b.get(key)) for key in keys}
