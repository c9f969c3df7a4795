"""How a benchmark speaks: one text table on stdout, progress on stderr, ways measured in turns."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_BEGAN_S = time.monotonic()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        measure: what was measured, with its unit.
        ours: what Holdfast needs.
        peer: what the other way needs; empty where there is none.
        ratio: ours ÷ peer, or what the limits are put against.
        must: the limit that holds.
        aim: the limit that is wished for.
    """

    measure: str
    ours: str
    peer: str = ""
    ratio: str = ""
    must: str = ""
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of every round of one way."""

    rounds_s: Sequence[float]

    @property
    def median_s(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds_s)

    def __str__(self) -> str:
        unit, scale = ("s", 1.0) if self.median_s >= 1 else ("ms", 1e3)
        median, least, most = (f"{s * scale:.3g}" for s in (self.median_s, min(self.rounds_s), max(self.rounds_s)))
        return f"{median} {unit} ({least}-{most})"


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Timing]:
    """Measure every way once per round, in turns, after one round that does not count.

    A way says how many seconds it took: what it does before and after is its own affair.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, measure in ways.items():
            seconds = measure()
            if number:
                taken[name].append(seconds)
        say(f"round {number} of {rounds}")
    return {name: Timing(seconds) for name, seconds in taken.items()}


def show(title: str, lines: Sequence[Line], notes: Sequence[str] = ()) -> None:
    """Print the table."""
    head = Line("measure", "ours", "peer", "ratio", "must", "aim")
    cells = [(x.measure, x.ours, x.peer, x.ratio, x.must, x.aim) for x in (head, *lines)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    print(title)
    for number, row in enumerate(cells):
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        if not number:
            print("  ".join("-" * width for width in widths))
    for note in notes:
        print(f"- {note}")
    print(flush=True)


def say(what: str) -> None:
    """A line of progress, with the seconds since the start."""
    print(f"{time.monotonic() - _BEGAN_S:7.1f} s  {what}", file=sys.stderr, flush=True)


def processor() -> str:
    """The machine, for a title."""
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
