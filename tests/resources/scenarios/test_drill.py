"""A drill on real embedded servers: the same as the pure play to the last word, and nothing of it stays."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from holdfast.scenarios.declared import Scenario, parse_scenario
from holdfast.scenarios.fleet import SAMPLE_FLEET
from holdfast.scenarios.outcome import Outcome
from holdfast.scenarios.rehearsal import LATE_S, play_of, rehearse
from orchestration.drill import PREFIX, EmbeddedStage, sweep
from orchestration.settings import PROJECT
from resources.baselines.slots import LATE
from resources.scenarios.drill import drill
from tests.servers import eventually

LOG = logging.getLogger("test")
BREAKS = """
[[failure]]
kind = "drop"
server = "@web"
metrics = ["throughput_rps"]
starts_after = "1h"
lasts = "30m"

[[failure]]
kind = "cascade"
server = "@db"
starts_after = "6h"
lasts = "45m"
lag = "5m"
spreads = 10
"""


def scenario(every: str = "5m", learning: str = "3d", plays: str = "10h") -> Scenario:
    head = f'description = "a test"\nlearning = "{learning}"\nplays = "{plays}"\nevery = "{every}"\n'
    return parse_scenario(head + BREAKS, "test")


def leftovers() -> set[str]:
    """Folders and servers of drills, by anybody."""
    folders = {str(folder) for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] in ("postgres", "redis-server"):
            folders |= {word for word in process.info["cmdline"] or () if PREFIX in word}
    return folders


def play(seed: int, **how: str) -> tuple[Outcome, Outcome]:
    planned = play_of(scenario(**how), SAMPLE_FLEET, seed)
    return drill(EmbeddedStage(), planned, log=LOG), rehearse(planned)


def test_the_chain_of_real_stores_comes_to_what_the_pure_play_comes_to() -> None:
    before = leftovers()
    first, pure = play(7)
    again, _ = play(7)
    assert first == pure
    assert again == first
    assert [result.kind for result in first.results] == ["drop", "cascade"]
    assert first.detected == 2
    assert leftovers() <= before


def test_several_samples_in_a_slot_change_nothing_of_that() -> None:
    played, pure = play(3, every="60s", learning="2d", plays="8h")
    assert played == pure


def test_the_pure_play_learns_a_block_when_the_store_does() -> None:
    assert LATE.total_seconds() == LATE_S


def test_a_drill_that_is_interrupted_leaves_nothing_and_a_running_one_is_not_swept_away() -> None:
    before = leftovers()
    seen = []

    def interrupted() -> None:
        with EmbeddedStage().open(print) as stack:
            seen.append(stack.folder)
            sweep(print)
            with stack.postgres.transaction() as db:
                assert db.value("embedded/has_database")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not seen[0].exists()
    assert leftovers() <= before


def test_what_a_killed_drill_left_goes_with_the_next_one() -> None:
    script = (
        "import sys, time\nfrom orchestration.drill import EmbeddedStage\n"
        "with EmbeddedStage().open(print) as stack:\n    print(stack.folder, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(next(line for line in process.stdout if PREFIX in line).strip())
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert folder.exists()
    said: list[str] = []
    not_ours = Path(tempfile.mkdtemp(prefix=PREFIX))
    (not_ours / "run.json").write_text((folder / "run.json").read_text())
    os.chown(not_ours, 12345, 12345) if os.geteuid() == 0 else (not_ours / "run.json").unlink()
    sweep(said.append)
    assert not_ours.exists()
    shutil.rmtree(not_ours)
    assert not folder.exists()
    assert any(f"pid {process.pid}" in line for line in said)
    eventually(lambda: not any(str(folder) in one for one in leftovers()))
