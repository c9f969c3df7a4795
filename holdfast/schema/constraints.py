"""Constraints: compared by what they say, not by what they are called."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from holdfast.schema.findings import Finding
from holdfast.schema.keys import is_key, key_need
from holdfast.schema.model import ConstraintSchema, IndexSchema, Needs, TableSchema
from holdfast.schema.sides import Pair, named
from holdfast.schema.steps import Name, Part, Raw, Statement, Step

# Before version 18 every constraint is enforced, and a foreign key of a partitioned table cannot wait for its check.
ENFORCED_UNTIL: Final = 18
_KEYS: Final = {"unique": "unique_by_index", "primary key": "primary_by_index"}
_DEFERRED: Final = re.compile(r" DEFERRABLE(?: INITIALLY DEFERRED)?$")
# A key that is more than its columns is not built from an index made before.
_SPECIAL: Final = re.compile(r"\) INCLUDE \(|^UNIQUE NULLS NOT DISTINCT|WITHOUT OVERLAPS\)| WITH \(")
_LOCKS: Final = "locks writers out while every row is read"


def compare_constraints(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    """Constraints that the target lacks, has under the same name otherwise, or has not validated."""
    there = {(one.kind, one.definition): one for one in target.constraints}
    for constraint in model.constraints:
        other = there.get((constraint.kind, constraint.definition))
        if other is None:
            yield _missing(pair, model, target, constraint)
        elif constraint.is_validated and not other.is_validated:
            yield _unvalidated(pair, target, other)


def constraint_step(pair: Pair, table: TableSchema, constraint: ConstraintSchema, *, is_new: bool) -> Step:
    """The step that adds a constraint; where rows are there already, they are not read by it if that can wait."""
    waits = not is_new and constraint.kind in ("check", "foreign key") and not _reads_at_once(pair, table, constraint)
    template = "constraint_not_valid" if waits or not constraint.is_validated else "constraint"
    return Step(
        stage="constraints" if constraint.kind == "foreign key" and not is_new else "objects",
        statement=Statement(template, _parts(table, constraint)),
        note="" if is_new or waits else _LOCKS,
        needs=constraint.needs | _referenced(pair, constraint),
        provides=_provided(table, constraint),
    )


def unsupported(pair: Pair, constraint: ConstraintSchema) -> str:
    """Why the target's version cannot have it, empty where it can."""
    needs_it = (" NOT ENFORCED", "WITHOUT OVERLAPS", "PERIOD ")
    if pair.target.major < ENFORCED_UNTIL and any(words in constraint.definition for words in needs_it):
        return f"it needs PostgreSQL {ENFORCED_UNTIL}, the {pair.lacks} runs {pair.target.major}"
    return ""


def _missing(pair: Pair, model: TableSchema, target: TableSchema, constraint: ConstraintSchema) -> Finding:
    said = f"{target.name}: the {pair.lacks} has no {constraint.kind} {constraint.name}: {constraint.definition}"
    finding = Finding(
        kind="constraint", table=str(target.name), name=constraint.name, side=pair.target.side, sentence=said
    )
    advice = (Statement("constraint", _parts(target, constraint)),)
    if index := _index_that_keeps_it(target, constraint):
        said = f"{said}; the unique index {index.name} refuses the same rows"
        return replace(finding, severity="note", sentence=said, left="it is kept by an index", advice=advice)
    same_name = next((one for one in target.constraints if one.name == constraint.name), None)
    if same_name:
        both = f"{constraint.definition} in the {pair.has}, {same_name.definition} in the {pair.lacks}"
        said = f"{target.name}.{constraint.name}: {both}"
        return replace(finding, sentence=said, side=None, left="what is there is never altered", advice=advice)
    has_index = constraint.kind in ("unique", "primary key", "exclude")
    if has_index and pair.is_taken(target.name.schema, constraint.name):
        return replace(finding, left=f"the name {constraint.name} is taken by another index or table", advice=advice)
    if (
        why := unsupported(pair, constraint)
        or _second_key(target, constraint)
        or _unfilled(pair, model, target, constraint)
    ):
        return replace(finding, left=why, advice=advice)
    return replace(finding, steps=tuple(_steps(pair, target, constraint)))


def _steps(pair: Pair, target: TableSchema, constraint: ConstraintSchema) -> Iterator[Step]:
    """A key is built as an index first; a check or a reference first binds new rows, then the others are read."""
    by_index = constraint.kind in _KEYS and target.kind != "partitioned" and not _SPECIAL.search(constraint.definition)
    if by_index and not target.is_empty:
        yield from _by_index(target, constraint)
        return
    step = constraint_step(pair, target, constraint, is_new=target.is_empty)
    yield step
    waits = step.statement.template == "constraint_not_valid" and constraint.is_validated
    if waits:
        yield _validation(target, constraint)


def _by_index(target: TableSchema, constraint: ConstraintSchema) -> Iterator[Step]:
    table, name = named(target.name), Name((constraint.name,))
    columns = Statement("key", {"columns": tuple(Name((column,)) for column in constraint.columns)})
    index: dict[str, Part] = {"unique": Statement("unique", {}), "name": name, "table": table, "definition": (columns,)}
    yield Step(stage="indexes", statement=Statement("index_concurrently", index), needs=constraint.needs)
    deferred = _DEFERRED.search(constraint.definition)
    parts: dict[str, Part] = {
        "table": table,
        "name": name,
        "index": name,
        "deferred": Raw(deferred.group()) if deferred else None,
    }
    nullable = [one for one in constraint.columns if not _is_not_null(target, one)]
    note = _LOCKS if constraint.kind == "primary key" and nullable else ""
    provides = _provided(target, constraint)
    yield Step(stage="constraints", statement=Statement(_KEYS[constraint.kind], parts), note=note, provides=provides)


def _is_not_null(table: TableSchema, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.is_not_null


def _unvalidated(pair: Pair, target: TableSchema, constraint: ConstraintSchema) -> Finding:
    return Finding(
        kind="validation",
        table=str(target.name),
        name=constraint.name,
        side=pair.target.side,
        sentence=f"{target.name}: rows older than {constraint.name} were never held against it in the {pair.lacks}",
        steps=(_validation(target, constraint),),
    )


def _validation(target: TableSchema, constraint: ConstraintSchema) -> Step:
    parts = {"table": named(target.name), "name": Name((constraint.name,))}
    return Step(stage="validation", statement=Statement("validate", parts), note="reads every row; writers go on")


def _parts(table: TableSchema, constraint: ConstraintSchema) -> dict[str, Part]:
    definition = Raw(constraint.definition)
    is_foreign = constraint.kind == "foreign key"
    return {
        "table": named(table.name),
        "name": Name((constraint.name,)),
        "definition": definition,
        "references": definition if is_foreign else None,
    }


def _referenced(pair: Pair, constraint: ConstraintSchema) -> Needs:
    """The table that a foreign key points at, and its key as far as that table is one of those that are compared."""
    if constraint.references is None:
        return frozenset()
    table = frozenset({("table", str(constraint.references))})
    is_known = constraint.references in pair.target.tables or constraint.references in pair.model.tables
    return table | {key_need(constraint.references, constraint.referenced)} if is_known else table


def _provided(table: TableSchema, constraint: ConstraintSchema) -> Needs:
    return frozenset({key_need(table.name, constraint.columns)}) if is_key(constraint) else frozenset()


def _reads_at_once(pair: Pair, table: TableSchema, constraint: ConstraintSchema) -> bool:
    is_partitioned = table.kind == "partitioned" and pair.target.major < ENFORCED_UNTIL
    return constraint.definition.endswith(" NOT ENFORCED") or (is_partitioned and constraint.kind == "foreign key")


def _unfilled(pair: Pair, model: TableSchema, target: TableSchema, constraint: ConstraintSchema) -> str:
    """Why a constraint has to wait for a repair: rows would be in its way, or it would be in the way of writers."""
    if target.is_empty or constraint.kind in ("check", "exclude"):
        return ""
    if constraint.kind == "foreign key" and constraint.references not in (*pair.target.tables, None):
        is_made_now = constraint.references in pair.model.tables
        return f"a repair has to bring the rows of {constraint.references} first" if is_made_now else ""
    if absent := [name for name in constraint.columns if target.column(name) is None]:
        is_null = all(not _default_of(model, name) for name in absent)
        takes_null = constraint.kind == "unique" and "NULLS NOT DISTINCT" not in constraint.definition
        if not (is_null and (takes_null or (constraint.references and " MATCH FULL" not in constraint.definition))):
            return f"a repair has to bring the values of {', '.join(absent)} first"
    nullable = [name for name in constraint.columns if not _is_not_null(target, name)]
    if nullable and constraint.kind == "primary key":
        return f"{', '.join(nullable)} may be null there: see to that first"
    return ""


def _default_of(table: TableSchema, name: str) -> str | None:
    column = table.column(name)
    return column.default if column else None


def _second_key(target: TableSchema, constraint: ConstraintSchema) -> str:
    is_second = constraint.kind == "primary key" and any(one.kind == "primary key" for one in target.constraints)
    return "a table has one primary key, and there is another" if is_second else ""


def _index_that_keeps_it(target: TableSchema, constraint: ConstraintSchema) -> IndexSchema | None:
    if constraint.kind not in _KEYS or _SPECIAL.search(constraint.definition):
        return None
    kept = (one for one in target.indexes if one.is_unique and one.is_valid and not one.is_partial)
    return next((one for one in kept if one.columns == constraint.columns and "NULLS NOT" not in one.definition), None)
