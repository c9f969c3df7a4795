"""Whole tables: those that one store lacks, and what is compared of those that both have."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from holdfast.consistency.tables import TableName
from holdfast.schema import columns, constraints, indexes, policies
from holdfast.schema.findings import Finding
from holdfast.schema.keys import is_key, key_need
from holdfast.schema.model import ConstraintSchema, Needs, TableSchema
from holdfast.schema.sides import Pair, named
from holdfast.schema.steps import Name, Part, Raw, Statement, Step
from holdfast.schema.types import schema_steps
from holdfast.schema.wished import Wishes, wish_of
from holdfast.schema.wishes import SchemaWish


def compare_tables(pair: Pair, wishes: Wishes) -> Iterator[Finding]:
    """All that the target lacks or has otherwise, table by table."""
    for name, model in _parents_first(pair.model.tables):
        wish, target = wish_of(model, pair.model.tables, wishes), pair.target.tables.get(name)
        if target is None:
            if model.parent is None or _is_expected(pair, model.parent):
                yield _missing(pair, model, wish)
        elif "other" in (model.kind, target.kind):
            yield from _kinds(pair, model, target)
        elif None in (model.parent, target.parent):
            yield from _compare(pair, model, target)
        elif model.bound != target.bound:
            yield _bounds(pair, model, target)
    for name, target in pair.target.tables.items():
        wish = wish_of(target, pair.target.tables, wishes)
        if wish and target.kind != "other":
            # A partition's rows are its parent's; what it is wished for itself is that nobody reads around the parent.
            wish = wish if target.parent is None else replace(wish, indexes=())
            yield from _wished(pair, pair.model.tables.get(name), target, wish)


def _parents_first(tables: Mapping[TableName, TableSchema]) -> list[tuple[TableName, TableSchema]]:
    def depth(table: TableSchema) -> int:
        return 0 if table.parent is None else 1 + depth(tables[table.parent])

    return sorted(tables.items(), key=lambda item: (depth(item[1]), item[0]))


def _is_expected(pair: Pair, parent: TableName) -> bool:
    """Whether a partition of this parent can be in the target: not where the target's parent is one plain table."""
    target = pair.target.tables.get(parent)
    return target is None or target.kind == "partitioned"


def _compare(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    if model.kind != target.kind or (model.partition_key != target.partition_key):
        yield from _kinds(pair, model, target)
    yield from columns.compare_columns(pair, model, target)
    yield from constraints.compare_constraints(pair, model, target)
    yield from indexes.compare_indexes(pair, model, target)
    yield from policies.compare_policies(pair, model, target)
    yield from _triggers(pair, model, target)


def _wished(pair: Pair, model: TableSchema | None, target: TableSchema, wish: SchemaWish) -> Iterator[Finding]:
    """What the catalogue asks for and the model is no example of."""
    fulfilled = indexes.fulfilled(model, wish.indexes) if model else ()
    yield from indexes.compare_wished_indexes(pair, target, tuple(one for one in wish.indexes if one not in fulfilled))
    yield from policies.compare_wished_rows(pair, model if model and model.parent is None else None, target, wish)


def _kinds(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    said = {"table": "a plain table", "partitioned": "partitioned", "other": "no table (a view, or a foreign table)"}
    ours, theirs = (
        f"{said[one.kind]}{f' by {one.partition_key}' if one.partition_key else ''}" for one in (model, target)
    )
    if ours == theirs:
        return
    yield Finding(
        kind="kind",
        table=str(target.name),
        name=target.name.name,
        severity="warning" if "other" in (model.kind, target.kind) else "note",
        sentence=f"{target.name} is {ours} in the {pair.has}, {theirs} in the {pair.lacks}",
        left="what is there is never altered",
    )


def _bounds(pair: Pair, model: TableSchema, target: TableSchema) -> Finding:
    return Finding(
        kind="partition",
        table=str(target.name),
        name=target.name.name,
        sentence=f"partition {target.name} is {model.bound} in the {pair.has}, {target.bound} in the {pair.lacks}",
        left="what is there is never altered",
    )


def _triggers(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    for name, definition in model.triggers.items():
        if definition not in target.triggers.values():
            yield Finding(
                kind="trigger",
                table=str(target.name),
                name=name,
                side=pair.target.side,
                severity="note",
                sentence=f"{target.name}: the {pair.lacks} has no trigger {name} as the {pair.has} has it",
                left="triggers and their functions are for a person to bring over",
                advice=(Statement("trigger", {"definition": Raw(definition)}),),
            )


def _missing(pair: Pair, model: TableSchema, wish: SchemaWish | None) -> Finding:
    """A table that only the model has: made with all it has there, except rows, rights, triggers and inheritance."""
    what = "table" if model.parent is None else "partition"
    finding = Finding(
        kind="table" if model.parent is None else "partition",
        table=str(model.name),
        name=model.name.name,
        side=pair.target.side,
        sentence=f"the {pair.lacks} has no {what} {model.name}",
    )
    if why := _obstacle(pair, model):
        return replace(finding, left=why)
    return replace(finding, steps=tuple(_creation(pair, model, wish)))


def _obstacle(pair: Pair, model: TableSchema) -> str:
    if model.kind == "other":
        return f"it is no table in the {pair.has}"
    for column in model.columns:
        if why := columns.unsupported(pair, column):
            return why
    sequences = [column.sequence.name for column in model.columns if column.sequence]
    keys = [one.name for one in model.constraints if one.kind in ("primary key", "unique", "exclude")]
    taken = [name for name in (model.name.name, *sequences, *keys) if pair.is_taken(model.name.schema, name)]
    return f"these names are taken by other tables, indexes or sequences: {', '.join(taken)}" if taken else ""


def _creation(pair: Pair, model: TableSchema, wish: SchemaWish | None) -> Iterator[Step]:
    own = tuple(columns.in_words_of(pair, column) for column in model.columns)
    fresh = replace(model, columns=own, is_empty=True, readers=())
    if model.parent is not None:
        yield _partition(fresh, model.parent)
    else:
        yield from schema_steps(pair, model.name.schema)
        yield _table(pair, fresh)
        for column in model.columns:
            yield from columns.sequence_steps(model.name, column)
        for constraint in model.constraints:
            if constraint.kind == "foreign key" and not constraints.unsupported(pair, constraint):
                yield constraints.constraint_step(pair, fresh, constraint, is_new=True)
        for index in model.indexes:
            if index.is_valid and not pair.is_taken(model.name.schema, index.name):
                yield indexes.index_step(fresh, index, is_new=True)
    yield from _security(pair, fresh, wish)


def _security(pair: Pair, fresh: TableSchema, wish: SchemaWish | None) -> Iterator[Step]:
    for policy in fresh.policies:
        yield policies.policy_step(pair, fresh, policy)
    column = wish.owner_column if wish and fresh.column(wish.owner_column or "") else None
    if column and not policies.keeps_users_apart(fresh, column):
        yield policies.own_rows_step(pair, fresh, column)
    if column or fresh.has_row_security:
        yield policies.enable_step(fresh)
    if wish and fresh.parent is None:
        missing = indexes.compare_wished_indexes(pair, fresh, wish.indexes)
        yield from (step for finding in missing for step in finding.steps)


def _table(pair: Pair, model: TableSchema) -> Step:
    inside = [
        _named_constraint(one)
        for one in model.constraints
        if one.kind != "foreign key" and not constraints.unsupported(pair, one)
    ]
    needs = frozenset().union(
        *(one.needs | one.default_needs for one in model.columns), *(one.needs for one in model.constraints)
    )
    return Step(
        stage="objects",
        statement=Statement(
            "table",
            {
                "unlogged": Statement("unlogged", {}) if model.is_unlogged else None,
                "table": named(model.name),
                "columns": (*(columns.described(column) for column in model.columns), *inside),
                "partition_by": _partitioned(model),
            },
        ),
        needs=frozenset(one for one in needs if one[0] != "own_column"),
        provides=_provided(model),
    )


def _partition(model: TableSchema, parent: TableName) -> Step:
    parts: dict[str, Part] = {
        "table": named(model.name),
        "parent": named(parent),
        "bound": Raw(model.bound or "default"),
        "partition_by": _partitioned(model),
    }
    needs = frozenset({("table", str(parent))})
    return Step(stage="objects", statement=Statement("partition", parts), needs=needs, provides=_provided(model))


def _provided(model: TableSchema) -> Needs:
    keys = {key_need(model.name, one.columns) for one in model.constraints if is_key(one)}
    columns = {("own_column", column.name) for column in model.columns}
    return frozenset({("table", str(model.name))} | columns | keys)


def _partitioned(model: TableSchema) -> Statement | None:
    return Statement("partition_by", {"key": Raw(model.partition_key)}) if model.partition_key else None


def _named_constraint(constraint: ConstraintSchema) -> Statement:
    return Statement("named_constraint", {"name": Name((constraint.name,)), "definition": Raw(constraint.definition)})
