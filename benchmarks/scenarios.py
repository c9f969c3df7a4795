"""Failures that were played on a simulated fleet: what of them is found, how soon, and what pages for nothing.

``python -m benchmarks.scenarios [--seeds 10] [--drills 2]`` plays two ready-made scenarios, ``report`` (ten servers, 14
days of learning, 21 failures of seven kinds in ten days) and ``cascade``, on many seeds: the pure chain from simulated
slots to incidents. A few seeds are played again through the real one, collector to Postgres, and must come to the same
incidents to the last word. The peer is what people build in a dashboard, a band of the usual value at that time of the
day plus and minus so many times the usual distance, with the number that gives it as many false pages as we have.
"""

import argparse
import logging
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.report import Line, processor, say, show
from holdfast.metrics.catalog import BY_NAME
from holdfast.scenarios.fleet import LARGER_FLEET
from holdfast.scenarios.outcome import Found, Outcome, Result, by_kind
from holdfast.scenarios.play import SLOT_S, world_slots
from holdfast.scenarios.rehearsal import Play, play_of, rehearse
from orchestration.drill import EmbeddedStage
from resources.scenarios.drill import drill
from resources.scenarios.ready import find_scenario

# Alertmanager's repeat_interval: what goes on pages again after four hours.
REPEAT_S: Final = 4 * 3600
DAY_SLOTS: Final = 86_400 // SLOT_S
LOG: Final = logging.getLogger("benchmarks.scenarios")


@dataclass(frozen=True, slots=True)
class Band:
    """The peer's view of a play: how far each server is from its band, in usual distances.

    Attributes:
        play: the play.
        starts_s: the slots that were played.
        farthest: by server, of its metrics the farthest in every slot.
    """

    play: Play
    starts_s: npt.NDArray[np.int64]
    farthest: dict[str, npt.NDArray[np.float64]]

    def outcome(self, times: float) -> Outcome:
        """What it finds when it pages beyond so many usual distances."""
        incidents = []
        for server_id, farthest in self.farthest.items():
            for at_s in _repeated(self.starts_s[farthest >= times]):
                incidents.append(Found(len(incidents), server_id, frozenset({server_id}), (at_s,), None, ""))
        return self.play.outcome(incidents)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="seeds of each scenario")
    parser.add_argument("--drills", type=int, default=2, help="seeds of each that are played through real stores too")
    parser.add_argument("--quick", action="store_true", help="a small version, to see that it works")
    asked = parser.parse_args()
    seeds, drills = (range(1), 1) if asked.quick else (range(asked.seeds), min(asked.drills, asked.seeds))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        ours = _played(pool, _report, seeds, "report")
        cascades = _played(pool, _cascade, seeds, "cascade")
        bands = list(pool.map(_band, seeds))
    lines = [*_kinds(ours, bands), *_cascades(cascades), *_drilled(ours, cascades, drills)]
    title = (
        f"failure scenarios: {len(seeds)} seeds, {sum(one.server_days for one in ours):.0f} server-days; {processor()}"
    )
    show(title, lines, _notes(ours))


def _report(seed: int) -> Outcome:
    return rehearse(play_of(find_scenario("report"), LARGER_FLEET, seed))


def _cascade(seed: int) -> Outcome:
    return rehearse(play_of(find_scenario("cascade"), LARGER_FLEET, seed))


def _played(pool: ProcessPoolExecutor, play: Callable[[int], Outcome], seeds: range, name: str) -> list[Outcome]:
    outcomes = []
    for seed, outcome in zip(seeds, pool.map(play, seeds), strict=True):
        found = f"{outcome.detected} of {len(outcome.results)} found, {len(outcome.false_pages)} false pages"
        say(f"{name}, seed {seed}: {found}")
        outcomes.append(outcome)
    return outcomes


def _band(seed: int) -> Band:
    play = play_of(find_scenario("report"), LARGER_FLEET, seed)
    slots = world_slots(play.world, play.start_s, play.until_s)
    learned = (play.live_s - play.start_s) // SLOT_S
    farthest: dict[str, npt.NDArray[np.float64]] = {}
    for (server_id, metric), (at_s, values) in slots.items():
        days = values[:learned].reshape(-1, DAY_SLOTS)
        usual = np.median(days, axis=0)
        distance = max(float(np.median(np.abs(days - usual))), BY_NAME[metric].value(1))
        off = np.abs(values[learned:] - usual[(at_s[learned:] % 86_400) // SLOT_S]) / distance
        farthest[server_id] = np.maximum(farthest.get(server_id, 0.0), off)
    return Band(play, at_s[learned:], farthest)


def _repeated(found_s: npt.NDArray[np.int64]) -> Iterable[int]:
    """When it pages: at once, and again every four hours while it goes on."""
    last_s = -REPEAT_S
    for at_s in found_s.tolist():
        if at_s - last_s >= REPEAT_S:
            last_s = at_s
            yield at_s


def _kinds(ours: Sequence[Outcome], bands: Sequence[Band]) -> Iterable[Line]:
    times, peer = _as_loud(bands, _false_pages(ours))
    say(f"the peer pages beyond {times:.1f} usual distances")
    theirs = {one.kind: one for one in by_kind(_results(peer))}
    for kind in by_kind(_results(ours)):
        delay = "" if kind.delay_s is None else f", {kind.delay_s / 60:.0f} min"
        other = theirs[kind.kind].recall
        yield Line(
            f"{kind.kind}: recall, median delay ({kind.failures})",
            f"{_share(kind.detected, kind.failures)}{delay}",
            f"{other:.2f}",
            f"{kind.recall / other:.1f}" if other else "",
            ".85",
            ".95",
        )
    found, played = sum(one.detected for one in ours), sum(len(one.results) for one in ours)
    of_peer = sum(one.detected for one in peer) / played
    yield Line(
        f"all seven kinds: recall ({played})",
        _share(found, played),
        f"{of_peer:.2f}",
        f"{found / played / of_peer:.1f}" if of_peer else "",
        ".85",
        ".95",
    )
    pages = f"{_false_pages(ours):.2f} ({min(map(_rate, ours)):.2f}-{max(map(_rate, ours)):.2f})"
    yield Line("false pages per server and day", pages, f"{_false_pages(peer):.2f}", "", "1", "0.2")


def _as_loud(bands: Sequence[Band], rate: float) -> tuple[float, list[Outcome]]:
    """The peer with the narrowest band that pages for nothing no more often than we do."""
    low, high = 1.0, 1000.0
    for _ in range(20):
        times = sqrt(low * high)
        low, high = (low, times) if _false_pages([one.outcome(times) for one in bands]) <= rate else (times, high)
    return high, [one.outcome(high) for one in bands]


def _cascades(outcomes: Sequence[Outcome]) -> Iterable[Line]:
    results = _results(outcomes)
    whole, seeds = sum(result.is_whole for result in results), len(results)
    delays = [result.delay_s for result in results if result.delay_s is not None]
    delay = f", {statistics.median(delays) / 60:.0f} min" if delays else ""
    must, aim = f"{round(0.9 * seeds)} of {seeds}", f"{seeds} of {seeds}"
    yield Line("cascade: one incident, root first, delay", f"{whole} of {seeds}{delay}", "", "", must, aim)


def _drilled(ours: Sequence[Outcome], cascades: Sequence[Outcome], drills: int) -> Iterable[Line]:
    for name, pure in (("report", ours), ("cascade", cascades)):
        equal = 0
        for seed in range(drills):
            played = drill(EmbeddedStage(), play_of(find_scenario(name), LARGER_FLEET, seed), log=LOG)
            equal += played == pure[seed]
            say(f"{name}, seed {seed}, through real stores: {'the same' if played == pure[seed] else 'DIFFERENT'}")
        all_of = f"{drills} of {drills}"
        yield Line(f"{name}: through real stores the same", f"{equal} of {drills}", "", "", all_of, all_of)


def _notes(ours: Sequence[Outcome]) -> Iterable[str]:
    yield "in brackets Wilson's 90 % interval of a share, and the least and the most of the seeds"
    yield f"of the found failures the root is named right in {_right(ours):.0%}"
    missed = [result for result in _results(ours) if result.is_missed]
    for result in missed[:20]:
        yield f"missed: {result.kind} on {result.server}, {', '.join(result.metrics)}"


def _right(outcomes: Sequence[Outcome]) -> float:
    roots = [one.is_root_right for one in _results(outcomes) if one.is_root_right is not None]
    return sum(roots) / len(roots) if roots else 0.0


def _results(outcomes: Iterable[Outcome]) -> list[Result]:
    return [result for one in outcomes for result in one.results]


def _rate(outcome: Outcome) -> float:
    return outcome.false_pages_a_server_day


def _false_pages(outcomes: Sequence[Outcome]) -> float:
    return sum(len(one.false_pages) for one in outcomes) / sum(one.server_days for one in outcomes)


def _share(part: int, whole: int) -> str:
    """A share with Wilson's 90 % interval. Source: E. B. Wilson, JASA 22 (1927)."""
    z, share = 1.645, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return f"{share:.2f} ({max(middle - half, 0):.2f}-{min(middle + half, 1):.2f})"


if __name__ == "__main__":
    main()
