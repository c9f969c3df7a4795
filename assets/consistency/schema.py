"""``storage_schema``: whether both stores have the declared tables alike, and a plan that adds what one lacks."""

from datetime import timedelta
from typing import Any, Final

import dagster as dg
from pydantic import Field

from assets.baselines.telling import ROOM, paragraphs
from assets.catalog import COMPARED_TABLES, SCHEMA_WISHES
from assets.consistency.checks_schema import CHECKS, UNPAIRED, check_schema
from assets.consistency.tables import GROUP, OWNERS
from holdfast.consistency.tables import TableName
from holdfast.errors import PermanentError
from resources.guards.breakers_resource import BreakersResource
from resources.guards.guarded import guard_both
from resources.schema.applying import apply, raise_failed
from resources.schema.looking import Into, Look, Wanted, look
from resources.stores import Stores
from resources.stores_resource import StoresResource

# What a person reads in the UI; the file has no bounds.
_LONGEST_SQL: Final = 200_000


class StorageSchemaConfig(dg.Config):
    """By default a look: both schemas are compared and a plan is shown, nothing is changed."""

    apply: bool = Field(default=False, description="Carry the plan out; needs confirm.")
    confirm: str = Field(default="", description="The sha256 of the plan you looked at: another plan is refused.")
    into: Into = Field(default="b", description="Where things may be added: b, the secondary; a, the primary; or both.")
    tables: str = Field(default="", description="Names with commas, as written in the catalogue; empty: the declared.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "sql"},
    pool="storage_schema",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
    check_specs=[dg.AssetCheckSpec(name, asset="storage_schema", description=text) for name, text in CHECKS.items()],
)
def storage_schema(
    context: dg.AssetExecutionContext, config: StorageSchemaConfig, stores: StoresResource, breakers: BreakersResource
) -> dg.MaterializeResult:
    """Whether both stores have the declared tables alike; where one lacks something, a plan that adds it.

    Grain: one look at both catalogues. A plan only adds: it never drops, alters or narrows what is there; what would is
    left to a person. It is shown as SQL, and carried out only with ``apply`` and the plan's sha256, after both schemas
    were read again. Safe to run twice: the second apply finds nothing to do.
    """
    if not stores.is_paired:
        context.log.info("schema: %s", UNPAIRED)
        return dg.MaterializeResult(metadata=_metadata(None, 0), check_results=list(check_schema(None)))
    wanted = Wanted(names=_names(config.tables), wishes=SCHEMA_WISHES, into=config.into)
    pair = stores.stores()
    with guard_both(breakers.open(), pair):
        done = _apply(context, config, pair, wanted) if config.apply else 0
        found = look(pair, wanted)
    context.log.info(
        "schema: %d differences, %d statements to run, %d applied", len(found.warnings), found.statements, done
    )
    return dg.MaterializeResult(metadata=_metadata(found, done), check_results=list(check_schema(found)))


def _names(tables: str) -> tuple[TableName, ...]:
    if not tables.strip():
        return tuple(one.table for one in COMPARED_TABLES)
    return tuple(TableName.parse(name) for name in tables.split(",") if name.strip())


def _apply(context: dg.AssetExecutionContext, config: StorageSchemaConfig, pair: Stores, wanted: Wanted) -> int:
    if not config.confirm:
        raise PermanentError(
            "storage_schema: apply needs confirm, the sha256 of the plan you looked at, and found none; nothing was "
            "changed. Materialize it without apply, read plan_sql, and put its sha256 into confirm"
        )
    applied = apply(pair, wanted, config.confirm)
    for one in applied:
        context.log.info("schema: %s", one)
    raise_failed(applied)
    return sum(len(one.done) for one in applied)


def _metadata(found: Look | None, done: int) -> dict[str, Any]:
    """The same keys at each run."""
    findings = found.findings if found else ()
    names = found.wanted.names if found else tuple(one.table for one in COMPARED_TABLES)
    return {
        "declared_tables": len(names),
        "missing_tables_primary": len(found.missing("a")) if found else 0,
        "missing_tables_secondary": len(found.missing("b")) if found else 0,
        "differences": len(found.warnings) if found else 0,
        "notes": len(findings) - len(found.warnings) if found else 0,
        "left_to_you": sum(len(plan.left) for plan in found.plans) if found else 0,
        "statements_to_run": found.statements if found else 0,
        "applied_statements": done,
        "into": found.wanted.into if found else "none",
        "sha256": found.sha256 if found else "none",
        "found": paragraphs(
            [finding.sentence for finding in findings],
            nothing="Both stores have the same schema." if found else UNPAIRED,
            rest="all of them are in findings",
        ),
        "plan": dg.MetadataValue.md(_shown(found)),
        "plan_sql": dg.MetadataValue.text(found.sql[:_LONGEST_SQL] if found else ""),
        "findings": dg.MetadataValue.json([finding.to_document() for finding in findings]),
    }


def _shown(found: Look | None) -> str:
    """The plan without its head, as far as the UI shows it without a click."""
    if found is None or not found.statements:
        return "Nothing to add."
    lines = found.sql.partition("\n\n")[2].splitlines()
    shown: list[str] = []
    while lines and sum(map(len, shown)) + len(shown) + len(lines[0]) < ROOM - 40:
        shown.append(lines.pop(0))
    more = [f"-- … {len(lines)} more lines: plan_sql"] if lines else []
    return "\n".join(["```sql", *shown, *more, "```"])
