"""Judging: newly closed slots become findings and incidents; rows and watermark commit together."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from holdfast.anomalies.findings import EVERY
from holdfast.anomalies.grid import Key
from holdfast.anomalies.grouping import Advanced, Standing, advance
from holdfast.anomalies.silence import fleet_silence
from holdfast.anomalies.watching import LOOKBACK_S, Fleet, Watched, watch
from holdfast.baselines import SLOT_S
from resources.anomalies.store import read_mutes, read_standing, write_incidents
from resources.baselines.slots import KEEP, LATE, read_slots
from resources.baselines.store import baselines_in_force
from resources.postgres import Postgres, Transaction
from resources.servers import read_templates, read_topology

# A slot is judged when it is over for every collector whose clock is right; what comes later is only learned from.
GRACE: Final = timedelta(minutes=1)
# Slots in one transaction: bounds the memory of a catch-up after days, and what is done again if it is killed.
AT_ONCE: Final = timedelta(hours=6)
# A fleet is moved and rolled every five minutes; it is silent when nothing came of it for four slots.
SILENT_SLOTS: Final = 4
FORGET: Final = timedelta(days=7)


@dataclass(slots=True)
class Judging:
    """What one run did.

    Attributes:
        judged_slots: slots of 5 minutes that were judged.
        series: most series that one of them had.
        findings: findings that called for attention, by rule.
        muted: findings that would have, had they not been muted.
        held: findings left alone because an operator had closed their incident.
        opened: numbers of incidents that opened.
        closed: numbers of incidents that closed or became part of an older one.
        pages: how often one called for attention.
        paged: start of the slot and number of the incident, each time one did.
        late_slots: slots of servers that came after they were judged, newly seen.
        open_incidents: incidents that are open afterwards.
        calling_incidents: those of them that are critical and not acknowledged.
        from_at: start of the first slot that was judged, None where there was none.
        until_at: how far slots are judged, None before the first.
    """

    judged_slots: int = 0
    series: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    muted: int = 0
    held: int = 0
    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    pages: int = 0
    paged: list[tuple[int, int]] = field(default_factory=list)
    late_slots: int = 0
    open_incidents: int = 0
    calling_incidents: int = 0
    from_at: datetime | None = None
    until_at: datetime | None = None


def judge_due(
    postgres: Postgres,
    now: datetime,
    log: logging.Logger,
    *,
    grace: timedelta = GRACE,
    at_once: timedelta = AT_ONCE,
) -> Judging:
    """Judge every slot that is over and rolled, in order; a second run finds nothing to judge.

    Incidents and watermark commit together, at most ``at_once`` of slots in one transaction: killed anywhere, the
    next run goes on from the last commit and comes to the same incidents.

    Args:
        postgres: the primary.
        now: the instant to judge at; nothing newer is looked at.
        log: one line per transaction of a catch-up, one per incident that calls for attention.
        grace: how long a slot must be over.
        at_once: most slots in one transaction, whole slots.

    Raises:
        TransientError: Postgres is away; what was committed stays.
        PermanentError: Postgres refused.
    """
    done = Judging()
    while True:
        with postgres.transaction() as db:
            db.execute("anomalies/lock")
            is_more = _judge_some(db, now - grace, at_once, done, log)
            if not is_more:
                _finish(db, now, done, log)
        if not is_more:
            return done


def _judge_some(db: Transaction, limit_at: datetime, at_once: timedelta, done: Judging, log: logging.Logger) -> bool:
    """Judge the next slots; whether there may be more."""
    due = db.rows("anomalies/due")
    if not due:
        return False
    ((from_at, newest_at),) = due
    until_at = min(newest_at, _at(int(limit_at.timestamp()) // SLOT_S * SLOT_S), from_at + at_once)
    done.until_at = from_at
    if from_at >= until_at:
        return False
    from_s, until_s = int(from_at.timestamp()), int(until_at.timestamp())
    in_force = baselines_in_force(db)
    watched = watch(
        read_standing(db, from_at),
        read_slots(db, _at(from_s - LOOKBACK_S), until_at),
        {key: one[0] for key, one in in_force.items()},
        _fleet(db, from_at, until_at),
        from_s=from_s,
        until_s=until_s,
    )
    _write(db, watched.advanced, {key: (one[1], one[2]) for key, one in in_force.items()}, done, log)
    _record(db, watched, range(from_s, until_s, SLOT_S))
    db.execute("anomalies/move_watermark", until_at=until_at)
    _count(done, watched, from_at, until_at)
    if until_at - from_at >= at_once:
        log.info("anomalies: judged until %s, %d slots so far", until_at.isoformat(), done.judged_slots)
    return True


def _fleet(db: Transaction, from_at: datetime, until_at: datetime) -> Fleet:
    templates = read_templates(db).values()
    return Fleet(
        last_seen_s=dict(db.rows("anomalies/last_seen")),
        topology=read_topology(db),
        capacities={one.template.server_id: one.template.capacity for one in templates},
        mutes=read_mutes(db, from_at - timedelta(seconds=LOOKBACK_S), until_at),
    )


def _write(
    db: Transaction,
    advanced: Advanced,
    judged_by: Mapping[Key, tuple[int | None, str | None]],
    done: Judging,
    log: logging.Logger,
) -> None:
    write_incidents(db, advanced.changed.values(), judged_by)
    for at_s, incident_id in advanced.paged:
        incident = advanced.changed.get(incident_id)
        if incident is not None and incident.merged_into is None:
            words = (incident_id, incident.severity, _at(at_s).isoformat(), incident.sentence)
            log.warning("anomalies: incident %d, %s, at %s: %s", *words)
    # Of one that opens and closes again in a later transaction of the same run, both are told.
    done.opened += advanced.opened
    done.closed += advanced.closed
    done.pages += len(advanced.paged)
    done.paged += advanced.paged
    done.held += advanced.held


def _record(db: Transaction, watched: Watched, slots: range) -> None:
    db.execute(
        "anomalies/record_slots",
        series_count=watched.series,
        slots_at=[_at(slot) for slot in slots],
        finding_counts=[watched.findings.get(slot, 0) for slot in slots],
        muted_counts=[watched.muted.get(slot, 0) for slot in slots],
    )


def _count(done: Judging, watched: Watched, from_at: datetime, until_at: datetime) -> None:
    done.judged_slots += int((until_at - from_at).total_seconds()) // SLOT_S
    done.series = max(done.series, watched.series)
    done.findings.update(watched.by_rule)
    done.muted += sum(watched.muted.values())
    done.from_at = done.from_at or from_at
    done.until_at = until_at


def _finish(db: Transaction, now: datetime, done: Judging, log: logging.Logger) -> None:
    """What is told once a run: the fleet's silence, late slots, how many incidents are open."""
    if done.until_at is not None:
        _hear_the_fleet(db, now, done, log)
        done.late_slots = db.value("anomalies/count_late", until_at=done.until_at, late=LATE)
        db.execute("anomalies/forget_slots", until_at=done.until_at, keep=KEEP)
    ((done.open_incidents, done.calling_incidents),) = db.rows("anomalies/standing_counts")


def _hear_the_fleet(db: Transaction, now: datetime, done: Judging, log: logging.Logger) -> None:
    """Open or keep open the incident of a silent fleet.

    The watermark waits for the slots: a collector that was cut off brings them later, and then they are judged.
    """
    ((_, newest_at),) = db.rows("anomalies/due")
    newest_s, now_s = int(newest_at.timestamp()), int(now.timestamp()) // SLOT_S * SLOT_S
    servers = len(db.rows("anomalies/last_seen"))
    if not servers or not SILENT_SLOTS * SLOT_S <= now_s - newest_s <= FORGET.total_seconds():
        return
    finding = fleet_silence(now_s - SLOT_S, newest_s, servers, servers)
    mutes = read_mutes(db, newest_at, now)
    if any(mute.covers(finding) for mute in mutes):
        done.muted += 1
        return
    standing = read_standing(db, newest_at)
    of_fleet = {number: one for number, one in standing.incidents.items() if one.root == (EVERY, EVERY)}
    advanced = advance(
        Standing(of_fleet, standing.next_id),
        {finding.at_s: [finding]},
        read_topology(db),
        from_s=finding.at_s,
        until_s=now_s,
    )
    done.findings[finding.rule] += 1
    _write(db, advanced, {}, done, log)


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
