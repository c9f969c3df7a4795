"""Throwaway servers for what the shared ones must not suffer: passwords, crashes, poolers."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from orchestration import local

PASSWORD = "correct horse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def become() -> dict[str, Any]:
    """Whom a server runs as: PostgreSQL and PgBouncer refuse root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def given_away(folder: Path) -> Path:
    """A new folder that belongs to the account of ``become``."""
    folder.mkdir(mode=0o700)
    if account := become():
        os.chown(folder, account["user"], account["group"])
    return folder


def eventually(question: Callable[[], Any], within_s: float = 20.0) -> Any:
    """The first answer that is true."""
    deadline_s = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s"
        time.sleep(0.05)
    return answer


@dataclass
class OwnPostgres:
    """A PostgreSQL server of its own: trusted on its socket, by password on 127.0.0.1."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def password(self) -> str:
        return PASSWORD.replace(" ", "%20")

    def url(self, password: str | None = None, user: str = "app", database: str = "postgres") -> str:
        """By TCP and password."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def admin(self, database: str = "postgres") -> str:
        """By its socket, as its superuser."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def initialise(self) -> None:
        given_away(self.folder)
        argv = [local.binary("initdb"), "-D", self.folder / "data", "-U", "postgres", "--no-sync"]
        argv += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run(argv, cwd=self.folder, check=True, capture_output=True, **become())

    def start(self) -> None:
        argv = [local.binary("postgres"), "-D", self.folder / "data", "-h", "127.0.0.1", "-p", str(self.port)]
        argv += ["-k", self.folder, "-c", "shared_buffers=32MB"]
        self.process = subprocess.Popen(argv, cwd=self.folder, stderr=subprocess.DEVNULL, **become())
        eventually(lambda: self._answers())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.admin()).close()
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(self.admin(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        leader = psutil.Process(self.process.pid)
        return [leader, *leader.children(recursive=True)]

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and its backends, as an out-of-memory killer or a frozen host would."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):  # a backend may end by itself meanwhile
                process.send_signal(number)

    def kill(self) -> None:
        """End everything at once: no checkpoint, no goodbye."""
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, 10)
        assert self.process is not None
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(15)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server until the block ends."""
    # Not under pytest's folder: as root, the server's account could not enter it.
    server = OwnPostgres(Path(f"/tmp/holdfast-own-{secrets.token_hex(4)}"))
    server.initialise()
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)
