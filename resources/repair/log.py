"""``holdfast.repair_log`` in the primary: what every repair wrote, complete even where a repair was cut off."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from holdfast.consistency.journals import Entry, Image, table_text
from holdfast.consistency.plan_rows import Verb
from holdfast.consistency.plans import RepairPlan
from holdfast.consistency.reports import key_document
from holdfast.consistency.tables import Side, TableName
from holdfast.errors import PlanError
from resources.postgres import Postgres, Transaction
from resources.repair.rows import images
from resources.repair.shapes import Shape
from resources.repair.writes import Write
from resources.stores import Store, Stores
from resources.tables.reading import read_tables

# Plans that were shown and not applied are kept a while, so that their sha256 can be confirmed.
_KEPT_PLANS: Final = 200
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Logged:
    """Rows that are in the log and not yet known to be written."""

    log_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class RepairLog:
    """The log, in a primary that has it."""

    primary: Postgres

    @classmethod
    def of(cls, stores: Stores) -> "RepairLog | None":
        """The log of these stores; None where the primary has none, or this role may not write it."""
        with stores.a.postgres.transaction() as db:
            may_write = db.value("repairs/has_log")
        return cls(stores.a.postgres) if may_write else None

    def note(
        self, db: Transaction, side: Side, repair_id: str, writes: Sequence[Write], *, batch: int, seed: int | None
    ) -> Logged:
        """Log rows before they are committed.

        Those of the primary are part of the repair's own transaction. Those of the secondary cannot be: they are
        prepared here, and settled when it is known what became of them.
        """
        row = _parameters(repair_id, side, writes, batch=batch, seed=seed)
        row["transaction_id"] = db.value("repairs/transaction_id")
        if side == "a":
            db.rows("repairs/insert_log", state="applied", **row)
            return Logged()
        with self.primary.transaction() as log:
            return Logged([log_id for (log_id,) in log.rows("repairs/insert_log", state="prepared", **row)])

    def applied(self, logged: Logged) -> None:
        """Note that rows were committed."""
        if logged.log_ids:
            with self.primary.transaction() as db:
                db.execute("repairs/settle_log", state="applied", log_ids=list(logged.log_ids))

    def note_undone(self, repair_id: str) -> None:
        """Note which writes the undo of this id has taken back."""
        with self.primary.transaction() as db:
            db.execute("repairs/note_undone", repair_id=repair_id)

    def settle(self, store: Store) -> int:
        """Find out what became of rows that an earlier repair prepared and was cut off; how many are known now."""
        settled, after = 0, 0
        while True:
            with self.primary.transaction() as db:
                rows = db.rows("repairs/unsettled", store=store.side, after=after, most=_PAGE)
            found = [_Prepared(*row) for row in rows]
            if not found:
                return settled
            after = found[-1].log_id
            states = _states(store, found)
            with self.primary.transaction() as db:
                for state in ("applied", "abandoned"):
                    ids = [log_id for log_id, known in states.items() if known == state]
                    settled += db.execute("repairs/settle_log", state=state, log_ids=ids) if ids else 0

    def standing(self, repair_id: str, before_id: int, most: int) -> list[tuple[int, Entry]]:
        """Rows of a repair that stand, the newest first, from before a number of the log."""
        with self.primary.transaction() as db:
            rows = db.rows("repairs/to_undo", repair_id=repair_id, before_id=before_id, most=most)
        return [(row[0], _entry(*row[1:])) for row in rows]

    def has(self, repair_id: str) -> bool:
        """Whether there ever was such a repair."""
        with self.primary.transaction() as db:
            return bool(db.value("repairs/has_repair", repair_id=repair_id))

    def count_standing(self, repair_id: str) -> int:
        """Rows of a repair that were written and not taken back."""
        with self.primary.transaction() as db:
            return int(db.value("repairs/count_standing", repair_id=repair_id))

    def repairs(self) -> list[str]:
        """The newest repairs."""
        with self.primary.transaction() as db:
            return [repair_id for (repair_id,) in db.rows("repairs/repairs")]


def keep_plan(primary: Postgres, plan: RepairPlan, run_id: str) -> None:
    """Keep a plan that is shown, so that its sha256 alone confirms it."""
    with primary.transaction() as db:
        db.execute(
            "repairs/store_plan",
            sha256=plan.sha256,
            planned_at=plan.planned_at,
            run_id=run_id,
            table_names=[table.table for table in plan.tables],
            action_count=plan.action_count,
            open_count=plan.open_count,
            document=plan.to_text(),
        )
        db.execute("repairs/drop_old_plans", kept=_KEPT_PLANS)


def find_plan(primary: Postgres, sha256: str) -> RepairPlan:
    """A plan that was shown.

    Raises:
        PlanError: there is none of this sha256.
    """
    with primary.transaction() as db:
        document = db.value("repairs/plan", sha256=sha256.strip().lower())
        newest = [one for (one,) in db.rows("repairs/newest_plans")]
    if document is None:
        raise PlanError(
            f"no plan with the sha256 {sha256} was shown; nothing was changed. The newest: "
            f"{', '.join(newest) or 'none'}"
        )
    return RepairPlan.from_text(document, source=f"the plan {sha256[:16]}")


@dataclass(frozen=True, slots=True)
class _Prepared:
    log_id: int
    table_name: str
    key_columns: Sequence[str]
    before: Image | None
    after: Image | None
    transaction_id: str


def _states(store: Store, found: Sequence[_Prepared]) -> dict[int, str]:
    """What became of prepared rows: their transaction says so, else the row itself."""
    states: dict[int, str] = {}
    unknown: dict[str, list[_Prepared]] = defaultdict(list)
    with store.snapshot() as db:
        fates = {one: _fate(db, one) for one in {one.transaction_id for one in found}}
        for one in found:
            fate = fates[one.transaction_id]
            if fate in ("committed", "aborted"):
                states[one.log_id] = "applied" if fate == "committed" else "abandoned"
            elif fate is None:
                unknown[one.table_name].append(one)
        for name, rows in unknown.items():
            states |= _by_row(db, store.side, TableName.parse(name), rows)
    return states


def _fate(db: Transaction, transaction_id: str) -> str | None:
    try:
        with db.savepoint():
            status = db.value("repairs/transaction_status", transaction_id=transaction_id)
            return None if status is None else str(status)
    except psycopg.Error:
        # A number that this server has not reached yet: it is another server, or an older copy of it.
        return None


def _by_row(db: Transaction, side: Side, name: TableName, rows: Sequence[_Prepared]) -> Mapping[int, str]:
    """What the rows are now; one that is neither as before nor as after stays unknown."""
    table = read_tables(db, [name]).get(name)
    if table is None:
        return {}
    shape, states = Shape(side=side, table=table), {}
    for one in rows:
        whole = one.after or one.before or {}
        at = tuple(whole[column] or "" for column in one.key_columns)
        now = images(db, shape, "read", one.key_columns, [at]).get(0)
        if is_image(now, one.after):
            states[one.log_id] = "applied"
        elif is_image(now, one.before):
            states[one.log_id] = "abandoned"
    return states


def is_image(now: Image | None, image: Image | None) -> bool:
    """Whether a row is as an image says; columns that the table has gained or lost since do not count."""
    if now is None or image is None:
        return now is image
    return all(now[name] == text for name, text in image.items() if name in now)


def _parameters(repair_id: str, side: Side, writes: Sequence[Write], *, batch: int, seed: int | None) -> dict[str, Any]:
    return {
        "repair_id": repair_id,
        "undoes": repair_id.removesuffix(UNDO) if repair_id.endswith(UNDO) else None,
        "store": side,
        "batch_no": batch,
        "seed": seed,
        "table_names": [table_text(one.shape.name) for one in writes],
        "actions": [one.verb for one in writes],
        "keys": [_key_text(one) for one in writes],
        "key_parts": [json.dumps(one.key) for one in writes],
        "key_columns": [json.dumps(one.key_columns) for one in writes],
        "befores": [_json(one.before) for one in writes],
        "afters": [_json(one.after) for one in writes],
        "hashes_before": [one.had.exact if one.had else None for one in writes],
        "hashes_after": [one.wanted.exact if one.wanted else None for one in writes],
        "reasons": [one.reason for one in writes],
    }


# At the end of the id of what takes a repair back.
UNDO: Final = ".undo"


def _key_text(one: Write) -> str:
    document = key_document(one.key)
    return document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)


def _json(image: Image | None) -> str | None:
    return None if image is None else json.dumps(image, ensure_ascii=False)


def _entry(
    table: str,
    store: Side,
    action: Verb,
    key_parts: Sequence[str],
    key_columns: Sequence[str],
    before: str | None,
    after: str | None,
    batch: int,
) -> Entry:
    return Entry(
        table=table,
        side=store,
        verb=action,
        key=tuple(key_parts),
        key_columns=tuple(key_columns),
        before=None if before is None else json.loads(before),
        after=None if after is None else json.loads(after),
        batch=batch,
    )
