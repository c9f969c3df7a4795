"""Two stores with small tables, and a comparer on them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from holdfast.consistency.reports import Comparison, Mode
from holdfast.consistency.tables import ComparedTable
from resources.consistency import StoredReport
from resources.consistency.rounds import Asked
from resources.consistency.running import Comparer
from resources.guards.breakers import Breakers
from resources.guards.process_states import ProcessStates
from resources.postgres import Postgres
from resources.stores import open_stores
from resources.tables.asking import Options
from resources.tables.comparing import compare

MADE = "create table {} (id integer primary key, title text, updated_at timestamptz not null default now())"
FILLED = "insert into {} select n, 'title ' || n, '{}' from generate_series(1, {}) as n"
# One look is enough where nobody writes.
QUICK = Options(recheck_rounds=0)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@dataclass
class Pair:
    """The stores of one test."""

    a: str
    b: str
    breakers: Breakers = field(default_factory=lambda: Breakers([ProcessStates()]))
    told: list[tuple[str, int, int]] = field(default_factory=list)

    def make(self, *tables: str, rows: int = 100) -> list[ComparedTable]:
        """Tables that hold the same in both."""
        now = datetime.now(UTC)
        for url in (self.a, self.b):
            for table in tables:
                change(url, MADE.format(table), FILLED.format(table, now, rows))
        return [ComparedTable(name=table) for table in tables]

    def comparer(
        self,
        run_id: str,
        *,
        told: Callable[[StoredReport], None] | None = None,
        wait_s: float = 0,
        engine: Callable[..., Comparison] = compare,
    ) -> Comparer:
        def hear(report: StoredReport, done: int, of: int) -> None:
            self.told.append((report.table_name, done, of))
            if told:
                told(report)

        return Comparer(
            postgres=Postgres(self.a),
            stores=open_stores(self.a, self.b),
            breakers=self.breakers,
            run_id=run_id,
            log=logging.getLogger("test"),
            told=hear,
            options=QUICK,
            wait_s=wait_s,
            engine=engine,
        )


def asked(tables: Sequence[ComparedTable], mode: Mode = "full", *, hours: float = 24, is_choice: bool = False) -> Asked:
    return Asked(mode=mode, hours=hours, tables=tables, is_choice=is_choice)
