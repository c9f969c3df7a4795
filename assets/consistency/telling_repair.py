"""What a repair would do, and what it did, in sentences. No Dagster."""

from collections.abc import Iterator
from typing import Final

from holdfast.consistency.plans import RepairPlan, TablePlan
from holdfast.consistency.repairs import MEANINGS, Repair

_SAMPLES: Final = 2
_REASON_LETTERS: Final = 160


def plan_lines(plan: RepairPlan) -> list[str]:
    """First what an operator does next, then the tables, those with most to do first."""
    tables = sorted(plan.tables, key=lambda one: (-len(one.actions), -len(one.undecided), one.table))
    busy = [one for one in tables if one.actions or one.undecided or one.left or one.in_flux_count]
    lines = [f"**{name}** is refused: {reason[:_REASON_LETTERS]}" for name, reason in plan.refused.items()]
    if not busy and not lines:
        return ["Nothing to do: every planned table agrees."] if tables else []
    head = f"Nothing was changed. To apply: `apply: true`, `confirm: {plan.sha256}`"
    told = [f"**{one.table}** {str(one).removeprefix(f'{one.table}: ')}" for one in busy]
    return [*([head] if plan.action_count else []), *lines, *told, *(line for one in busy for line in _samples(one))]


def repair_lines(plan: RepairPlan | None, repair: Repair) -> list[str]:
    """What was written and what was left; then how to take it back."""
    lines = [str(repair)]
    if repair.written_count:
        lines.append(f"To take it back: `undo: {repair.repair_id}`, `apply: true`")
    for code, count in repair.by_code().items():
        first = next(one for one in repair.skipped if one.code == code)
        lines.append(
            f"{count} left, {MEANINGS[code]}: first {first.table} {', '.join(first.key)} {first.detail}".rstrip()
        )
    lines += repair.notes
    if plan:
        lines += [f"**{name}** is refused: {reason[:_REASON_LETTERS]}" for name, reason in plan.refused.items()]
        lines += [f"**{one.table}** keeps {len(one.undecided)} undecided rows" for one in plan.tables if one.undecided]
    return lines


def _samples(plan: TablePlan) -> Iterator[str]:
    """First what no rule decides: only people can."""
    for left in (*plan.undecided, *plan.left)[:_SAMPLES]:
        yield f"{plan.table} `{', '.join(left.key)}` stays: {left.reason}"
    for one in plan.actions[:_SAMPLES]:
        yield f"{plan.table} `{', '.join(one.key)}` {one.verb} in {one.into}: {one.reason}"
