"""Who runs in a state folder: ``run.json`` and ``run.lock``, and what a killed run left behind."""

import fcntl
import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil

from holdfast.errors import PermanentError

Say = Callable[[str], None]

# psutil computes the start of a process from the boot time, which moves when the clock is set.
_SAME_START_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told from a later one that was given the same number."""

    name: str
    pid: int
    create_time: float

    @classmethod
    def of(cls, name: str, pid: int) -> "Identity":
        """Who has this number now."""
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.create_time) < _SAME_START_S
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


@dataclass(frozen=True, slots=True)
class Run:
    """What ``run.json`` says.

    Attributes:
        environment: names and addresses of the embedded servers.
    """

    supervisor: Identity
    port: int | None
    children: tuple[Identity, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, state: Path) -> None:
        """Replace ``run.json``; a reader sees the old or the new one, never half."""
        fresh = state / f"run.json.{threading.get_ident()}"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        fresh.replace(state / "run.json")

    @staticmethod
    def forget(state: Path) -> None:
        """Nobody runs in this state folder any more."""
        (state / "run.json").unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The supervisor's number."""
        return self.supervisor.pid

    @property
    def address(self) -> str:
        """Where a person meets it."""
        where = f", http://127.0.0.1:{self.port}" if self.port else ""
        return f"pid {self.supervisor.pid}{where}"


def last_run(state: Path) -> Run | None:
    """What ``run.json`` says, whether it still runs or not; None where there is no readable file."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        said = json.loads((state / "run.json").read_text(encoding="utf-8"))
        children = tuple(Identity(**child) for child in said["children"])
        return Run(Identity(**said["supervisor"]), said["port"], children, dict(said["environment"]))
    return None


def alive(state: Path) -> Run | None:
    """The run that is alive in this state folder."""
    run = last_run(state)
    return run if run and run.supervisor.process() else None


def lock(state: Path) -> IO[str]:
    """Take the state folder for as long as the returned file is open.

    Raises:
        PermanentError: another run holds it.
    """
    held = (state / "run.lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        run = alive(state)
        raise PermanentError(
            f"Holdfast already runs here ({run.address if run else 'it is just starting'}); "
            "stop it with Ctrl-C there, or set HOLDFAST_HOME to run another"
        ) from None
    return held


def stop_leftovers(state: Path, say: Say) -> None:
    """Stop what a killed run left: only processes that it recorded, and their groups."""
    run = last_run(state)
    if run is None:
        return
    left = [(child, _group(child, state)) for child in reversed(run.children)]
    names = [child.name for child, processes in left if processes]
    if names:
        say(f"an earlier run (pid {run.supervisor.pid}) was killed; stopping what it left: {', '.join(names)}")
    for child, processes in left:
        is_postgres = child.name.startswith("postgres")
        for process in processes:
            end_process(process, signal.SIGINT if is_postgres else signal.SIGTERM, 10)


def _group(leader: Identity, state: Path) -> list[psutil.Process]:
    process = leader.process()
    if process is not None:
        return [process, *_members(leader.pid)]
    return _left_by(leader.pid, state)


def _left_by(leader: int, state: Path) -> list[psutil.Process]:
    # The number of a dead leader may belong to others by now: only who names our folder is ours.
    return [member for member in _members(leader) if _home(member) == str(state)]


def _members(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid != group and os.getpgid(process.pid) == group:
                found.append(process)
    return found


def _home(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        return process.environ().get("HOLDFAST_HOME")
    return None


def end_process(process: psutil.Process, stop_signal: signal.Signals, within_s: float) -> None:
    """Ask a process to end, wait, and kill it when it does not."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
        try:
            process.wait(within_s)
        except psutil.TimeoutExpired:
            process.kill()
            with suppress(psutil.TimeoutExpired):
                process.wait(5)


def end_group(leader: int, state: Path) -> None:
    """End what a dead process of this state folder left in its group."""
    for process in _left_by(leader, state):
        end_process(process, signal.SIGTERM, 5)
