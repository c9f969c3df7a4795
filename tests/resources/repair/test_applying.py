"""A repair makes the rows of one store those of the other, and nothing else."""

from tests.resources.repair.worlds import World

PLAIN = "create table item (id bigint primary key, name text, updated_at timestamptz)"


def test_the_rows_of_the_authority_win(world: World) -> None:
    world.both(PLAIN, "insert into item select n, 'same', '2026-01-01' from generate_series(1, 100) n")
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
