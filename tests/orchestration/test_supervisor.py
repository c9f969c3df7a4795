import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from holdfast.errors import PermanentError
from orchestration import runs, supervisor
from orchestration.runs import Identity, Run, alive, last_run
from orchestration.supervisor import Child, Supervisor, rotate

# Goes on through every polite request: what is left has to be killed.
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
# Leaves a process of its own behind when it is stopped.
PARENT = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"


def python(name: str, code: str, **more: object) -> Child:
    return Child(name=name, argv=[sys.executable, "-c", code], cwd=Path("/"), **more)  # type: ignore[arg-type]


def sleeper(name: str = "sleeper", **more: object) -> Child:
    return Child(name=name, argv=["sleep", "60"], cwd=Path("/"), **more)  # type: ignore[arg-type]


def child_pid(state: Path, name: str) -> int:
    run = last_run(state)
    assert run is not None
    return next(child.pid for child in run.children if child.name == name)


def wait_for(condition: Callable[[], bool], within_s: float = 15) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_leaving_stops_every_child(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print) as one:
        one.start(sleeper())
        pid = child_pid(tmp_path, "sleeper")
        assert not is_gone(pid)
    assert is_gone(pid)
    assert last_run(tmp_path) is None


def test_later_stages_stop_first(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(0.3); open({trace!r}, 'a').write({name!r} + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); open({ready!r}, 'w'); time.sleep(60)"
    )
    with Supervisor(tmp_path, say=print) as one:
        for name, stage in (("server", 0), ("client", 1)):
            ready = tmp_path / name
            text = code.format(trace=str(trace), name=name, ready=str(ready))
            one.start(python(name, text, stage=stage, is_ready=ready.exists))
    assert trace.read_text() == "client server "


def test_a_deaf_child_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print) as one:
        log = one.log("deaf")
        one.start(python("deaf", DEAF, stop_within_s=0.5, is_ready=lambda: "deaf" in log.read_text()))
        pid = child_pid(tmp_path, "deaf")
    assert is_gone(pid)


def test_what_a_child_left_in_its_group_is_stopped_too(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print) as one:
        log = one.log("parent")
        one.start(python("parent", PARENT, is_ready=lambda: log.read_text().strip() != ""))
        grandchild = int(log.read_text())
        assert not is_gone(grandchild)
    assert is_gone(grandchild)


def test_what_a_dead_child_left_ends_at_the_stop(tmp_path: Path) -> None:
    environment = {"HOLDFAST_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with Supervisor(tmp_path, say=print) as one:
        log = one.log("parent")
        one.start(python("parent", PARENT, env=environment, is_ready=lambda: log.read_text().strip() != ""))
        grandchild, parent = int(log.read_text()), child_pid(tmp_path, "parent")
        os.kill(parent, signal.SIGKILL)
        wait_for(lambda: child_pid(tmp_path, "parent") != parent)
        assert not is_gone(grandchild)
    assert is_gone(grandchild)


def test_nobody_else_is_touched(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        with Supervisor(tmp_path, say=print) as one:
            one.start(sleeper())
        assert other.poll() is None
        other.kill()


def test_a_child_that_dies_is_started_again_with_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(tmp_path, say=said.append) as one:
        one.start(sleeper())
        first = child_pid(tmp_path, "sleeper")
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: child_pid(tmp_path, "sleeper") != first)
        second = child_pid(tmp_path, "sleeper")
        assert not is_gone(second)
    assert is_gone(second)
    assert said == [
        "sleeper stopped unexpectedly (killed by SIGKILL), starting it again in 1 s; "
        f"its log: {tmp_path / 'logs' / 'sleeper.log'}"
    ]


def test_one_that_dies_again_waits_longer_each_time(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(tmp_path, say=said.append) as one:
        one.start(python("brief", "raise SystemExit(7)", is_ready=lambda: True))
        wait_for(lambda: len(said) >= 2)
    assert ["exit code 7" in line for line in said] == [True, True]
    assert "again in 1 s" in said[0]
    assert "again in 2 s" in said[1]


def test_a_child_that_never_starts_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print) as one, pytest.raises(PermanentError) as caught:
        one.start(python("broken", "print('the disk is gone'); raise SystemExit(3)", is_ready=lambda: False))
    assert str(caught.value).startswith("broken did not start: exit code 3; its last words: the disk is gone (log: ")


def test_a_child_that_is_never_ready_is_an_error(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print) as one, pytest.raises(PermanentError, match="not ready within 0 s"):
        one.start(sleeper(is_ready=lambda: False, ready_within_s=0.2))


def test_signals_that_a_background_shell_ignores_reach_the_children(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Supervisor(tmp_path, say=print) as one:
            one.start(sleeper())
            pid, began_s = child_pid(tmp_path, "sleeper"), time.monotonic()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert is_gone(pid)
    assert time.monotonic() - began_s < 5


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Supervisor(tmp_path, say=print, port=3000):
        with pytest.raises(PermanentError) as caught:
            Supervisor(tmp_path, say=print).__enter__()
        assert alive(tmp_path) is not None
    assert str(caught.value) == (
        f"Holdfast already runs here (pid {os.getpid()}, http://127.0.0.1:3000); "
        "stop it with Ctrl-C there, or set HOLDFAST_HOME to run another"
    )
    with Supervisor(tmp_path, say=print):
        pass


def test_leftovers_of_a_killed_run_are_stopped_with_one_line(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as left:
        child = Identity.of("collector", left.pid)
        Run(Identity("holdfast", 4_000_000, 1.0), 3000, (child,)).write(tmp_path)
        said: list[str] = []
        with Supervisor(tmp_path, say=said.append):
            assert is_gone(left.pid)
    assert said == ["an earlier run (pid 4000000) was killed; stopping what it left: collector"]


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        stale = Identity("collector", other.pid, Identity.of("x", other.pid).create_time - 3600)
        Run(Identity("holdfast", 4_000_000, 1.0), 3000, (stale,)).write(tmp_path)
        said: list[str] = []
        with Supervisor(tmp_path, say=said.append):
            pass
        assert other.poll() is None
        assert said == []
        other.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 1}', "null"])
def test_a_run_file_that_is_not_one_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert last_run(tmp_path) is None
    with Supervisor(tmp_path, say=print):
        assert alive(tmp_path) is not None


def test_a_log_stays_under_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT_BYTES", 100)
    log = tmp_path / "x.log"
    with log.open("ab") as writer:
        writer.write(b"a" * 150)
        writer.flush()
        rotate(log)
        writer.write(b"b")
    assert log.read_bytes() == b"b"
    assert (tmp_path / "x.log.1").read_bytes() == b"a" * 150


def test_ending_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as done:
        process = psutil.Process(done.pid)
    runs.end_process(process, signal.SIGTERM, 1)
