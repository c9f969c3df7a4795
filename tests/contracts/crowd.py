"""Callers of breakers: as processes for the tiers that processes share, as threads for the one they do not."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from holdfast.breaker import BreakerStates, Policy
from holdfast.errors import BreakerOpenError, PermanentError, TransientError
from resources.guards.breakers import Breakers
from resources.guards.postgres_states import PostgresStates
from resources.guards.process_states import ProcessStates
from resources.guards.redis_states import RedisStates

FORK: Final = multiprocessing.get_context("fork")


class Never(ProcessStates):
    """What stands behind the tier under test, and must not be asked."""

    def get(self, name: str) -> str | None:
        raise AssertionError("the tier under test was away")


@dataclass(frozen=True)
class Tier:
    """Where the breakers of a test are kept."""

    name: str
    url: str = ""
    shared: ProcessStates | None = None

    def states(self) -> BreakerStates:
        if self.shared is not None:
            return self.shared
        return RedisStates(self.url, timeout_s=5) if self.name == "redis" else PostgresStates(self.url)

    def open(self, policy: Policy | None = None, view_s: float = 0.0) -> Breakers:
        """As a new process would: nothing is known yet."""
        tiers = [self.states()] if self.shared is not None else [self.states(), Never()]
        return Breakers(tiers, policy=policy, view_s=view_s)

    def crowd(self, size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What ``work(tier, *arguments)`` came to for each of so many callers at once."""
        if self.shared is not None:
            answers: list[Any] = []
            threads = [
                threading.Thread(target=lambda: answers.append(work(self, *arguments)), daemon=True)
                for _ in range(size)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            return answers
        # Earlier tests leave handlers behind, which a fork inherits: a worker must end when it is told to.
        with FORK.Pool(size, initializer=signal.signal, initargs=(signal.SIGTERM, signal.SIG_DFL)) as pool:
            answers = pool.starmap(work, [(self, *arguments)] * size, chunksize=1)
            pool.close()
            pool.join()
            return answers


def ask(breakers: Breakers, error: Exception | None = None, name: str = "primary") -> str:
    """One call that ends with this error; what became of it."""
    try:
        with breakers.guard(name):
            if error is not None:
                raise error
    except BreakerOpenError:
        return "refused"
    except (TransientError, PermanentError) as raised:
        return str(raised)
    return "done"


def call_once(tier: Tier, start_s: float) -> str:
    """One call at an instant, that succeeds."""
    breakers = tier.open()
    time.sleep(max(start_s - time.time(), 0))
    with suppress(BreakerOpenError), breakers.guard("primary"):
        time.sleep(0.3)
        return "went through"
    return "refused"


def hammer(tier: Tier, until_s: float, policy: Policy) -> list[float]:
    """Call a store that is away again and again; when the calls reached it."""
    breakers = tier.open(policy)
    reached = []
    while time.time() < until_s:
        with suppress(TransientError), breakers.guard("primary"):
            reached.append(time.time())
            time.sleep(0.03)
            raise TransientError("away")
        time.sleep(0.005)
    return reached


def count_up(tier: Tier, calls: int, policy: Policy) -> None:
    """So many failures, as fast as it goes."""
    breakers = tier.open(policy)
    for _ in range(calls):
        ask(breakers, TransientError("away"))


def probe_and_die(tier: Tier, policy: Policy) -> None:
    """Begin a probe and be killed in it."""
    with tier.open(policy).guard("primary"):
        os.kill(os.getpid(), signal.SIGKILL)
