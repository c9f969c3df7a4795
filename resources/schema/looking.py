"""Both stores' schemas side by side: what differs, and the plan that would add what is lacking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.consistency.tables import Side, TableName
from holdfast.schema.differing import diff, lacking
from holdfast.schema.findings import Finding
from holdfast.schema.model import StoreSchema
from holdfast.schema.planning import Plan, plan
from holdfast.schema.sides import Pair
from holdfast.schema.wishes import SchemaWish
from resources.schema.reading import read_schema
from resources.schema.writing import digest, document
from resources.stores import Stores

Into = Literal["a", "b", "both"]
SIDES: Final[dict[Into, tuple[Side, ...]]] = {"a": ("a",), "b": ("b",), "both": ("a", "b")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked at, and where things may be added.

    Attributes:
        names: the declared tables.
        wishes: what must hold in both stores.
        into: the store that gets what it lacks.
    """

    names: tuple[TableName, ...]
    wishes: tuple[SchemaWish, ...] = ()
    into: Into = "b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found at one look.

    Attributes:
        plans: one per store that may get something, the primary's first.
        sha256: of what the plans would run.
    """

    wanted: Wanted
    a: StoreSchema
    b: StoreSchema
    findings: tuple[Finding, ...]
    plans: tuple[Plan, ...]
    sha256: str

    @property
    def sql(self) -> str:
        """The plans as a file."""
        return document(self.plans, self.wanted.names)

    @property
    def statements(self) -> int:
        """How many would be run."""
        return sum(len(plan.steps) for plan in self.plans)

    @property
    def warnings(self) -> list[Finding]:
        """Differences that make the stores behave differently."""
        return [finding for finding in self.findings if finding.severity == "warning"]

    def missing(self, side: Side) -> list[TableName]:
        """Declared tables that a store lacks."""
        there = (self.a if side == "a" else self.b).tables
        return [name for name in self.wanted.names if name not in there]


def look(stores: Stores, wanted: Wanted) -> Look:
    """Read both catalogues and compare them. Changes nothing.

    Raises:
        TransientError: a store is away.
        PermanentError: it refused the login.
    """
    a, b = (read_schema(stores.of(side), wanted.names) for side in ("a", "b"))
    plans = tuple(_plan(a, b, side, wanted.wishes) for side in SIDES[wanted.into])
    return Look(
        wanted=wanted,
        a=a,
        b=b,
        findings=tuple(diff(a, b, wanted.names, wanted.wishes)),
        plans=plans,
        sha256=digest(plans),
    )


def _plan(a: StoreSchema, b: StoreSchema, side: Side, wishes: Sequence[SchemaWish]) -> Plan:
    pair = Pair(a, b) if side == "b" else Pair(b, a)
    return plan(pair, lacking(pair, wishes))
