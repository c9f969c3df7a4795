"""What a dependency says when asked how it is, and what to do about it."""

import redis

from holdfast.errors import HoldfastError
from holdfast.retries import Backoff
from resources.postgres import Postgres

_ONCE = Backoff(attempts=1)


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
