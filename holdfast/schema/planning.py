"""What is added to one store, in which order, and what is left to a person. Making a plan changes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from holdfast.consistency.tables import LABELS, Side
from holdfast.schema.findings import Finding
from holdfast.schema.keys import keys_of
from holdfast.schema.model import Need, Needs, StoreSchema, TableSchema
from holdfast.schema.sides import Pair
from holdfast.schema.steps import Stage, Step

_KEYS: Final = frozenset({"unique_by_index", "primary_by_index"})
_WORDS: Final = {"own_column": "column", "operator_class": "operator class", "key": "unique key over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would add to one store what it lacks: nothing in it drops, alters or narrows what is there.

    Attributes:
        side: the store that gets it.
        steps: in the order in which they are done.
        left: what a person has to decide.
        not_owned: tables of the store that this role may not alter.
    """

    side: Side
    steps: tuple[Step, ...]
    left: tuple[Finding, ...]
    not_owned: tuple[str, ...] = ()

    def of(self, stage: Stage) -> tuple[Step, ...]:
        """The steps of a stage."""
        return tuple(step for step in self.steps if step.stage == stage)

    def __str__(self) -> str:
        """In one sentence."""
        return f"{LABELS[self.side]}: {len(self.steps)} statements to run, {len(self.left)} differences left to you"


def plan(pair: Pair, findings: Sequence[Finding]) -> Plan:
    """What is to be done about what the target lacks: the findings of ``differing.lacking`` for the same pair."""
    steps = [step for finding in findings for step in finding.steps]
    touched = {finding.table for finding in findings if finding.steps}
    owned = {str(name): table.is_owner for name, table in pair.target.tables.items()}
    return Plan(
        side=pair.target.side,
        steps=tuple(sorted(_staged(steps), key=lambda step: step.rank)),
        left=tuple(finding for finding in findings if finding.left),
        not_owned=tuple(sorted(table for table in touched if not owned.get(table, True))),
    )


def unblocked(pair: Pair, findings: Sequence[Finding]) -> list[Finding]:
    """The findings without the steps that need what the target has not and the others do not make.

    A step that others of its finding stand on takes them with it; a further one of a new table is left out alone.
    """
    found = list(findings)
    while True:
        provided = _provided(found)
        checked = [_checked(pair, finding, provided) for finding in found]
        if checked == found:
            return found
        found = checked


def _provided(findings: Iterable[Finding]) -> set[tuple[str, Need]]:
    return {(finding.table, need) for finding in findings for step in finding.steps for need in step.provides}


def _checked(pair: Pair, finding: Finding, provided: set[tuple[str, Need]]) -> Finding:
    missing = [_unmet(pair, finding.table, step.needs, provided) for step in finding.steps]
    if not any(missing):
        return finding
    names = ", ".join(sorted({f"{_WORDS.get(kind, kind)} {name}" for needs in missing for kind, name in needs}))
    kept = () if missing[0] or finding.kind not in ("table", "partition") else _without(finding.steps, missing)
    dropped = tuple(step.statement for step in finding.steps if step not in kept)
    left = f"the {pair.lacks} has no {names} as the {pair.has} has it"
    return replace(finding, steps=kept, left=left, advice=(*finding.advice, *dropped))


def _without(steps: Sequence[Step], missing: Sequence[Needs]) -> tuple[Step, ...]:
    return tuple(step for step, needs in zip(steps, missing, strict=True) if not needs)


def _unmet(pair: Pair, table: str, needs: Needs, provided: set[tuple[str, Need]]) -> Needs:
    made = {need for _, need in provided if need[0] != "own_column"}
    tables = _with_parents(pair, table)
    columns = {need for of, need in provided if of in tables and need[0] == "own_column"}
    return frozenset(need for need in needs - made - columns if not _is_there(pair, table, need))


def _with_parents(pair: Pair, table: str) -> set[str]:
    """A table and those it is a partition of: a column that they get, it gets."""
    found, parent = {table}, _called(pair.target, table)
    while parent is not None and parent.parent is not None:
        found.add(str(parent.parent))
        parent = pair.target.tables.get(parent.parent)
    return found


def _is_there(pair: Pair, table: str, need: Need) -> bool:
    kind, name = need
    if kind == "own_column":
        return _has_column(_called(pair.model, table), _called(pair.target, table), name)
    if kind == "key":
        return _has_key(pair, name)
    if kind == "table":
        return any(str(relation) == name for relation in pair.target.relations)
    if kind == "role":
        return name in pair.target.roles
    return need in pair.target.offers


def _called(store: StoreSchema, table: str) -> TableSchema | None:
    return next((one for name, one in store.tables.items() if str(name) == table), None)


def _has_column(ours: TableSchema | None, theirs: TableSchema | None, name: str) -> bool:
    """Whether the target's column is there and of the model's type: what is said about it means the same then."""
    column = theirs.column(name) if theirs else None
    other = ours.column(name) if ours else None
    return column is not None and (other is None or other.type == column.type)


def _has_key(pair: Pair, name: str) -> bool:
    return any(
        all(_has_column(pair.model.tables.get(of), table, column) for column in keys_of(table)[name])
        for of, table in pair.target.tables.items()
        if name in keys_of(table)
    )


def _staged(steps: Iterable[Step]) -> Iterable[Step]:
    """The steps without repetition; foreign keys wait for keys that are built beside writers, else they need not."""
    once = _once(steps)
    has_keys = any(step.statement.template in _KEYS for step in once)
    for step in once:
        if not has_keys and step.stage == "constraints":
            yield replace(step, stage="objects")
        elif has_keys and step.stage == "objects" and step.statement.parts.get("references") is not None:
            yield replace(step, stage="constraints")
        else:
            yield step


def _once(steps: Iterable[Step]) -> list[Step]:
    """Two tables of one new schema ask for it twice."""
    found: list[Step] = []
    for step in steps:
        if step not in found:
            found.append(step)
    return found
