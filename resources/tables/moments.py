"""Both tables at one moment each: a snapshot of either store, asked at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from holdfast.consistency.tables import Side
from resources.postgres import Transaction
from resources.stores import StoreLine, Stores

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


@dataclass(frozen=True, slots=True)
class Lines:
    """A connection to each store, for one moment after the other.

    Attributes:
        timeout_s: longest time of one statement.
    """

    a: StoreLine
    b: StoreLine
    pool: ThreadPoolExecutor
    timeout_s: float

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """Open a snapshot of both stores."""
        with ExitStack() as stack:
            of_b = self.b.snapshot(self.timeout_s)
            opening = self.pool.submit(of_b.__enter__)
            try:
                a = stack.enter_context(self.a.snapshot(self.timeout_s))
            finally:
                if opening.exception() is None:
                    stack.push(of_b)
            yield Moment(a, opening.result(), self.pool)


@contextmanager
def open_lines(stores: Stores, timeout_s: float) -> Iterator[Lines]:
    """Connect to both stores at once.

    Args:
        stores: both.
        timeout_s: longest time of one statement.

    Raises:
        TransientError: a store is away.
    """
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        of_b = stores.b.line()
        opening = pool.submit(of_b.__enter__)
        try:
            a = stack.enter_context(stores.a.line())
        finally:
            if opening.exception() is None:
                stack.push(of_b)
        yield Lines(a, opening.result(), pool, timeout_s)
