"""Make a repair plan: compare, find out which row is newer, and decide. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from psycopg import sql

from holdfast.consistency.pairing import Pairing, pair
from holdfast.consistency.plan_rows import Skew
from holdfast.consistency.planning import Instants, Policy, plan_table
from holdfast.consistency.plans import RepairPlan, TablePlan
from holdfast.consistency.reports import Comparison, Difference, Mark, Mode
from holdfast.consistency.tables import ComparedTable, Key, Side
from holdfast.errors import PermanentError, TransientError
from resources.postgres import Transaction
from resources.repair.clocks import measure_skew
from resources.repair.looking import identities
from resources.repair.recording import Say
from resources.repair.rows import CHUNK, Paired
from resources.stores import Stores
from resources.tables import hashing
from resources.tables.comparing import Options, compare
from resources.tables.reading import read_table

_STAMPS: Final = frozenset({"timestamptz", "timestamp", "date"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A table to plan a repair of.

    Attributes:
        mode: how it is compared first.
        since: start of a window.
        mark: of the newest exact comparison: it tells deleted rows from those that never arrived.
    """

    declared: ComparedTable
    policy: Policy
    mode: Mode = "full"
    since: datetime | None = None
    mark: Mark | None = None


@dataclass(slots=True)
class Planner:
    """Plans repairs of the tables of two stores.

    Attributes:
        tolerance_s: instants no further apart than this do not say which row is newer.
        options: how tables are compared.
        say: gets a line per table.
    """

    stores: Stores
    tolerance_s: float = 5.0
    options: Options = field(default_factory=Options)
    say: Say = field(default=lambda _: None)
    _skew: Skew | None = None

    def plan(self, asks: Sequence[Ask], *, is_lenient: bool) -> RepairPlan:
        """Plan all tables.

        Args:
            asks: the tables.
            is_lenient: whether a table that cannot be planned is noted in the plan, and the others go on.

        Raises:
            TransientError: a store is away.
            PermanentError: unless lenient: a table could not be compared, or there is too much to do.
        """
        found = identities(self.stores)
        if found["a"] == found["b"]:
            raise PermanentError(
                f"both stores are the same database ({found['a']}); nothing was planned. Check --a and --b "
                "(DATABASE_URL, SUPABASE_DB_URL)"
            )
        tables, refused = [], {}
        for ask in asks:
            try:
                tables.append(self._table(ask))
            except PermanentError as error:
                if not is_lenient:
                    raise
                refused[str(ask.declared.table)] = str(error)
            self.say(str(tables[-1]) if str(ask.declared.table) not in refused else f"{ask.declared.table}: refused")
        planned_at = datetime.now(UTC).isoformat()
        return RepairPlan(tables=tuple(tables), stores=found, planned_at=planned_at, refused=refused)

    def _table(self, ask: Ask) -> TablePlan:
        declared = ask.declared
        comparison = compare(self.stores, declared, mode=ask.mode, since=ask.since, mark=ask.mark, options=self.options)
        if comparison.report.status not in ("ok", "differs"):
            return plan_table(declared, comparison, ask.policy, digest="")
        with self.stores.a.snapshot() as a, self.stores.b.snapshot() as b:
            pairing = self._pairing(declared, a, b)
            instants = None
            if ask.policy.authority == "newest" and _has_stamp(pairing, declared.updated_at):
                instants = _instants(Paired(pairing, comparison.seed), declared, comparison, {"a": a, "b": b})
        return plan_table(
            declared,
            comparison,
            ask.policy,
            digest=pairing.digest,
            instants=instants,
            skew=self._skew_of_stores() if instants else None,
            table_rows=max(pairing.a.estimated_rows, pairing.b.estimated_rows)
            if comparison.report.mode == "window"
            else 0,
        )

    def _pairing(self, declared: ComparedTable, a: Transaction, b: Transaction) -> Pairing:
        tables = read_table(a, declared.table), read_table(b, declared.table)
        if tables[0] is None or tables[1] is None:
            raise TransientError(f"{declared.table}: a store lost the table while it was compared; nothing was changed")
        return pair(tables[0], tables[1], declared)

    def _skew_of_stores(self) -> Skew:
        if self._skew is None:
            self._skew = measure_skew(self.stores, self.tolerance_s)
        return self._skew


def _has_stamp(pairing: Pairing, name: str | None) -> bool:
    columns = [pairing.of(side).column(name) for side in ("a", "b")] if name else [None]
    return all(column is not None and column.base in _STAMPS and column.kind == "base" for column in columns)


def _instants(
    paired: Paired, declared: ComparedTable, comparison: Comparison, db: Mapping[Side, Transaction]
) -> dict[Key, Instants]:
    """When mismatched rows were last written; rows that changed since they were compared are left out."""
    differences = [one for one in comparison.differences if one.kind == "mismatched"]
    found: dict[Key, Instants] = {}
    for start in range(0, len(differences), CHUNK):
        some = differences[start : start + CHUNK]
        keys = [one.key for one in some]
        a, b = (paired.stamps(db[side], side, keys, _epoch(paired.pairing, declared, side)) for side in ("a", "b"))
        for one in some:
            if one.key in a and one.key in b and _is_unchanged(one, a[one.key][0], b[one.key][0]):
                found[one.key] = (a[one.key][1], b[one.key][1])
    return found


def _is_unchanged(one: Difference, exact_a: int, exact_b: int) -> bool:
    return one.hash_a == exact_a and one.hash_b == exact_b


def _epoch(pairing: Pairing, declared: ComparedTable, side: Side) -> sql.Composed:
    """Seconds since 1970 at which a row was last written; a timestamp without a zone is in the declared one."""
    name = declared.updated_at or ""
    column = pairing.of(side).column(name)
    value = hashing.cell(name)
    if column is not None and column.base != "timestamptz":
        value = sql.SQL("({}::timestamp at time zone {})").format(value, sql.Literal(declared.zone))
    return sql.SQL("extract(epoch from {})").format(value)
