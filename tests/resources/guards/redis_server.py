"""A Redis server of its own, for what the shared one must not suffer."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestration import local
from resources.doctor import redis_answers
from tests.servers import become, eventually, free_port, given_away


@dataclass
class OwnRedis:
    """By TCP; forgets everything when it ends."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        argv = [str(local.binary("redis-server")), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.DEVNULL, **become())
        eventually(lambda: redis_answers(self.url))

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """A server until the block ends."""
    server = OwnRedis(given_away(Path(f"/tmp/holdfast-redis-{secrets.token_hex(4)}")))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder)
