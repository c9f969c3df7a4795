"""A repair makes the rows of one store those of the other, and nothing else."""

import pytest

from holdfast.consistency.plan_rows import Limits
from holdfast.consistency.plans import RepairPlan
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import PermanentError, PlanError, RepairTooLargeError
from resources.repair.applying import apply_plan
from tests.resources.repair.worlds import World, codes

PLAIN = "create table item (id bigint primary key, name text, updated_at timestamptz)"
HUNDRED = "insert into item select n, 'same', '2026-01-01' from generate_series(1, 100) n"
TREE = (
    "create table grand (id integer primary key, t text)",
    "create table parent (id integer primary key, grand_id integer not null references grand on delete cascade)",
    "create table child (id integer primary key, parent_id integer references parent)",
)


def statements(world: World) -> list[tuple[int, int, int]]:
    """What was written to the tables of either store, ever."""
    counts = (
        "select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables where schemaname = 'public' order by relname"
    )
    world.both("select pg_stat_force_next_flush()")
    return [*world.rows("a", counts), *world.rows("b", counts)]


def test_the_rows_of_the_authority_win(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "insert into item values (101, 'lost in b', '2026-01-02')")
    world.run(
        "b", "update item set name = 'other' where id = 7", "insert into item values (102, 'only b', '2026-01-02')"
    )

    plan = world.plan("item", authority="a")
    assert str(plan) == "item: 1 insert into b, 1 update in b, 1 left"
    repair = world.apply(plan)

    assert str(repair) == f"repair {plan.repair_id}: 1 insert in the secondary, 1 update in the secondary"
    assert world.rows("b", "select id, name from item where id in (7, 101)") == [(7, "same"), (101, "lost in b")]
    assert world.differences("item") == 1


def test_the_newer_row_wins_and_what_no_clock_tells_apart_is_left(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "update item set name = 'newer a', updated_at = '2026-01-03' where id = 1")
    world.run("b", "update item set name = 'newer b', updated_at = '2026-01-03' where id = 2")
    world.run("b", "update item set name = 'same instant' where id = 3")
    world.run("b", "update item set name = 'close', updated_at = '2026-01-01 00:00:03' where id = 4")
    world.run("a", "update item set name = 'null', updated_at = null where id = 5")
    world.run("a", "update item set name = 'for ever', updated_at = 'infinity' where id = 6")
    world.run("a", "delete from item where id = 7")
    world.run("b", "delete from item where id = 8")

    plan = world.plan("item", authority="newest")
    world.apply(plan)

    for side in ("a", "b"):
        assert world.rows(side, "select id, name from item where id in (1, 2, 6, 7, 8) order by id") == [  # type: ignore[arg-type]
            (1, "newer a"),
            (2, "newer b"),
            (6, "for ever"),
            (7, "same"),
            (8, "same"),
        ]
    assert [one.key[0] for one in plan.tables[0].undecided] == ["3", "4", "5"]
    assert "null in a" in plan.tables[0].undecided[2].reason


def test_only_the_store_that_may_be_written_is(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run(
        "a", "delete from item where id = 1", "update item set name = 'x', updated_at = '2026-02-01' where id = 2"
    )
    world.run(
        "b", "delete from item where id = 3", "update item set name = 'y', updated_at = '2026-02-01' where id = 4"
    )

    plan = world.plan("item", authority="newest", direction="a")
    world.apply(plan)

    assert {(one.key[0], one.verb, one.into) for one in plan.tables[0].actions} == {
        ("1", "insert", "a"),
        ("4", "update", "a"),
    }
    assert [one.key[0] for one in plan.tables[0].left] == ["3", "2"]
    assert world.differences("item") == 2


def test_nothing_is_deleted_unless_it_is_asked_for(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("b", "insert into item values (200, 'surplus', null)")
    assert world.repair("item", authority="a").written_count == 0
    repair = world.repair("item", authority="a", deletes=True)
    assert repair.of("delete", "b") == 1
    assert world.differences("item") == 0
    world.undo()
    assert world.rows("b", "select name from item where id = 200") == [("surplus",)]


def test_a_finished_plan_writes_nothing_when_it_is_applied_again(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "insert into item select n, 'new', now() from generate_series(1001, 2300) n")
    world.run("b", "insert into item select n, 'new', now() from generate_series(3001, 3100) n")
    plan = world.plan("item", authority="newest")
    assert world.apply(plan).written_count == 1400
    world.both("vacuum item")
    before, journal = statements(world), world.journal.read_bytes()
    xids = world.rows("b", "select sum(xmin::text::bigint), sum(xmax::text::bigint) from item")

    again = world.apply(plan)

    assert (again.written_count, again.already, again.skipped) == (0, 1400, [])
    assert statements(world) == before
    assert world.rows("b", "select sum(xmin::text::bigint), sum(xmax::text::bigint) from item") == xids
    assert world.journal.read_bytes() == journal


def test_a_row_that_changed_since_the_plan_is_left_and_listed(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("b", "update item set name = 'wrong' where id <= 4", "delete from item where id = 5")
    plan = world.plan("item", authority="a")
    world.run("b", "update item set name = 'user' where id = 1")
    world.run("a", "update item set name = 'user' where id = 2")
    world.run("b", "update item set name = 'same' where id = 3", "insert into item values (5, 'back', null)")

    repair = world.apply(plan)

    assert {(one.key[0], one.code) for one in repair.skipped} == {
        ("1", "skipped_stale"),
        ("2", "skipped_stale"),
        ("5", "skipped_stale"),
    }
    assert (repair.written_count, repair.already) == (1, 1)
    assert world.rows("b", "select name from item where id in (1, 2, 3, 4, 5) order by id") == [
        ("user",),
        ("wrong",),
        ("same",),
        ("same",),
        ("back",),
    ]


def test_parents_come_before_their_children_and_go_after_them(world: World) -> None:
    world.both(*TREE, "insert into grand values (1, 'x')")
    world.run(
        "a",
        "insert into grand select n, 'g' from generate_series(2, 700) n",
        "insert into parent select n, n from generate_series(2, 700) n",
        "insert into child select n, n from generate_series(2, 700) n",
    )
    repair = world.repair("child", "grand", "parent", authority="a")
    assert (repair.written_count, repair.skipped) == (3 * 699, [])

    world.run(
        "a", "delete from child where id > 300", "delete from parent where id > 300", "delete from grand where id > 300"
    )
    world.journal.unlink()
    repair = world.repair("grand", "child", "parent", authority="a", deletes=True)
    assert (repair.of("delete", "b"), repair.skipped) == (1200, [])
    assert world.undo().written_count == 1200


def test_a_child_without_its_parent_is_left_and_the_others_are_written(world: World) -> None:
    world.both(*TREE, "insert into grand values (1, 'x')", "insert into parent values (1, 1)")
    world.run("a", "insert into grand values (2, 'y')", "insert into parent values (2, 2)")
    world.run("a", "insert into child select n, 1 + (n % 50 = 7)::int from generate_series(1, 200) n")
    repair = world.repair("child", authority="a")
    assert (repair.written_count, codes(repair)) == (196, ["foreign_key"] * 4)
    assert "parent" in repair.skipped[0].detail


def test_children_of_a_deleted_row_do_not_go_with_it(world: World) -> None:
    world.both(*TREE)
    world.run("b", "insert into grand values (1, 'x'), (2, 'y')", "insert into parent values (1, 1)")
    repair = world.repair("grand", authority="a", deletes=True)
    assert [(one.key, one.code) for one in repair.skipped] == [(("1",), "referenced")]
    assert world.rows("b", "select id from parent") == [(1,)]
    assert world.rows("b", "select id from grand") == [(1,)]


def test_more_than_the_limits_is_refused_before_anything_changes(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("b", "delete from item where id <= 6")
    with pytest.raises(
        RepairTooLargeError, match=r"6 rows would be written, 6 % of 100; allowed are 1000 rows and 5 %"
    ):
        world.plan("item", limits=Limits())
    with pytest.raises(RepairTooLargeError, match="allowed are 5 rows"):
        world.plan("item", limits=Limits(max_rows=5, max_share=1))
    assert len(world.plan("item", limits=Limits(max_rows=6, max_share=0.06)).tables[0].actions) == 6


def test_an_empty_side_is_refused_as_a_likely_wrong_connection(world: World) -> None:
    world.both(PLAIN)
    world.run("a", HUNDRED)
    with pytest.raises(RepairTooLargeError, match="the secondary holds no row of it, the primary 100"):
        world.plan("item", limits=Limits(max_share=1))
    assert world.repair("item", limits=Limits(max_share=1, allow_empty=True)).written_count == 100


def test_a_plan_for_other_databases_is_refused(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "insert into item values (101, 'new', null)")
    plan = world.plan("item")
    swapped = World(world.b, world.a, world.folder)
    with pytest.raises(PlanError, match=r"made for another primary.*The two stores are swapped"):
        apply_plan(swapped.stores, plan, journal=world.journal)
    assert not world.journal.exists()


def test_both_stores_being_one_database_is_refused(world: World) -> None:
    world.both(PLAIN)
    with pytest.raises(PermanentError, match="both stores are the same database"):
        World(world.a, world.a, world.folder).plan("item")


def test_a_plan_is_refused_when_the_table_is_another_by_now(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "insert into item values (101, 'new', null)")
    plan = world.plan("item")
    world.both("alter table item add more text")
    with pytest.raises(PlanError, match="changed since the plan was made"):
        world.apply(plan)


def test_a_plan_survives_its_file(world: World) -> None:
    world.both(PLAIN, HUNDRED)
    world.run("a", "insert into item values (101, 'new', null)")
    plan = world.plan(ComparedTable(name="item", ignore=("name",), meanings={"id": "same"}))
    again = RepairPlan.from_text(plan.to_text(), source="plan.json")
    assert again == plan
    world.apply(again)
    # What is not compared comes with a new row all the same.
    assert world.rows("b", "select name from item where id = 101") == [("new",)]


def test_a_table_of_another_schema_and_a_key_of_several_columns(world: World) -> None:
    world.both(
        "create schema shop",
        'create table shop."order line" ("order" integer, line text, n numeric, primary key (line, "order"))',
        "insert into shop.\"order line\" select n, 'l' || n, 1 from generate_series(1, 50) n",
    )
    world.run("a", 'update shop."order line" set n = 2 where "order" = 7')
    world.run("b", 'delete from shop."order line" where "order" = 8')
    repair = world.repair('shop."order line"')
    assert (repair.written_count, repair.skipped) == (2, [])
    assert world.differences('shop."order line"') == 0
    assert world.undo().written_count == 2


def test_rows_of_a_partitioned_table_go_into_their_parts(world: World) -> None:
    world.run("a", "create table part (id integer, at date, t text, primary key (id, at)) partition by range (at)")
    world.run("a", "create table part_1 partition of part for values from ('2026-01-01') to ('2026-07-01')")
    world.run("a", "create table part_2 partition of part for values from ('2026-07-01') to ('2027-01-01')")
    world.run("b", "create table part (id integer, at date, t text, primary key (id, at))")
    world.run("a", "insert into part values (1, '2026-02-01', 'a'), (2, '2026-08-01', 'b')")
    world.run("b", "insert into part values (1, '2026-02-01', 'x'), (3, '2026-09-01', 'c'), (4, '2030-01-01', 'd')")
    assert not world.repair("part", authority="a", direction="b").skipped
    world.journal.unlink()
    repair = world.repair("part", authority="b", direction="a")
    assert (repair.written_count, codes(repair)) == (1, ["refused"])
    assert world.rows("a", "select t from part_2 order by id") == [("b",), ("c",)]


def test_rows_of_ten_megabytes_travel_one_by_one(world: World) -> None:
    world.both("create table big (id integer primary key, doc bytea, t text)", "insert into big values (1, '', '')")
    world.run(
        "a",
        "insert into big select n, decode(repeat('00ff', 2500000), 'hex'), repeat('ü', 2500000) "
        "from generate_series(2, 4) n",
    )
    repair = world.repair("big")
    assert (repair.written_count, repair.batches) == (3, 3)
    assert world.differences("big") == 0
    assert world.undo().written_count == 3
