"""Copies are read back from their vaults and hashed: what the books promise is there, and is whole."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from holdfast.errors import HoldfastError, NotInVaultError, StoppedError
from holdfast.media.proofs import Comparison, Proof, Verdict
from holdfast.media.readings import Ask, DueCopy, NotMended, Reading, Report, Standing, Week
from holdfast.media.vaults import MediaVault
from resources.media.projecting import Projector
from resources.media.streaming import blocks
from resources.postgres import Postgres

Say = Callable[[str], None]
_SAY_S: Final = 10.0
_LOOK_S: Final = 60.0
_WAIT_S: Final = 1.0
_MOST: Final = 20_000
_BATCH: Final = 50
# So many missing in a vault, and not one whole: more likely it is another vault than that all of them are lost.
_SUSPICIOUS: Final = 3
_MB: Final = 1e6


class ReadingBack:
    """One run: reads what is due, and lets what is not whole be made anew."""

    def __init__(self, postgres: Postgres, vaults: Mapping[str, MediaVault], *, run: str, say: Say) -> None:
        """Asks nothing yet.

        Args:
            postgres: the books.
            vaults: by label.
            run: who reads, for people who look.
            say: hears of progress every ten seconds, and of every copy that is not whole.
        """
        self._postgres, self._vaults, self._run, self._say = postgres, vaults, run, say
        self._stop = threading.Event()
        self._whole: Counter[str] = Counter()
        self._held: list[Reading] = []

    def run(self, ask: Ask) -> Report:
        """Read back what is due, the longest unproven first.

        Nothing is begun while files of the rescue window wait: they need the line more. A copy that is damaged or
        missing goes back to those that wait, once it was read twice; its old file stays in the vault.

        Raises:
            TransientError: the books are away. What was written down stays, the next run goes on.
        """
        began_s = time.monotonic()
        report = Report(urgent_items=self._urgent())
        due = [] if report.urgent_items else self._due(ask)
        report.due_copies = len(due)
        try:
            for readings in self._read_all(due, ask, report, began_s):
                self._write_down(readings, report)
        finally:
            self._stop.set()
        self._give_back(report)
        with self._postgres.transaction() as db:
            db.execute("media_reading/forget_old_readings")
        report.seconds = time.monotonic() - began_s
        return report

    def _urgent(self) -> int:
        with self._postgres.transaction() as db:
            return int(db.value("media_reading/urgent", vaults=list(self._vaults)))

    def _due(self, ask: Ask) -> list[DueCopy]:
        told = {"weeks": ask.weeks, "slices": ask.slices, "most_bytes": ask.max_bytes, "most": _MOST}
        with self._postgres.transaction() as db:
            return db.fetch("media_reading/due", DueCopy, vaults=list(self._vaults), **told)

    def _read_all(self, due: Sequence[DueCopy], ask: Ask, report: Report, began_s: float) -> Iterator[list[Reading]]:
        """Readings as they come, a few at once; ends early where time is up or something urgent waits."""
        waiting, running, done = list(reversed(due)), set[Future[Reading]](), list[Reading]()
        said_s = looked_s = time.monotonic()
        with ThreadPoolExecutor(ask.workers, thread_name_prefix="media-reading") as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < ask.workers:
                        running.add(pool.submit(self._read, waiting.pop()))
                    ended, running = wait(running, timeout=_WAIT_S, return_when=FIRST_COMPLETED)
                    done += [one.result() for one in ended]
                    now_s = time.monotonic()
                    if len(done) >= _BATCH or now_s - said_s > _SAY_S:
                        yield done
                        done, said_s = [], now_s
                        self._say(_progress(report, now_s - began_s))
                    if now_s - looked_s > _LOOK_S:
                        looked_s, report.urgent_items = now_s, self._urgent()
                    if report.urgent_items or now_s - began_s > ask.max_seconds:
                        waiting.clear()
            finally:
                self._stop.set()
        yield done

    def _read(self, copy: DueCopy) -> Reading:
        """Read a copy; once more where it is not whole, so that a bad line condemns nothing."""
        began_s = time.monotonic()
        reading = self._read_once(copy, began_s)
        return reading if reading.verdict in ("whole", None) else self._read_once(copy, began_s)

    def _read_once(self, copy: DueCopy, began_s: float) -> Reading:
        comparison = Proof(size_bytes=copy.size_bytes, sha256=copy.sha256).begin()
        verdict: Verdict | None = None
        try:
            self._compare(copy, comparison)
            problem = comparison.difference()
            verdict = "damaged" if problem else "whole"
            if not problem and self._is_in_the_bin(copy):
                verdict, problem = "missing", "it is in the vault's bin, which is emptied by itself"
        except NotInVaultError:
            verdict, problem = "missing", "the vault has no such file"
        except StoppedError:
            problem = "the run ended before it was read"
        except HoldfastError as error:
            problem = str(error)
        return Reading(
            copy=copy,
            verdict=verdict,
            read_bytes=comparison.size_bytes,
            seconds=time.monotonic() - began_s,
            found_sha256=comparison.sha256 if comparison.size_bytes else None,
            problem=problem,
        )

    def _compare(self, copy: DueCopy, comparison: Comparison) -> None:
        for block in blocks(self._vaults[copy.vault], copy.remote_id, stop=self._stop):
            comparison.feed(block)
            if comparison.is_too_long:
                return

    def _is_in_the_bin(self, copy: DueCopy) -> bool:
        """Whether the vault (Drive) still gives a file that somebody has thrown away; others have no bin."""
        vault = self._vaults[copy.vault]
        return vault.draws_ids and vault.find(copy.remote_id) is None

    def _write_down(self, readings: Sequence[Reading], report: Report) -> None:
        """Whole copies at once; what is not whole is held until it is known whether its vault is the right one."""
        for one in readings:
            report.read_bytes += one.read_bytes
            if one.verdict is None:
                report.unread_copies += 1
                report.unread.append(one)
                continue
            report.verdicts[one.verdict] += 1
            if one.verdict == "whole":
                self._whole[one.copy.vault] += 1
            else:
                self._held.append(one)
                report.bad.append(one)
                self._say(f"not whole: {one}")
        if whole := [one for one in readings if one.verdict == "whole"]:
            with self._postgres.transaction() as db:
                db.execute("media_reading/write_down", run=self._run, **_columns(whole))

    def _give_back(self, report: Report) -> None:
        """Let new copies be made of those that are not whole, and tell the application's rows."""
        missing = Counter(one.copy.vault for one in self._held if one.verdict == "missing")
        report.suspicious = {
            vault: count for vault, count in missing.items() if count >= _SUSPICIOUS and not self._whole[vault]
        }
        bad = [one for one in self._held if one.copy.vault not in report.suspicious]
        if bad:
            with self._postgres.transaction() as db:
                db.execute("media_reading/write_down", run=self._run, **_columns(bad))
                told = {name: values for name, values in _columns(bad).items() if name in _GIVEN_BACK}
                items = [item_id for (item_id,) in db.rows("media_reading/give_back", **told)]
                Projector().tell(db, items)


_GIVEN_BACK: Final = ("item_ids", "vaults", "remote_ids", "verdicts", "problems")


def _columns(readings: Sequence[Reading]) -> dict[str, list[object]]:
    return {
        "item_ids": [one.copy.item_id for one in readings],
        "vaults": [one.copy.vault for one in readings],
        "remote_ids": [one.copy.remote_id for one in readings],
        "verdicts": [one.verdict for one in readings],
        "seconds": [one.seconds for one in readings],
        "read_bytes": [one.read_bytes for one in readings],
        "found": [one.found_sha256 for one in readings],
        "problems": [f"read back: {one.problem}" if one.problem else "" for one in readings],
    }


def _progress(report: Report, seconds: float) -> str:
    left = report.left_copies
    rate = report.read_bytes / seconds if seconds else 0.0
    return (
        f"{report.read_copies} of {report.due_copies} copies read back, {report.read_bytes / _MB:.1f} MB at "
        f"{rate / _MB:.1f} MB/s, {left} left"
    )


def standing(postgres: Postgres, vaults: Sequence[str], weeks: int) -> tuple[Standing, list[Week], list[NotMended]]:
    """How well the copies of these vaults are proven, the readings of half a year, and what waits to be made anew."""
    with postgres.transaction() as db:
        (found,) = db.fetch("media_reading/standing", Standing, vaults=list(vaults), weeks=weeks)
        read = db.fetch("media_reading/readings_by_week", Week)
        return found, read, db.fetch("media_reading/not_mended", NotMended)
