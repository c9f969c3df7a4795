"""``holdfast doctor`` on breakers: which store is left alone, and why."""

from orchestration.doctor_rows import Row
from orchestration.settings import Settings
from resources.guards.breakers import STORES, Look, open_breakers


def breakers(found: Settings) -> Row:
    """Whether both stores are used, and who keeps that."""
    redis_url = found.redis_url.get_secret_value() if found.redis_url and found.redis_enabled else None
    database_url = found.database_url.get_secret_value() if found.database_url else None
    if not (redis_url or database_url):
        return Row(dependency="breakers", configured="embedded", ok=None, reachable="not running")
    opened = open_breakers(redis_url=redis_url, database_url=database_url)
    looks = [opened.look(name) for name in STORES]
    problems = [f"{look.name}: {_why(look)}" for look in looks if look.state != "closed"]
    return Row(
        dependency="breakers",
        configured=f"in {looks[0].tier}",
        ok=not problems,
        reachable=", ".join(f"{look.name} {look.state}" for look in looks),
        problem="; ".join(problems) or None,
        remedy="mend the store, a call tries it every few minutes; or: holdfast breakers --help" if problems else None,
    )


def _why(look: Look) -> str:
    breaker = look.breaker
    if breaker.forced:
        return f"forced by {breaker.forced_by}, {breaker.forced_reason or 'no reason given'}"
    return breaker.reason
