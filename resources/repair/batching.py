"""Cut what is to be written into transactions: few rows, few bytes, parents before children."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.consistency.plan_rows import Action, Verb
from holdfast.consistency.tables import Key, TableName
from resources.repair.shapes import Shape, in_order

MOST_ROWS: Final = 500
# Before and after of a row are held as text at once, and written to a journal: about ten times this in memory.
MOST_BYTES: Final = 16_000_000
_WRITES: Final[tuple[Verb, ...]] = ("insert", "update")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Actions of one table and verb that are small enough for one statement."""

    table: TableName
    verb: Verb
    actions: Sequence[Action]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is written in one transaction: one chunk, or all rows of tables that refer to each other in circles."""

    chunks: Sequence[Chunk]
    is_cyclic: bool = False


def cut(
    actions: Mapping[TableName, Sequence[Action]],
    shapes: Mapping[TableName, Shape],
    sizes: Mapping[TableName, Mapping[Key, int]],
) -> Iterator[Unit]:
    """Transactions in their order: inserts and updates with parents first, then deletes with children first."""
    groups = in_order(shapes)
    for group in groups:
        yield from _units(group, _WRITES, actions, shapes, sizes)
    for group in reversed(groups):
        yield from _units(group, ("delete",), actions, shapes, sizes)


def _units(
    group: Sequence[TableName],
    verbs: Sequence[Verb],
    actions: Mapping[TableName, Sequence[Action]],
    shapes: Mapping[TableName, Shape],
    sizes: Mapping[TableName, Mapping[Key, int]],
) -> Iterator[Unit]:
    chunks = [
        Chunk(name, verb, some)
        for verb in verbs
        for name in group
        for some in _small([one for one in actions.get(name, ()) if one.verb == verb], sizes.get(name, {}))
    ]
    if not any(shapes[name].is_cyclic for name in group):
        yield from (Unit([chunk]) for chunk in chunks)
    elif chunks:
        yield Unit(chunks, is_cyclic=True)


def _small(actions: Sequence[Action], sizes: Mapping[Key, int]) -> Iterator[list[Action]]:
    some: list[Action] = []
    bytes_ = 0
    for one in actions:
        size = sizes.get(one.key, 0)
        if some and (len(some) >= MOST_ROWS or bytes_ + size > MOST_BYTES):
            yield some
            some, bytes_ = [], 0
        some.append(one)
        bytes_ += size
    if some:
        yield some
