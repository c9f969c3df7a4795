"""The rows of a repair plan: what is done about each, what stays as it is, and how they are written as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from holdfast.consistency.reports import key_document
from holdfast.consistency.tables import OTHER, Key, Side

Verb = Literal["insert", "update", "delete"]
Direction = Literal["both", "a", "b"]

VERBS: Final[tuple[Verb, ...]] = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is done about one row.

    Attributes:
        into: the store that is written; the row comes from the other.
        expected: hash of the row in that store, None where it must not be there; another one, and the row is left.
        source: hash of the row in the other store, None where it must not be there.
    """

    key: Key
    verb: Verb
    into: Side
    expected: int | None
    source: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrepaired:
    """A row that differs and stays as it is, and why."""

    key: Key
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above what a plan is refused.

    Attributes:
        max_rows: most rows of one table that are written.
        max_share: most of the rows that either store has, 0 to 1.
        allow_empty: whether a store may hold no row of the table at all.
    """

    max_rows: int = 1000
    max_share: float = 0.05
    allow_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How far the clocks of the two stores may be apart.

    Attributes:
        tolerance_s: difference of two instants that decides nothing, at least.
        offset_s: clock of B minus clock of A, as measured.
        rtt_s: time that the measurement may be wrong by.
    """

    tolerance_s: float = 5.0
    offset_s: float = 0.0
    rtt_s: float = 0.0

    @property
    def margin_s(self) -> float:
        """Two instants that are no further apart than this do not say which row is newer."""
        return max(self.tolerance_s, 2 * abs(self.offset_s) + self.rtt_s)


def action_document(one: Action) -> dict[str, Any]:
    """For a plan's file."""
    return {
        "key": key_document(one.key),
        "action": one.verb,
        "into": one.into,
        "expected": _text(one.expected),
        "source": _text(one.source),
        "reason": one.reason,
    }


def unrepaired_document(one: Unrepaired) -> dict[str, Any]:
    """For a plan's file."""
    return {"key": key_document(one.key), "reason": one.reason}


def actions_from(documents: Sequence[Mapping[str, Any]]) -> Iterator[Action]:
    """The reverse of ``action_document``.

    Raises:
        ValueError: one says something that no plan says.
    """
    for one in documents:
        if one["action"] not in VERBS or one["into"] not in OTHER:
            raise ValueError(f"an action {one['action']!r} into {one['into']!r}")
        yield Action(
            key=key_from(one["key"]),
            verb=one["action"],
            into=one["into"],
            expected=_number(one["expected"]),
            source=_number(one["source"]),
            reason=one["reason"],
        )


def unrepaired_from(documents: Sequence[Mapping[str, Any]]) -> Iterator[Unrepaired]:
    """The reverse of ``unrepaired_document``."""
    for one in documents:
        yield Unrepaired(key=key_from(one["key"]), reason=one["reason"])


def key_from(document: str | Sequence[str]) -> Key:
    """The reverse of ``key_document``."""
    return (document,) if isinstance(document, str) else tuple(document)


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
