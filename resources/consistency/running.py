"""Comparing the tables of a round, each under both breakers, each stored before the next one begins."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from holdfast.consistency.reports import Comparison, Coverage, Mark, Mode, TableReport
from holdfast.consistency.tables import ComparedTable
from holdfast.errors import HoldfastError
from resources.consistency.keeping import Keeper
from resources.consistency.rounds import (
    MOST_ATTEMPTS,
    Asked,
    Round,
    begin_table,
    end_round,
    open_round,
    read_round,
    table_names,
)
from resources.consistency.store import StoredReport, read_mark, save
from resources.guards.breakers import Breakers
from resources.guards.guarded import guard_both
from resources.postgres import Postgres
from resources.stores import Stores
from resources.tables.asking import Options
from resources.tables.comparing import compare

_POLL_S: Final = 0.5
_NO_TIME: Final = "no column says when a row was written, so a window cannot be told: it was compared by increments"
_CUT_OFF: Final = (
    "comparing it was cut off {count} times in this round, so it was left out: its run was killed, or took too long. "
    "Compare it alone from the Launchpad (tables) and see what ends the run; the next round tries it again"
)

# Called with the report of a table, how many tables of the round are done, and how many there are.
Told = Callable[[StoredReport, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a run came to.

    Attributes:
        round: as it is afterwards, with the reports of earlier runs that it went on from.
        fresh: tables that this run compared.
        unreached: those of them for which a store was away.
        busy: tables that another run was comparing; they are left to it.
    """

    round: Round
    fresh: Sequence[str]
    unreached: Sequence[str]
    busy: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    asked: Asked
    round: Round
    fresh: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)

    def since(self, mode: Mode) -> datetime | None:
        """Where a window begins: also one that is compared later ends its round's way back."""
        return self.round.began_at - timedelta(hours=self.asked.hours) if mode == "window" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparer:
    """The doors of a comparison.

    Attributes:
        postgres: the primary, with Holdfast's own tables.
        run_id: a second report of a run for the same table is not stored.
        options: limits of one comparison.
        told: gets every report as soon as it is stored.
        wait_s: how long to wait, at the end, for tables that another run is at.
        engine: compares one table.
    """

    postgres: Postgres
    stores: Stores
    breakers: Breakers
    run_id: str
    log: logging.Logger
    told: Told
    options: Options
    wait_s: float = 30.0
    engine: Callable[..., Comparison] = compare

    def compare(self, asked: Asked) -> Compared:
        """Compare every table of the round that has no report yet. One table's trouble never stops the others.

        Raises:
            HoldfastError: the primary does not take the reports; what is stored stays, the next run goes on.
        """
        with self.postgres.transaction() as db:
            found = open_round(db, asked, run_id=self.run_id, now=datetime.now(UTC))
        if found.reports:
            done, at = len(found.reports), f"{found.began_at:%Y-%m-%d %H:%M} UTC"
            self.log.info("consistency: going on with the round of %s, %d of %d done", at, done, len(asked.tables))
        work = _Work(asked=asked, round=found)
        later = [one for one in found.left(asked.tables) if not self._try(work, one)]
        deadline_s = time.monotonic() + self.wait_s
        busy = [str(one.table) for one in later if not self._wait_for(work, one, deadline_s)]
        with self.postgres.transaction() as db:
            end_round(db, found, busy)
            after = read_round(db, found.name, found.began_at)
        return Compared(round=after, fresh=work.fresh, unreached=work.unreached, busy=busy)

    def _wait_for(self, work: _Work, declared: ComparedTable, deadline_s: float) -> bool:
        """Try again until another run is through with a table, or until there is no time left."""
        while not self._try(work, declared):
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_POLL_S)
        return True

    def _try(self, work: _Work, declared: ComparedTable) -> bool:
        """Compare a table that has no report; False where another run is at it now."""
        with alone(self.postgres, str(declared.table)) as is_alone:
            if is_alone:
                self._compare_table(work, declared)
        return is_alone

    def _compare_table(self, work: _Work, declared: ComparedTable) -> None:
        """Compare one table and store its report, unless another run did so meanwhile."""
        name, started_at, began_s = str(declared.table), datetime.now(UTC), time.monotonic()
        with self.postgres.transaction() as db:
            if name in read_round(db, work.round.name, work.round.began_at).reports:
                return
            begin_table(db, work.round, name)
            mark = read_mark(db, name)
        comparison = self._compared(work, declared, mark)
        seconds = comparison.report.seconds or time.monotonic() - began_s
        comparison = replace(comparison, report=replace(comparison.report, seconds=seconds))
        with self.postgres.transaction() as db:
            save(db, comparison, work.round.saving(self.run_id, started_at, datetime.now(UTC)))
            reports = read_round(db, work.round.name, work.round.began_at).reports
        work.fresh.append(name)
        wanted = set(table_names(work.asked.tables))
        self.told(reports[name], len(reports.keys() & wanted), len(wanted))

    def _compared(self, work: _Work, declared: ComparedTable, mark: Mark | None) -> Comparison:
        """What the engine says of a table, or why it says nothing."""
        name, (mode, note) = str(declared.table), mode_of(work.asked, declared, mark)
        if work.round.attempts(name) >= MOST_ATTEMPTS:
            return _failed(name, mode, work.since(mode), _CUT_OFF.format(count=MOST_ATTEMPTS))
        keeper = Keeper(postgres=self.postgres, round=work.round.name, table=name, log=self.log)
        try:
            with guard_both(self.breakers, self.stores):
                comparison = self.engine(
                    self.stores,
                    declared,
                    mode=mode,
                    since=work.since(mode),
                    mark=mark,
                    options=self.options,
                    listener=keeper.listener(),
                    checkpoint=work.round.checkpoint(name),
                )
        except HoldfastError as error:
            work.unreached.append(name)
            return _failed(name, mode, work.since(mode), str(error))
        except Exception as error:
            # A table that breaks the comparison must not keep the others from being compared, hour by hour.
            self.log.exception("consistency: %s: the comparison broke", name)
            return _failed(name, mode, work.since(mode), f"the comparison broke: {type(error).__name__}: {error}")
        if not note or comparison.report.rate is None:
            return comparison
        return replace(comparison, report=replace(comparison.report, notes=(note, *comparison.report.notes)))


def mode_of(asked: Asked, declared: ComparedTable, mark: Mark | None) -> tuple[Mode, str]:
    """How a table is compared, and a sentence where that is not what was asked for."""
    if asked.mode == "window" and declared.updated_at is None and mark is not None:
        return "incremental", _NO_TIME
    return asked.mode, ""


@contextmanager
def alone(postgres: Postgres, table: str) -> Iterator[bool]:
    """Whether no other run compares this table now; none begins to until the end of the block."""
    with ExitStack() as stack:
        db = stack.enter_context(postgres.transaction())
        is_alone = bool(db.value("consistency/try_lock", table_name=table))
        try:
            yield is_alone
        finally:
            # Nothing hangs on this transaction: that its line was cut meanwhile is no error of the comparison.
            with suppress(HoldfastError):
                stack.close()


def _failed(table: str, mode: Mode, since: datetime | None, reason: str) -> Comparison:
    coverage = Coverage(is_complete=False, share=0.0, since=since)
    return Comparison(report=TableReport(table=table, mode=mode, status="error", reason=reason, coverage=coverage))
