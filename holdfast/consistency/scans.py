"""How a long scan is cut into slices of pages, and how far one that was cut off had come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.consistency.layouts import Layout
from holdfast.consistency.reports import StoreMark
from holdfast.consistency.sides import Sums
from holdfast.consistency.tables import Side

# A gigabyte of pages: a few seconds.
SLICE_BLOCKS: Final = 131_072
FEWEST_BLOCKS: Final = 512
_QUICK: Final = 0.1
_SLOW: Final = 0.35


@dataclass(slots=True)
class Pace:
    """How many pages the next statement reads, so that none comes near the longest time it may take.

    Attributes:
        limit_s: longest time of a statement.
    """

    limit_s: float
    blocks: int = SLICE_BLOCKS

    def took(self, seconds: float) -> None:
        """Learn from a slice."""
        if seconds < _QUICK * self.limit_s:
            self.blocks = min(self.blocks * 2, SLICE_BLOCKS * 16)
        elif seconds > _SLOW * self.limit_s:
            self.blocks = max(self.blocks // 2, FEWEST_BLOCKS)

    def halve(self) -> bool:
        """A slice took too long: try a smaller one; False where it is small already."""
        if self.blocks <= FEWEST_BLOCKS:
            return False
        self.blocks = max(self.blocks // 4, FEWEST_BLOCKS)
        return True


@dataclass(slots=True)
class SideProgress:
    """How far the scan of one store's table has come.

    Attributes:
        next_block: first page that is not scanned; None: all are.
        storage: files the pages are in; other files have other pages.
        mark: moment of the first slice: what was written since may not be in the sums.
    """

    sums: Sums = field(default_factory=Sums)
    next_block: int | None = 0
    storage: str = ""
    mark: StoreMark | None = None


@dataclass(slots=True)
class Checkpoint:
    """What a comparison that was cut off needs to go on with the slices that are left.

    Attributes:
        digest: of what is compared; another one starts anew.
    """

    digest: str
    seed: int
    layout: Layout
    sides: dict[Side, SideProgress] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """For storage as JSON."""
        return {
            "digest": self.digest,
            "seed": str(self.seed),
            "layout": self.layout.to_document(),
            "sides": {side: _side_document(one) for side, one in self.sides.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Checkpoint":
        """The reverse of ``to_document``."""
        return cls(
            digest=document["digest"],
            seed=int(document["seed"]),
            layout=Layout.from_document(document["layout"]),
            sides={side: _side_from(one) for side, one in document["sides"].items()},
        )


def _side_document(one: SideProgress) -> dict[str, Any]:
    mark = one.mark
    return {
        "buckets": list(one.sums.counts),
        "counts": list(one.sums.counts.values()),
        "hashes": [str(value) for value in one.sums.hashes.values()],
        "next_block": one.next_block,
        "storage": one.storage,
        "mark": [mark.system, mark.table_oid, mark.xmin, mark.next_xid] if mark else None,
    }


def _side_from(document: Mapping[str, Any]) -> SideProgress:
    sums = Sums()
    sums.add(document["buckets"], document["counts"], map(int, document["hashes"]))
    mark = StoreMark(**dict(zip(StoreMark.__slots__, document["mark"], strict=True))) if document["mark"] else None
    return SideProgress(sums, document["next_block"], document["storage"], mark)
