"""Rounds: every table compared once, each stored as soon as it is known; what was cut off goes on with what is left."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from holdfast.consistency.reports import Mode
from holdfast.consistency.scans import Checkpoint
from holdfast.consistency.tables import ComparedTable
from resources.consistency.store import Saving, StoredReport
from resources.postgres import Transaction

# A round that was cut off longer ago is not worth going on with: what it found is old.
RESUME_WITHIN: Final = timedelta(hours=6)
# A table whose comparison was cut off so often in one round is what cuts it off: it is left, and a report says so.
MOST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be compared.

    Attributes:
        hours: how far a window goes back.
        tables: in the order in which they are compared.
        is_choice: whether somebody named them; else they are all that are declared.
    """

    mode: Mode
    hours: float
    tables: Sequence[ComparedTable]
    is_choice: bool = False

    @property
    def name(self) -> str:
        """Rounds of one name go on with each other: ``window 24 h``, ``full of Story, Prompt``."""
        hours = f" {self.hours:g} h" if self.mode == "window" else ""
        return f"{self.mode}{hours}{' of ' + ', '.join(table_names(self.tables)) if self.is_choice else ''}"


@dataclass(frozen=True, slots=True)
class Begun:
    """A table that has no report yet.

    Attributes:
        attempt_count: how often it began in this round.
        checkpoint: from where it can go on; None: from its beginning.
    """

    table_name: str
    attempt_count: int
    checkpoint: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How far a round is.

    Attributes:
        began_at: its windows end there, also when it goes on later.
        reports: of the tables that are done, by name.
        begun: tables that have none yet, by name.
    """

    name: str
    began_at: datetime
    reports: Mapping[str, StoredReport] = field(default_factory=dict)
    begun: Mapping[str, Begun] = field(default_factory=dict)

    def left(self, tables: Sequence[ComparedTable]) -> list[ComparedTable]:
        """The tables that have no report yet; those that were cut off come last, so that they stop no other."""
        left = [one for one in tables if str(one.table) not in self.reports]
        return sorted(left, key=lambda one: self.attempts(str(one.table)))

    def attempts(self, table: str) -> int:
        """How often comparing a table began without coming to a report."""
        return self.begun[table].attempt_count if table in self.begun else 0

    def checkpoint(self, table: str) -> Checkpoint | None:
        """From where the comparison of a table that was cut off can go on."""
        begun = self.begun.get(table)
        if begun is None or begun.checkpoint is None:
            return None
        # One that another version of Holdfast left is worth less than the trouble of reading it.
        with suppress(KeyError, ValueError, TypeError):
            return Checkpoint.from_document(begun.checkpoint)
        return None

    def saving(self, run_id: str, started_at: datetime, ended_at: datetime) -> Saving:
        """What a report of this round is stored with."""
        return Saving(round=self.name, round_at=self.began_at, run_id=run_id, started_at=started_at, ended_at=ended_at)


def table_names(tables: Sequence[ComparedTable]) -> list[str]:
    """Their names as reports have them."""
    return [str(one.table) for one in tables]


def open_round(db: Transaction, asked: Asked, *, run_id: str, now: datetime) -> Round:
    """The round to go on with: one of this name that is under way or was cut off, or that this very run has worked on.

    A new one where there is none, or where it began too long ago.
    """
    which = {"round": asked.name, "run_id": run_id, "oldest_at": now - RESUME_WITHIN}
    began_at = db.value("consistency/open_round", **which)
    if began_at is not None:
        return read_round(db, asked.name, began_at)
    db.execute("consistency/begin_round", round=asked.name, round_at=now, table_names=table_names(asked.tables))
    return Round(name=asked.name, began_at=now)


def end_round(db: Transaction, round_: Round, busy: Sequence[str]) -> None:
    """A run that came to its end leaves nothing to go on with, but for the tables that another run is at."""
    db.execute("consistency/end_round", round=round_.name, round_at=round_.began_at, busy=list(busy))


def read_round(db: Transaction, name: str, began_at: datetime) -> Round:
    """How far a round is."""
    which = {"round": name, "round_at": began_at}
    reports = db.fetch("consistency/reports_of_round", StoredReport, **which)
    begun = db.fetch("consistency/begun", Begun, **which)
    return Round(
        name=name,
        began_at=began_at,
        reports={one.table_name: one for one in reports},
        begun={one.table_name: one for one in begun},
    )


def begin_table(db: Transaction, round_: Round, table: str) -> None:
    """Remember that comparing a table begins: should it be cut off, the next run knows."""
    db.execute("consistency/begin_table", round=round_.name, round_at=round_.began_at, table_name=table)
