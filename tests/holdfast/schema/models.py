"""Schemas by chance: small enough that stores share much and differ in something."""

from dataclasses import replace

from hypothesis import strategies as st

from holdfast.consistency.tables import Side, TableName
from holdfast.schema.model import (
    ColumnSchema,
    ConstraintSchema,
    IndexSchema,
    PolicySchema,
    StoreSchema,
    TableSchema,
    TypeSchema,
)

NAMES = [TableName("public", name) for name in ("t", "u", "V w")]
COLUMNS = ("id", "a", "b", "user_id")
MINE = "(user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid)"

columns = st.builds(
    ColumnSchema,
    name=st.sampled_from(COLUMNS),
    type=st.sampled_from(["integer", "text", "public.mood"]),
    is_not_null=st.booleans(),
    default=st.sampled_from([None, "1", "now()", "'x'::text"]),
    identity=st.sampled_from(["", "", "a"]),
).map(
    lambda one: replace(
        one,
        default=None if one.identity else one.default,
        needs=frozenset({("type", one.type)}) if "mood" in one.type else frozenset(),
    )
)
constraints = st.one_of(
    st.builds(
        lambda name: ConstraintSchema(
            name=f"k_{name}",
            kind="unique",
            definition=f"UNIQUE ({name})",
            columns=(name,),
            needs=frozenset({("own_column", name)}),
        ),
        st.sampled_from(COLUMNS),
    ),
    st.builds(
        lambda name, limit: ConstraintSchema(
            name=f"c_{name}",
            kind="check",
            definition=f"CHECK (({name} > {limit}))",
            columns=(name,),
            needs=frozenset({("own_column", name)}),
        ),
        st.sampled_from(COLUMNS),
        st.integers(1, 2),
    ),
    st.builds(
        lambda name, other: ConstraintSchema(
            name=f"f_{name}",
            kind="foreign key",
            definition=f"FOREIGN KEY ({name}) REFERENCES {other}(id)",
            columns=(name,),
            references=other,
            referenced=("id",),
            needs=frozenset({("own_column", name)}),
        ),
        st.sampled_from(COLUMNS),
        st.sampled_from(NAMES),
    ),
)
indexes = st.builds(
    lambda name, is_valid: IndexSchema(
        name=f"i_{name}",
        definition=f"btree ({name})",
        columns=(name,),
        is_valid=is_valid,
        needs=frozenset({("own_column", name)}),
    ),
    st.sampled_from(COLUMNS),
    st.sampled_from([True, True, True, False]),
)
policies = st.builds(
    PolicySchema,
    name=st.sampled_from(["p", "q", "own_rows"]),
    command=st.sampled_from(["all", "select", "insert"]),
    using=st.sampled_from([MINE, "(user_id = auth.uid())", "true"]),
    roles=st.sampled_from([("public",), ("auditor",)]),
)


def _named(items: st.SearchStrategy[list]) -> st.SearchStrategy[tuple]:  # type: ignore[type-arg]
    return items.map(tuple)


def _each(strategy: st.SearchStrategy) -> st.SearchStrategy[tuple]:  # type: ignore[type-arg]
    return _named(st.lists(strategy, max_size=3, unique_by=lambda one: one.name))


@st.composite
def tables(draw: st.DrawFn, name: TableName) -> TableSchema:
    own = draw(st.lists(columns, min_size=1, max_size=4, unique_by=lambda one: one.name))
    there = {one.name for one in own}
    return TableSchema(
        name=name,
        columns=tuple(own),
        constraints=tuple(one for one in draw(_each(constraints)) if set(one.columns) <= there),
        indexes=tuple(one for one in draw(_each(indexes)) if set(one.columns) <= there),
        policies=draw(_each(policies)) if "user_id" in there else (),
        has_row_security=draw(st.booleans()),
        is_empty=draw(st.booleans()),
    )


@st.composite
def stores(draw: st.DrawFn, side: Side) -> StoreSchema:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    found = {name: draw(tables(name)) for name in names}
    has_mood = any("mood" in column.type for table in found.values() for column in table.columns)
    labels = draw(st.permutations(["x", "y", "z"])) if has_mood else []
    mood = TypeSchema(name="public.mood", schema="public", kind="enum", labels=tuple(labels))
    relations = {TableName("public", one.name) for table in found.values() for one in table.indexes}
    keys = {TableName("public", one.name) for t in found.values() for one in t.constraints if one.kind == "unique"}
    return StoreSchema(
        side=side,
        version=draw(st.sampled_from([150000, 180000])),
        tables=found,
        types={"public.mood": mood} if has_mood else {},
        roles=frozenset(draw(st.sampled_from([set(), {"auditor"}]))),
        offers=frozenset({("type", "public.mood")}) if has_mood else frozenset(),
        relations=frozenset(relations | keys | found.keys()),
        has_auth=draw(st.booleans()),
    )
