"""Decide what a repair does about each row that differs, and refuse what looks like a mistake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.consistency.plan_rows import Action, Direction, Limits, Skew, Unrepaired, Verb
from holdfast.consistency.plans import TablePlan
from holdfast.consistency.reports import Comparison, Difference, TableReport
from holdfast.consistency.tables import LABELS, OTHER, Authority, ComparedTable, Key, Side
from holdfast.errors import PermanentError, RepairTooLargeError

# Seconds since 1970 at which a row was last written in A and in B; None for null.
Instants = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whose rows win, and what may be done about it.

    Attributes:
        direction: which stores may be written.
        may_delete: whether rows that the authority does not have are deleted: the table's policy says so, and it was
            asked for.
    """

    authority: Authority
    direction: Direction = "both"
    may_delete: bool = False
    limits: Limits = field(default_factory=Limits)

    def writes(self, side: Side) -> bool:
        """Whether this store may be written."""
        return self.direction in ("both", side)


def plan_table(
    declared: ComparedTable,
    comparison: Comparison,
    policy: Policy,
    *,
    digest: str,
    instants: Mapping[Key, Instants] | None = None,
    skew: Skew | None = None,
    table_rows: int = 0,
) -> TablePlan:
    """Decide about every row of a comparison.

    Args:
        declared: the table.
        comparison: of it; its list of differences may be cut, which the plan says.
        policy: whose rows win.
        digest: of how the tables are compared.
        instants: when mismatched rows were last written, for the authority "newest"; a row that is not in it changed
            since it was compared, and counts as one in flux.
        skew: of the two clocks, for the authority "newest".
        table_rows: about how many rows the table has, where only a window of it was compared.

    Raises:
        PermanentError: the table could not be compared, or a store holds none of it.
        RepairTooLargeError: there is more to do than the limits allow.
    """
    report, margin = comparison.report, (skew or Skew()).margin_s
    _check_report(report, policy.limits)
    decisions = _Decisions(policy, instants, Decimal(str(margin)))
    for one in comparison.differences:
        decisions.take(one)
    counted = sum(found.count for found in report.found.values())
    plan = TablePlan(
        declared=declared,
        authority=policy.authority,
        direction=policy.direction,
        may_delete=policy.may_delete,
        seed=comparison.seed,
        digest=digest,
        union_rows=max(report.union_rows or 0, table_rows),
        margin_s=margin,
        actions=tuple(decisions.actions),
        left=tuple(decisions.left),
        undecided=tuple(decisions.undecided),
        in_flux=tuple(decisions.in_flux),
        in_flux_count=report.of("in_flux").count + decisions.changed_count,
        form_only_count=report.of("form_only").count,
        is_cut=counted - report.of("form_only").count > decisions.taken_count,
        notes=report.notes,
    )
    _check_size(plan, report, policy.limits)
    return plan


@dataclass(slots=True)
class _Decisions:
    policy: Policy
    instants: Mapping[Key, Instants] | None
    margin_s: Decimal
    actions: list[Action] = field(default_factory=list)
    left: list[Unrepaired] = field(default_factory=list)
    undecided: list[Unrepaired] = field(default_factory=list)
    in_flux: list[Key] = field(default_factory=list)
    changed_count: int = 0
    taken_count: int = 0

    def take(self, one: Difference) -> None:
        """Decide about one row."""
        if one.kind == "form_only":
            return
        self.taken_count += 1
        if one.kind == "in_flux":
            self.in_flux.append(one.key)
        elif self.policy.authority == "report":
            self._leave(one.key, "the table is only reported on")
        elif one.kind == "mismatched":
            self._mismatched(one)
        else:
            self._alone(one, "a" if one.kind == "only_in_a" else "b")

    def _mismatched(self, one: Difference) -> None:
        winner, reason = self._winner(one)
        if winner is not None:
            self._write(one, OTHER[winner], reason)

    def _winner(self, one: Difference) -> tuple[Side | None, str]:
        authority = self.policy.authority
        if authority == "a" or authority == "b":
            return authority, f"{authority} decides"
        if self.instants is None:
            return self._open(one.key, "no column says which row is newer")
        if one.key not in self.instants:
            self.in_flux.append(one.key)
            self.changed_count += 1
            return None, ""
        a, b = self.instants[one.key]
        if a is None or b is None:
            where = " and ".join(side for side, at in (("a", a), ("b", b)) if at is None)
            return self._open(one.key, f"the instant of the last write is null in {where}")
        if a == b:
            return self._open(one.key, "last written at the same instant in both, with different content")
        if abs(a - b) <= self.margin_s:
            apart = f"{float(abs(a - b)):.3f} s apart"
            return self._open(one.key, f"last written {apart}, within the {float(self.margin_s):.3f} s of the clocks")
        newer: Side = "a" if a > b else "b"
        return newer, f"newer in {newer}"

    def _alone(self, one: Difference, holder: Side) -> None:
        """A row that only ``holder`` has: the other lost it, never got it, or deleted it."""
        lacking, authority = OTHER[holder], self.policy.authority
        was_deleted = one.cause == "deleted"
        told = f"deleted in {lacking}" if was_deleted else f"never arrived in {lacking}" if one.cause else ""
        if authority == lacking:
            self._surplus(one, holder, told or f"{lacking} lacks it")
        elif authority == "newest" and was_deleted:
            # A row does not come back by itself, and "newest" deletes nothing.
            self._open(one.key, f"{told}: it comes back, or goes here as well, only where an authority decides")
        else:
            reason = f"{told or f'missing in {lacking}'}{f', {authority} decides' if was_deleted else ''}"
            self._write(one, lacking, reason)

    def _surplus(self, one: Difference, holder: Side, told: str) -> None:
        if not self.policy.may_delete:
            self._leave(one.key, f"{told}; only in {holder}, and nothing is deleted")
        elif not self.policy.writes(holder):
            self._leave(one.key, f"{told}; only in {holder}, which is not written")
        else:
            self._act(one, holder, "delete", f"{told}; {OTHER[holder]} decides")

    def _write(self, one: Difference, into: Side, reason: str) -> None:
        if self.policy.writes(into):
            verb: Verb = "insert" if _hash(one, into) is None else "update"
            self._act(one, into, verb, reason)
        else:
            self._leave(one.key, f"{reason}; {into} is not written")

    def _act(self, one: Difference, into: Side, verb: Verb, reason: str) -> None:
        action = Action(
            key=one.key,
            verb=verb,
            into=into,
            expected=_hash(one, into),
            source=_hash(one, OTHER[into]),
            reason=reason,
        )
        self.actions.append(action)

    def _leave(self, key: Key, reason: str) -> None:
        self.left.append(Unrepaired(key=key, reason=reason))

    def _open(self, key: Key, reason: str) -> tuple[None, str]:
        self.undecided.append(Unrepaired(key=key, reason=reason))
        return None, ""


def _hash(one: Difference, side: Side) -> int | None:
    return one.hash_a if side == "a" else one.hash_b


def _check_report(report: TableReport, limits: Limits) -> None:
    if report.status not in ("ok", "differs"):
        raise PermanentError(
            f"{report.table}: nothing is planned, the comparison came to {report.status}: "
            f"{report.reason or 'no reason given'}"
        )
    if report.mode == "window" or limits.allow_empty:
        return
    rows: Mapping[Side, int | None] = {"a": report.rows_a, "b": report.rows_b}
    for side, count in rows.items():
        if count == 0 and rows[OTHER[side]]:
            raise RepairTooLargeError(
                f"{report.table}: the {LABELS[side]} holds no row of it, the {LABELS[OTHER[side]]} "
                f"{rows[OTHER[side]]}; nothing was changed. A wrong connection looks like total loss: "
                "check --a and --b (DATABASE_URL, SUPABASE_DB_URL). If it really is empty, allow it for this run "
                "(--allow-empty)"
            )


def _check_size(plan: TablePlan, report: TableReport, limits: Limits) -> None:
    count = len(plan.actions)
    if plan.is_cut:
        # What was not listed cannot be planned, and counts all the same.
        count = max(count, report.mismatch_count)
    rows = max(plan.union_rows, count, 1)
    if count > limits.max_rows or count / rows > limits.max_share:
        raise RepairTooLargeError(
            f"{plan.table}: {count} rows would be written, {_percent(count / rows)} of {rows}; allowed are "
            f"{limits.max_rows} rows and {_percent(limits.max_share)}; nothing was changed. A wrong connection looks "
            "like total loss: read the report first, then raise max-rows or max-share for this run"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
