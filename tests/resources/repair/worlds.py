"""Two stores with tables, damage done to them, and what is left of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from holdfast.consistency.plan_rows import Direction, Limits
from holdfast.consistency.planning import Policy
from holdfast.consistency.plans import RepairPlan
from holdfast.consistency.repairs import Repair
from holdfast.consistency.tables import Authority, ComparedTable, Side
from resources.repair.applying import apply_plan
from resources.repair.journaling import read_file
from resources.repair.planning import Ask, Planner
from resources.repair.undoing import undo_journal
from resources.stores import Stores, open_stores
from resources.tables.comparing import Options, compare

AT_ONCE = Options(recheck_rounds=0)
ALL = Limits(max_rows=100_000, max_share=1.0, allow_empty=True)


@dataclass(frozen=True)
class World:
    """Both stores, by their URLs, and a folder for journals."""

    a: str
    b: str
    folder: Path

    @property
    def stores(self) -> Stores:
        return open_stores(self.a, self.b)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def url(self, side: Side) -> str:
        return self.a if side == "a" else self.b

    @contextmanager
    def connect(self, side: Side) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.url(side), autocommit=True) as connection:
            yield connection

    def run(self, side: Side, *statements: str) -> None:
        with self.connect(side) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def both(self, *statements: str) -> None:
        self.run("a", *statements)
        self.run("b", *statements)

    def rows(self, side: Side, query: str) -> list[tuple[Any, ...]]:
        with self.connect(side) as connection:
            return connection.execute(query.encode()).fetchall()

    def plan(
        self,
        *tables: str | ComparedTable,
        authority: Authority = "a",
        direction: Direction = "both",
        deletes: bool = False,
        limits: Limits = ALL,
        **more: Any,
    ) -> RepairPlan:
        policy = Policy(authority=authority, direction=direction, may_delete=deletes, limits=limits)
        declared = [ComparedTable(name=one) if isinstance(one, str) else one for one in tables]
        planner = Planner(self.stores, options=AT_ONCE)
        return planner.plan([Ask(declared=one, policy=policy, **more) for one in declared], is_lenient=False)

    def apply(self, plan: RepairPlan) -> Repair:
        return apply_plan(self.stores, plan, journal=self.journal)

    def repair(self, *tables: str | ComparedTable, **how: Any) -> Repair:
        return self.apply(self.plan(*tables, **how))

    def undo(self, into: Path | None = None) -> Repair:
        return undo_journal(self.stores, read_file(self.journal), into=into)

    def differences(self, table: str | ComparedTable) -> int:
        declared = ComparedTable(name=table) if isinstance(table, str) else table
        report = compare(self.stores, declared, options=AT_ONCE).report
        assert report.status in ("ok", "differs"), report.reason
        return report.mismatch_count


def codes(repair: Repair) -> Sequence[str]:
    return sorted(one.code for one in repair.skipped)
