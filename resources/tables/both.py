"""Both stores' tables at one moment, asked at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from holdfast.consistency.sides import TableSide
from resources.tables.side import PostgresSide

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BothSides:
    """Both stores' tables, each asked in a thread of its own."""

    a: PostgresSide
    b: PostgresSide
    pool: ThreadPoolExecutor

    @property
    def bytes_received(self) -> int:
        """From both stores."""
        return self.a.bytes_received + self.b.bytes_received

    def ask(self, question: Callable[[TableSide], T]) -> tuple[T, T]:
        """The answers of A and of B; the error of A where both fail."""
        other = self.pool.submit(question, self.b)
        try:
            first = question(self.a)
        finally:
            error = other.exception()
        if error is not None:
            raise error
        return first, other.result()
