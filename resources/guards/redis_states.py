"""Breakers in Redis: one key per store, seen by every process at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from holdfast.errors import PermanentError, TransientError

PREFIX: Final = "holdfast:breaker:"
# A guard must not cost more than what it guards: the driver's own defaults wait for up to a minute.
TIMEOUT_S: Final = 0.25
# Whatever stands under the key, it comes back as it was read.
_BYTES: Final = "surrogateescape"
_SWAP: Final = (Path(__file__).parent / "swap.lua").read_text(encoding="utf-8")


class RedisStates:
    """Documents as strings with a time to live; implements ``holdfast.breaker.BreakerStates``."""

    tier: Final = "redis"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Opens nothing yet.

        Raises:
            PermanentError: the URL cannot be read; it is not printed.
        """
        try:
            self._redis = redis.Redis.from_url(
                url,
                protocol=2,
                driver_info=None,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                # Only for a connection that idled until the server let go of it.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
        except ValueError:
            raise PermanentError(
                "REDIS_URL cannot be read, so breakers are kept elsewhere; it is not printed, as it may hold a password"
            ) from None

    def get(self, name: str) -> str | None:
        """One command."""
        with _classified():
            found = cast("bytes | None", self._redis.get(PREFIX + name))
        return None if found is None else found.decode("utf-8", _BYTES)

    def now(self) -> datetime:
        """One command."""
        with _classified():
            seconds, microseconds = self._redis.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)

    def swap(self, name: str, expected: str | None, document: str, keep: timedelta) -> bool:
        """Three commands, as scripts are billed by what they call."""
        keep_ms = str(int(keep.total_seconds() * 1000))
        stood = (expected or "").encode("utf-8", _BYTES)
        with _classified():
            done: Any = self._redis.eval(_SWAP, 1, PREFIX + name, stood, document, keep_ms)
        return bool(done == 1)


@contextmanager
def _classified() -> Iterator[None]:
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise TransientError(f"Redis is away: {error}") from error
    except redis.RedisError as error:
        raise PermanentError(f"Redis does not keep breakers: {error}") from error
