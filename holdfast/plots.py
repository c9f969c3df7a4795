"""Small line charts for places where people look rather than read.

Dagster's UI shows a picture in a metadata table only while its Markdown stays below 1000 characters; a longer one hides
behind "Show Markdown". So a chart is drawn with as many points as fit, in whole pixels, percent-encoded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from math import isfinite
from typing import Final
from urllib.parse import quote

Points = Sequence[tuple[datetime, float | None]]

INLINE_LIMIT: Final = 999
MOST_POINTS: Final = 48
LEAST_POINTS: Final = 12
# Letters of a name or a unit; fewer, and in the end none, where they leave no room for the points.
NAME_LETTERS: Final = (24, 8, 0)
# Okabe and Ito, "Color Universal Design": told apart by colour-blind eyes as well.
COLOURS: Final = ("#07b", "#d50", "#096")
LEFT, RIGHT, TOP, BOTTOM = 36, 400, 8, 88


def line_chart(series: Mapping[str, Points], *, unit: str) -> str:
    """Up to three series over time as a Markdown image, y from 0 to the largest value.

    A None breaks the line: a gap in the data is a gap in the picture, and so is what is not a finite number. More
    points than fit are averaged, and names that leave no room for them are cut.
    """
    shown = {name: [(at, _finite(value)) for at, value in series[name]] for name in list(series)[: len(COLOURS)]}
    if not any(value is not None for points in shown.values() for _, value in points):
        return "no data yet"
    for letters in NAME_LETTERS:
        for most in range(MOST_POINTS, LEAST_POINTS - 1, -2):
            markdown = _image(_svg(shown, unit, most, letters))
            if len(markdown) <= INLINE_LIMIT:
                return markdown
    return markdown


def _svg(series: Mapping[str, Points], unit: str, most: int, letters: int) -> str:
    instants = [at for points in series.values() for at, _ in points]
    first, last = min(instants), max(instants)
    high = max((v for points in series.values() for _, v in points if v is not None), default=0.0)
    high = high if high > 0 else 1.0
    span_s = (last - first).total_seconds() or 1.0
    parts = [f"<path d='M{LEFT},{TOP}V{BOTTOM}H{RIGHT}' stroke='#999' fill='none'/>"]
    names = []
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        placed = [((at - first).total_seconds() / span_s, value) for at, value in points]
        parts.append(f"<path d='{_path(_thinned(placed, most), high)}' stroke='{colour}' fill='none'/>")
        names.append(f"<tspan fill='{colour}'>{_text(name, letters)}</tspan>")
    parts += [
        f"<text x='0' y='14'>{_short(high)}{_text(unit, letters)}</text>",
        f"<text x='{LEFT}' y='100'>{first:%d %H:%M} – {last:%d %H:%M} UTC {' '.join(names)}</text>",
    ]
    return f"<svg xmlns='http://www.w3.org/2000/svg' width='410' height='104' font-size='10'>{''.join(parts)}</svg>"


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _text(words: str, letters: int) -> str:
    """At most so many letters of it, as text inside of XML."""
    return escape("".join(letter for letter in words if letter.isprintable())[:letters])


def _thinned(placed: Sequence[tuple[float, float | None]], most: int) -> list[tuple[float, float | None]]:
    """At most ``most`` points: equal shares of the time axis, each with the mean of what falls into it."""
    thinned: list[tuple[float, float | None]] = []
    for share, members in groupby(sorted(placed, key=lambda p: p[0]), key=lambda p: min(int(p[0] * most), most - 1)):
        known = [value for _, value in members if value is not None]
        thinned.append(((share + 0.5) / most, sum(value / len(known) for value in known) if known else None))
    return thinned


def _path(points: Sequence[tuple[float, float | None]], high: float) -> str:
    path, is_down = "", False
    for share, value in points:
        if value is None:
            is_down = False
            continue
        x, y = LEFT + round(share * (RIGHT - LEFT)), BOTTOM - round(min(max(value / high, 0.0), 1.0) * (BOTTOM - TOP))
        path += f"{'L' if is_down else 'M'}{x},{y}"
        is_down = True
    # A point without a neighbour is drawn as the shortest line.
    return f"{path}h1" if path else ""


def _image(svg: str) -> str:
    return f"![plot](data:image/svg+xml,{quote(svg, safe=_SAFE)})"


# What may stand in an address inside Markdown as it is.
_SAFE: Final = "'/:;,=-.$!*+~@&?"


def _short(value: float) -> str:
    return f"{value:.0f}" if 100 <= value < 1_000_000 else f"{value:.3g}"
