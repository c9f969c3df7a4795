"""Shares over time on a scale on which one row in a hundred thousand and half of the table are both seen."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from holdfast.plots.lines import Points
from holdfast.plots.picture import (
    BLUE,
    BOTTOM,
    FRAME,
    GREEN,
    INLINE_LIMIT,
    LEFT,
    RIGHT,
    VERMILION,
    across,
    finite,
    image,
    text,
    x_of,
    y_of,
)

MOST_POINTS: Final = 40
LEAST_POINTS: Final = 12
NAME_LETTERS: Final = (12, 8)
# Of the series that have no line of their own.
_REST_LETTERS: Final = 28
# Okabe and Ito, as of the other charts; the last two are their reddish purple and black.
COLOURS: Final = (VERMILION, BLUE, GREEN, "#c7a", "#000")
# The axis: nothing at its foot, one in a hundred thousand a little above, everything at its top.
DECADES: Final = 5
FOOT: Final = 0.08
# Pixels up or down that are no news.
_SAME: Final = 1
_DAY_LABELS: Final = timedelta(days=3)


def share_chart(series: Mapping[str, Points], *, lines: Mapping[str, float]) -> str:
    """Shares (0 to 1) over time as a Markdown image, y by powers of ten; the series with the highest share first.

    Series that are at 0 throughout share one line at the foot and are counted; so are those that find no room. A None
    breaks a line. Of more points than fit, the highest of each stretch is kept.

    Args:
        series: points by name.
        lines: thresholds to draw, by what stands beside them.
    """
    known = {name: _known(points) for name, points in series.items()}
    known = {name: points for name, points in known.items() if any(value is not None for _, value in points)}
    if not known:
        return "no data yet"
    highest = {name: max(value for _, value in points if value is not None) for name, points in known.items()}
    ranked = sorted((name for name in known if highest[name] > 0), key=lambda name: (-highest[name], name))
    zeros = [name for name in known if highest[name] <= 0]
    for count in range(min(len(ranked), len(COLOURS)), -1, -1):
        shown = {name: known[name] for name in ranked[:count]}
        rest = _rest(ranked[count:], zeros)
        for letters in NAME_LETTERS:
            for most in range(MOST_POINTS, LEAST_POINTS - 1, -4):
                markdown = image(_parts(shown, known, rest, lines, letters, most))
                if len(markdown) <= INLINE_LIMIT:
                    return markdown
    return markdown


def _known(points: Points) -> list[tuple[datetime, float | None]]:
    return sorted(((at, finite(value)) for at, value in points), key=lambda point: point[0])


def _rest(more: Sequence[str], zeros: Sequence[str]) -> str:
    at_zero = f"{', '.join(sorted(zeros))} at 0"
    parts = [f"{len(more)} more"] * bool(more)
    parts += [at_zero if len(at_zero) <= _REST_LETTERS else f"{len(zeros)} at 0"] * bool(zeros)
    return ", ".join(parts)


def _parts(
    shown: Mapping[str, Points], known: Mapping[str, Points], rest: str, lines: Mapping[str, float],
    letters: int, most: int,
) -> str:  # fmt: skip
    instants = [at for points in known.values() for at, _ in points]
    first, last = min(instants), max(instants)
    paths, names = [], []
    for colour, (name, points) in zip(COLOURS, shown.items(), strict=False):
        paths.append(f"<path d='{_path(points, first, last, most)}' stroke='{colour}'/>")
        names.append(f"<tspan fill='{colour}'>{text(name, letters)}</tspan>")
    levels = "".join(f"M{LEFT},{_y(share)}H{RIGHT}" for share in lines.values())
    beside = "".join(f"<tspan x='0' y='{_y(share) + 3}'>{text(name, 6)}</tspan>" for name, share in lines.items())
    when = f"{first:%d %b} – {last:%d %b}" if last - first >= _DAY_LABELS else f"{first:%d %H:%M} – {last:%d %H:%M}"
    foot = " ".join([when, *names, text(rest, 2 * _REST_LETTERS)])
    return (
        f"{FRAME}<path d='{levels}' stroke='#ccc'/><g fill='none' stroke-width='2'>{''.join(paths)}</g>"
        f"<text>{beside}<tspan x='{LEFT}' y='100'>{foot}</tspan></text>"
    )


def _y(share: float) -> int:
    if share <= 0:
        return BOTTOM
    return y_of(max(FOOT, 1 + math.log10(min(share, 1.0)) / DECADES))


def _path(points: Points, first: datetime, last: datetime, most: int) -> str:
    """Steps: a share holds until the next report says another; only where it changes is anything drawn."""
    path, pen_x, level = "", 0, None
    for x, value in _thinned(points, first, last, most):
        y = None if value is None else _y(value)
        if y is not None and level is not None and abs(y - level) <= _SAME:
            continue
        if level is not None:
            path += f"h{x - pen_x}"
        if y is not None:
            path += f"M{x},{y}" if level is None else f"v{y - level}"
        pen_x, level = x, y
    return path if level is None else f"{path}h{max(RIGHT - pen_x, 2)}"


def _thinned(points: Points, first: datetime, last: datetime, most: int) -> Sequence[tuple[int, float | None]]:
    """The highest of each stretch, at the pixel of its beginning; None where nothing is known of it."""
    stretches: dict[int, float | None] = {}
    for at, value in points:
        stretch = min(int(across(at, first, last) * most), most - 1)
        held = stretches.get(stretch)
        stretches[stretch] = held if value is None else value if held is None else max(held, value)
    return [(x_of(stretch / most), value) for stretch, value in stretches.items()]
