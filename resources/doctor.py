"""What Postgres and Redis say when asked how they are, and what to do about it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

from holdfast.errors import HoldfastError, PermanentError
from holdfast.retries import Backoff
from resources.migrations import pending
from resources.postgres import Postgres, Transaction

_ONCE: Final = Backoff(attempts=1)
_TIMEOUT_S: Final = 5
_OLDEST_POSTGRES: Final = 14
# The stream is trimmed by XTRIM MINID. Source: Redis documentation, XTRIM, "History".
_OLDEST_REDIS: Final = (6, 2)
_MB: Final = 1_000_000

# What the drivers say, in lower case, to what a person can do about it. The first that is found counts.
_REMEDIES: Final[Mapping[str, str]] = {
    "password authentication failed": "correct the user or the password in {name}",
    "no password supplied": "put the password into {name}",
    "no pg_hba.conf entry": "let this machine in on the server (pg_hba.conf), or add ?sslmode=require to {name}",
    "translate host name": "correct the host in {name}, or this machine's DNS",
    "resolve host": "correct the host in {name}, or this machine's DNS",
    "name or service not known": "correct the host in {name}, or this machine's DNS",
    "temporary failure in name resolution": "correct the host in {name}, or this machine's DNS",
    "connection refused": "start the server, or correct host and port in {name}",
    "no such file or directory": "start the server, or correct the socket's folder in {name}",
    "timeout": "see that the host of {name} is right and that no firewall is in between",
    "timed out": "see that the host of {name} is right and that no firewall is in between",
    "no route to host": "see that the host of {name} is right and that no firewall is in between",
    "database": "correct the database in {name}, or create it",
    "role": "correct the user in {name}, or create the role",
    "ssl": "correct sslmode in {name} (rediss:// for Redis with TLS)",
    "connection slots": "close other connections, or raise max_connections on the server",
    "too many": "close other connections, or raise max_connections on the server",
    "wrongpass": "correct the password in {name}",
    "invalid username-password": "correct the password in {name}",
    "authentication required": "put the password into {name}",
    "noauth": "put the password into {name}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about one dependency.

    Attributes:
        is_reachable: whether it answered at all.
        problem: what is wrong, or None.
        remedy: what to do; also given where nothing is wrong yet.
    """

    is_reachable: bool
    version: str | None = None
    latency_ms: float | None = None
    migrations: str | None = None
    quota: str | None = None
    problem: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a PostgreSQL server says about itself."""

    version: str
    version_number: int
    size_bytes: int
    is_standby: bool
    is_read_only: bool
    may_create: bool
    may_create_role: bool
    role_name: str
    has_dagster_tables: bool
    schema_name: str | None


def postgres_answers(dsn: str) -> bool:
    """Whether the server accepts a connection and a question."""
    try:
        with Postgres(dsn, connect_timeout_s=2).transaction(backoff=_ONCE) as db:
            return bool(db.value("doctor/ping") == 1)
    except HoldfastError:
        return False


def redis_answers(url: str) -> bool:
    """Whether the server answers, its data loaded."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def examine_primary(dsn: str, name: str, budget_bytes: int) -> Finding:
    """The store of Holdfast's own tables: it must be writable, recent and migrated."""
    found = _ask(dsn, name)
    if isinstance(found, Finding):
        return found
    facts, latency_ms = found
    missing, trouble = _pending(dsn)
    problem, remedy = _trouble(facts, name)
    if problem is None and trouble:
        problem, remedy = trouble, "run the Holdfast that the database belongs to"
    if problem is None and missing:
        problem, remedy = _cannot_migrate(facts, name) or (f"{len(missing)} migrations are pending", "holdfast migrate")
    share = facts.size_bytes / budget_bytes
    if problem is None and share >= 0.9:
        remedy = "nearly full: materialize maintenance, keep fewer days, or raise HOLDFAST_DATABASE_BUDGET_MB"
    return _finding(
        facts,
        latency_ms,
        migrations=f"{len(missing)} pending" if missing else ("unknown" if trouble else "done"),
        quota=f"{facts.size_bytes / _MB:.0f} of {budget_bytes / _MB:.0f} MB ({share:.0%})",
        problem=problem,
        remedy=remedy,
    )


def examine_secondary(dsn: str, name: str) -> Finding:
    """The fallback store: it must take writes as well."""
    found = _ask(dsn, name)
    if isinstance(found, Finding):
        return found
    facts, latency_ms = found
    problem, remedy = _trouble(facts, name)
    size = f"{facts.size_bytes / _MB:.0f} MB"
    return _finding(facts, latency_ms, quota=size, problem=problem, remedy=remedy)


def examine_storage(dsn: str, name: str) -> Finding:
    """Dagster's own storage: its tables appear at the first run."""
    found = _ask(dsn, name)
    if isinstance(found, Finding):
        return found
    facts, latency_ms = found
    problem, remedy = _trouble(facts, name)
    if problem is None and facts.schema_name is None:
        problem, remedy = "the schema of its search_path does not exist", "create schema dagster, or make run"
    tables = "done" if facts.has_dagster_tables else "at first run"
    return _finding(facts, latency_ms, migrations=tables, problem=problem, remedy=remedy)


def examine_redis(url: str, name: str) -> Finding:
    """The buffer between collector and history."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S) as client:
            client.ping()
            began_s = time.perf_counter()
            info = cast("dict[str, Any]", client.info())
            latency_ms = (time.perf_counter() - began_s) * 1000
    except (redis.RedisError, OSError) as error:
        return _unreachable(str(error) or type(error).__name__, name)
    version, used, most = str(info["redis_version"]), int(info["used_memory"]), int(info.get("maxmemory") or 0)
    problem, remedy = _redis_trouble(info, version, name)
    return Finding(
        is_reachable=True,
        version=version,
        latency_ms=latency_ms,
        quota=f"{used / _MB:.1f}" + (f" of {most / _MB:.0f} MB ({used / most:.0%})" if most else " MB"),
        problem=problem,
        remedy=remedy,
    )


def _redis_trouble(info: Mapping[str, Any], version: str, name: str) -> tuple[str | None, str | None]:
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        return f"Redis {version} found, 6.2 or newer needed", f"point {name} at a newer server"
    if info.get("role") == "slave":
        return "it is a read-only replica", f"point {name} at the primary"
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("maxmemory") and policy.startswith("allkeys"):
        return None, f"it drops keys when full ({policy}), cycles that nobody read among them; set noeviction"
    return None, None


def _ask(dsn: str, name: str) -> tuple[Facts, float] | Finding:
    try:
        with Postgres(dsn, connect_timeout_s=_TIMEOUT_S, statement_timeout_s=10).transaction(backoff=_ONCE) as db:
            return _facts(db)
    except HoldfastError as error:
        return _unreachable(str(error.__cause__ or error), name)


def _facts(db: Transaction) -> tuple[Facts, float]:
    began_s = time.perf_counter()
    db.value("doctor/ping")
    latency_ms = (time.perf_counter() - began_s) * 1000
    (facts,) = db.fetch("doctor/facts", Facts)
    return facts, latency_ms


def _pending(dsn: str) -> tuple[list[str], str | None]:
    try:
        return pending(Postgres(dsn, connect_timeout_s=_TIMEOUT_S)), None
    except PermanentError as error:
        return [], str(error)
    except HoldfastError as error:
        return [], f"the migrations cannot be read: {error}"


def _trouble(facts: Facts, name: str) -> tuple[str | None, str | None]:
    if facts.version_number // 10_000 < _OLDEST_POSTGRES:
        problem = f"PostgreSQL {facts.version} found, {_OLDEST_POSTGRES} or newer needed"
        return problem, f"upgrade the server, or point {name} at a newer one"
    if facts.is_standby:
        return "it is a standby and takes no writes", f"point {name} at the primary server"
    if facts.is_read_only:
        return (
            "it is read-only (default_transaction_read_only)",
            "make room if a free tier set it so for its size, or reset the setting of the role or the database",
        )
    return None, None


def _cannot_migrate(facts: Facts, name: str) -> tuple[str, str] | None:
    if not facts.may_create:
        right = f"grant create on database … to {facts.role_name}"
        return f"migrations are pending and {facts.role_name} may not create schemas", f"{right} (user of {name})"
    if not facts.may_create_role:
        right = f"alter role {facts.role_name} createrole"
        return f"migrations are pending and {facts.role_name} may not create roles", f"{right} (user of {name})"
    return None


def _finding(facts: Facts, latency_ms: float, **more: str | None) -> Finding:
    version = facts.version.split(" ")[0]
    return Finding(is_reachable=True, version=version, latency_ms=latency_ms, **more)


def _unreachable(said: str, name: str) -> Finding:
    text = " ".join(said.split())
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in text.lower()), "correct {name}")
    return Finding(is_reachable=False, problem=text, remedy=remedy.format(name=name))
