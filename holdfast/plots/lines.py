"""Series over time as lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from holdfast.plots.picture import (
    BLUE,
    FRAME,
    GREEN,
    INLINE_LIMIT,
    LEFT,
    VERMILION,
    across,
    finite,
    image,
    short,
    text,
    x_of,
    y_of,
)

Points = Sequence[tuple[datetime, float | None]]

MOST_POINTS: Final = 48
LEAST_POINTS: Final = 12
# Letters of a name or a unit; fewer, and in the end none, where they leave no room for the points.
NAME_LETTERS: Final = (24, 8, 0)
COLOURS: Final = (BLUE, VERMILION, GREEN)


def line_chart(series: Mapping[str, Points], *, unit: str) -> str:
    """Up to three series over time as a Markdown image, y from 0 to the largest value.

    A None breaks the line: a gap in the data is a gap in the picture, and so is what is not a finite number. More
    points than fit are averaged, and names that leave no room for them are cut.
    """
    shown = {name: [(at, finite(value)) for at, value in series[name]] for name in list(series)[: len(COLOURS)]}
    if not any(value is not None for points in shown.values() for _, value in points):
        return "no data yet"
    for letters in NAME_LETTERS:
        for most in range(MOST_POINTS, LEAST_POINTS - 1, -2):
            markdown = image(_parts(shown, unit, most, letters))
            if len(markdown) <= INLINE_LIMIT:
                return markdown
    return markdown


def _parts(series: Mapping[str, Points], unit: str, most: int, letters: int) -> str:
    instants = [at for points in series.values() for at, _ in points]
    first, last = min(instants), max(instants)
    high = max((v for points in series.values() for _, v in points if v is not None), default=0.0)
    high = high if high > 0 else 1.0
    parts = [FRAME]
    names = []
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        placed = [(across(at, first, last), value) for at, value in points]
        parts.append(f"<path d='{line(_thinned(placed, most), 0.0, high)}' stroke='{colour}' fill='none'/>")
        names.append(f"<tspan fill='{colour}'>{text(name, letters)}</tspan>")
    parts += [
        f"<text x='0' y='14'>{short(high)}{text(unit, letters)}</text>",
        f"<text x='{LEFT}' y='100'>{first:%d %H:%M} – {last:%d %H:%M} UTC {' '.join(names)}</text>",
    ]
    return "".join(parts)


def _thinned(placed: Sequence[tuple[float, float | None]], most: int) -> list[tuple[float, float | None]]:
    """At most ``most`` points: equal shares of the time axis, each with the mean of what falls into it."""
    thinned: list[tuple[float, float | None]] = []
    for share, members in groupby(sorted(placed, key=lambda p: p[0]), key=lambda p: min(int(p[0] * most), most - 1)):
        known = [value for _, value in members if value is not None]
        thinned.append(((share + 0.5) / most, sum(value / len(known) for value in known) if known else None))
    return thinned


def line(points: Sequence[tuple[float, float | None]], low: float, high: float) -> str:
    """The path through points (share of the width, value), broken at None; ``low`` and ``high`` are the axis' ends."""
    path, is_down = "", False
    for share, value in points:
        if value is None:
            is_down = False
            continue
        path += f"{'L' if is_down else 'M'}{x_of(share)},{y_of((value - low) / (high - low))}"
        is_down = True
    # A point without a neighbour is drawn as the shortest line.
    return f"{path}h1" if path else ""
