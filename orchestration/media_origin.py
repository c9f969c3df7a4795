"""The samples' origin: a few real files behind links on 127.0.0.1, on the embedded default and nowhere else.

A process of its own, like the collector. Its files and the number of its port are in ``HOLDFAST_HOME/origin``, so that
the URLs in the sample rows are good at the next start as well. To see a link die, put an empty file ``<file>.gone``
beside its file there.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError
from orchestration import local
from orchestration.runs import alive
from orchestration.settings import PROJECT, Settings
from orchestration.supervisor import Child, Supervisor
from resources.media.sample_files import LIST, write_files
from resources.media.sample_origin import is_served, kept_url, serve
from resources.postgres import Postgres

NAME: Final = "media-origin"


def start(settings: Settings, supervisor: Supervisor) -> dict[str, str]:
    """Start the origin where sample rows are, or are about to be made; the variables that let media be fetched from it.

    The settings are those that were given, before the addresses of embedded servers are filled in.
    """
    folder = settings.origin_folder
    if not settings.is_all_embedded:
        return {}
    if not (folder / LIST).exists():
        if not local.wants_samples(settings):
            return {}
        write_files(folder, datetime.now(UTC))
    try:
        supervisor.start(_child(settings.state, folder))
    except PermanentError as error:
        supervisor.say(f"the samples' origin is left out, their links do not answer: {error}")
        return {}
    return {"MEDIA_ALLOWED_HOSTS": f"{settings.media_allowed_hosts},{kept_url(folder)}"}


def _child(state: Path, folder: Path) -> Child:
    argv = [sys.executable, "-m", "orchestration.media_origin", str(state), str(folder)]
    return Child(name=NAME, argv=argv, cwd=PROJECT, is_ready=lambda: is_served(folder), ready_within_s=30.0)


def main(state: Path, folder: Path) -> None:
    """Serve until told to end; the books, for links that die once a copy exists, are those of the run that is alive."""

    def is_safe(url: str) -> bool:
        run = alive(state)
        if run is None:
            return False
        with Postgres(run.environment["DATABASE_URL"]).transaction() as db:
            return bool(db.value("media_links/is_safe", url=url))

    serve(folder, is_safe)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
