"""Columns: what one table has and the other lacks or has otherwise."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from holdfast.consistency.tables import TableName
from holdfast.schema.expressions import AUTH, meaning, translated
from holdfast.schema.findings import Finding, Kind
from holdfast.schema.model import ColumnSchema, TableSchema
from holdfast.schema.sides import Pair, clause, named, quoted
from holdfast.schema.steps import Name, Part, Raw, Statement, Step, Value

# Before version 18 a generated column is always stored.
VIRTUAL_SINCE: Final = 18
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_CAST: Final = re.compile(r"::[\w .\"]+?(?:\(\d+(?:, ?\d+)?\))?(?:\[\])*(?=\W|$)")
_COMPUTED: Final = re.compile(r"\w\s*\(|\b(?:CURRENT_|LOCALTIME|SESSION_USER|SYSTEM_USER|USER\b)")
_IDENTITIES: Final = {"a": "identity_always", "d": "identity_by_default"}
_GENERATED: Final = {"s": "stored", "v": "virtual"}


def compare_columns(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    """What the target's columns lack, or have otherwise than the model's. Their order means nothing."""
    # A generated column is made of others, which have to be there before it.
    for found in sorted(model.columns, key=lambda one: bool(one.generated)):
        column = in_words_of(pair, found)
        other = target.column(column.name)
        if other is None:
            yield _missing(pair, target, column)
        else:
            yield from _otherwise(pair, target, column, other)


def in_words_of(pair: Pair, column: ColumnSchema) -> ColumnSchema:
    """A column whose default names the user as the target does, where it does."""
    if AUTH not in column.default_needs or pair.target.has_auth:
        return column
    return replace(
        column, default=translated(column.default, has_auth=False), default_needs=column.default_needs - {AUTH}
    )


def described(column: ColumnSchema) -> Statement:
    """A column as it is written where a table is made."""
    is_generated = bool(column.generated)
    return Statement(
        "column",
        {
            "name": Name((column.name,)),
            "type": Raw(column.type),
            "collation": clause("collation", column.collation),
            "default": None if is_generated else clause("default", column.default),
            "generated": clause(_GENERATED[column.generated], column.default) if is_generated else None,
            "identity": Statement(_IDENTITIES[column.identity], {}) if column.identity else None,
            "not_null": Statement("not_null", {}) if column.is_not_null else None,
        },
    )


def sequence_steps(table: TableName, column: ColumnSchema) -> Iterator[Step]:
    """The sequence that a column numbers itself by, made and given to the column."""
    if column.sequence is None:
        return
    sequence, of = named(column.sequence), Name((table.schema, table.name, column.name))
    yield Step(stage="objects", statement=Statement("sequence", {"sequence": sequence, "type": Raw(column.type)}))
    yield Step(stage="objects", statement=Statement("own_sequence", {"sequence": sequence, "column": of}))


def unsupported(pair: Pair, column: ColumnSchema) -> str:
    """Why the target's version cannot have a column, empty where it can."""
    if column.generated == "v" and pair.target.major < VIRTUAL_SINCE:
        return f"a virtual column needs PostgreSQL {VIRTUAL_SINCE}, the {pair.lacks} runs {pair.target.major}"
    return ""


def is_constant(default: str) -> bool:
    """Whether a default is the same for every row, so that adding it writes no row and invents no value."""
    return not _COMPUTED.search(_CAST.sub("", _LITERAL.sub("''", default)))


def _missing(pair: Pair, target: TableSchema, column: ColumnSchema) -> Finding:
    """A column that the target lacks.

    Rows that are there get what a constant default says, else null: a repair brings the other store's values.
    """
    left = unsupported(pair, column)
    if column.sequence and pair.is_taken(column.sequence.schema, column.sequence.name):
        left = f"the name of its sequence, {column.sequence}, is taken"
    kind = pair.model.types.get(column.type)
    if kind and kind.refuses_null and column.default is None and not target.is_empty:
        left = f"rows that are there would have no value, which {column.type} does not allow"
    if (column.identity or column.sequence) and not target.is_empty:
        left = f"rows that are there would get new numbers instead of those of the {pair.has}"
    finding = Finding(
        kind="column",
        table=str(target.name),
        name=column.name,
        side=pair.target.side,
        sentence=f"{target.name}: the {pair.lacks} has no column {column.name} ({column.type})",
        left=left,
    )
    if left:
        return replace(finding, advice=(_add(target, column, "").statement,))
    if target.is_empty or column.generated:
        note = "" if target.is_empty or column.generated == "v" else "rewrites the table, which is locked meanwhile"
        return replace(finding, steps=(*sequence_steps(target.name, column), _add(target, column, note)))
    return _into_rows(pair, target, column, finding)


def _into_rows(pair: Pair, target: TableSchema, column: ColumnSchema, finding: Finding) -> Finding:
    if column.default is not None and is_constant(column.default):
        note = f"rows that are there get {column.default}, until a repair brings what the {pair.has} has"
        return replace(finding, steps=(_add(target, column, note),))
    note = f"rows that are there get null, until a repair brings what the {pair.has} has"
    steps = [_add(target, replace(column, default=None, is_not_null=False), note)]
    if column.default is not None:
        steps.append(_default_step(target, column))
    if not column.is_not_null:
        return replace(finding, steps=tuple(steps))
    left = "it can be made not null when a repair has brought the values"
    return replace(finding, steps=tuple(steps), left=left, advice=(_set_not_null(target, column),))


def _add(target: TableSchema, column: ColumnSchema, note: str) -> Step:
    return Step(
        stage="objects",
        statement=Statement("add_column", {"table": named(target.name), "column": described(column)}),
        note=note,
        needs=column.needs | column.default_needs,
        provides=frozenset({("own_column", column.name)}),
    )


def _otherwise(pair: Pair, target: TableSchema, column: ColumnSchema, other: ColumnSchema) -> Iterator[Finding]:
    """What is different about a column that both have."""
    about = _About(pair, target, column)
    if column.type != other.type:
        yield about.differs("type", column.type, other.type, "alter_type", {"type": Raw(column.type)})
    if column.collation != other.collation:
        both = (column.collation or "the type's own", other.collation or "the type's own")
        parts = {"type": Raw(column.type), "collation": clause("collation", column.collation)}
        yield about.differs("collation", *both, "alter_collation", parts)
    if column.is_not_null and not other.is_not_null:
        sentence = f"{target.name}.{column.name} may be null in the {pair.lacks}, in the {pair.has} it may not"
        why = "rows that are null would be in the way, and writers that leave it out would fail"
        yield about.finding("not null", sentence, is_lacking=True, left=why, advice=(_set_not_null(target, column),))
    if column.generated or other.generated:
        if (column.generated, column.default) != (other.generated, other.default):
            both = (_generation(column), _generation(other))
            yield about.differs("generated", *both, None, {})
    elif column.identity != other.identity:
        yield from _identity(about, other)
    else:
        yield from _default(about, other)


def _identity(about: "_About", other: ColumnSchema) -> Iterator[Finding]:
    said = {"": "no identity", "a": "an identity (always)", "d": "an identity (by default)"}
    column = about.column
    parts = {"identity": Statement(_IDENTITIES[column.identity], {})} if column.identity else {}
    template = ("set_identity" if other.identity else "add_identity") if column.identity else None
    yield about.differs("identity", said[column.identity], said[other.identity], template, parts)


def _default(about: "_About", other: ColumnSchema) -> Iterator[Finding]:
    pair, target, column = about.pair, about.target, about.column
    if _normal(column) == _normal(other) or column.default is None:
        return
    if other.default is not None:
        parts = {"expression": Raw(column.default)}
        yield about.differs("default", column.default, other.default, "set_default", parts)
        return
    sentence = f"{target.name}.{column.name}: the {pair.lacks} has no default, the {pair.has} has {column.default}"
    left = "" if column.type == other.type else "the column is of another type"
    if column.sequence and pair.is_taken(column.sequence.schema, column.sequence.name):
        left = f"the name of its sequence, {column.sequence}, is taken"
    if left:
        advice = (_default_step(target, column).statement,)
        yield about.finding("default", sentence, is_lacking=True, left=left, advice=advice)
        return
    steps = [*sequence_steps(target.name, column), *_position(target, column), _default_step(target, column)]
    yield about.finding("default", sentence, is_lacking=True, steps=tuple(steps))


def _position(target: TableSchema, column: ColumnSchema) -> Iterator[Step]:
    """Where the new sequence goes on: behind the numbers that are there."""
    if column.sequence:
        parts: dict[str, Part] = {
            "sequence": Value(quoted(column.sequence)),
            "column": Name((column.name,)),
            "table": named(target.name),
        }
        yield Step(stage="objects", statement=Statement("sequence_position", parts))


def _default_step(target: TableSchema, column: ColumnSchema) -> Step:
    parts: dict[str, Part] = {
        "table": named(target.name),
        "column": Name((column.name,)),
        "expression": Raw(column.default or "null"),
    }
    return Step(stage="objects", statement=Statement("set_default", parts), needs=column.default_needs)


def _set_not_null(target: TableSchema, column: ColumnSchema) -> Statement:
    return Statement("set_not_null", {"table": named(target.name), "column": Name((column.name,))})


def _normal(column: ColumnSchema) -> str | None:
    """What a default means: neither the name of the column's own sequence nor who tells the user matters."""
    return "numbers of its own" if column.sequence else meaning(column.default)


def _generation(column: ColumnSchema) -> str:
    kinds = {"s": "generated and stored", "v": "generated when read", "": "a plain column"}
    return f"{kinds[column.generated]}{f' as {column.default}' if column.generated else ''}"


class _About:
    """Findings about one column that both stores have."""

    def __init__(self, pair: Pair, target: TableSchema, column: ColumnSchema) -> None:
        self.pair, self.target, self.column = pair, target, column

    def finding(
        self,
        kind: Kind,
        sentence: str,
        *,
        is_lacking: bool,
        steps: tuple[Step, ...] = (),
        left: str = "",
        advice: tuple[Statement, ...] = (),
    ) -> Finding:
        return Finding(
            kind=kind,
            table=str(self.target.name),
            name=self.column.name,
            side=self.pair.target.side if is_lacking else None,
            sentence=sentence,
            steps=steps,
            left=left,
            advice=advice,
        )

    def differs(self, kind: Kind, ours: str, theirs: str, template: str | None, parts: Mapping[str, Part]) -> Finding:
        """Both have it, each in its own way: nothing is altered."""
        pair, column = self.pair, self.column
        sentence = f"{self.target.name}.{column.name}, {kind}: {ours} in the {pair.has}, {theirs} in the {pair.lacks}"
        about = {"table": named(self.target.name), "column": Name((column.name,))}
        advice = () if template is None else (Statement(template, about | dict(parts)),)
        return self.finding(kind, sentence, is_lacking=False, left="what is there is never altered", advice=advice)
