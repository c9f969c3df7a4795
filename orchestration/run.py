"""``holdfast run``: from nothing to a running Holdfast, and back to nothing on Ctrl-C."""

import contextlib
import http.client
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import dagster as dg

from holdfast.errors import HoldfastError, PermanentError
from orchestration import first_pass, local, media_origin, wiring
from orchestration.ports import holder
from orchestration.reconcile import reconcile
from orchestration.runs import Say
from orchestration.settings import PROJECT, Settings, publish
from orchestration.supervisor import Child, Supervisor, rotate
from resources.migrations import migrate

_FIRST_CYCLE_S: Final = 15.0
_WORKSPACE: Final = PROJECT / "workspace.yaml"


class Stopped(BaseException):
    """A person or the system asked this run to stop."""


def run(settings: Settings, *, once: bool, say: Say) -> int:
    """Start everything, make everything once, then serve until told to stop; the exit code.

    Raises:
        PermanentError: something that must be there cannot be started, and why.
    """
    port = None if once else settings.port
    try:
        with _stops_on_signals(say), Supervisor(settings.state, say=say, port=port) as supervisor:
            return _run(settings, supervisor, port)
    except Stopped:
        say("stopped")
        return 0 if port else 1
    except OSError as error:
        what = f"{error.filename or settings.state}: {error.strerror or error}"
        raise PermanentError(f"{what}; make it possible, or set HOLDFAST_HOME to a folder where it is") from error


def _run(settings: Settings, supervisor: Supervisor, port: int | None) -> int:
    say = supervisor.say
    if port:
        check_port(port)
    # Only an embedded storage is surely nobody else's; asked here, before its address is filled in.
    is_private = settings.is_embedded and settings.dagster_database_url is None
    try:
        settings = _prepare(settings, supervisor)
        outcomes = _first_pass(settings, supervisor, is_private=is_private)
        first_pass.show(outcomes, port)
        bad = [outcome.asset for outcome in outcomes if not outcome.is_good]
        say(f"\n{len(outcomes) - len(bad)} of {len(outcomes)} assets are good" + _list(bad))
        if port:
            _serve(settings, supervisor, port)
    except (Stopped, KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        say("\nstopping what was started here …")
        raise Stopped from None
    return 1 if bad else 0


def check_port(port: int) -> None:
    """See that the UI can have its port.

    Raises:
        PermanentError: somebody else has it; who, if the system tells.
    """
    if other := holder(port):
        raise PermanentError(
            f"port {port} on 127.0.0.1, for the UI, is not free{other}; nothing was started. "
            f"Stop that process, or choose another port: HOLDFAST_PORT={port % 65535 + 1} make run"
        )


def _prepare(settings: Settings, supervisor: Supervisor) -> Settings:
    """Servers, migrations, Dagster's home, the collector: all that the assets need."""
    say = supervisor.say
    embedded = local.start(settings, supervisor)
    embedded |= media_origin.start(settings, supervisor)
    supervisor.announce(embedded)
    local.add_samples(settings, say)
    settings = wiring.filled(settings, embedded)
    say(f"embedded in {settings.state}: {', '.join(_embedded(embedded)) or 'nothing'}")
    applied = migrate(wiring.open_postgres(settings))
    say(f"migrations applied: {', '.join(applied) or 'none, all are there'}")
    storage = wiring.storage_url(settings)
    local.make_room(storage)
    supervisor.announce(_dagster_home(settings))
    # The storage is not announced: what is configured may hold a password, and the run file is no place for one.
    publish(supervisor.environment | {"DAGSTER_DATABASE_URL": storage})
    return settings


def _embedded(environment: dict[str, str]) -> Iterator[str]:
    names = {"DATABASE_URL": "primary Postgres", "SUPABASE_DB_URL": "secondary Postgres", "REDIS_URL": "Redis"}
    names["MEDIA_ALLOWED_HOSTS"] = "the samples' origin"
    return (text for name, text in names.items() if name in environment)


def _dagster_home(settings: Settings) -> dict[str, str]:
    home = settings.state / "dagster"
    home.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    return {"DAGSTER_HOME": str(home), "HOLDFAST_HOME": str(settings.state)}


def _first_pass(settings: Settings, supervisor: Supervisor, *, is_private: bool) -> list[first_pass.Outcome]:
    from orchestration.definitions import defs

    say = supervisor.say
    rotate(supervisor.log("assets"))
    with dg.DagsterInstance.get() as instance:
        reconcile(instance, say, is_private=is_private)
        began_ms = int(time.time() * 1000)
        supervisor.start(
            Child(name="collector", argv=[sys.executable, "-m", "orchestration.cli", "collect"], cwd=PROJECT)
        )
        _await_cycle(settings, began_ms, say)
        return first_pass.materialize_all(defs(), instance, supervisor.log("assets"), say)


def _await_cycle(settings: Settings, began_ms: int, say: Say) -> None:
    """Wait for something to move: the first cycle of the collector that was just started."""
    buffer, deadline_s = wiring.open_buffer(settings), time.monotonic() + _FIRST_CYCLE_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(HoldfastError):
            if (wiring.newest_cycle_ms(buffer) or 0) >= began_ms:
                say("collector: the first cycle is in")
                return
        time.sleep(0.25)
    say(f"collector: no cycle within {_FIRST_CYCLE_S:.0f} s; going on (log: {settings.state / 'logs/collector.log'})")


def _serve(settings: Settings, supervisor: Supervisor, port: int) -> None:
    """The UI and the daemon, until a signal."""
    where = ["-w", str(_WORKSPACE)]
    supervisor.say("\nstarting Dagster's daemon and UI …")
    supervisor.start(Child(name="daemon", argv=[sys.executable, "-m", "dagster._daemon", "run", *where], cwd=PROJECT))
    argv = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *where]
    supervisor.start(
        Child(name="webserver", argv=argv, cwd=PROJECT, is_ready=lambda: _is_served(port), ready_within_s=180.0)
    )
    _say_where(settings, supervisor, port)
    while True:
        signal.pause()


def _is_served(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _say_where(settings: Settings, supervisor: Supervisor, port: int) -> None:
    say, psql = supervisor.say, _psql()
    say(f"\nHoldfast runs. The UI: http://127.0.0.1:{port}")
    for name, variable in (("primary", "DATABASE_URL"), ("secondary", "SUPABASE_DB_URL")):
        if variable in supervisor.environment:
            say(f"  {name:9}  {psql} {shlex.quote(supervisor.environment[variable])}")
        elif getattr(settings, variable.lower()):
            say(f'  {name:9}  {psql} "${variable}"')
    say(f"  logs       {settings.state / 'logs'}")
    say(f"  stop       Ctrl-C here, or kill {os.getpid()}")


def _psql() -> str:
    """A psql to call: the one that is installed, else the one in the wheel."""
    return "psql" if shutil.which("psql") else _relative(local.binary("psql"))


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _list(names: list[str]) -> str:
    return f"; not: {', '.join(names)}" if names else ""


@contextlib.contextmanager
def _stops_on_signals(say: Say) -> Iterator[None]:
    """One signal stops in good order; later ones do not break the stopping.

    Set even where a background shell has them ignored: otherwise nothing could stop the run in good order.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in watched:
            signal.signal(number, hold)
        raise Stopped

    def hold(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the signal came in the middle of a print
            say("already stopping; the servers need a few seconds to close their files")

    watched = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watched.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
