"""Indexes: compared by what they are over, not by what they are called."""

from collections.abc import Iterator
from dataclasses import replace

from holdfast.schema.findings import Finding
from holdfast.schema.model import IndexSchema, TableSchema
from holdfast.schema.sides import Pair, named
from holdfast.schema.steps import Name, Raw, Statement, Step
from holdfast.schema.wishes import IndexWish

_LOCKS = "locks writers out while every row is read: an index of a partitioned table cannot be built beside them"


def compare_indexes(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    """Indexes that the target lacks, or that are left of a build that failed."""
    for index in target.indexes:
        if not index.is_valid:
            yield _invalid(pair, target, index)
    for index in model.indexes:
        if index.is_valid and not _has(target, index):
            said = f"{target.name}: the {pair.lacks} has no index {index.name}: {index.definition}"
            yield _missing(pair, target, index, said)


def compare_wished_indexes(pair: Pair, target: TableSchema, wishes: tuple[IndexWish, ...]) -> Iterator[Finding]:
    """Indexes that the catalogue asks for and the target lacks."""
    for wish in wishes:
        if not any(_fulfils(index, wish) for index in target.indexes):
            over = ", ".join(f"{one} desc" if one in wish.descending else one for one in wish.columns)
            said = f"{target.name}: the {pair.lacks} has no index over ({over}), which the catalogue asks for"
            yield replace(_missing(pair, target, _wished(wish), said), is_wished=True)


def fulfilled(model: TableSchema, wishes: tuple[IndexWish, ...]) -> tuple[IndexWish, ...]:
    """The wishes that a table fulfils: where another lacks them, that is a difference like any other."""
    return tuple(wish for wish in wishes if any(_fulfils(index, wish) for index in model.indexes))


def index_step(table: TableSchema, index: IndexSchema, *, is_new: bool) -> Step:
    """The step that makes an index: beside writers, unless the table is new."""
    is_beside = not is_new and table.kind != "partitioned"
    definition = Raw(index.definition) if index.definition else (_key(index),)
    parts = {
        "unique": Statement("unique", {}) if index.is_unique else None,
        "name": Name((index.name,)),
        "table": named(table.name),
        "definition": definition,
    }
    return Step(
        stage="indexes" if is_beside else "objects",
        statement=Statement("index_concurrently" if is_beside else "index", parts),
        note="" if is_beside or is_new else _LOCKS,
        needs=index.needs,
    )


def _missing(pair: Pair, target: TableSchema, index: IndexSchema, sentence: str) -> Finding:
    finding = Finding(kind="index", table=str(target.name), name=index.name, side=pair.target.side, sentence=sentence)
    step = index_step(target, index, is_new=target.is_empty)
    same = next((one for one in target.indexes if one.name == index.name), None)
    if same and not same.is_valid:
        return replace(finding, left=f"a build of {index.name} failed or is under way: see there")
    absent = [name for _, name in sorted(index.needs) if _ == "own_column" and target.column(name) is None]
    if index.is_unique and absent and not target.is_empty:
        left = f"a repair has to bring the values of {', '.join(absent)} first"
        return replace(finding, left=left, advice=(step.statement,))
    if pair.is_taken(target.name.schema, index.name):
        what = f"an index over {same.definition}" if same else "another table's index, or a table"
        return replace(finding, left=f"the name {index.name} is taken by {what}", advice=(step.statement,))
    return replace(finding, steps=(step,))


def _invalid(pair: Pair, target: TableSchema, index: IndexSchema) -> Finding:
    parts = {"index": Name((target.name.schema, index.name))}
    return Finding(
        kind="invalid index",
        table=str(target.name),
        name=index.name,
        side=pair.target.side,
        sentence=f"{target.name}: index {index.name} of the {pair.lacks} is invalid, its build failed or is under way: "
        "queries do not use it, every write pays for it",
        left="if nothing builds it now, build it again, or drop it and plan again",
        advice=(Statement("rebuild_index", parts), Statement("drop_index", parts)),
    )


def _has(target: TableSchema, index: IndexSchema) -> bool:
    there = {(one.is_unique, one.definition) for one in target.indexes if one.is_valid}
    if (index.is_unique, index.definition) in there:
        return True
    # A unique constraint over the same columns is such an index.
    is_plain = index.is_unique and not index.is_partial and index.definition.startswith("btree (")
    keys = {one.columns for one in target.constraints if one.kind in ("unique", "primary key")}
    return is_plain and not index.descending and index.columns in keys


def _fulfils(index: IndexSchema, wish: IndexWish) -> bool:
    """Whether an index begins with the columns of a wish, in their order and directions."""
    if not index.is_valid or index.is_partial or index.method != "btree":
        return False
    length = len(wish.columns)
    downwards = {place for place, column in enumerate(wish.columns) if column in wish.descending}
    return index.columns[:length] == wish.columns and {one for one in index.descending if one < length} == downwards


def _wished(wish: IndexWish) -> IndexSchema:
    downwards = frozenset(place for place, column in enumerate(wish.columns) if column in wish.descending)
    needs = frozenset(("own_column", column) for column in wish.columns)
    return IndexSchema(name=wish.name, definition="", columns=wish.columns, descending=downwards, needs=needs)


def _key(index: IndexSchema) -> Statement:
    columns = (Name((column,)) for column in index.columns if column is not None)
    parts = tuple(
        Statement("downwards", {"column": column}) if place in index.descending else column
        for place, column in enumerate(columns)
    )
    return Statement("key", {"columns": parts})
