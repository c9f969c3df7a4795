"""Where a scenario is played: a complete stack that is thrown away, handed over by whoever can start one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.metrics.buffer import CycleBuffer
from resources.postgres import Postgres

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """Stores of a drill's own.

    Attributes:
        postgres: an empty database, without a single migration.
        buffer: an empty buffer of cycles.
        folder: an empty folder for files.
    """

    postgres: Postgres
    buffer: CycleBuffer
    folder: Path


class Stage(Protocol):
    """Starts throwaway stacks. Implemented by ``orchestration.drill``."""

    def open(self, say: Say) -> AbstractContextManager[Stack]:
        """Start a stack; leaving stops it and removes all of it, whatever happened.

        Args:
            say: gets a line per surprise.

        Raises:
            PermanentError: a server cannot be started, and why.
        """
