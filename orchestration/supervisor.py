"""A small process supervisor: children start in order, are started again when they die, and never outlive us.

State under ``HOLDFAST_HOME``: ``run.lock`` (held while a run is alive), ``run.json`` (who runs) and ``logs/``.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import psutil

from holdfast.errors import PermanentError
from orchestration.runs import Identity, Run, Say, end_group, lock, stop_leftovers

LOG_LIMIT_BYTES: Final = 5_000_000
_LONGEST_WAIT_S: Final = 30.0
_LIVED_S: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _nothing() -> None:
    """Nothing to prepare."""


def _always() -> bool:
    """Ready as soon as it runs."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process to keep alive.

    Attributes:
        name: what people call it; also the name of its log file.
        env: its whole environment; None passes on ours.
        account: user and group id to run as; None runs as we do.
        prepare: called before every start.
        is_ready: asked until it says yes.
        stop_signal: what makes it end in good order.
        stage: the later ones use the earlier ones; children of one stage are stopped together, the last stage first.
    """

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] | None = None
    account: tuple[int, int] | None = None
    prepare: Callable[[], None] = _nothing
    is_ready: Callable[[], bool] = _always
    stop_signal: signal.Signals = signal.SIGTERM
    stage: int = 1
    ready_within_s: float = 90.0
    stop_within_s: float = 20.0


@dataclass(slots=True)
class _Entry:
    child: Child
    process: subprocess.Popen[bytes]
    started_at_s: float
    former: list[int] = field(default_factory=list)
    is_watched: bool = False
    failures: int = 0
    restart_at_s: float | None = None


class Supervisor:
    """Children of one state folder. Entering takes the folder's lock, leaving stops every child in reverse."""

    def __init__(self, state: Path, *, say: Say, port: int | None = None) -> None:
        self.state = state
        self.say = say
        self.environment: dict[str, str] = {}
        self._port = port
        self._entries: list[_Entry] = []
        self._is_stopping = threading.Event()
        self._has_stopped = threading.Event()
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            PermanentError: another run is alive in it.
        """
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.state / "logs").mkdir(mode=0o700, exist_ok=True)
        self._lock = lock(self.state)
        stop_leftovers(self.state, self.say)
        self._write()
        # The kernel's "parent died" signal follows the thread that made the child: this one stays to the end.
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, name: str) -> Path:
        """The log file of a child."""
        return self.state / "logs" / f"{name}.log"

    def start(self, child: Child) -> None:
        """Start a child and wait until it is ready.

        Raises:
            PermanentError: it ended, or was not ready in time.
        """
        entry = _Entry(child, self._spawn(child), time.monotonic())
        self._entries.append(entry)
        self._write()
        while not child.is_ready():
            if entry.process.poll() is not None:
                raise PermanentError(
                    f"{child.name} did not start: {_ending(entry.process)}; {_last_words(self.log(child.name))}"
                )
            if time.monotonic() - entry.started_at_s > child.ready_within_s:
                raise PermanentError(
                    f"{child.name} was not ready within {child.ready_within_s:.0f} s; "
                    f"{_last_words(self.log(child.name))}"
                )
            time.sleep(0.05)
        entry.is_watched = True

    def announce(self, environment: Mapping[str, str]) -> None:
        """Let commands in other terminals find the embedded servers."""
        self.environment.update(environment)
        self._write()

    def stop(self) -> None:
        """Stop every child, the last stage first, and give the folder back."""
        self._is_stopping.set()
        for stage in sorted({entry.child.stage for entry in self._entries}, reverse=True):
            together = [entry for entry in reversed(self._entries) if entry.child.stage == stage]
            for entry in together:
                if entry.process.poll() is None:
                    entry.process.send_signal(entry.child.stop_signal)
            for entry in together:
                _end(entry)
                for leader in entry.former:
                    end_group(leader, self.state)
        self._entries.clear()
        if self._lock is not None:
            Run.forget(self.state)
            self._lock.close()
            self._lock = None
        self._has_stopped.set()

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        child.prepare()
        rotate(self.log(child.name))
        user, group = child.account or (None, None)
        with self.log(child.name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603  the commands are ours
                list(child.argv),
                cwd=child.cwd,
                env=None if child.env is None else dict(child.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid(), child.stop_signal),  # noqa: PLW1509  no other way to ask for it
            )

    def _watch(self) -> None:
        while not self._is_stopping.wait(0.5):
            for entry in list(self._entries):
                rotate(self.log(entry.child.name))
                if entry.is_watched and entry.process.poll() is not None:
                    self._revive(entry)
        self._has_stopped.wait()

    def _revive(self, entry: _Entry) -> None:
        now_s = time.monotonic()
        if entry.restart_at_s is None:
            entry.failures = 1 if now_s - entry.started_at_s > _LIVED_S else entry.failures + 1
            wait_s = min(2.0 ** (entry.failures - 1), _LONGEST_WAIT_S)
            entry.restart_at_s = now_s + wait_s
            self.say(
                f"{entry.child.name} stopped unexpectedly ({_ending(entry.process)}), starting it again in "
                f"{wait_s:.0f} s; its log: {self.log(entry.child.name)}"
            )
        elif now_s >= entry.restart_at_s and not self._is_stopping.is_set():
            entry.restart_at_s = None
            entry.started_at_s = now_s
            # What it started may still be at work, such as a run of Dagster's: it may finish, and ends when we stop.
            entry.former.append(entry.process.pid)
            try:
                entry.process = self._spawn(entry.child)
            except (OSError, subprocess.SubprocessError, PermanentError) as error:
                self.say(f"{entry.child.name} could not be started again: {error}")
            self._write()

    def _write(self) -> None:
        children = []
        for entry in list(self._entries):
            with suppress(psutil.Error):
                children.append(Identity.of(entry.child.name, entry.process.pid))
        Run(Identity.of("holdfast", os.getpid()), self._port, tuple(children), self.environment).write(self.state)


def rotate(log: Path) -> None:
    """Keep a log under its limit: what it holds moves to ``<log>.1``, and writers simply go on."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(log, f"{log}.1")
            os.truncate(log, 0)


def _dies_with(parent: int, stop_signal: signal.Signals) -> Callable[[], None]:
    def before_exec() -> None:
        # A background shell hands down ignored signals; a child that ignores them cannot be stopped in good order.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal))
            if os.getppid() != parent:
                os._exit(1)

    return before_exec


def _end(entry: _Entry) -> None:
    """Wait for a child that was asked to end, then end whatever is left in its process group."""
    process = entry.process
    with suppress(subprocess.TimeoutExpired):
        process.wait(entry.child.stop_within_s)
    for last, wait_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0)):
        if _signal_group(process.pid, last):
            deadline_s = time.monotonic() + wait_s
            while time.monotonic() < deadline_s and (process.poll() is None or _signal_group(process.pid, 0)):
                time.sleep(0.05)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _ending(process: subprocess.Popen[Any]) -> str:
    code = process.returncode
    return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _last_words(log: Path) -> str:
    lines: list[str] = []
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"its last words: {lines[-1].strip()} (log: {log})" if lines else f"its log is empty: {log}"
