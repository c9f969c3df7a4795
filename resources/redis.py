"""Redis: the stream of cycles, the dashboard's keys.

Every command is billed on a metered Redis, connection set-up included, so the client sends no HELLO and no
CLIENT SETINFO, and each operation here is one command unless its docstring says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, cast

import dagster as dg
import redis
from pydantic import Field
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from holdfast.errors import PermanentError, TransientError
from holdfast.metrics.buffer import START, Batch, Entry

CYCLES_KEY: Final = "holdfast:metrics:cycles"
SNAPSHOT_KEY: Final = "dashboard:snapshot"


# Errors that pass: a full disk under its files, replicas away, a script that runs.
# Source: Redis, src/server.c, createSharedObjects.
_PASSING: Final = ("MISCONF", "NOREPLICAS", "BUSY")
_UNREADABLE: Final = (
    "REDIS_URL cannot be read; it is not printed, as it may hold a password. Write it as redis:// or "
    "rediss://user:password@host:6379/0, in the password %40 for @, %2F for /, %3F for ?, %25 for %."
)


class _Commands(Protocol):
    """The commands used, with the answers they have under RESP2 without decoding."""

    def xadd(self, name: str, fields: Mapping[Any, Any], *, maxlen: int, approximate: bool) -> bytes: ...
    def xrange(self, name: str, min: str, max: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]: ...
    def xtrim(self, name: str, *, minid: str, approximate: bool) -> int: ...
    def set(self, name: str, value: bytes) -> Any: ...
    def get(self, name: str) -> bytes | None: ...
    def close(self) -> None: ...


class RedisClient:
    """One Redis server, by URL. Connects at the first command."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        try:
            self._redis: redis.Redis = redis.Redis.from_url(
                url,
                protocol=2,
                driver_info=None,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                # One quick retry: a connection that idled for 30 s is often gone, and a command that is
                # repeated is absorbed by the primary key of the row it ends in.
                retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=0.5), 1),
            )
        except ValueError:
            raise PermanentError(_UNREADABLE) from None
        self.commands = cast("_Commands", self._redis)

    @contextmanager
    def classified(self) -> Iterator[None]:
        """Turn the driver's errors into ours, at the door."""
        try:
            yield
        except redis.AuthenticationError as error:
            raise PermanentError(f"Redis refused the login: {error}. Check the password in REDIS_URL.") from error
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError, redis.ReadOnlyError) as error:
            raise TransientError(f"Redis is away: {error}. Start it, or correct REDIS_URL.") from error
        except redis.ResponseError as error:
            # Upstash's words for a spent quota: "max requests limit exceeded".
            if isinstance(error, redis.OutOfMemoryError) or "limit exceeded" in str(error):
                raise TransientError(
                    f"Redis is full or over its quota and took nothing: {error}. Make room: let the history move "
                    "(holdfast metrics move), or raise its maxmemory."
                ) from error
            if str(error).startswith(_PASSING):
                raise TransientError(f"Redis takes no writes for now: {error}") from error
            raise PermanentError(f"Redis refused the command: {error}") from error
        except redis.RedisError as error:
            raise PermanentError(f"what answers at REDIS_URL is not Redis, or was asked nonsense: {error}") from error

    def write_hashes(self, hashes: Mapping[str, Mapping[Any, Any]], members: Sequence[str], ttl_s: int) -> int:
        """Write the seed's per-server hashes and ``servers:active`` in one pipeline; the number of commands billed."""
        with self.classified():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.delete("servers:active")
            if members:
                pipeline.sadd("servers:active", *members)
            for key, fields in hashes.items():
                pipeline.hset(key, mapping=dict(fields))
                pipeline.expire(key, ttl_s)
            return len(pipeline.execute())

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


class RedisCycles:
    """The buffer of cycles as a Redis stream; implements ``holdfast.metrics.buffer.CycleBuffer``."""

    def __init__(self, client: RedisClient, *, capacity: int, key: str = CYCLES_KEY) -> None:
        """Open the stream.

        Args:
            client: the server.
            capacity: entries after which the oldest are dropped even unread: the memory of a free tier ends.
            key: the stream's key.
        """
        self._client = client
        self._capacity = capacity
        self._key = key

    def append(self, packed: Sequence[bytes]) -> None:
        """One command per entry."""
        for entry in packed:
            with self._client.classified():
                self._client.commands.xadd(self._key, {"c": entry}, maxlen=self._capacity, approximate=True)

    def read_after(self, position: str, limit: int) -> Batch:
        """One command: the range starts at the position itself, which shows whether it is still there."""
        is_start = position == START
        with self._client.classified():
            found = self._client.commands.xrange(self._key, min=position, max="+", count=limit + (not is_start))
        entries = [Entry(entry_id.decode(), fields.get(b"c", b"")) for entry_id, fields in found]
        if is_start:
            return Batch(entries, is_cut=False)
        is_cut = not entries or entries[0].position != position
        return Batch(entries[:limit] if is_cut else entries[1:], is_cut=is_cut)

    def acknowledge(self, position: str) -> None:
        """One command; drops what is older than the position, not the position itself."""
        with self._client.classified():
            self._client.commands.xtrim(self._key, minid=position, approximate=False)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class RedisResource(dg.ConfigurableResource[Any]):
    """One Redis server, by URL; or none, where it is switched off."""

    url: str = Field(default="", description="redis:// or rediss://")
    is_enabled: bool = Field(default=True, description="false: no socket is opened")
    timeout_s: float = Field(default=5.0, description="longest wait for one command")

    def client(self) -> RedisClient:
        """The client. Opens nothing yet."""
        return RedisClient(self.url, timeout_s=self.timeout_s)
