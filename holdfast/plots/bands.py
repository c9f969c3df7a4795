"""One series against what is usual, with the moment it left it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from holdfast.plots.lines import line
from holdfast.plots.picture import (
    BLUE,
    BOTTOM,
    FRAME,
    INLINE_LIMIT,
    LEFT,
    TOP,
    VERMILION,
    across,
    finite,
    image,
    short,
    text,
    x_of,
    y_of,
)

MOST_POINTS: Final = 56
LEAST_POINTS: Final = 12
NAME_LETTERS: Final = 28
# An axis begins at 0 unless all of the picture would be in its upper part.
FROM_ZERO_BELOW: Final = 0.5


@dataclass(frozen=True, slots=True)
class Banded:
    """One point of a series and the band it was expected in; None where there is none."""

    at: datetime
    value: float | None
    low: float | None
    high: float | None


def band_chart(points: Sequence[Banded], *, name: str, began: datetime, ended: datetime | None) -> str:
    """A series, its band in grey, and a line where it left the band (and a second where it came back), as Markdown.

    Of more points than fit, the ones furthest from the middle of their band are kept: a spike stays a spike.
    """
    shown = [Banded(p.at, finite(p.value), finite(p.low), finite(p.high)) for p in sorted(points, key=lambda p: p.at)]
    if not any(point.value is not None for point in shown):
        return "no data"
    for most in range(MOST_POINTS, LEAST_POINTS - 1, -2):
        markdown = image(_parts(shown, name, began, ended, most))
        if len(markdown) <= INLINE_LIMIT:
            break
    return markdown


def _parts(points: Sequence[Banded], name: str, began: datetime, ended: datetime | None, most: int) -> str:
    first, last = points[0].at, points[-1].at
    low, high = _axis(points)
    values = [(across(p.at, first, last), p.value) for p in _thinned(points, most)]
    marks = "".join(
        f"M{x_of(across(at, first, last))},{TOP}V{BOTTOM}" for at in (began, ended) if at and first <= at <= last
    )
    return (
        f"{FRAME}<path d='{_band(points, low, high, most // 4)}' fill='#ddd'/>"
        f"<path d='{line(values, low, high)}' stroke='{BLUE}' fill='none'/><path d='{marks}' stroke='{VERMILION}'/>"
        f"<text x='0' y='14'>{short(high)}</text><text x='0' y='{BOTTOM}'>{short(low)}</text>"
        f"<text x='{LEFT}' y='100'>{first:%d %H:%M} – {last:%d %H:%M} UTC {text(name, NAME_LETTERS)}</text>"
    )


def _axis(points: Sequence[Banded]) -> tuple[float, float]:
    known = [value for p in points for value in (p.value, p.low, p.high) if value is not None]
    low, high = min(known), max(known)
    if low >= 0 and low < FROM_ZERO_BELOW * high:
        low = 0.0
    least = max(0.5, abs(high) * 1e-6)
    return (low, high) if high - low > least else (low - least, high + least)


def _thinned(points: Sequence[Banded], most: int) -> list[Banded]:
    first, last = points[0].at, points[-1].at
    shares = groupby(points, key=lambda p: min(int(across(p.at, first, last) * most), most - 1))
    return [max(members, key=_distance) for _, members in shares]


def _distance(point: Banded) -> float:
    if point.value is None:
        return -1.0
    if point.low is None or point.high is None:
        return abs(point.value)
    return abs(point.value - (point.low + point.high) / 2)


def _band(points: Sequence[Banded], low: float, high: float, most: int) -> str:
    """The outline of the band: along its upper edge, and back along its lower one."""
    known = [(p.at, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if not known:
        return ""
    first, last = points[0].at, points[-1].at
    kept = known[:: max(len(known) // most, 1)] + known[-1:]
    upper = [(x_of(across(at, first, last)), y_of((top - low) / (high - low))) for at, _, top in kept]
    lower = [(x_of(across(at, first, last)), y_of((bottom - low) / (high - low))) for at, bottom, _ in reversed(kept)]
    return "M" + "L".join(f"{x},{y}" for x, y in upper + lower) + "z"
