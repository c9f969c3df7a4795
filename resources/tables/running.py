"""One comparison under way: which look at which moment, and what it leaves."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from psycopg import DataError

from holdfast.consistency.comparing import Outcome, conclude, report_of
from holdfast.consistency.finding import Pairs, find, find_changes, find_in_window
from holdfast.consistency.layouts import Layout, hashed
from holdfast.consistency.marks import unusable
from holdfast.consistency.pairing import NotComparableError, Pairing, pair
from holdfast.consistency.rechecking import Settled, recheck
from holdfast.consistency.reports import Comparison, Coverage, Mark, Mode, Status, StoreMark, TableReport
from holdfast.consistency.scans import Checkpoint, Pace, SideProgress
from holdfast.consistency.sides import Both, Sums
from holdfast.consistency.tables import ComparedTable, Side
from holdfast.errors import PermanentError, StatementTimeoutError, TooManyChangesError
from resources.postgres import Transaction
from resources.tables.asking import Listener, Options
from resources.tables.both import BothSides
from resources.tables.moments import SIDES, Lines, Moment
from resources.tables.reading import missing, read_moment, read_table, storage_of
from resources.tables.sampling import ends_of, estimated_rows, layout_of
from resources.tables.side import PostgresSide
from resources.tables.slicing import Progress, Slicer

# What share of a table a window of a day is taken to hold, for the number of its buckets.
_WINDOW_SHARE: Final = 20


@dataclass(slots=True, kw_only=True)
class Run:
    """One comparison under way."""

    lines: Lines
    declared: ComparedTable
    mode: Mode
    since: datetime | None
    mark: Mark | None
    options: Options
    listener: Listener
    checkpoint: Checkpoint | None
    seed: int
    asked: list[BothSides] = field(default_factory=list)
    done_share: dict[Side, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    json_columns: tuple[str, ...] = ()
    looked_at_s: float = 0.0
    lock: Lock = field(default_factory=Lock)

    @property
    def bytes_received(self) -> int:
        """From both stores, in all moments."""
        return sum(both.bytes_received for both in self.asked)

    def compared(self) -> Comparison:
        """The comparison, with a status for whatever the table itself does not allow."""
        try:
            return self._compared()
        except NotComparableError as error:
            return self._without(error.status, str(error))
        except StatementTimeoutError as error:
            share = min((self.done_share.get(side, 0.0) for side in SIDES), default=0.0)
            reason = f"{error}; nothing is said of the table. Allow more (statement_timeout_s), or compare it at night."
            return self._without("incomplete", reason, Coverage(is_complete=False, share=share, since=self.since))
        except PermanentError as error:
            if self._may_read_json_as_written(error):
                return self.compared()
            return self._without("error", str(error))

    def _may_read_json_as_written(self, error: PermanentError) -> bool:
        """Whether a json document that jsonb cannot hold (a number too large, half a character) is in the way."""
        if self.declared.meanings.keys() >= set(self.json_columns) or not isinstance(error.__cause__, DataError):
            return False
        names = ", ".join(self.json_columns)
        self.notes.append(f"{names}: a document is none that jsonb can hold, so all are compared as they are written")
        meanings = dict.fromkeys(self.json_columns, "different") | dict(self.declared.meanings)
        self.declared = replace(self.declared, meanings=meanings)  # type: ignore[arg-type]
        return True

    def _without(self, status: Status, reason: str, coverage: Coverage | None = None) -> Comparison:
        found = coverage or Coverage(is_complete=False, share=0.0, since=self.since)
        table = str(self.declared.table)
        return Comparison(
            report=TableReport(
                table=table,
                mode=self.mode,
                status=status,
                reason=reason,
                coverage=found,
                notes=tuple(self.notes),
            )
        )

    def _compared(self) -> Comparison:
        with self.lines.moment() as moment:
            pairing = self._pairing(moment)
            self._choose_mode(pairing)
            marks = self._marks(moment, pairing)
            try:
                pairs, rows = self._find(moment, pairing, marks)
            except TooManyChangesError:
                self._fall_back("so much changed that all of it is compared")
                pairs, rows = self._find(moment, pairing, marks)
            self.looked_at_s = time.monotonic()
        settled = recheck(pairs.kept, self.options.recheck_rounds, lambda: self._again(pairing), self._wait)
        outcome = self._outcome(pairing, pairs, settled, rows)
        report = report_of(str(self.declared.table), self.mode, pairing, outcome, max_keys=self.options.max_keys)
        since = self.since if self.mode == "window" else None
        return Comparison(
            report=replace(report, notes=(*report.notes, *self.notes), coverage=Coverage(since=since)),
            seed=self.seed,
            differences=outcome.differences,
            mark=self._next_mark(pairing, pairs, settled, marks),
        )

    def _outcome(self, pairing: Pairing, pairs: Pairs, settled: Settled, rows: tuple[int, int]) -> Outcome:
        if not pairs.kept and not pairs.formed:
            return Outcome(rows=rows)
        known_open = None if self.mark is None else frozenset(self.mark.open_keys)
        with self._again(pairing) as both:
            return conclude(both, pairing, pairs, settled, rows, sample=self.options.sample, known_open=known_open)

    @contextmanager
    def _again(self, pairing: Pairing) -> Iterator[Both]:
        with self.lines.moment() as moment:
            both = self._sides(moment, pairing)
            yield both
        self.looked_at_s = time.monotonic()

    def _wait(self, _: int) -> None:
        time.sleep(max(0.0, self.looked_at_s + self.options.recheck_delay_s - time.monotonic()))

    def _pairing(self, moment: Moment) -> Pairing:
        name = self.declared.table
        tables = moment.ask(lambda side: read_table(moment.of(side), name))
        a, b = tables["a"], tables["b"]
        if a is None or b is None:
            raise missing(name, a, b)
        pairing = pair(a, b, self.declared)
        self.json_columns = tuple(column.name for column in pairing.columns if column.form == "json")
        return pairing

    def _choose_mode(self, pairing: Pairing) -> None:
        if self.mode != "window":
            return
        column = self.declared.updated_at
        if column and all(pairing.of(side).column(column) for side in SIDES) and self.since:
            return
        what = f"has no column {column}" if column else "has no time column"
        if estimated_rows(pairing) > self.options.small_rows:
            raise NotComparableError(
                "not_comparable",
                f"the table {what}, so what changed in a window cannot be told; exact checks compare it by increments",
            )
        self._fall_back(f"the table {what}")

    def _fall_back(self, reason: str) -> None:
        self.notes.append(f"compared in full: {reason}")
        self.mode = "full"

    def _marks(self, moment: Moment, pairing: Pairing) -> dict[Side, StoreMark]:
        marks = moment.ask(lambda side: read_moment(moment.of(side), pairing.of(side)))
        reason = "there is no earlier exact check to build upon" if self.mark is None else None
        if self.mark is not None and (reason := unusable(self.mark, pairing.digest, marks)):
            self.mark = None
        if self.mode == "incremental" and reason:
            self._fall_back(reason)
        return marks

    def _find(self, moment: Moment, pairing: Pairing, marks: dict[Side, StoreMark]) -> tuple[Pairs, tuple[int, int]]:
        limit, width = self.options.max_keys, len(pairing.key)
        if self.mode == "incremental" and self.mark is not None:
            layout = self._layout(moment, pairing)
            progress = {side: SideProgress() for side in SIDES}
            both = self._sides(moment, pairing, progress)
            return find_changes(both, layout, self.mark.open_keys, limit, width)
        if self.mode == "window":
            both = self._sides(moment, pairing, since=self.since)
            return find_in_window(both, hashed(estimated_rows(pairing) // _WINDOW_SHARE), limit, width)
        layout, sums = self._full_sums(moment, pairing, marks)
        both = self._sides(moment, pairing)
        return find(both, layout, sums, limit, width), (sums[0].row_count, sums[1].row_count)

    def _full_sums(
        self, moment: Moment, pairing: Pairing, marks: dict[Side, StoreMark]
    ) -> tuple[Layout, tuple[Sums, Sums]]:
        checkpoint = self._resumed(moment, pairing, marks)
        self.seed = checkpoint.seed
        both = self._sides(moment, pairing, checkpoint.sides, keep=lambda: self.listener.keep(checkpoint))
        both.ask(lambda side: side.sums(checkpoint.layout))
        # What was written after the first slice of a scan that went on later may not be in its sums.
        marks |= {side: one.mark for side, one in checkpoint.sides.items() if one.mark}
        return checkpoint.layout, (checkpoint.sides["a"].sums, checkpoint.sides["b"].sums)

    def _resumed(self, moment: Moment, pairing: Pairing, marks: dict[Side, StoreMark]) -> Checkpoint:
        """The checkpoint that was given, as far as it holds, or a new one."""
        storage = moment.ask(lambda side: storage_of(moment.of(side), pairing.of(side)))
        given = self.checkpoint
        if given is None or given.digest != pairing.digest:
            given = Checkpoint(pairing.digest, self.seed, self._layout(moment, pairing))
        for side in SIDES:
            one = given.sides.get(side)
            if one is None or one.storage != storage[side] or one.mark is None or one.mark.system != marks[side].system:
                given.sides[side] = SideProgress(storage=storage[side], mark=marks[side])
        return given

    def _layout(self, moment: Moment, pairing: Pairing) -> Layout:
        ends = []
        if pairing.range_form == "integer":
            found = moment.ask(lambda side: ends_of(moment.of(side), pairing, side))
            ends = [pair for pair in found.values() if pair is not None]
        fuller: Side = "a" if pairing.a.block_count >= pairing.b.block_count else "b"
        return layout_of(moment.of(fuller), pairing, fuller, ends)

    def _sides(
        self,
        moment: Moment,
        pairing: Pairing,
        progress: dict[Side, SideProgress] | None = None,
        *,
        since: datetime | None = None,
        keep: Callable[[], None] = lambda: None,
    ) -> BothSides:
        made = {
            side: PostgresSide(
                db=moment.of(side),
                pairing=pairing,
                side=side,
                seed=self.seed,
                since_column=self.declared.updated_at if since else None,
                since=since,
                mark_xmin=(self.mark.a if side == "a" else self.mark.b).xmin if self.mark else None,
                slicer=self._slicer(moment.of(side), pairing, side, progress[side], keep) if progress else None,
            )
            for side in SIDES
        }
        both = BothSides(made["a"], made["b"], moment.pool)
        self.asked.append(both)
        return both

    def _slicer(
        self, db: Transaction, pairing: Pairing, side: Side, at: SideProgress, keep: Callable[[], None]
    ) -> Slicer:
        def tell(progress: Progress) -> None:
            self.done_share[side] = progress.done_blocks / max(progress.block_count, 1)
            self.listener.tell(progress)

        return Slicer(
            db=db,
            table=str(self.declared.table),
            side=side,
            block_count=pairing.of(side).block_count,
            at=at,
            pace=Pace(self.options.statement_timeout_s),
            tell=tell,
            keep=keep,
            lock=self.lock,
            rows_per_s=self.options.rows_per_s,
        )

    def _next_mark(self, pairing: Pairing, pairs: Pairs, settled: Settled, marks: dict[Side, StoreMark]) -> Mark | None:
        """What the next incremental comparison starts from; none where not every difference is known by its key."""
        if self.mode == "window" or pairs.unkept:
            return None
        return Mark(
            a=marks["a"],
            b=marks["b"],
            digest=pairing.digest,
            verified_at=datetime.now(UTC),
            open_keys=tuple(sorted({*settled.confirmed, *settled.in_flux})),
        )
