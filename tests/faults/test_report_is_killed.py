"""Comparing killed in the middle of a round: what is stored stays, and the next run goes on with the tables left."""

import subprocess
import sys
import time

import pytest

from orchestration.settings import PROJECT
from tests.resources.consistency.pairs import Pair, asked, change
from tests.resources.metrics.cycles import rows

pytestmark = pytest.mark.slow
# Every table has a difference, which is looked at again a second later: time enough to be killed.
SCRIPT = """
import sys
from dataclasses import replace
from holdfast.consistency.tables import ComparedTable
from resources.tables.asking import Options
from tests.resources.consistency.pairs import Pair, asked
tables = [ComparedTable(name=name) for name in sys.argv[3:]]
comparer = Pair(sys.argv[1], sys.argv[2]).comparer("killed")
replace(comparer, options=Options()).compare(asked(tables))
"""


def test_a_killed_round_goes_on_with_the_tables_that_are_left(database_url: str, secondary_database_url: str) -> None:
    pair = Pair(database_url, secondary_database_url)
    names = [f"t{number}" for number in range(6)]
    tables = pair.make(*names)
    change(pair.b, *(f"delete from {name} where id = 7" for name in names))
    argv = [sys.executable, "-c", SCRIPT, pair.a, pair.b, *names]
    process = subprocess.Popen(argv, cwd=PROJECT)
    stored = "select table_name, run_id from holdfast.consistency_reports order by report_id"
    deadline_s = time.monotonic() + 60
    while len(rows(pair.a, stored)) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    process.kill()
    process.wait(30)
    before = rows(pair.a, stored)
    assert 2 <= len(before) < 6
    done = pair.comparer("next", wait_s=30).compare(asked(tables))
    assert len(done.fresh) == 6 - len(before)
    assert rows(pair.a, stored)[: len(before)] == before
    assert sorted(done.round.reports) == names
    assert rows(pair.a, "select key, count(*) from holdfast.consistency_findings group by 1") == [("7", 6)]
