"""``holdfast baselines learn`` killed in the middle: what was committed stays, and the end is the same to the bit."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from orchestration.settings import PROJECT
from resources.baselines.learner import Learned, closed_until_s, learn_due
from resources.postgres import Postgres
from tests.resources.baselines.history import learned, memories, store_history
from tests.resources.baselines.test_learner import change
from tests.resources.metrics.cycles import at, rows

pytestmark = pytest.mark.slow
UNTIL_S = int(time.time()) // 300 * 300
SERVERS = [f"web{number}" for number in range(8)]


def learn(url: str) -> Learned:
    return learn_due(Postgres(url), at(UNTIL_S) + timedelta(minutes=5), log=logging.getLogger("test"))


def killed_in_the_middle(url: str, environment: dict[str, str]) -> None:
    """Start learning and kill it as soon as some of it is committed."""
    argv = [sys.executable, "-m", "orchestration.cli", "baselines", "learn"]
    process = subprocess.Popen(argv, cwd=PROJECT, env=environment | {"DATABASE_URL": url}, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while not rows(url, "select 1 from holdfast.baseline_progress") and time.monotonic() < deadline_s:
        time.sleep(0.005)
    process.kill()
    process.wait(timeout=30)


def test_learning_that_was_killed_goes_on_and_ends_with_the_same_bits(
    database_url: str, home_environment: Callable[..., dict[str, str]]
) -> None:
    store_history(database_url, SERVERS, 20, until_s=UNTIL_S, metrics=["cpu_pct", "memory_pct", "load_1m"])
    killed_in_the_middle(database_url, home_environment(PATH=os.environ["PATH"]))
    (progress,) = {row[0] for row in rows(database_url, "select folded_until from holdfast.baseline_progress")}
    assert progress < at(closed_until_s(at(UNTIL_S))) - timedelta(days=1), "it was over before it was killed"
    found = rows(database_url, "select max(learned_until) from holdfast.baseline_memories")
    assert found == [(progress,)], "memories and how far they are learned commit together"
    learn(database_url)
    resumed, versions = memories(database_url), learned(database_url)
    assert learn(database_url).folded_blocks == 0
    change(database_url, "truncate holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress")
    learn(database_url)
    assert memories(database_url) == resumed
    assert learned(database_url) == versions
