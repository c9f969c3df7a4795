"""What becomes of templates: adopted, declared, changed, retired, back again; and never twice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.servers.planning import ACTIONS, Change, StoredTemplate, TemplatesPlan, plan_templates
from holdfast.servers.template import ServerTemplate, adopted

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Stored = dict[str, StoredTemplate]


def template(server_id: str, kind: str = "web", renamed_from: str | None = None) -> ServerTemplate:
    return ServerTemplate(server_id=server_id, name=server_id, kind=kind, renamed_from=renamed_from)


def applied(stored: Stored, plan: TemplatesPlan, now: datetime = NOW) -> Stored:
    after = dict(stored)
    for change in plan.changes:
        server_id = change.template.server_id
        is_retired = change.action == "retired"
        after[server_id] = StoredTemplate(
            template=change.template,
            version=change.version,
            origin=change.origin,
            valid_from=stored[server_id].valid_from if is_retired else now,
            retired_at=now if is_retired else None,
        )
    return after


def actions(plan: TemplatesPlan) -> dict[str, tuple[str, int]]:
    return {change.template.server_id: (change.action, change.version) for change in plan.changes}


def test_a_server_lives_through_every_action() -> None:
    stored: Stored = {}
    for declared, sampled, expected in (
        (None, {"a": NOW}, ("adopted", 1)),
        ([template("a")], {"a": NOW}, ("declared", 2)),
        ([template("a", "api")], {"a": NOW}, ("changed", 3)),
        ([], {"a": NOW}, ("retired", 3)),
        ([template("a", "db")], {"a": NOW}, ("returned", 4)),
    ):
        plan = plan_templates(stored, declared, sampled)
        assert actions(plan) == {"a": expected}
        stored = applied(stored, plan)


def test_without_a_file_nobody_is_retired() -> None:
    stored = applied({}, plan_templates({}, [template("a")], {}))
    assert plan_templates(stored, None, {}).changes == ()
    assert actions(plan_templates(stored, None, {"b": NOW})) == {"b": ("adopted", 1)}


def test_an_adopted_server_is_not_retired_by_a_file_that_does_not_name_it() -> None:
    stored = applied({}, plan_templates({}, None, {"a": NOW}))
    assert plan_templates(stored, [template("b")], {"a": NOW}).counts()["retired"] == 0


@pytest.mark.parametrize(
    ("after", "expected"), [(timedelta(minutes=59), {}), (timedelta(minutes=61), {"a": ("adopted", 2)})]
)
def test_a_retired_server_that_goes_on_reporting_is_adopted_again(
    after: timedelta, expected: dict[str, tuple[str, int]]
) -> None:
    stored = applied({}, plan_templates({}, [template("a")], {}))
    stored = applied(stored, plan_templates(stored, [], {"a": NOW}))
    assert actions(plan_templates(stored, [], {"a": NOW + after})) == expected


def test_a_renamed_server_is_retired_for_good_though_its_old_name_reports_on() -> None:
    stored = applied({}, plan_templates({}, None, {"old": NOW}))
    declared = [template("new", renamed_from="old")]
    plan = plan_templates(stored, declared, {"old": NOW})
    assert actions(plan) == {"new": ("declared", 1), "old": ("retired", 1)}
    stored = applied(stored, plan)
    assert plan_templates(stored, declared, {"old": NOW + timedelta(days=9)}).changes == ()
    assert plan_templates({}, declared, {"old": NOW}).counts() == {**dict.fromkeys(ACTIONS, 0), "declared": 1}


def test_a_plan_prints_as_a_sentence() -> None:
    plan = plan_templates({}, [template("a")], {"b": NOW, "c": NOW})
    assert str(plan) == "server templates: 2 adopted, 1 declared"
    assert str(plan_templates({}, None, {})) == "server templates: nothing changes"
    change = Change(action="changed", template=template("a"), version=3, origin="declared", fields=("kind",))
    assert str(change) == "a: changed (kind), version 3"


kinds = st.sampled_from(["web", "api", "db"])
files = st.one_of(st.none(), st.dictionaries(st.sampled_from("abc"), kinds))
steps = st.lists(st.tuples(files, st.sets(st.sampled_from("abcd")), st.integers(0, 200)), max_size=6)


@given(steps)
def test_a_second_run_changes_nothing_and_versions_only_rise(
    history: list[tuple[dict[str, str] | None, set[str], int]],
) -> None:
    stored: Stored = {}
    now = NOW
    for file, seen, minutes in history:
        now += timedelta(minutes=minutes)
        declared = None if file is None else [template(name, kind) for name, kind in file.items()]
        sampled = dict.fromkeys(seen, now)
        plan = plan_templates(stored, declared, sampled)
        after = applied(stored, plan, now)
        assert plan_templates(after, declared, sampled).changes == ()
        for server_id, one in after.items():
            risen = one.version - (stored[server_id].version if server_id in stored else 0)
            assert risen in ((0, 1) if server_id in stored else (1,))
        assert seen <= {
            name for name, one in after.items() if one.retired_at is None or one.retired_at >= now - timedelta(hours=1)
        }
        for name, kind in (file or {}).items():
            assert after[name].template == template(name, kind)
            assert after[name].retired_at is None
        stored = after


def test_an_adopted_server_is_a_host_of_its_own_name() -> None:
    assert adopted("x") == ServerTemplate(server_id="x", name="x", kind="host")
