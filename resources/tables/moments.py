"""Both tables at one moment each: a snapshot of either store, asked at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from holdfast.consistency.tables import Side
from resources.postgres import Transaction
from resources.stores import Stores

T = TypeVar("T")
SIDES: Final[tuple[Side, Side]] = ("a", "b")


@dataclass(frozen=True, slots=True)
class Moment:
    """A transaction of each store; each sees one snapshot."""

    a: Transaction
    b: Transaction
    pool: ThreadPoolExecutor

    def of(self, side: Side) -> Transaction:
        """The transaction of a side."""
        return self.a if side == "a" else self.b

    def ask(self, question: Callable[[Side], T]) -> dict[Side, T]:
        """The answers of both, asked at once."""
        other = self.pool.submit(question, "b")
        first = question("a")
        return {"a": first, "b": other.result()}


@contextmanager
def at_a_moment(stores: Stores, timeout_s: float) -> Iterator[Moment]:
    """Open a snapshot of both stores.

    Args:
        stores: both.
        timeout_s: longest time of one statement.

    Raises:
        TransientError: a store is away.
    """
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        of_b = stores.b.snapshot(timeout_s=timeout_s)
        opening = pool.submit(of_b.__enter__)
        try:
            a = stack.enter_context(stores.a.snapshot(timeout_s=timeout_s))
        finally:
            if opening.exception() is None:
                stack.push(of_b)
        yield Moment(a, opening.result(), pool)
