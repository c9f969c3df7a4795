"""One line of the doctor's table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the doctor's table.

    Attributes:
        configured: ``embedded``, the variable that names it, or ``off``.
        ok: None where there is nothing to judge: it is off, or embedded and not running now.
    """

    dependency: str
    configured: str
    ok: bool | None
    reachable: str = ""
    version: str | None = None
    latency_ms: float | None = None
    migrations: str | None = None
    quota: str | None = None
    problem: str | None = None
    remedy: str | None = None
