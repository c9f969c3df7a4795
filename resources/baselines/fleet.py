"""The fleet's day: what every server was like, half hour by half hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.plots import State
from resources.postgres import Postgres

BUCKET: Final = timedelta(minutes=30)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ServerDay:
    """One server's day.

    Attributes:
        server_id: the server.
        states: one per half hour.
        incidents: those it was part of.
        sentence: what the worst of them says; None where there was none.
    """

    server_id: str
    states: Sequence[State]
    incidents: int
    sentence: str | None


@dataclass(frozen=True, slots=True)
class FleetDay:
    """The newest 24 hours of slots, [from_at, until_at)."""

    from_at: datetime
    until_at: datetime
    servers: Sequence[ServerDay]


def fleet_day(postgres: Postgres) -> FleetDay | None:
    """The 24 hours up to the newest slot, in whole half hours; None before the first slot."""
    with postgres.transaction() as db:
        newest_at: datetime | None = db.value("fleet/newest_slot")
        if newest_at is None:
            return None
        until_at = newest_at.replace(minute=newest_at.minute // 30 * 30, second=0, microsecond=0)
        until_at += BUCKET if until_at < newest_at else timedelta()
        servers = db.fetch("fleet/day", ServerDay, from_at=until_at - DAY, until_at=until_at)
    return FleetDay(until_at - DAY, until_at, servers)
