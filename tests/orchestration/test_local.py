import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from holdfast.errors import PermanentError
from orchestration import local
from orchestration.settings import PROJECT, Settings, load
from orchestration.supervisor import Supervisor
from resources.doctor import postgres_answers
from tests.conftest import Stack

# Starts the embedded servers in the folder it is given, says so, and stays until it is stopped.
STARTER = """
import sys
from orchestration import local
from orchestration.settings import load
from orchestration.supervisor import Supervisor

settings = load({"HOLDFAST_HOME": sys.argv[1]})
with Supervisor(settings.state, say=lambda line: print(line, flush=True)) as supervisor:
    found = local.start(settings, supervisor)
    print("READY", found["DATABASE_URL"], flush=True)
    sys.stdin.read()
print("STOPPED", flush=True)
"""


@pytest.fixture
def settings(home: Path) -> Settings:
    return load({"HOLDFAST_HOME": str(home)})


def start(settings: Settings, said: list[str] | None = None) -> dict[str, str]:
    """Start, and stop at once; what was said goes to ``said``."""
    with Supervisor(settings.state, say=(said if said is not None else []).append) as supervisor:
        return local.start(settings, supervisor)


def become(uid: int, gid: int) -> dict[str, Any]:
    """Arguments that make a process run as somebody else, where we may."""
    return {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}


def wait_for(condition: Callable[[], bool], within_s: float = 15) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)


def answer(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def inhabitants(home: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(home) in " ".join(_argv(process))]


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_both_stores_and_redis_answer(stack: Stack) -> None:
    assert str(answer(stack.database_url, "select version()")).startswith("PostgreSQL 18")
    assert str(answer(stack.secondary_url, "select version()")).startswith("PostgreSQL 18")
    with redis.Redis.from_url(stack.redis_url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nothing_listens_on_tcp(stack: Stack) -> None:
    servers = inhabitants(stack.home)
    assert servers
    assert [c for server in servers for c in server.net_connections(kind="inet")] == []
    assert answer(stack.database_url, "show listen_addresses") == ""


def test_data_is_safe_and_sorts_alike_everywhere(stack: Stack) -> None:
    assert answer(stack.database_url, "show fsync") == "on"
    assert answer(stack.database_url, "show data_checksums") == "on"
    assert answer(stack.database_url, "show server_encoding") == "UTF8"
    assert answer(stack.database_url, "select 'a' > 'B'") is True


def test_only_the_servers_account_may_enter_the_sockets_folder(stack: Stack) -> None:
    for name in ("primary", "secondary", "redis"):
        assert local.socket_folder(stack.home, name).stat().st_mode & 0o777 == 0o700


def test_a_second_start_finds_its_data(settings: Settings) -> None:
    with Supervisor(settings.state, say=print) as supervisor:
        found = local.start(settings, supervisor)
        with psycopg.connect(found["DATABASE_URL"]) as connection:
            connection.execute("create table kept as select 42 as answer")
        with redis.Redis.from_url(found["REDIS_URL"]) as client:
            client.set("kept", "42")
    with Supervisor(settings.state, say=print) as supervisor:
        found = local.start(settings, supervisor)
        assert answer(found["DATABASE_URL"], "select answer from kept") == 42
        with redis.Redis.from_url(found["REDIS_URL"]) as client:
            assert client.get("kept") == b"42"
    assert inhabitants(settings.state) == []


def test_a_half_made_data_folder_never_counts(settings: Settings) -> None:
    half = settings.state / "postgres" / "primary.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    said: list[str] = []
    assert "DATABASE_URL" in start(settings, said)
    assert any("stopped half way" in line for line in said)
    assert not half.exists()


def test_a_folder_that_is_no_data_folder_is_refused_and_left_alone(settings: Settings) -> None:
    data = settings.state / "postgres" / "primary"
    data.mkdir(parents=True)
    (data / "precious.txt").write_text("mine")
    with pytest.raises(PermanentError, match=r"is no PostgreSQL data folder \(no PG_VERSION\).*Move it away"):
        start(settings)
    assert (data / "precious.txt").read_text() == "mine"


def test_data_of_another_version_is_refused_and_left_alone(settings: Settings) -> None:
    data = settings.state / "postgres" / "primary"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(PermanentError, match="holds PostgreSQL 17 data, expected PostgreSQL 18"):
        start(settings)


def test_a_stale_lock_does_not_stop_a_start(settings: Settings) -> None:
    start(settings)
    data = settings.state / "postgres" / "primary"
    # Number 1 is always alive and never ours: PostgreSQL itself would refuse to start over it.
    (data / "postmaster.pid").write_text(f"1\n{data}\n1700000000\n5432\n{data}\n\n  1 1\nready\n")
    lock = local.socket_folder(settings.state, "primary") / ".s.PGSQL.5432.lock"
    lock.write_text(f"1\n{data}\n1700000000\n5432\n{data}\n")
    assert "DATABASE_URL" in start(settings)


def test_a_server_that_still_runs_in_the_folder_is_stopped_with_one_line(settings: Settings) -> None:
    start(settings)
    data, sockets = settings.state / "postgres" / "primary", local.socket_folder(settings.state, "primary")
    owner = data.stat()
    argv = [local.binary("postgres"), "-D", data, "-k", sockets, "-h", ""]
    other = subprocess.Popen(argv, cwd=data, stderr=subprocess.DEVNULL, **become(owner.st_uid, owner.st_gid))
    wait_for(lambda: postgres_answers(local.environment(settings)["DATABASE_URL"]))
    said: list[str] = []
    assert "DATABASE_URL" in start(settings, said)
    assert said == [f"a server of an earlier run (pid {other.pid}) still runs in {data}; stopping it"]
    assert other.wait(5) == 0
    assert inhabitants(settings.state) == []


def test_kill_9_of_the_supervisor_leaves_no_process_and_the_next_start_works(settings: Settings) -> None:
    argv = [sys.executable, "-c", STARTER, str(settings.state)]
    with subprocess.Popen(argv, cwd=PROJECT, stdin=-1, stdout=-1, text=True) as starter:
        assert starter.stdout is not None
        while "READY" not in (line := starter.stdout.readline()):
            assert line
        left = [process for process in inhabitants(settings.state) if process.pid != starter.pid]
        assert len(left) >= 3
        starter.send_signal(signal.SIGKILL)
    if sys.platform == "linux":
        _, alive = psutil.wait_procs(left, timeout=15)
        assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert "DATABASE_URL" in start(settings)


def test_a_long_or_odd_path_gets_a_short_socket_folder(home: Path) -> None:
    settings = load({"HOLDFAST_HOME": str(home / ("x" * 90) / "with, comma and 100 % space")})
    folder = local.socket_folder(settings.state, "primary")
    assert folder.parent.parent == Path(tempfile.gettempdir())
    try:
        with Supervisor(settings.state, say=print) as supervisor:
            found = local.start(settings, supervisor)
            assert answer(found["DATABASE_URL"], "select 1") == 1
            with redis.Redis.from_url(found["REDIS_URL"]) as client:
                assert client.ping()
    finally:
        shutil.rmtree(folder.parent)


def test_only_what_is_not_configured_is_embedded(tmp_path: Path) -> None:
    home = {"HOLDFAST_HOME": str(tmp_path)}
    everything = local.environment(load(home))
    assert set(everything) == {"DATABASE_URL", "SUPABASE_DB_URL", "DAGSTER_DATABASE_URL", "REDIS_URL"}
    own = home | {"DATABASE_URL": "postgresql://db/x"}
    assert set(local.environment(load(own))) == {"REDIS_URL"}
    assert local.environment(load(own | {"REDIS_ENABLED": "false"})) == {}
    assert local.environment(load(own | {"REDIS_URL": "redis://r"})) == {}
    one = home | {"SUPABASE_DB_URL": "postgresql://db/x"}
    assert set(local.environment(load(one))) == {"DATABASE_URL", "DAGSTER_DATABASE_URL", "REDIS_URL"}


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as somebody else")
    nobody = pwd.getpwnam("nobody")
    try:
        argv = [sys.executable, "-c", "import psutil"]
        subprocess.run(argv, cwd="/", check=True, capture_output=True, **become(nobody.pw_uid, nobody.pw_gid))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"the account nobody cannot run {sys.executable}")
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    yield folder
    shutil.rmtree(folder)


def test_runs_without_being_root(folder_of_nobody: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        [sys.executable, "-c", STARTER, str(folder_of_nobody / "home")],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **become(nobody.pw_uid, nobody.pw_gid),
    )
    assert "READY" in done.stdout
    assert done.stdout.endswith("STOPPED\n"), done.stderr
    assert (folder_of_nobody / "home" / "postgres" / "primary").stat().st_uid == nobody.pw_uid
    assert (folder_of_nobody / "home").stat().st_mode & 0o077 == 0


def test_root_lends_the_account_passage_and_nothing_more(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root needs another account")
    outer = home
    outer.mkdir(mode=0o700)
    settings = load({"HOLDFAST_HOME": str(outer / "home")})
    said: list[str] = []
    start(settings, said)
    assert outer.stat().st_mode & 0o777 == 0o701
    assert any("may now pass through" in line and str(outer) in line for line in said)
    assert (settings.state / "postgres" / "primary").stat().st_mode & 0o077 == 0
