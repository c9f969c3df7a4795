"""What repairs look like in the UI: the log's columns, and the rows of a plan."""

from typing import Final

import dagster as dg

from assets.consistency.tables import REQUIRED
from holdfast.consistency.plans import RepairPlan

LOG: Final = dg.TableSchema(
    [
        dg.TableColumn("log_id", "bigint", "Counts up in the order of the writes", REQUIRED),
        dg.TableColumn("repair_id", "text", "The repair: begins as its plan's sha256 does", REQUIRED),
        dg.TableColumn("table_name", "text", "The table, with its schema where that is not public", REQUIRED),
        dg.TableColumn("store", "text", "The store that was written: a or b", REQUIRED),
        dg.TableColumn("action", "text", "insert, update or delete", REQUIRED),
        dg.TableColumn("key", "text", "The row: its key as text", REQUIRED),
        dg.TableColumn("key_parts", "text[]", "The same, one text per key column", REQUIRED),
        dg.TableColumn("key_columns", "text[]", "The columns these are of", REQUIRED),
        dg.TableColumn("before", "jsonb", "The row before, null where there was none"),
        dg.TableColumn("after", "jsonb", "The row after, null where it went"),
        dg.TableColumn("hash_before", "bigint", "Its hash before, under the seed"),
        dg.TableColumn("hash_after", "bigint", "Its hash after, under the seed"),
        dg.TableColumn("seed", "bigint", "Seed of the two hashes"),
        dg.TableColumn("reason", "text", "Why it was written", REQUIRED),
        dg.TableColumn("batch_no", "integer", "Rows of one number and repair were one transaction", REQUIRED),
        dg.TableColumn("transaction_id", "text", "That transaction, in the store that was written", REQUIRED),
        dg.TableColumn("state", "text", "applied, prepared or abandoned", REQUIRED),
        dg.TableColumn("logged_at", "timestamptz", "When it was logged, before the commit", REQUIRED),
        dg.TableColumn("settled_at", "timestamptz", "When it became known whether it was written"),
        dg.TableColumn("undoes", "bigint", "The write that this one takes back"),
        dg.TableColumn("undone_at", "timestamptz", "When it was taken back, null while it stands"),
    ]
)

_ROWS: Final = dg.TableSchema(
    [
        dg.TableColumn("table", "text", "The table", REQUIRED),
        dg.TableColumn("key", "text", "The row", REQUIRED),
        dg.TableColumn("action", "text", "insert, update, delete, or stays", REQUIRED),
        dg.TableColumn("into", "text", "The store that is written, a or b; empty where none is", REQUIRED),
        dg.TableColumn("reason", "text", "Why", REQUIRED),
    ]
)
_SHOWN_ROWS: Final = 200


def plan_rows(plan: RepairPlan | None) -> dg.TableMetadataValue:
    """The first rows of a plan: of each table what no rule decides, what is written, and what a rule leaves."""
    found: list[tuple[str, str, str, str, str]] = []
    for each in plan.tables if plan else ():
        found += [(each.table, ", ".join(one.key), "stays", "", one.reason) for one in each.undecided]
        found += [(each.table, ", ".join(one.key), one.verb, one.into, one.reason) for one in each.actions]
        found += [(each.table, ", ".join(one.key), "stays", "", one.reason) for one in each.left]
    names = [column.name for column in _ROWS.columns]
    records = [dg.TableRecord(dict(zip(names, row, strict=True))) for row in found[:_SHOWN_ROWS]]
    return dg.MetadataValue.table(records, _ROWS)
