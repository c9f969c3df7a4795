"""What the assets of this group share, and what their tables look like in the UI."""

from typing import Final

import dagster as dg

from assets.metrics.tables import OWNERS, table

__all__ = ["GROUP", "OWNERS", "REPORTS", "REQUIRED", "table"]

GROUP: Final = "consistency"
REQUIRED: Final = dg.TableColumnConstraints(nullable=False)

REPORTS: Final = dg.TableSchema(
    [
        dg.TableColumn("report_id", "bigint", "Its number: a later report has a higher one", REQUIRED),
        dg.TableColumn("run_id", "text", "The Dagster run that compared", REQUIRED),
        dg.TableColumn("round", "text", "What it is part of: mode, hours and tables", REQUIRED),
        dg.TableColumn("round_at", "timestamptz", "When that round began; one that is cut off goes on", REQUIRED),
        dg.TableColumn("table_name", "text", "The table, with its schema where that is not public", REQUIRED),
        dg.TableColumn("mode", "text", "full, window or incremental, as it was done", REQUIRED),
        dg.TableColumn("status", "text", "ok or differs where it was compared, else what is in the way", REQUIRED),
        dg.TableColumn("reason", "text", "One sentence: why it was not compared, or what was left out", REQUIRED),
        dg.TableColumn("started_at", "timestamptz", "When comparing this table began", REQUIRED),
        dg.TableColumn("ended_at", "timestamptz", "When it ended", REQUIRED),
        dg.TableColumn("rows_a", "bigint", "Rows of the primary that were compared, null where not counted"),
        dg.TableColumn("rows_b", "bigint", "Rows of the secondary that were compared, null where not counted"),
        dg.TableColumn("only_in_a", "bigint", "Rows that the secondary lacks", REQUIRED),
        dg.TableColumn("only_in_b", "bigint", "Rows that the primary lacks", REQUIRED),
        dg.TableColumn("mismatched", "bigint", "Rows of both that differ in meaning", REQUIRED),
        dg.TableColumn("form_only", "bigint", "Rows of both that mean the same in another form", REQUIRED),
        dg.TableColumn("in_flux", "bigint", "Rows that were still being written after every recheck", REQUIRED),
        dg.TableColumn("by_column", "jsonb", "Number of mismatched rows by column", REQUIRED),
        dg.TableColumn("rate", "double precision", "Mismatches of the rows in either store, 0 to 1"),
        dg.TableColumn("severity", "text", "ok, warning (from 1 %) or critical (above 5 %)", REQUIRED),
        dg.TableColumn("is_complete", "boolean", "Whether all of it was compared that was meant to be", REQUIRED),
        dg.TableColumn("share", "double precision", "Share of the rows that was compared, 0 to 1", REQUIRED),
        dg.TableColumn("since", "timestamptz", "Rows written since then were compared, null for all"),
        dg.TableColumn(
            "notes", "text[]", "Sentences: columns left out, types that differ, why all was compared", REQUIRED
        ),
        dg.TableColumn("seconds", "double precision", "Wall time", REQUIRED),
        dg.TableColumn("bytes_received", "bigint", "Bytes the two stores sent", REQUIRED),
        dg.TableColumn("finding_count", "integer", "Rows of it that were stored in consistency_findings", REQUIRED),
        dg.TableColumn("is_truncated", "boolean", "Whether there were more than that", REQUIRED),
    ]
)
