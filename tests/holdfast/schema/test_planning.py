"""What holds for every plan, whatever two schemas are like."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from holdfast.consistency.tables import TableName
from holdfast.schema.differing import diff, lacking
from holdfast.schema.model import ColumnSchema, ConstraintSchema, IndexSchema, StoreSchema, TableSchema
from holdfast.schema.planning import plan
from holdfast.schema.sides import Pair
from holdfast.schema.steps import Raw, Step
from holdfast.schema.wishes import IndexWish, SchemaWish
from tests.holdfast.schema.models import NAMES, stores

WISHES = tuple(SchemaWish(name=str(name), indexes=(IndexWish(name="w", columns=("a", "b")),)) for name in NAMES[:2])
# All that a step may do: every one of these adds, and none takes anything away.
ADDS = {
    "schema", "enum", "label", "label_before", "label_after", "domain", "sequence", "own_sequence",
    "sequence_position", "table", "partition", "add_column", "set_default", "constraint", "constraint_not_valid",
    "unique_by_index", "primary_by_index", "validate", "index", "index_concurrently", "policy", "enable_row_security",
}  # fmt: skip


def steps_of(model: StoreSchema, target: StoreSchema) -> tuple[Step, ...]:
    pair = Pair(model, target)
    return plan(pair, lacking(pair, WISHES)).steps


@given(stores("a"))
def test_a_store_has_all_that_it_has(store: StoreSchema) -> None:
    twin = replace(store, side="b")
    assert [one for one in diff(store, twin, tuple(store.tables)) if one.kind != "invalid index"] == []


@given(stores("a"), stores("b"))
def test_a_plan_only_adds(a: StoreSchema, b: StoreSchema) -> None:
    assert {step.statement.template for step in (*steps_of(a, b), *steps_of(b, a))} <= ADDS


@given(stores("a"), stores("b"))
def test_a_default_is_given_only_where_there_is_none(a: StoreSchema, b: StoreSchema) -> None:
    for step in steps_of(a, b):
        if step.statement.template == "set_default":
            table, column = step.statement.parts["table"], step.statement.parts["column"]
            there = b.tables[TableName(*table.parts)].column(column.parts[0])  # type: ignore[union-attr]
            assert there is None or there.default is None


@given(stores("a"), stores("b"))
def test_what_a_step_needs_comes_before_it(a: StoreSchema, b: StoreSchema) -> None:
    made: set[tuple[str, str]] = set(b.offers)
    for step in steps_of(a, b):
        needed = {need for need in step.needs if need[0] in ("type", "role")}
        assert needed <= made | {("role", role) for role in b.roles}
        made |= step.provides


@given(stores("a"), stores("b"))
def test_tables_come_before_references_and_policies_before_they_bind(a: StoreSchema, b: StoreSchema) -> None:
    names = [step.statement.template for step in steps_of(a, b)]
    enabled = [place for place, name in enumerate(names) if name == "enable_row_security"]
    made = [place for place, name in enumerate(names) if name == "policy"]
    assert not enabled or not made or max(made) < min(enabled)
    references = [
        place for place, step in enumerate(steps_of(a, b)) if isinstance(step.statement.parts.get("references"), Raw)
    ]
    tables = [place for place, name in enumerate(names) if name == "table"]
    assert not references or not tables or max(tables) < min(references)


@given(stores("a"), stores("b"))
def test_both_sides_see_the_same_differences(a: StoreSchema, b: StoreSchema) -> None:
    forth = diff(a, b, NAMES, WISHES)
    back = diff(replace(b, side="a"), replace(a, side="b"), NAMES, WISHES)
    other = {"a": "b", "b": "a", None: None}
    assert sorted((one.kind, one.table, one.name, str(one.side)) for one in forth) == sorted(
        (one.kind, one.table, one.name, str(other[one.side])) for one in back
    )


@given(stores("a"), stores("b"))
def test_every_difference_is_added_or_left_with_a_reason(a: StoreSchema, b: StoreSchema) -> None:
    for one in diff(a, b, NAMES, WISHES):
        assert one.steps or one.left, one


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
def test_an_index_that_begins_with_a_wish_fulfils_it(columns: list[str]) -> None:
    name = TableName("public", "t")
    index = IndexSchema(name="i", definition="btree (…)", columns=tuple(columns))
    table = TableSchema(
        name=name, columns=tuple(ColumnSchema(name=one, type="int") for one in "abcdef"), indexes=(index,)
    )
    store = StoreSchema(side="a", tables={name: table})
    wish = SchemaWish(name="t", owner_column=None, indexes=(IndexWish(name="w", columns=("a", "b")),))
    found = diff(store, replace(store, side="b"), [name], [wish])
    assert (not found) == (columns[:2] == ["a", "b"])


def test_a_reference_waits_for_a_key_that_is_built_beside_writers() -> None:
    t, u = TableName("public", "t"), TableName("public", "u")
    key = ConstraintSchema(name="k", kind="unique", definition="UNIQUE (id)", columns=("id",))
    reference = ConstraintSchema(
        name="f", kind="foreign key", definition="FOREIGN KEY …", columns=("id",), references=u, referenced=("id",)
    )
    whole, bare = (
        {
            t: TableSchema(name=t, columns=(ColumnSchema(name="id", type="int"),), constraints=of_t),
            u: TableSchema(name=u, columns=(ColumnSchema(name="id", type="int"),), constraints=of_u),
        }
        for of_t, of_u in (((reference,), (key,)), ((), ()))
    )
    steps = steps_of(StoreSchema(side="a", tables=whole), StoreSchema(side="b", tables=bare, relations=frozenset(bare)))
    assert [(step.stage, step.statement.template) for step in steps if step.statement.template != "policy"][-4:] == [
        ("indexes", "index_concurrently"),
        ("constraints", "unique_by_index"),
        ("constraints", "constraint_not_valid"),
        ("validation", "validate"),
    ]
