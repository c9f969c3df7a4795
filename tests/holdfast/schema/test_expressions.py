"""The same user in the words of two kinds of servers."""

import pytest

from holdfast.schema.columns import is_constant
from holdfast.schema.expressions import atoms, is_own, meaning, translated
from holdfast.schema.model import PolicySchema

OWN = [
    "(user_id = auth.uid())",
    "(auth.uid() = user_id)",
    "(( SELECT auth.uid() AS uid) = user_id)",
    "(user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid)",
    "(user_id = ( SELECT (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid AS \"nullif\"))",
    "((user_id)::text = current_setting('app.user_id'::text))",
    "(user_id = (current_setting('app.uid'::text, true))::uuid)",
]
NOT_OWN = [
    "true",
    "(user_id IS NOT NULL)",
    "(other_id = auth.uid())",
    "(is_public OR (user_id = auth.uid()))",
    "(user_id <> auth.uid())",
    "(auth.uid() IS NOT NULL)",
    "(user_id = auth.jwt())",
]


@pytest.mark.parametrize("expression", OWN)
def test_a_users_own_rows_are_known_in_every_words(expression: str) -> None:
    assert is_own(expression, "user_id")
    assert meaning(expression) == "(user_id = @me)"


@pytest.mark.parametrize("expression", NOT_OWN)
def test_anything_more_is_not_a_users_own_rows(expression: str) -> None:
    assert not is_own(expression, "user_id")


@pytest.mark.parametrize("expression", OWN[:5] + NOT_OWN[2:6])
@pytest.mark.parametrize("has_auth", [True, False])
def test_a_translation_means_the_same(expression: str, has_auth: bool) -> None:
    found = translated(expression, has_auth=has_auth) or ""
    assert ("auth.uid()" in found) <= has_auth
    assert ("current_setting" in found) <= (not has_auth)


def test_quoted_columns_are_columns() -> None:
    assert is_own('("userId" = auth.uid())', "userId")
    assert is_own('("a""b" = auth.uid())', 'a"b')


def test_four_policies_are_as_good_as_one() -> None:
    using = OWN[0]
    one = set(atoms(PolicySchema(name="all", using=using)))
    four = (
        PolicySchema(name="s", command="select", using=using),
        PolicySchema(name="i", command="insert", check=using),
        PolicySchema(name="u", command="update", using=using),
        PolicySchema(name="d", command="delete", using=using, roles=("authenticated",)),
    )
    assert {atom for policy in four for atom in atoms(policy)} == one


@pytest.mark.parametrize(
    "default", ["1", "'a (b)'::text", "'{}'::jsonb", "0::numeric(10,2)", "true", "ARRAY[]::text[]"]
)
def test_a_constant_is_the_same_for_every_row(default: str) -> None:
    assert is_constant(default)


@pytest.mark.parametrize(
    "default", ["now()", "gen_random_uuid()", "CURRENT_DATE", "nextval('s'::regclass)", "lower('A'::text)"]
)
def test_what_is_computed_is_no_constant(default: str) -> None:
    assert not is_constant(default)
