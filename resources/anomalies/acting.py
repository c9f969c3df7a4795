"""What operators do about incidents: take note, leave alone, keep the raw samples, close."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.anomalies.findings import EVERY
from holdfast.errors import PermanentError
from holdfast.metrics.catalog import METRIC_NAMES
from resources.anomalies.store import listed
from resources.postgres import Postgres, Transaction
from resources.servers import read_known, read_templates

# What led to an incident, and whether it really was over, is seen around it.
PIN_AROUND: Final = timedelta(hours=1)
LONGEST_MUTE: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Acted:
    """What an operator's action changed.

    Attributes:
        changed: rows that changed; 0: it was so already.
        sentence: what is so now.
    """

    changed: int
    sentence: str


@dataclass(frozen=True, slots=True)
class _Incident:
    incident_id: int
    opened_at: datetime
    closed_at: datetime | None
    server_ids: Sequence[str]
    sentence: str
    merged_into: int | None


def acknowledge(postgres: Postgres, incident_id: int, *, by: str, note: str | None, now: datetime) -> Acted:
    """Take note of an incident: its check passes, and it calls again only if it becomes worse.

    Raises:
        PermanentError: there is no such incident.
    """
    with postgres.transaction() as db:
        incident = _found(db, incident_id)
        changed = db.execute("anomalies/acknowledge", incident_id=incident.incident_id, by=by, note=note, now=now)
    return Acted(changed, f"incident {incident.incident_id} is acknowledged by {by}: {incident.sentence}")


def close(postgres: Postgres, incident_id: int, *, by: str, note: str | None, now: datetime) -> Acted:
    """Close an incident by hand: for six hours its series open none again unless it becomes worse.

    Raises:
        PermanentError: there is no such incident.
    """
    with postgres.transaction() as db:
        incident = _found(db, incident_id)
        changed = db.execute("anomalies/dismiss", incident_id=incident.incident_id, by=by, note=note, now=now)
    state = f"is closed by {by}" if changed else f"was closed already at {incident.closed_at:%Y-%m-%d %H:%M} UTC"
    return Acted(changed, f"incident {incident.incident_id} {state}: {incident.sentence}")


def mute(
    postgres: Postgres,
    *,
    server_id: str | None,
    metric: str | None,
    hours: float,
    reason: str,
    by: str,
    now: datetime,
) -> Acted:
    """Leave series alone from now on; an incident of theirs closes when it was quiet for half an hour.

    Args:
        postgres: the primary.
        server_id: the server, None for all.
        metric: the metric, None for all.
        hours: for how long.
        reason: why.
        by: who says so.
        now: from when.

    Raises:
        PermanentError: it would last more than 90 days, or no time at all, or nobody says why, or there is no such
            server or metric.
    """
    lasts = timedelta(hours=hours)
    if not timedelta() < lasts <= LONGEST_MUTE or not reason.strip():
        raise PermanentError(
            f"mute of {_series(server_id, metric)}: expected more than 0 and at most {LONGEST_MUTE.days * 24} hours "
            f"and a reason, found {hours:g} hours and the reason {reason!r}; nothing was changed. A server that is "
            "gone for good is retired in the file of server templates"
        )
    with postgres.transaction() as db:
        db.execute("anomalies/lock")
        _demand_known(server_id, [*read_known(db), *read_templates(db), EVERY], "server")
        _demand_known(metric, [*METRIC_NAMES, EVERY], "metric")
        words = {"server_id": server_id, "metric": metric, "reason": reason, "by": by}
        number = db.value("anomalies/mute", now=now, until_at=now + lasts, **words)
    until = f"{now + lasts:%Y-%m-%d %H:%M} UTC"
    return Acted(1, f"mute {number}: {_series(server_id, metric)} makes no incident until {until}: {reason}")


def unmute(postgres: Postgres, *, server_id: str | None, metric: str | None, now: datetime) -> Acted:
    """End every mute of exactly these series; None is "all", not "any"."""
    with postgres.transaction() as db:
        db.execute("anomalies/lock")
        changed = db.execute("anomalies/unmute", server_id=server_id, metric=metric, now=now)
    series = _series(server_id, metric)
    return Acted(changed, f"{changed} mutes of {series} ended" if changed else f"there was no mute of {series}")


def pin(postgres: Postgres, incident_id: int, *, by: str, now: datetime) -> Acted:
    """Keep the raw samples of an incident's servers, from an hour before it to an hour after, whatever retention says.

    Of an incident that is open the range ends an hour from now: pin it again when it is over.

    Raises:
        PermanentError: there is no such incident.
    """
    with postgres.transaction() as db:
        incident = _found(db, incident_id)
        ranges = [
            {
                "server_id": None if server_id == EVERY else server_id,
                "pinned_from": incident.opened_at - PIN_AROUND,
                "pinned_until": (incident.closed_at or now) + PIN_AROUND,
            }
            for server_id in incident.server_ids
        ]
        fresh = [one for one in ranges if not db.value("anomalies/is_pinned", **one)]
        reason = f"incident {incident.incident_id}, by {by}: {incident.sentence}"
        for one in fresh:
            db.value("metrics_retention/pin", reason=reason, **one)
    first, last = ranges[0]["pinned_from"], ranges[0]["pinned_until"]
    servers = ", ".join("all servers" if one == EVERY else one for one in incident.server_ids)
    kept = f"raw samples of {servers} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC stay"
    return Acted(len(fresh), f"incident {incident.incident_id}: {kept}")


def _found(db: Transaction, incident_id: int) -> _Incident:
    """The incident, or the one that it became part of."""
    db.execute("anomalies/lock")
    found = db.fetch("anomalies/incident", _Incident, incident_id=incident_id)
    if not found:
        numbers = ", ".join(str(one.incident_id) for one in listed(db)) or "none"
        raise PermanentError(
            f"incident {incident_id}: there is no such incident; nothing was changed. Open ones: {numbers}"
        )
    merged_into = found[0].merged_into
    return found[0] if merged_into is None else _found(db, merged_into)


def _demand_known(name: str | None, known: Sequence[str], what: str) -> None:
    """Refuse a name that nobody has: the mute would do nothing, and somebody would rely on it."""
    if name is not None and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(set(known)))[:500]}"
        raise PermanentError(f"mute: there is no {what} {name!r}; nothing was changed. {hint}")


def _series(server_id: str | None, metric: str | None) -> str:
    if server_id is None and metric is None:
        return "everything"
    return f"{metric or 'every metric'} of {server_id or 'all servers'}"
