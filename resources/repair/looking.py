"""What is left of a plan: every row is looked at without touching it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.consistency.pairing import pair
from holdfast.consistency.plan_rows import Action
from holdfast.consistency.plans import RepairPlan, TablePlan
from holdfast.consistency.repairs import Repair
from holdfast.consistency.sides import Hashes
from holdfast.consistency.tables import OTHER, Key, Side, TableName
from holdfast.errors import PlanError
from resources.postgres import Transaction
from resources.repair.rows import CHUNK, Paired
from resources.stores import Stores
from resources.tables.reading import read_tables

SIDES: Final[tuple[Side, Side]] = ("a", "b")


def identities(stores: Stores) -> dict[Side, str]:
    """Which databases the stores are."""
    found: dict[Side, str] = {}
    for side in SIDES:
        with stores.of(side).snapshot() as db:
            found[side] = db.value("repairs/identity")
    return found


@dataclass(slots=True)
class Work:
    """What is left of a plan.

    Attributes:
        paired: how each table's rows are hashed.
        actions: by the store that is written and the table.
        sizes: about how many bytes both stores' rows are.
    """

    paired: dict[TableName, Paired] = field(default_factory=dict)
    actions: dict[Side, dict[TableName, list[Action]]] = field(default_factory=lambda: {"a": {}, "b": {}})
    sizes: dict[Side, dict[TableName, dict[Key, int]]] = field(default_factory=lambda: {"a": {}, "b": {}})


def look_at(stores: Stores, plan: RepairPlan, repair: Repair) -> Work:
    """Look at every row of the plan without touching it: what is as it should be already needs no write."""
    work = Work()
    wanted = [table for table in plan.tables if table.actions]
    names = [table.declared.table for table in wanted]
    with stores.a.snapshot() as a, stores.b.snapshot() as b:
        tables = {"a": read_tables(a, names), "b": read_tables(b, names)}
        for table in wanted:
            name = table.declared.table
            if name not in tables["a"] or name not in tables["b"]:
                raise PlanError(f"{name}: a store has no such table any more; nothing was changed. Make a new plan")
            pairing = pair(tables["a"][name], tables["b"][name], table.declared)
            if pairing.digest != table.digest:
                raise PlanError(
                    f"{name}: its columns or how they are compared changed since the plan was made; nothing was "
                    "changed. Make a new plan"
                )
            work.paired[name] = Paired(pairing, table.seed)
            _look(work, name, table, {"a": a, "b": b}, repair)
    return work


def _look(work: Work, name: TableName, plan: TablePlan, db: Mapping[Side, Transaction], repair: Repair) -> None:
    paired = work.paired[name]
    for start in range(0, len(plan.actions), CHUNK):
        some = plan.actions[start : start + CHUNK]
        keys = [one.key for one in some]
        rows = {side: paired.hashes(db[side], side, keys) for side in SIDES}
        left = []
        for one in some:
            if is_done(one, rows[one.into].get(one.key), rows[OTHER[one.into]].get(one.key)):
                repair.already += 1
            else:
                left.append(one)
        sizes = [paired.sizes(db[side], side, [one.key for one in left]) for side in SIDES]
        for one in left:
            work.actions[one.into].setdefault(name, []).append(one)
            work.sizes[one.into].setdefault(name, {})[one.key] = sum(each.get(one.key, 0) for each in sizes)


def is_done(one: Action, target: Hashes | None, source: Hashes | None) -> bool:
    """Whether a row is what the action would make of it."""
    if one.verb == "delete":
        return target is None and source is None
    return target is not None and source is not None and is_equal(target, source)


def is_equal(one: Hashes, other: Hashes) -> bool:
    """Whether two rows are the same, at least in meaning."""
    return one.exact == other.exact or one.meaning == other.meaning
