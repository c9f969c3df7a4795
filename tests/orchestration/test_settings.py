"""Every setting: known by name, checked by value, and silent about secrets."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import SettingsError
from orchestration.settings import PROJECT, Settings, dagster_url, load, variables
from resources.sources import read_targets

# The variables of the metrics story in the contract; HOLDFAST_ names are held together by .env.example below.
CONTRACT = {
    "DATABASE_URL",
    "SUPABASE_DB_URL",
    "DAGSTER_DATABASE_URL",
    "REDIS_URL",
    "REDIS_ENABLED",
    "METRICS_TARGETS",
    "GCP_PROJECT_ID",
    "GOOGLE_MONITORING_API_ENDPOINT",
    "HOLDFAST_HOME",
    "HOLDFAST_PORT",
}
SECRETS = sorted(name for name in variables() if name.endswith("_URL"))


def complaint(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    # What a traceback or Dagster's event log would print with it.
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_every_variable_of_the_contract_is_known() -> None:
    assert variables().keys() >= CONTRACT


def test_the_example_file_names_every_setting_and_nothing_else() -> None:
    text = (PROJECT / ".env.example").read_text()
    assert set(re.findall(r"^#([A-Z0-9_]+)=", text, re.MULTILINE)) == variables().keys()


def test_the_defaults_of_the_example_file_are_the_defaults() -> None:
    given = dict(re.findall(r"^#(HOLDFAST_[A-Z_]+)=(.+)$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert load(given) == load({})


def test_an_empty_environment_is_enough() -> None:
    settings = load({})
    assert settings.is_embedded
    assert settings.state == PROJECT / ".holdfast"
    assert (settings.port, settings.collect_every_s, settings.redis_enabled) == (3000, 30, True)


def test_an_empty_value_is_no_value() -> None:
    assert load(dict.fromkeys(variables(), "")) == load({})


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("HOLDFAST_PROT", "HOLDFAST_PORT"),
        ("HOLDFAST_COLLECT_EVERY", "HOLDFAST_COLLECT_EVERY_S"),
        ("HOLDFAST_DATABASE_BUDGET", "HOLDFAST_DATABASE_BUDGET_MB"),
        ("HOLDFAST_RAWDAYS", "HOLDFAST_RAW_DAYS"),
    ],
)
def test_a_misspelt_name_suggests_the_one_that_was_meant(typo: str, meant: str) -> None:
    assert complaint(**{typo: "1"}) == f"{typo}: there is no such setting; did you mean {meant}?"


def test_a_name_that_resembles_none_lists_them_all() -> None:
    said = complaint(HOLDFAST_QQQQQQQQQQQQQQQQQQQQ="1")
    assert all(name in said for name in variables())


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("HOLDFAST_PORT", "0", "greater than or equal to 1"),
        ("HOLDFAST_PORT", "65536", "less than or equal to 65535"),
        ("HOLDFAST_PORT", "http", "valid integer"),
        ("HOLDFAST_COLLECT_EVERY_S", "5", "greater than or equal to 10"),
        ("HOLDFAST_COLLECT_EVERY_S", "30s", "valid integer"),
        ("HOLDFAST_SCRAPE_TIMEOUT_S", "0", "greater than 0"),
        ("HOLDFAST_SCRAPE_TIMEOUT_S", "nan", "less than or equal to 60"),
        ("HOLDFAST_RAW_DAYS", "1", "greater than or equal to 2"),
        ("HOLDFAST_DATABASE_BUDGET_MB", "-1", "greater than or equal to 10"),
        ("REDIS_ENABLED", "maybe", "valid boolean"),
        ("HOLDFAST_DASHBOARD_HASHES", "2", "valid boolean"),
    ],
)
def test_a_value_that_is_not_allowed_says_what_is_and_what_was_found(name: str, value: str, allowed: str) -> None:
    said = complaint(**{name: value})
    assert said.startswith(f"{name} (")
    assert allowed in said
    assert said.endswith(f"found {value!r}")


def test_all_wrong_values_are_told_at_once() -> None:
    said = complaint(HOLDFAST_PORT="0", REDIS_ENABLED="maybe")
    assert "HOLDFAST_PORT" in said
    assert "REDIS_ENABLED" in said


@pytest.mark.parametrize("name", SECRETS)
@given(password=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=20).map("Sesame{}".format))
def test_a_secret_is_in_no_message_and_no_print(name: str, password: str) -> None:
    said = complaint(**{name: f"mysql://user:{password}@host/database"})
    assert name in said
    assert password not in said
    scheme = "redis" if name == "REDIS_URL" else "postgresql"
    settings = load({name: f"{scheme}://user:{password}@host/1"})
    assert password not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgres://h/d", "postgresql+psycopg2://h/d"])
def test_every_spelling_of_a_postgres_url_is_taken(url: str) -> None:
    assert not load({"DATABASE_URL": url}).is_embedded


@pytest.mark.parametrize(
    ("said", "meant"), [("false", False), ("0", False), ("no", False), ("TRUE", True), ("1", True)]
)
def test_a_switch_is_read_as_people_write_it(said: str, meant: bool) -> None:
    assert load({"REDIS_ENABLED": said}).redis_enabled is meant


def test_what_is_not_ours_is_not_looked_at() -> None:
    assert load({"PATH": "/bin", "SECRET_OF_ANOTHER": "x"}) == load({})


def test_dagsters_storage_is_a_schema_of_its_own_beside_ours() -> None:
    url = dagster_url("postgresql://u:p%40w@h:5432/d?sslmode=require&options=-cx%3Dy")
    assert url == "postgresql+psycopg2://u:p%40w@h:5432/d?sslmode=require&options=-csearch_path%3Ddagster"


def test_a_long_list_of_targets_is_no_file_name() -> None:
    addresses = ",".join(f"10.0.0.{number}:9100" for number in range(200))
    assert len(read_targets(addresses).endpoints) == 200


def test_a_file_of_targets_is_read(tmp_path: Path) -> None:
    (tmp_path / "targets").write_text("# the shop\nlocal\nweb1=http://10.0.0.5:9100/metrics\n")
    found = read_targets(str(tmp_path / "targets"))
    assert found.is_local
    assert [target.server_id for target in found.endpoints] == ["web1"]


def test_every_setting_explains_itself() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]
