"""The stage of a drill: embedded servers of its own in a temporary folder, gone afterwards whatever happens."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError
from orchestration import local
from orchestration.runs import last_run
from orchestration.settings import load
from orchestration.supervisor import Supervisor
from resources.postgres import Postgres
from resources.redis import RedisClient, RedisCycles
from resources.scenarios.stage import Say, Stack

PREFIX: Final = "holdfast-drill-"
# A drill needs one Postgres; what is configured is not embedded, and this address is never asked.
_NOT_USED: Final = "postgresql://not.used/"
# Moved every virtual day at the latest: a day of cycles every 30 s, twice.
_CAPACITY: Final = 6000


class EmbeddedStage:
    """Starts throwaway stacks from the wheels; implements ``resources.scenarios.stage.Stage``."""

    @contextmanager
    def open(self, say: Say) -> Iterator[Stack]:
        """Start one Postgres and one Redis in a new temporary folder; leaving stops them and removes it."""
        sweep(say)
        # Not TemporaryDirectory: what the servers write belongs to another account where we are root.
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            folder.chmod(0o711)
            settings = load({"HOLDFAST_HOME": str(folder), "SUPABASE_DB_URL": _NOT_USED})
            with Supervisor(folder, say=_only_troubles(say)) as supervisor:
                found = local.start(settings, supervisor)
                redis = RedisClient(found["REDIS_URL"])
                buffer = RedisCycles(redis, capacity=_CAPACITY)
                try:
                    yield Stack(Postgres(found["DATABASE_URL"]), buffer, folder)
                finally:
                    buffer.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(say: Say) -> None:
    """Remove what killed drills of ours left behind; their servers died with them, or are stopped here."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Somebody else may sweep at the same moment, or somebody else's folder may bear the name.
        with suppress(OSError, PermanentError):
            run = last_run(folder) if _is_ours(folder) else None
            if run is not None and run.supervisor.process() is None:
                say(f"scenarios: an earlier drill (pid {run.pid}) was killed; removing {folder}")
                with Supervisor(folder, say=say):
                    pass
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether it was made by this account: anybody may write into the folder for temporary files."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _only_troubles(say: Say) -> Say:
    """Starting as root says what it opened, which is of no interest here."""

    def to(text: str) -> None:
        if not text.startswith("running as root"):
            say(text)

    return to
