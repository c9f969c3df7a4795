"""Work that talks to both stores at once, under both breakers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.retries import Backoff
from resources.guards.breakers import Breakers
from resources.guards.deadline import deadline
from resources.postgres import Postgres
from resources.queries import query
from resources.stores import Stores

_ONCE: Final = Backoff(attempts=1)
_ANSWER_S: Final = 5.0


@contextmanager
def guard_both(breakers: Breakers, stores: Stores) -> Iterator[None]:
    """Do the block only if both breakers let it.

    An error does not say whose it is: after a ``TransientError`` each store is asked whether it answers, and only one
    that does not counts it.

    Raises:
        BreakerOpenError: one of them is open; nothing was done.
    """
    with ExitStack() as stack:
        for store in (stores.a, stores.b):
            stack.enter_context(breakers.guard(store.label, is_away=partial(is_away, store.postgres)))
        yield


def is_away(postgres: Postgres) -> bool:
    """Whether a store takes no connection, or does not answer a question within 5 seconds."""
    try:
        with postgres.autocommit(backoff=_ONCE) as line, deadline(line, _ANSWER_S):
            line.execute(query("doctor/ping"))
    except HoldfastError:
        return True
    return False
