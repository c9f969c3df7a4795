"""A drill: a scenario played through the real chain, collector to incidents, in its own stores and virtual time."""

import asyncio
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from holdfast.errors import VerificationError
from holdfast.scenarios.chance import DAY_S
from holdfast.scenarios.outcome import Found, Outcome
from holdfast.scenarios.rehearsal import Play, pages_by_incident
from resources import servers
from resources.anomalies.judging import judge_due
from resources.baselines.learner import learn_due
from resources.baselines.slots import roll_slots
from resources.collector import Collector
from resources.metrics.mover import move
from resources.migrations import migrate
from resources.scenarios.stage import Stack, Stage
from resources.sources.simulator import SimulatorSource, VirtualClock
from resources.sources.surprises import Log
from resources.spool import Spool

BATCH_CYCLES: Final = 500
# Simulated incidents must not read like real ones in the log of whoever plays.
_QUIET: Final = logging.getLogger("holdfast.drill")
_QUIET.setLevel(logging.ERROR)


def drill(stage: Stage, play: Play, *, log: Log) -> Outcome:
    """Play a scenario in a stack of its own, as fast as it goes.

    Raises:
        PermanentError: the stack cannot be started.
        VerificationError: a simulated cycle did not arrive whole in the history; the play is worth nothing.
    """
    began_s = time.monotonic()
    with stage.open(log.info) as stack:
        log.info("scenarios: the drill's stores are up after %.1f s", time.monotonic() - began_s)
        with Drill(stack, play) as running:
            running.learn()
            log.info("scenarios: learned %g days after %.1f s", play.scenario.learning_s / DAY_S, _since(began_s))
            for from_s, until_s in play.steps:
                running.watch(from_s, until_s)
            log.info("scenarios: played %g h after %.1f s", play.scenario.plays_s / 3600, _since(began_s))
            return play.outcome(running.found())


class Drill:
    """One play in one stack. Every instant the chain is told is virtual."""

    def __init__(self, stack: Stack, play: Play) -> None:
        self._postgres = stack.postgres
        self._buffer = stack.buffer
        self._play = play
        self._every_s = play.scenario.every_s
        self._clock = VirtualClock(play.start_s)
        self._next_s = play.start_s
        self._pages: list[tuple[int, int]] = []
        source = SimulatorSource(play.world, every_s=self._every_s)
        self._spool = Spool(stack.folder / "spool")
        self._collector = Collector(
            [source], stack.buffer, self._spool, every_s=self._every_s, name=source.name, log=_QUIET, clock=self._clock
        )
        self._loop = asyncio.Runner()

    def __enter__(self) -> "Drill":
        """Make the stores a drill's, with the fleet's templates in them."""
        migrate(self._postgres)
        with self._postgres.transaction() as db:
            db.execute("scenarios/begin_drill", now=_at(self._play.start_s))
        servers.apply(self._postgres, list(self._play.fleet), _at(self._play.start_s))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._collector.close())
        self._loop.close()
        self._spool.close()

    def learn(self) -> None:
        """Let the healthy days pass, and begin to watch where they end."""
        live_s = self._play.live_s
        for day_s in range(self._play.start_s, live_s, DAY_S):
            self._pass_until(day_s + DAY_S)
        roll_slots(self._postgres, _at(live_s))
        with self._postgres.transaction() as db:
            db.execute("anomalies/move_watermark", until_at=_at(live_s))

    def watch(self, from_s: int, until_s: int) -> None:
        """Let [from_s, until_s) pass, judged by what is learned at its start."""
        learn_due(self._postgres, _at(from_s), log=_QUIET)
        self._pass_until(until_s)
        roll_slots(self._postgres, _at(until_s))
        judged = judge_due(self._postgres, _at(until_s), _QUIET, grace=timedelta(0))
        if judged.until_at != _at(until_s):
            raise VerificationError(
                f"expected slots judged until {_at(until_s)}, found {judged.until_at}; the play is worth nothing"
            )
        self._pages += judged.paged

    def found(self) -> list[Found]:
        """The incidents as they are now."""
        with self._postgres.transaction() as db:
            rows = db.rows("scenarios/incidents")
        pages = pages_by_incident({row[0]: row[1] for row in rows}, self._pages)
        return [_found(row, pages[row[0]]) for row in rows if row[0] in pages]

    def _pass_until(self, until_s: int) -> None:
        """Collect and move every cycle up to ``until_s``, which tells that the slot before it is over."""
        expected = self._loop.run(self._collect(until_s))
        self._spool.drain(self._buffer.append)
        with self._postgres.transaction() as db:
            db.execute("scenarios/set_drill_clock", now=_at(until_s))
        moved = move(self._postgres, self._buffer, batch_cycles=BATCH_CYCLES, log=_QUIET)
        if moved.stored_rows != expected * len(self._play.fleet):
            raise VerificationError(
                f"expected {expected} cycles of {len(self._play.fleet)} servers in the history, found "
                f"{moved.stored_rows} rows of {moved.cycles} cycles; the play is worth nothing"
            )

    async def _collect(self, until_s: int) -> int:
        cycles = range(self._next_s, until_s + 1, self._every_s)
        for at_s in cycles:
            self._clock.now_s = at_s
            await self._collector.once(at_s)
        self._next_s = cycles[-1] + self._every_s if cycles else self._next_s
        return len(cycles)


def _found(row: tuple[Any, ...], pages_s: Iterable[int]) -> Found:
    number, _, root, server_ids, closed_s, sentence = row
    return Found(number, root, frozenset(server_ids), tuple(sorted(pages_s)), closed_s, sentence)


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _since(began_s: float) -> float:
    return time.monotonic() - began_s
