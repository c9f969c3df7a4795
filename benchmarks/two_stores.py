"""Two PostgreSQL servers that hold the same table, and copies of one that were damaged in known ways."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.report import say
from benchmarks.stack import folder
from orchestration import local
from orchestration.accounts import server_account
from orchestration.settings import PROJECT, load
from orchestration.supervisor import Supervisor
from resources.doctor import postgres_answers

_TICKS = os.sysconf("SC_CLK_TCK")
# Source: facts of the design: uuid, uuid, text of 40 B, text of 500 B, jsonb of 170 B, two instants, numeric.
_TABLE = """
    create table items (id uuid primary key, user_id uuid, title text, content text, metadata jsonb,
        created_at timestamptz, updated_at timestamptz, price numeric);
    insert into items
    select md5('k' || i)::uuid, md5('u' || i % 5000)::uuid, 'title ' || md5('t' || i), repeat(md5('c' || i) || ' ', 15),
        jsonb_build_object('genre', (array['a', 'b', 'c', 'drama'])[1 + i % 4], 'n', i, 'score', i % 1000 / 10.0,
            'tags', jsonb_build_array('x' || i % 10, 'y' || i % 7),
            'nested', jsonb_build_object('k', md5('j' || i), 'ok', i % 2 = 0)),
        timestamptz '2026-01-01' + i * {step_s} * interval '1 second',
        timestamptz '2026-01-01' + i * {step_s} * interval '1.0000001 second', i % 100000 / 100.0
    from generate_series(1, {rows}) i;
    create index on items (updated_at);
"""
# Fifty days in all, so that a day holds 2 % of the rows.
_SPAN_S = 50 * 86_400
DAMAGES: Mapping[str, Sequence[str]] = {
    "identical": (),
    "10 changed": (
        "update items set title = title || 'x' where id in (select id from items order by md5(id::text) limit 10)",
    ),
    "1000 scattered": (
        "delete from items where id in (select id from items order by md5(id::text) limit 300)",
        "update items set content = content || 'x'"
        " where id in (select id from items order by md5(id::text || 'a') limit 400)",
        "insert into items select md5('new' || i)::uuid, md5('u')::uuid, 't', 'c', '{}', now(), now(), 1"
        " from generate_series(1, 300) i",
    ),
    "block missing": (
        "delete from items where id in (select id from items order by id"
        " offset (select count(*) * 4 / 10 from items) limit (select count(*) / 20 from items))",
    ),
}
FOUND: Mapping[str, tuple[int, int, int]] = {
    "identical": (0, 0, 0),
    "10 changed": (0, 0, 10),
    "1000 scattered": (300, 300, 400),
    "block missing": (50_000, 0, 0),
}


@dataclass(frozen=True)
class TwoStores:
    """Both servers."""

    home: Path
    urls: tuple[str, str]

    def url(self, side: int, database: str = "holdfast") -> str:
        """Where a database of one of them is."""
        return self.urls[side].removesuffix("holdfast") + database

    def execute(self, side: int, *statements: str, database: str = "holdfast") -> None:
        """Run statements, each by itself."""
        with psycopg.connect(self.url(side, database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, side: int, statement: str, database: str = "holdfast") -> float:
        """One number."""
        with psycopg.connect(self.url(side, database), autocommit=True) as connection:
            (found,) = connection.execute(statement.encode()).fetchone() or (0,)
        return float(found)

    def cpu_s(self) -> float:
        """Seconds of processor that both servers and all their processes have taken so far."""
        return sum(_family_s(self.home / "postgres" / name / "postmaster.pid") for name in ("primary", "secondary"))

    def temp_bytes(self) -> float:
        """Bytes of temporary files that both servers have written so far, in all databases."""
        return sum(self.value(side, "select sum(temp_bytes) from pg_stat_database") for side in (0, 1))


def _family_s(pid_file: Path) -> float:
    pid = pid_file.read_text(encoding="ascii").split()[0]
    ticks = sum(map(int, _stat(pid)[11:15]))
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        try:
            ticks += sum(map(int, _stat(child)[11:13]))
        except (FileNotFoundError, ProcessLookupError):  # it has ended, and is in its parent's account now
            continue
    return ticks / _TICKS


def _stat(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


@contextmanager
def two_stores(rows: int) -> Iterator[TwoStores]:
    """Start both servers with the table in the database ``holdfast`` of each; gone afterwards.

    With a gigabyte of shared buffers and on TCP, as a server of its own has them; the embedded ones are smaller.
    """
    with folder() as home, ExitStack() as stack:
        home.chmod(0o711)
        # Makes the data folders and the databases.
        with Supervisor(home, say=say) as supervisor:
            local.start(load({"HOLDFAST_HOME": str(home), "REDIS_ENABLED": "false"}), supervisor)
        urls = [stack.enter_context(_server(home / "postgres" / name)) for name in ("primary", "secondary")]
        stores = TwoStores(home, (urls[0], urls[1]))
        fill(stores, rows)
        yield stores


@contextmanager
def _server(data: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"shared_buffers": "1GB", "max_wal_size": "4GB", "unix_socket_directories": "", "fsync": "off"}
    argv = [str(local.binary("postgres")), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
    argv += [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    user, group = server_account([data]) or (None, None)
    extra = None if user is None else []
    with subprocess.Popen(
        argv, cwd=data, user=user, group=group, extra_groups=extra, stderr=subprocess.DEVNULL
    ) as server:
        url = f"postgresql://postgres@127.0.0.1:{port}/holdfast"
        while not postgres_answers(url):
            time.sleep(0.1)
        try:
            yield url
        finally:
            server.send_signal(signal.SIGINT)


def fill(stores: TwoStores, rows: int, database: str = "holdfast") -> None:
    """Make the table anew in both, in a database that is made where it does not exist."""
    for side in (0, 1):
        if not stores.value(side, f"select count(*) from pg_database where datname = '{database}'"):
            stores.execute(side, f'create database "{database}"', database="postgres")
        statements = _TABLE.format(rows=rows, step_s=_SPAN_S / rows).split(";\n")
        stores.execute(
            side,
            "drop table if exists items",
            *statements[:-1],
            "vacuum analyze items",
            "checkpoint",
            database=database,
        )
    say(f"{rows:,} rows in both stores")


def damage(stores: TwoStores, name: str) -> str:
    """Make a copy of the secondary's database and damage it; the copy's name."""
    database = name.replace(" ", "_")
    stores.execute(1, f'create database "{database}" template holdfast strategy file_copy', database="postgres")
    stores.execute(1, *DAMAGES[name], "vacuum analyze items", "checkpoint", database=database)
    return database


@dataclass(frozen=True)
class Cost:
    """What a command took: processor of the client and of both servers, and the client's largest memory."""

    client_s: float
    servers_s: float
    peak_mib: float
    output: str

    @property
    def total_s(self) -> float:
        """Client and servers."""
        return self.client_s + self.servers_s


def measured(stores: TwoStores, argv: Sequence[str]) -> Cost:
    """Run a command in a process of its own and measure it."""
    before_s = stores.cpu_s()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([sys.executable, *argv], cwd=PROJECT, stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            errors.seek(0)
            say(f"{' '.join(argv)[:200]} ended with {process.returncode}: {errors.read().decode()[-2000:]}")
    return Cost(
        client_s=usage.ru_utime + usage.ru_stime,
        servers_s=stores.cpu_s() - before_s,
        peak_mib=usage.ru_maxrss / 1024,
        output=output.decode(),
    )
