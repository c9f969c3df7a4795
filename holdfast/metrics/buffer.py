"""Where cycles wait between the collector and the history: the protocol of the buffer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

START: Final = "0-0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One packed cycle at its place in the buffer."""

    position: str
    packed: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a position.

    Attributes:
        entries: oldest first, at most as many as asked for.
        is_cut: the entry at the position itself is gone although nobody acknowledged past it: entries
            behind it may be gone as well, unread.
    """

    entries: Sequence[Entry]
    is_cut: bool


class CycleBuffer(Protocol):
    """An ordered log of packed cycles. Implemented by ``resources.redis`` and ``resources.cycles``.

    Every method raises ``TransientError`` when the buffer is away and ``PermanentError`` when it refuses.
    """

    def append(self, packed: Sequence[bytes]) -> None:
        """Add entries in order. After an error any prefix of them may have been added."""

    def read_after(self, position: str, limit: int) -> Batch:
        """The entries behind ``position`` (``START``: all there are)."""

    def acknowledge(self, position: str) -> None:
        """Everything up to ``position`` is safe elsewhere: entries before it may be dropped.

        The entry at ``position`` itself is kept, so that a later read can tell a cut from an idle buffer.
        """
