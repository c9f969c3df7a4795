"""The file of declared servers: what it says, and everything that is wrong with it at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import TemplatesError
from holdfast.servers.declared import parse_templates
from holdfast.servers.kinds import BY_KIND
from holdfast.servers.template import ServerTemplate

SHOP = """
[[server]]
id = "web1"
name = "Shop front"
kind = "web"
environment = "production"
region = "eu-1"
upstream = ["api1"]
[server.capacity]
cpu_cores = 4
memory_gb = 7.5
[server.labels]
team = "shop"

[[server]]
id = "api1"
kind = "api"
environment = "production"
upstream = ["db1", "adopted1"]
renamed_from = "api0"

[[server]]
id = "db1"
kind = "db"
"""


def problems(text: str, *known: str) -> tuple[str, ...]:
    with pytest.raises(TemplatesError) as caught:
        parse_templates(text, known, source="shop.toml")
    assert str(caught.value).startswith("shop.toml: ")
    assert "nothing was changed" in str(caught.value)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def server(server_id: str, kind: str = "web", more: str = "") -> str:
    return f'[[server]]\nid = "{server_id}"\nkind = "{kind}"\n{more}\n'


def test_a_file_says_what_each_server_is() -> None:
    assert parse_templates(SHOP, ["adopted1"]) == [
        ServerTemplate(
            server_id="api1",
            name="api1",
            kind="api",
            environment="production",
            upstream=("adopted1", "db1"),
            renamed_from="api0",
        ),
        ServerTemplate(server_id="db1", name="db1", kind="db"),
        ServerTemplate(
            server_id="web1",
            name="Shop front",
            kind="web",
            environment="production",
            region="eu-1",
            capacity={"cpu_cores": 4.0, "memory_gb": 7.5},
            labels={"team": "shop"},
            upstream=("api1",),
        ),
    ]


def test_the_order_of_the_file_does_not_matter() -> None:
    entries = SHOP.split("\n\n")
    assert parse_templates("\n\n".join(reversed(entries)), ["adopted1"]) == parse_templates(SHOP, ["adopted1"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (server("a", "wbe"), "server 'a': kind: expected one of web, api, db, cache, worker, host, found 'wbe'; "
         "did you mean 'web'?"),
        (server("a", more="enviroment = 'x'"), "server 'a': expected one of id, name, kind, environment, region, "
         "renamed_from, upstream, capacity, labels, found 'enviroment'; did you mean 'environment'?"),
        (server("a") + server("a"), "server 'a': this id comes 2 times; leave one entry, or rename the others"),
        (server("a", more="upstream = ['bd1']") + server("db1"), "server 'a': upstream: expected a server that is "
         "declared here or was ever sampled, found 'bd1'; did you mean 'db1'?"),
        (server("a", more="upstream = ['a']"), "server 'a': upstream: expected servers that do not depend on it, "
         "found the cycle a -> a; take one of these dependencies out"),
        (server("a", more="upstream = 'db1'"), "server 'a': upstream: expected a list of server ids, as [\"db1\"], "
         "found 'db1'"),
        (server("a", more="upstream = ['b', 'b']") + server("b"), "server 'a': upstream: 'b' comes 2 times; "
         "leave it once"),
        ("[[server]]\nkind = 'web'", "server number 1 of the file: expected id = …, found none; add it"),
        (server("a") + "[[server]]\nid = 7\nkind = 'web'", "server number 2 of the file: id: expected text of 1 to 200 "
         "characters in one line, found 7"),
        (server("a", more="[server.capacity]\ncpu_cores = '4'"), "server 'a': capacity cpu_cores (processors): "
         "expected a number above 0, found '4'"),
        (server("a", more="[server.capacity]\ncpu_cores = nan"), "server 'a': capacity cpu_cores (processors): "
         "expected a number above 0, found nan"),
        (server("a", more="capacity = 4"), "server 'a': capacity: expected a table [server.capacity], found 4"),
        (server("a", more="labels = {rack = 4}"), "server 'a': label rack: expected text, found 4; put it in quotes"),
        (server("a", more='labels = {rack = "4\\u0000"}'), "server 'a': label 'rack': expected text in one line, "
         "found '4\\x00'"),
        (server("a", more="renamed_from = 'b'") + server("b"), "server 'a': renamed_from: 'b' is declared as well; "
         "remove the old entry"),
        (server("a", more="upstream = ['old']") + server("b", more="renamed_from = 'old'"),
         "server 'a': upstream: 'old' is now 'b'; write the new id"),
        ("server = [1]", "server number 1 of the file: expected a table, found 1"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_entry_what_was_expected_and_what_was_found(text: str, said: str) -> None:
    assert problems(text, "old") == (said,)


def test_two_heirs_of_one_server_are_refused() -> None:
    text = server("a", more="renamed_from = 'x'") + server("b", more="renamed_from = 'x'")
    assert problems(text) == ("server 'b': renamed_from: 'x' became 'a' already; leave one of them",)


def test_a_cycle_is_named_from_its_first_server_on() -> None:
    text = "".join(server(one, more=f"upstream = ['{other}']") for one, other in ("ca", "ab", "bc"))
    (said,) = problems(text)
    assert "found the cycle a -> b -> c -> a;" in said


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    text = (
        server("a", "wbe", "upstream = ['b']")
        + server("b", more="upstream = ['a']\ncolour = 'red'")
        + server("c", more="upstream = ['nobody']\n[server.capacity]\ncores = 2")
    )
    said = problems(text)
    assert [one.split(":")[0] for one in said] == ["server 'a'", "server 'b'", "server 'c'", "server 'c'", "server 'a'"]
    assert "cycle a -> b -> a" in said[-1]


@pytest.mark.parametrize("text", ["[[server]\nid = 1", "id = ", "\x00", '[[server]]\nid = "a"\nid = "b"'])
def test_what_is_no_toml_says_where(text: str) -> None:
    (said,) = problems(text)
    assert said.startswith("the file is not TOML: ")


@pytest.mark.parametrize("text", ["", "# nothing", "[server]\nid = 'a'", "server = 1"])
def test_a_file_without_servers_is_taken_for_one_that_was_cut_off(text: str) -> None:
    (said,) = problems(text)
    assert "write server = [] to declare no server at all" in said
    assert parse_templates("server = []") == []


def test_a_misspelt_table_is_told() -> None:
    said = problems("[[servers]]\nid = 'a'\nkind = 'web'")
    assert said[0] == "'servers': expected only [[server]] entries at the top, found this; did you mean 'server'?"


def mistakes(text: str) -> tuple[str, ...]:
    try:
        parse_templates(text)
    except TemplatesError as error:
        return error.problems
    return ()


@given(st.text(max_size=200))
def test_any_text_is_either_servers_or_our_error(text: str) -> None:
    assert mistakes(text)


scalars = st.one_of(st.integers(-9, 9), st.booleans(), st.sampled_from(['"web"', '"b"', "nan", "[]", '["a"]', "{}"]))


@given(st.lists(st.dictionaries(st.sampled_from(["id", "kind", "upstream", "capacity", "labels", "name"]), scalars)))
def test_whatever_the_types_each_mistake_names_its_entry(entries: list[dict[str, object]]) -> None:
    text = "server = []" if not entries else ""
    for entry in entries:
        text += "[[server]]\n" + "".join(f"{key} = {str(value).lower()}\n" for key, value in entry.items())
    said = mistakes(text)
    assert all(problem.startswith("server ") for problem in said)
    assert said or len(parse_templates(text)) == len(entries)


def test_every_kind_explains_itself() -> None:
    assert all(kind.description for kind in BY_KIND.values())
