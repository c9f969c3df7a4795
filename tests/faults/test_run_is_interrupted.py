"""``holdfast run`` as a person starts it, and what happens when it is stopped, killed or started twice."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestration import local
from orchestration.runs import last_run
from orchestration.settings import PROJECT, load

pytestmark = pytest.mark.slow
Environment = Callable[..., dict[str, str]]

_ARGV = [sys.executable, "-m", "orchestration.cli", "run"]


class Running:
    """A run in the background; what it prints goes to a file."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path) -> None:
        self.process = process
        self._out = out

    @property
    def text(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def wait_for(self, text: str, within_s: float = 120) -> None:
        deadline_s = time.monotonic() + within_s
        while text not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline_s, self.text
            time.sleep(0.1)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def running(environment: dict[str, str], out: Path, *arguments: str) -> Iterator[Running]:
    argv = [*_ARGV, *arguments]
    with (
        out.open("wb") as into,
        subprocess.Popen(argv, cwd=PROJECT, env=environment, stdout=into, stderr=into) as process,
    ):
        try:
            yield Running(process, out)
        finally:
            process.kill()


def once(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [*_ARGV, "--once"]
    return subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240, check=False)


def ours(environment: dict[str, str]) -> list[psutil.Process]:
    """Every process that belongs to this state folder: by its words, its folder or its environment."""
    home, found = environment["HOLDFAST_HOME"], []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), process.environ().get("HOLDFAST_HOME", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(home in word for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def all_gone(environment: dict[str, str], within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while ours(environment) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return not ours(environment)


def is_served(port: str) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)) as connection:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == 200


def test_once_makes_everything_and_leaves_nothing_running(home_environment: Environment) -> None:
    environment = home_environment()
    first = once(environment)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "server_metrics_history" in first.stdout
    assert "assets are good" in first.stdout
    assert "Traceback" not in first.stdout + first.stderr
    assert max(map(len, first.stdout.split("\n\n")[1].splitlines())) <= 100
    assert all_gone(environment, 5)
    second = once(environment)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "migrations applied: none, all are there" in second.stdout


def test_ctrl_c_stops_everything_it_started_and_nothing_else(home_environment: Environment, tmp_path: Path) -> None:
    port = free_port()
    environment = home_environment(HOLDFAST_PORT=port)
    with running(environment, tmp_path / "out") as run, subprocess.Popen(["sleep", "100"]) as other:
        run.wait_for("Ctrl-C here")
        assert is_served(port)
        assert f"http://127.0.0.1:{port}" in run.text
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(60) == 0
        assert all_gone(environment, 10)
        assert other.poll() is None
        other.kill()


def test_ignored_signals_of_a_background_shell_still_stop_it(home_environment: Environment, tmp_path: Path) -> None:
    environment, out = home_environment(HOLDFAST_PORT=free_port()), tmp_path / "out"
    words = " ".join(_ARGV)
    # Without job control a shell starts "&" with SIGINT ignored; nohup ignores SIGHUP.
    shell = subprocess.run(
        ["sh", "-c", f"trap '' TERM; nohup {words} >{out} 2>&1 & echo $!"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    process = psutil.Process(int(shell.stdout))
    try:
        deadline_s = time.monotonic() + 120
        while "Ctrl-C here" not in out.read_text() and time.monotonic() < deadline_s:
            time.sleep(0.2)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.is_running()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert all_gone(environment, 10)
    finally:
        for left in ours(environment):
            left.kill()


def test_an_interrupt_while_an_asset_is_made_stops_the_run(home_environment: Environment, tmp_path: Path) -> None:
    environment = home_environment(HOLDFAST_PORT=free_port())
    with running(environment, tmp_path / "out") as run:
        run.wait_for("collector: the first cycle is in")
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(60) == 0
        assert "stopped" in run.text
        assert "Traceback" not in run.text
    assert all_gone(environment, 10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_kill_9_leaves_nothing_behind_and_the_next_run_works(home_environment: Environment, tmp_path: Path) -> None:
    environment = home_environment(HOLDFAST_PORT=free_port())
    with running(environment, tmp_path / "out") as run:
        run.wait_for("Ctrl-C here")
        run.process.kill()
    # Code servers notice by their heartbeat at the latest.
    assert all_gone(environment, 60), ours(environment)
    after = once(environment)
    assert after.returncode == 0, after.stdout + after.stderr


def test_a_start_right_after_kill_9_says_so_in_one_line_and_goes_on(
    home_environment: Environment, tmp_path: Path
) -> None:
    environment = home_environment(HOLDFAST_PORT=free_port())
    with running(environment, tmp_path / "out") as run:
        run.wait_for("collector: the first cycle is in")
        run.process.kill()
    after = once(environment)
    assert after.returncode == 0, after.stdout + after.stderr
    assert "Traceback" not in after.stdout + after.stderr


def test_a_second_run_is_told_about_the_first(home_environment: Environment, tmp_path: Path) -> None:
    port = free_port()
    environment = home_environment(HOLDFAST_PORT=port)
    with running(environment, tmp_path / "out") as run:
        run.wait_for("embedded in")
        argv = [*_ARGV]
        second = subprocess.run(
            argv, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 1
        assert second.stderr == (
            f"error: Holdfast already runs here (pid {run.process.pid}, http://127.0.0.1:{port}); "
            "stop it with Ctrl-C there, or set HOLDFAST_HOME to run another\n"
        )
        run.process.send_signal(signal.SIGTERM)
        run.process.wait(60)


def test_a_port_in_use_names_who_has_it_and_the_way_out(home_environment: Environment) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = home_environment(HOLDFAST_PORT=str(port))
        done = subprocess.run(
            _ARGV, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} on 127.0.0.1, for the UI, is not free")
    assert f"pid {os.getpid()}, listens there" in done.stderr
    assert f"HOLDFAST_PORT={port + 1} make run" in done.stderr
    assert all_gone(environment, 1)


def test_whatever_dies_is_started_again(home_environment: Environment, tmp_path: Path) -> None:
    environment = home_environment(HOLDFAST_PORT=free_port())
    with running(environment, tmp_path / "out") as run:
        run.wait_for("Ctrl-C here")
        for name in ("postgres-primary", "redis", "collector", "daemon", "webserver"):
            found = last_run(Path(environment["HOLDFAST_HOME"]))
            assert found is not None
            (pid,) = [child.pid for child in found.children if child.name == name]
            os.kill(pid, signal.SIGKILL)
            run.wait_for(f"{name} stopped unexpectedly (killed by SIGKILL), starting it again in 1 s")
            deadline_s = time.monotonic() + 60
            while not _works(environment, name, pid) and time.monotonic() < deadline_s:
                time.sleep(0.2)
            assert _works(environment, name, pid), run.text
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(60) == 0
    assert all_gone(environment, 10)


def _works(environment: dict[str, str], name: str, old_pid: int) -> bool:
    found = last_run(Path(environment["HOLDFAST_HOME"]))
    is_new = found is not None and any(c.name == name and c.pid != old_pid and c.process() for c in found.children)
    if not is_new:
        return False
    try:
        if name == "postgres-primary":
            with psycopg.connect(local.environment(load(environment))["DATABASE_URL"]) as connection:
                connection.execute("select 1")
        return name != "webserver" or is_served(environment["HOLDFAST_PORT"])
    except (OSError, psycopg.Error, http.client.HTTPException):
        return False
