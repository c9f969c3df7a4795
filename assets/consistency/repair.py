"""``consistency_repair``: what would make the two stores agree, and, where an operator says so, doing it."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.catalog import COMPARED_TABLES
from assets.consistency.report import NOT_CONFIGURED, consistency_report
from assets.consistency.tables import GROUP, OWNERS, table
from assets.consistency.tables_repair import LOG, plan_rows
from assets.consistency.telling_repair import plan_lines, repair_lines
from holdfast.consistency.plan_rows import Direction, Limits
from holdfast.consistency.planning import Policy
from holdfast.consistency.plans import RepairPlan
from holdfast.consistency.repairs import Repair
from holdfast.consistency.reports import Mode
from holdfast.consistency.tables import OTHER, Authority, ComparedTable, TableName
from resources.consistency import read_mark
from resources.guards.breakers_resource import BreakersResource
from resources.guards.guarded import guard_both
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.repair.applying import apply_plan
from resources.repair.log import find_plan, keep_plan
from resources.repair.planning import Ask, Planner
from resources.repair.undoing import look_at_undo, undo_logged
from resources.stores import Stores
from resources.stores_resource import StoresResource

_REST: Final = "holdfast.repair_plans and holdfast.repair_log tell all"


class ConsistencyRepairConfig(dg.Config):
    """What one run of ``consistency_repair`` does; by default it plans and changes nothing."""

    apply: bool = Field(
        default=False,
        description="Write. Needs confirm (the sha256 of a plan that was shown), or max_rows: then what is planned in "
        "this run is applied in this run.",
    )
    confirm: str | None = Field(default=None, description="sha256 of the plan to apply, as an earlier run showed it.")
    reverse_sync_into: Literal["neither", "a", "b"] = Field(
        default="neither",
        description="A store that was away and is back: what the other wrote meanwhile goes into it, what it has newer "
        "itself stays. a is the primary, b the secondary.",
    )
    undo: str | None = Field(default=None, description="repair_id of a repair to take back; with apply: true.")
    tables: list[str] = Field(default_factory=list, description="Names, e.g. Story; left out: all declared ones.")
    authority: Literal["declared", "a", "b", "newest"] = Field(
        default="declared", description="Whose rows win; declared: as the catalogue says of each table."
    )
    direction: Direction = Field(default="both", description="Which store may be written.")
    mode: Mode = Field(
        default="incremental",
        description="How tables are compared first. incremental: everything, at the cost of what changed since the "
        "last exact comparison. full: every row. window: what was written in the last hours.",
    )
    hours: float = Field(default=24, gt=0, le=24 * 400, description="window: how far it goes back.")
    delete: bool = Field(
        default=False, description="Also delete rows that the authority does not have, where the catalogue allows it."
    )
    max_rows: int | None = Field(default=None, ge=0, description="More rows of a table are refused; left out: 1000.")
    max_share_pct: float = Field(default=5, ge=0, le=100, description="Per cent of a table; more are refused.")
    allow_empty: bool = Field(default=False, description="A store may hold no row of a table at all.")
    tolerance_s: float = Field(default=5.0, ge=0, description="Rows written this close together are undecided.")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    deps=[consistency_report],
    pool="consistency_repair",
    metadata=table("repair_log", LOG),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def consistency_repair(
    context: dg.AssetExecutionContext,
    config: ConsistencyRepairConfig,
    postgres: PostgresResource,
    stores: StoresResource,
    breakers: BreakersResource,
) -> dg.MaterializeResult:
    """What would make the two stores agree: a plan, and nothing is changed; applied when an operator confirms it.

    Grain: one row in ``repair_log`` per row that was written, whole, as it was and as it became. A plan that is applied
    again does what is left of it; when nothing is, it writes nothing. Every row is looked at again right before it is
    written; one that changed since the plan is left. Nothing is deleted unless the catalogue allows it and it is asked
    for.

    Look, then apply: launch with defaults, read the plan, launch again (Materialize with shift opens the Launchpad)
    with `apply: true` and `confirm: <its sha256>`. To take a repair back: `undo: <its repair_id>` and `apply: true`.
    A store was away and is back, and you know about how much it missed at most (b is the secondary, a the primary):

    ```yaml
    ops:
      consistency_repair:
        config:
          reverse_sync_into: b
          apply: true
          max_rows: 5000
          max_share_pct: 20
    ```
    """
    if not stores.is_paired:
        context.log.info("consistency: %s", NOT_CONFIGURED)
        return dg.MaterializeResult(
            metadata=_told(None, None, postgres)
            | {"what": dg.MetadataValue.md(NOT_CONFIGURED), "rows": plan_rows(None)}
        )
    work = _Work(config, postgres.client(), stores.stores(), context.run.run_id, context.log.info)
    with guard_both(breakers.open(), work.stores):
        plan, repair, lines = work.do()
    for one in repair.skipped[:100] if repair else ():
        context.log.warning("consistency: %s", one)
    return dg.MaterializeResult(
        metadata=_told(plan, repair, postgres)
        | {"what": paragraphs(lines, nothing="Nothing to do.", rest=_REST), "rows": plan_rows(plan)}
    )


Done = tuple[RepairPlan | None, Repair | None, list[str]]


class _Work:
    """One run: what it is asked to do, and where."""

    def __init__(
        self,
        config: ConsistencyRepairConfig,
        primary: Postgres,
        stores: Stores,
        run_id: str,
        say: Callable[..., None],
    ) -> None:
        self.config = config
        self.primary = primary
        self.stores = stores
        self.run_id = run_id
        self.say = lambda line: say("consistency: %s", line)

    def do(self) -> Done:
        """Undo, apply what was confirmed, or plan; and apply that where the config says how much it may be."""
        config = self.config
        if config.undo:
            return self._undo(config.undo)
        if config.apply and config.confirm:
            return self._apply(find_plan(self.primary, config.confirm))
        if config.apply and config.max_rows is None:
            raise dg.Failure(
                "apply: expected confirm (the sha256 of a plan that was shown) or max_rows (how much may be written at "
                "most), found neither; nothing was changed. Launch with defaults to see the plan",
                allow_retries=False,
            )
        planner = Planner(self.stores, tolerance_s=config.tolerance_s, say=self.say)
        plan = planner.plan([self._ask(one) for one in self._tables()], is_lenient=True)
        keep_plan(self.primary, plan, self.run_id)
        return self._apply(plan) if config.apply else (plan, None, plan_lines(plan))

    def _apply(self, plan: RepairPlan) -> Done:
        repair = apply_plan(self.stores, plan, journal=None, say=self.say)
        return plan, repair, repair_lines(plan, repair)

    def _undo(self, repair_id: str) -> Done:
        if not self.config.apply:
            return None, None, [look_at_undo(self.stores, repair_id)]
        repair = undo_logged(self.stores, repair_id, say=self.say)
        return None, repair, repair_lines(None, repair)

    def _tables(self) -> Sequence[ComparedTable]:
        declared = {one.table: one for one in COMPARED_TABLES}
        try:
            named = [TableName.parse(name) for name in self.config.tables]
        except ValueError as error:
            raise dg.Failure(f"tables: {error}; nothing was changed", allow_retries=False) from None
        if missing := [str(name) for name in named if name not in declared]:
            known = ", ".join(str(name) for name in declared)
            raise dg.Failure(
                f"tables: {', '.join(missing)}: expected tables of the catalogue ({known}); nothing was changed. "
                "holdfast consistency plan takes any table",
                allow_retries=False,
            )
        chosen = [declared[name] for name in named] or list(COMPARED_TABLES)
        return [one for one in chosen if self._authority(one) != "report"]

    def _ask(self, declared: ComparedTable) -> Ask:
        config = self.config
        limits = Limits(
            max_rows=Limits().max_rows if config.max_rows is None else config.max_rows,
            max_share=config.max_share_pct / 100,
            allow_empty=config.allow_empty,
        )
        policy = Policy(
            authority=self._authority(declared),
            direction=config.direction if config.reverse_sync_into == "neither" else config.reverse_sync_into,
            may_delete=config.delete and declared.may_delete,
            limits=limits,
        )
        since = datetime.now(UTC) - timedelta(hours=config.hours) if config.mode == "window" else None
        with self.primary.transaction() as db:
            mark = read_mark(db, str(declared.table))
        return Ask(declared=declared, policy=policy, mode=config.mode, since=since, mark=mark)

    def _authority(self, declared: ComparedTable) -> Authority:
        if self.config.authority != "declared":
            return self.config.authority
        back = self.config.reverse_sync_into
        if back == "neither" or declared.authority in ("report", OTHER[back]):
            return declared.authority
        # What a store wrote before it went away may be newer than what the other has: the other does not simply win.
        return "newest"


def _told(plan: RepairPlan | None, repair: Repair | None, postgres: PostgresResource) -> dict[str, Any]:
    """The same numbers whatever was done; planned rows are to insert, update or delete."""
    tables = plan.tables if plan else ()
    verbs = Counter(one.verb for each in tables for one in each.actions)
    with postgres.client().transaction() as db:
        logged = int(db.value("repairs/count_log"))
    return {
        "dagster/row_count": logged,
        "planned_rows": verbs.total(),
        "insert_rows": verbs["insert"],
        "update_rows": verbs["update"],
        "delete_rows": verbs["delete"],
        "undecided_rows": sum(len(each.undecided) for each in tables),
        "left_rows": sum(len(each.left) for each in tables),
        "in_flux_rows": sum(each.in_flux_count for each in tables),
        "form_only_rows": sum(each.form_only_count for each in tables),
        "planned_tables": len(tables),
        "refused_tables": len(plan.refused) if plan else 0,
        "written_rows": repair.written_count if repair else 0,
        "already_rows": repair.already if repair else 0,
        "skipped_rows": len(repair.skipped) if repair else 0,
        "seconds": round(repair.seconds, 3) if repair else 0.0,
        "is_applied": repair is not None,
        "plan_sha256": plan.sha256 if plan else "",
        "repair_id": repair.repair_id if repair else "",
    }
