"""Checks of ``storage_schema``: each is named as the sentence that holds when it passes."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from holdfast.consistency.tables import LABELS
from holdfast.schema.policies import open_to_everybody
from resources.schema.looking import Look

CHECKS: Final = {
    "declared_tables_exist_in_both_stores": "Every declared table is there, in the primary and in the secondary.",
    "both_stores_have_the_same_schema": "Columns, types, defaults, constraints, indexes and policies are the same in "
    "both, and those that the catalogue asks for are there.",
    "every_declared_table_has_row_level_security": "In both stores each user sees only the rows that are theirs.",
}
UNPAIRED: Final = "no secondary store is configured (SUPABASE_DB_URL): there is nothing to compare with"
_NAMED: Final = 20


def check_schema(found: Look | None) -> Iterator[dg.AssetCheckResult]:
    """What a look says about each check; without a secondary store they pass, and say so."""
    if found is None:
        for name in CHECKS:
            yield dg.AssetCheckResult(
                check_name=name, passed=True, description=UNPAIRED, metadata={"compared_stores": 1}
            )
        return
    yield _tables_exist(found)
    yield _same_schema(found)
    yield _rows_are_secured(found)


def _tables_exist(found: Look) -> dg.AssetCheckResult:
    """A warning, as the seed has it: fallback writes to that table fail, and nothing that is stored is lost."""
    missing = {side: found.missing(side) for side in LABELS}
    return dg.AssetCheckResult(
        check_name="declared_tables_exist_in_both_stores",
        passed=not any(missing.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "declared_tables": len(found.wanted.names),
            **{f"missing_in_{LABELS[side]}": ", ".join(map(str, names)) or "none" for side, names in missing.items()},
        },
    )


def _same_schema(found: Look) -> dg.AssetCheckResult:
    warnings = found.warnings
    return dg.AssetCheckResult(
        check_name="both_stores_have_the_same_schema",
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(one.sentence for one in warnings[:3]) or None,
        metadata={
            "differences": len(warnings),
            "primary_lacks": sum(one.side == "a" for one in warnings),
            "secondary_lacks": sum(one.side == "b" for one in warnings),
            "both_have_otherwise": sum(one.side is None for one in warnings),
        },
    )


def _rows_are_secured(found: Look) -> dg.AssetCheckResult:
    """An error: without it whoever may read the table reads everybody's rows."""
    looked_at = {store.side: len(store.tables) for store in (found.a, found.b)}
    without = [
        f"{name} in the {LABELS[store.side]}"
        for store in (found.a, found.b)
        for name in open_to_everybody(store, found.wanted.wishes)
    ]
    return dg.AssetCheckResult(
        check_name="every_declared_table_has_row_level_security",
        passed=not without,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Whoever may read these sees everybody's rows: {', '.join(without[:_NAMED])}."
        if without
        else None,
        metadata={
            "tables_in_primary": looked_at["a"],
            "tables_in_secondary": looked_at["b"],
            "tables_without": len(without),
        },
    )
