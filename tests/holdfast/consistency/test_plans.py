"""A plan says what is done about every row that differs, refuses what looks like a mistake, and cannot be edited."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.consistency.plan_rows import Action, Direction, Limits, Skew
from holdfast.consistency.planning import Instants, Policy, plan_table
from holdfast.consistency.plans import RepairPlan, TablePlan, confirm, demand_same_stores
from holdfast.consistency.reports import KINDS, Comparison, Difference, Found, Kind, TableReport
from holdfast.consistency.tables import OTHER, Authority, ComparedTable, Key, Side
from holdfast.errors import PermanentError, PlanError, RepairTooLargeError

TABLE = ComparedTable(name="Story")
ALL = Limits(max_rows=10**9, max_share=1.0, allow_empty=True)
HASHES = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.one_of(st.none(), st.decimals(-100, 100, places=3), st.just(Decimal("Infinity")))


def comparison_of(differences: list[Difference], rows: int = 1000, **report: Any) -> Comparison:
    counts = {kind: sum(one.kind == kind for one in differences) for kind in KINDS}
    found = {kind: Found(count=count) for kind, count in counts.items()}
    given_: dict[str, Any] = {"mode": "full", "status": "differs", "rows_a": rows, "rows_b": rows, "found": found}
    return Comparison(report=TableReport(table="Story", **given_ | report), seed=-7, differences=differences)


@st.composite
def differences(draw: st.DrawFn) -> list[Difference]:
    keys = draw(st.lists(st.tuples(st.text(max_size=3)), unique=True, max_size=30))
    return [draw(difference(key)) for key in keys]


@st.composite
def difference(draw: st.DrawFn, key: Key) -> Difference:
    kind: Kind = draw(st.sampled_from(KINDS))
    a = None if kind == "only_in_b" else draw(HASHES)
    b = None if kind == "only_in_a" else draw(HASHES)
    cause = draw(st.sampled_from([None, "deleted", "never_arrived"])) if kind.startswith("only") else None
    return Difference(key=key, kind=kind, hash_a=a, hash_b=b, cause=cause)


authorities = st.sampled_from(get_args(Authority))
policies = st.builds(
    Policy,
    authority=authorities,
    direction=st.sampled_from(get_args(Direction)),
    may_delete=st.booleans(),
    limits=st.just(ALL),
)


@given(differences(), policies, st.data())
def test_every_row_has_one_fate(found: list[Difference], policy: Policy, data: st.DataObject) -> None:
    instants = {one.key: data.draw(st.tuples(INSTANTS, INSTANTS)) for one in found if data.draw(st.booleans())}
    plan = plan_table(TABLE, comparison_of(found), policy, digest="d", instants=instants)
    fates = [
        *(one.key for one in plan.actions),
        *(one.key for one in plan.left),
        *(one.key for one in plan.undecided),
        *plan.in_flux,
    ]
    assert sorted(fates) == sorted(one.key for one in found if one.kind != "form_only")
    assert plan.form_only_count == sum(one.kind == "form_only" for one in found)
    assert not plan.is_cut


@given(differences(), policies, st.data())
def test_an_action_is_what_the_policy_allows_and_guards_both_rows(
    found: list[Difference], policy: Policy, data: st.DataObject
) -> None:
    instants = {one.key: data.draw(st.tuples(INSTANTS, INSTANTS)) for one in found}
    plan = plan_table(TABLE, comparison_of(found), policy, digest="d", instants=instants)
    by_key = {one.key: one for one in found}
    for action in plan.actions:
        row = by_key[action.key]
        hashes = {"a": row.hash_a, "b": row.hash_b}
        assert (action.expected, action.source) == (hashes[action.into], hashes[OTHER[action.into]])
        assert policy.direction in ("both", action.into)
        assert policy.authority != "report"
        if policy.authority in ("a", "b"):
            assert action.into == OTHER[policy.authority]  # type: ignore[index]
        if action.verb == "delete":
            assert policy.may_delete
            assert policy.authority in ("a", "b")
            assert action.source is None
        if action.verb == "insert":
            assert action.expected is None


@given(st.tuples(INSTANTS, INSTANTS), st.floats(0, 20), st.floats(-20, 20), st.floats(0, 5))
def test_newest_wins_only_by_more_than_the_clocks_may_be_apart(
    instants: Instants, tolerance_s: float, offset_s: float, rtt_s: float
) -> None:
    skew = Skew(tolerance_s=tolerance_s, offset_s=offset_s, rtt_s=rtt_s)
    one = Difference(key=("k",), kind="mismatched", hash_a=1, hash_b=2)
    plan = plan_table(
        TABLE,
        comparison_of([one]),
        Policy(authority="newest", limits=ALL),
        digest="d",
        instants={one.key: instants},
        skew=skew,
    )
    a, b = instants
    margin = Decimal(str(max(tolerance_s, 2 * abs(offset_s) + rtt_s)))
    if a is None or b is None or a == b or abs(a - b) <= margin:
        assert not plan.actions
        assert [left.key for left in plan.undecided] == [one.key]
    else:
        (action,) = plan.actions
        assert action.into == ("b" if a > b else "a")


def test_a_row_that_was_deleted_elsewhere_does_not_come_back_by_itself() -> None:
    gone = Difference(key=("1",), kind="only_in_a", hash_a=1, cause="deleted")
    lost = Difference(key=("2",), kind="only_in_a", hash_a=1, cause="never_arrived")

    def plan(**policy: Any) -> TablePlan:
        return plan_table(TABLE, comparison_of([gone, lost]), Policy(limits=ALL, **policy), digest="d")

    newest = plan(authority="newest")
    assert [(one.key, one.verb) for one in newest.actions] == [(("2",), "insert")]
    assert newest.undecided[0].reason.startswith("deleted in b")
    by_a = plan(authority="a")
    assert [one.reason for one in by_a.actions] == ["deleted in b, a decides", "never arrived in b"]
    assert next(one.reason for one in plan(authority="b").left) == "deleted in b; only in a, and nothing is deleted"
    by_b = plan(authority="b", may_delete=True)
    assert [(one.verb, one.into) for one in by_b.actions] == [("delete", "a"), ("delete", "a")]


@pytest.mark.parametrize(("count", "rows", "is_refused"), [(50, 1000, False), (51, 1000, True), (1001, 10**6, True)])
def test_more_rows_or_a_larger_share_than_allowed_is_refused(count: int, rows: int, is_refused: bool) -> None:
    found = [Difference(key=(str(n),), kind="mismatched", hash_a=1, hash_b=2) for n in range(count)]

    def plan() -> TablePlan:
        return plan_table(TABLE, comparison_of(found, rows), Policy(authority="a"), digest="d")

    if is_refused:
        with pytest.raises(RepairTooLargeError, match=f"Story: {count} rows would be written"):
            plan()
    else:
        assert len(plan().actions) == count


def test_rows_that_were_counted_and_not_listed_count_for_the_limits() -> None:
    found = [Difference(key=("1",), kind="mismatched", hash_a=1, hash_b=2)]
    many = {"mismatched": Found(count=5000, is_truncated=True)}
    with pytest.raises(RepairTooLargeError, match="5000 rows would be written"):
        plan_table(TABLE, comparison_of(found, 10**6, found=many), Policy(authority="a"), digest="d")
    assert plan_table(
        TABLE, comparison_of(found, 10**6, found=many), Policy(authority="a", limits=ALL), digest="d"
    ).is_cut


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_store_that_holds_nothing_is_refused(side: Side) -> None:
    rows = {f"rows_{side}": 0}
    with pytest.raises(RepairTooLargeError, match="looks like total loss"):
        plan_table(TABLE, comparison_of([], 10, **rows), Policy(authority="newest"), digest="d")
    plan_table(TABLE, comparison_of([], 10, mode="window", **rows), Policy(authority="newest"), digest="d")


@pytest.mark.parametrize("status", ["rls", "missing_in_b", "schema", "incomplete", "error", "not_comparable"])
def test_what_could_not_be_compared_is_not_repaired(status: str) -> None:
    with pytest.raises(PermanentError, match=f"the comparison came to {status}: because"):
        plan_table(TABLE, comparison_of([], status=status, reason="because"), Policy(authority="a"), digest="d")


@st.composite
def plans(draw: st.DrawFn) -> RepairPlan:
    declared = ComparedTable(name='x."Story y"', key=("id",), meanings={"n": "same"}, zone="Asia/Seoul")
    made = plan_table(declared, comparison_of(draw(differences())), draw(policies), digest="d")
    return RepairPlan(
        tables=(made,), stores={"a": "1/2/x", "b": "3/4/ü"}, planned_at="2026-01-01", refused={"t": "why"}
    )


@given(plans())
def test_a_plan_is_read_as_it_was_written(plan: RepairPlan) -> None:
    assert RepairPlan.from_text(plan.to_text(), source="p") == plan
    shuffled = json.dumps(dict(reversed(plan.to_document().items())), indent=3)
    assert RepairPlan.from_text(shuffled, source="p").sha256 == plan.sha256


@given(plan=plans(), tolerance_s=st.integers(0, 10))
def test_a_whole_number_of_seconds_is_the_same_plan(plan: RepairPlan, tolerance_s: int) -> None:
    whole = replace(plan, tables=tuple(replace(one, margin_s=tolerance_s) for one in plan.tables))
    assert RepairPlan.from_text(whole.to_text(), source="plan").sha256 == whole.sha256


@given(plans(), st.data())
def test_a_plan_that_was_edited_is_refused(plan: RepairPlan, data: st.DataObject) -> None:
    document = plan.to_document()
    assume(document["tables"][0]["actions"])
    action = data.draw(st.sampled_from(document["tables"][0]["actions"]))
    name = data.draw(st.sampled_from(sorted(action)))
    action[name] = {"into": OTHER[action["into"]], "action": "delete"}.get(name, "17")
    assume(document != plan.to_document())
    with pytest.raises(PlanError, match="was edited"):
        RepairPlan.from_document(document, source="plan.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[]", "is no repair plan"),
        ("{}", "is no repair plan"),
        ('{"kind": "holdfast repair plan", "format": 2}', "of format 2, this Holdfast reads format 1"),
        ('{"kind": "holdfast repair plan", "format": 1}', "is damaged"),
    ],
)
def test_what_is_no_plan_of_this_version_is_refused(text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        RepairPlan.from_text(text, source="plan.json")


def test_a_plan_is_applied_only_as_it_was_confirmed_and_where_it_was_made() -> None:
    plan = RepairPlan(tables=(), stores={"a": "1/x", "b": "2/y"}, planned_at="2026-01-01")
    confirm(plan, f" {plan.sha256.upper()} ", source="plan.json")
    with pytest.raises(PlanError, match=f"expected the confirmation {plan.sha256}"):
        confirm(plan, plan.sha256[:20], source="plan.json")
    demand_same_stores(plan, {"a": "1/x", "b": "2/y"})
    with pytest.raises(PlanError, match="another secondary: expected 2/y, found 3/z"):
        demand_same_stores(plan, {"a": "1/x", "b": "3/z"})
    with pytest.raises(PlanError, match="The two stores are swapped"):
        demand_same_stores(plan, {"a": "2/y", "b": "1/x"})


def test_a_plan_prints_as_a_sentence() -> None:
    def action(number: int, verb: Any, into: Side) -> Action:
        return Action(key=(str(number),), verb=verb, into=into, expected=1, source=2, reason="")

    actions = (action(1, "insert", "b"), action(2, "insert", "b"), action(3, "delete", "a"), action(4, "update", "a"))
    plan = TablePlan(
        declared=TABLE,
        authority="a",
        direction="both",
        may_delete=True,
        seed=1,
        digest="",
        union_rows=9,
        margin_s=5.0,
        actions=actions,
        in_flux_count=3,
    )
    assert str(plan) == "Story: 1 update in a, 1 delete from a, 2 inserts into b, 3 in flux"
