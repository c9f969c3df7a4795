"""Small line charts as SVG, for places where people look rather than read."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

Points = Sequence[tuple[datetime, float | None]]

# Okabe and Ito, "Color Universal Design": told apart by colour-blind eyes as well.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
WIDTH: Final = 560
HEIGHT: Final = 170
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 26, 24


def line_chart(title: str, series: Mapping[str, Points], *, unit: str, low: float = 0.0) -> str:
    """An SVG of up to four series over time, with one y axis from ``low`` to the largest value.

    A None breaks the line: a gap in the data is a gap in the picture.
    """
    values = [value for points in series.values() for _, value in points if value is not None]
    instants = [at for points in series.values() for at, _ in points]
    if not values:
        return _frame(title, ['<text x="280" y="90" text-anchor="middle" fill="#777">no data yet</text>'])
    first, last, high = min(instants), max(instants), max(*values, low + 1e-9)
    span_s = max((last - first).total_seconds(), 1.0)

    def place(at: datetime, value: float) -> str:
        x = LEFT + (at - first).total_seconds() / span_s * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = _axes(first, last, low, high, unit)
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts += [_run(run, colour) for run in _unbroken(points, place)]
        parts.append(f'<text x="{LEFT + 4 + 130 * number}" y="38" fill="{colour}">{escape(name)}</text>')
    return _frame(title, parts)


def as_markdown(svg: str, alt: str) -> str:
    """The picture as Markdown that carries it."""
    data = base64.b64encode(svg.encode()).decode()
    return f"![{alt}](data:image/svg+xml;base64,{data})"


def _unbroken(points: Points, place: Callable[[datetime, float], str]) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(place(at, value))
    return [run for run in runs if run]


def _run(places: Sequence[str], colour: str) -> str:
    if len(places) == 1:
        x, _, y = places[0].partition(",")
        return f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>'
    return f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _axes(first: datetime, last: datetime, low: float, high: float, unit: str) -> list[str]:
    bottom = HEIGHT - BOTTOM
    pattern = "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
    return [
        f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#999"/>',
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{_short(high)} {escape(unit)}</text>',
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">{_short(low)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{first.strftime(pattern)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{last.strftime(pattern)} UTC</text>',
    ]


def _frame(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{LEFT}" y="16" font-size="12" font-weight="bold">{escape(title)}</text>{"".join(parts)}</svg>'
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
