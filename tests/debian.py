"""Servers that Debian packages bring: an older PostgreSQL, with ICU, and a pooler. Tests that need them say so."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.servers import OwnPostgres, become, eventually, free_port, given_away

BIN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def postgres_15() -> Iterator[str]:
    """The URL of a PostgreSQL 15 server of Debian, until the block ends."""
    if not (BIN / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed here (Debian: apt-get install postgresql-15)")
    folder = given_away(Path(f"/tmp/holdfast-old-{secrets.token_hex(4)}"))
    port = free_port()
    argv = [BIN / "initdb", "-D", folder / "data", "-U", "postgres", "--no-sync", "--auth=trust", "--encoding=UTF8"]
    subprocess.run([*argv, "--locale=C.UTF-8"], cwd=folder, check=True, capture_output=True, **become())
    argv = [BIN / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", folder]
    server = subprocess.Popen([*argv, "-c", "fsync=off"], cwd=folder, stderr=subprocess.DEVNULL, **become())
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        eventually(lambda: _answers(url))
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(15)
        shutil.rmtree(folder)


@contextmanager
def pooler(server: OwnPostgres) -> Iterator[int]:
    """The port of a PgBouncer in transaction mode in front of a server."""
    binary = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if binary is None:
        pytest.skip("PgBouncer is not installed on this machine (Debian: apt-get install pgbouncer)")
    folder, port = given_away(Path(f"/tmp/holdfast-pooler-{secrets.token_hex(4)}")), free_port()
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host={server.folder} port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users\npool_mode = transaction\ndefault_pool_size = 3\n"
    )
    for name in ("users", "ini"):
        (folder / name).chmod(0o644)
    with subprocess.Popen([binary, "-q", "ini"], cwd=folder, stderr=subprocess.DEVNULL, **become()) as process:
        eventually(lambda: _answers(f"postgresql://postgres@127.0.0.1:{port}/postgres"))
        yield port
        process.terminate()
    shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
