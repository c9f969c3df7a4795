"""The architecture is a test: rooms, queries, settings, comments, and what exists."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from holdfast.metrics.catalog import METRICS
from orchestration.definitions import defs
from resources.queries import SQL, queries
from tests.golden import DEFINITIONS, definitions

PROJECT = Path(__file__).parent.parent
ROOMS = ("holdfast", "resources", "assets", "orchestration")
STORIES = sorted(path.stem for path in SQL.glob("*.sql"))


def sources(*rooms: str) -> Iterator[tuple[Path, str]]:
    for room in rooms:
        for path in sorted((PROJECT / room).rglob("*.py")):
            yield path.relative_to(PROJECT), path.read_text()


def calls(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def test_holdfast_reads_no_clock() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today"}
    found = {(str(path), call) for path, text in sources("holdfast") for call in calls(text) if call in clocks}
    assert not found


def test_only_the_settings_touch_the_environment() -> None:
    environment = {"os.environ", "os.getenv", "os.putenv"}
    found = {str(path) for path, text in sources(*ROOMS) for call in calls(text) if call in environment}
    assert found <= {"orchestration/settings.py"}


def test_every_query_is_used() -> None:
    used = set(re.findall(r'"(\w+/\w+)"', "".join(text for _, text in sources(*ROOMS))))
    assert {f"{story}/{name}" for story in STORIES for name in queries(story)} == {
        path for path in used if path.split("/")[0] in STORIES
    }


def test_every_template_is_used() -> None:
    # Many are chosen by a name that is worked out; what they say is tested on real tables.
    text = "".join(text for _, text in sources("holdfast", "resources"))
    for story in sorted(path.stem for path in (SQL / "templates").glob("*.sql")):
        for name in queries(f"templates/{story}"):
            asked = (f'"{story}/{name}"', f'"{name}"', f'"{name.removesuffix("_meant")}"')
            assert any(one in text for one in asked), f"{story}/{name}"


def test_sql_comments_hold_nothing_a_driver_would_take_for_code() -> None:
    for path in [*SQL.glob("*.sql"), *(SQL / "templates").glob("*.sql")]:
        comments = [line for line in path.read_text().splitlines() if line.startswith("--")]
        assert not [line for line in comments if re.search(r"[%;]", line)], path.name


def statements(story: str) -> Iterator[tuple[str, str]]:
    for name, text in queries(story).items():
        body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        if not re.match(r"(copy|create|drop|set|start|begin)\b", body.strip()):
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", body)))
            for number, parameter in enumerate(names, 1):
                body = body.replace(f"%({parameter})s", f"${number}")
            yield name, body.strip().rstrip(";").replace("%%", "%")


@pytest.mark.parametrize("story", STORIES)
def test_every_query_is_understood_by_the_migrated_database(
    story: str, database_url: str, dagster_database_url: str
) -> None:
    url = dagster_database_url if story == "platform" else database_url
    with psycopg.connect(url, autocommit=True) as connection:
        # What a query finds only in the middle of its transaction.
        for name in ("make_staging", "make_former"):
            if name in queries(story):
                text = queries(story)[name].replace(" on commit drop", "").replace("%(day)s", "date '2026-01-01'")
                connection.execute(text)
        for name, body in statements(story):
            connection.execute(f"prepare {name} as {body}".encode())


def test_importing_the_definitions_needs_no_environment_and_warns_of_nothing(tmp_path: Path) -> None:
    script = (
        "import warnings; warnings.simplefilter('error'); import dagster as dg;"
        "from orchestration.definitions import defs; dg.Definitions.validate_loadable(defs())"
    )
    environment = {"PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert not list(tmp_path.iterdir())


def test_what_exists_is_what_was_reviewed() -> None:
    assert definitions() == DEFINITIONS.read_text(), "a change that is meant is recorded by: make golden"


def test_every_table_view_column_and_function_explains_itself(database_url: str) -> None:
    silent = """
        select c.relname || coalesce('.' || a.attname, '')
        from pg_class c
        cross join lateral (
            select null::name as attname, 0 as attnum
            union all
            select attname, attnum from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
        ) a
        where c.relnamespace = 'holdfast'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
            and col_description(c.oid, a.attnum) is null and obj_description(c.oid) is not null
                = (a.attnum > 0)
            and not (c.relname in ('metrics_codes', 'metrics_chunk_codes') and a.attnum > 0)
        union all
        select p.proname from pg_proc p
        where p.pronamespace = 'holdfast'::regnamespace and obj_description(p.oid) is null
    """
    with psycopg.connect(database_url) as connection:
        assert connection.execute(silent).fetchall() == []


def test_the_database_and_the_code_know_the_same_metrics(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select metric, description, per_unit, units_per_quantum from holdfast.metric_catalog"
        ).fetchall()
    assert sorted(rows) == sorted((m.name, m.description, m.per_unit, m.units_per_quantum) for m in METRICS)


def test_column_schemas_in_the_ui_are_the_columns_of_the_tables(database_url: str) -> None:
    columns = "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass \
        and attnum > 0 and not attisdropped order by attnum"
    seen = 0
    with psycopg.connect(database_url) as connection:
        for spec in defs().resolve_all_asset_specs():
            if "dagster/table_name" in spec.metadata:
                shown = [(c.name, c.type) for c in spec.metadata["dagster/column_schema"].columns]
                real = connection.execute(columns, (spec.metadata["dagster/table_name"],)).fetchall()
                short = {"timestamp with time zone": "timestamptz"}
                assert shown == [(name, short.get(kind, kind)) for name, kind in real], spec.key
                seen += 1
    assert seen >= 4


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (PROJECT / "tests").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_the_real_packages_are_imported_not_the_tests() -> None:
    import assets
    import resources

    assert Path(str(assets.__file__)).parent == PROJECT / "assets"
    assert Path(str(resources.__file__)).parent == PROJECT / "resources"
