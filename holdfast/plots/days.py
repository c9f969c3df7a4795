"""A fleet's day: a row per server, coloured where something was wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, Literal

from holdfast.plots.picture import GREEN, INLINE_LIMIT, ORANGE, VERMILION, image, text

State = Literal["silent", "quiet", "warning", "critical"]

COLOURS: Final[Mapping[State, str]] = {"quiet": GREEN, "warning": ORANGE, "critical": VERMILION}
MOST_ROWS: Final = 12
NAME_LETTERS: Final = 14
ROW, LEFT, WIDTH = 12, 90, 312


def day_chart(servers: Mapping[str, Sequence[State]], first: datetime, last: datetime) -> str:
    """Servers by equal shares of [first, last) as a Markdown image, the worst servers on top.

    Green is quiet, orange a warning, red critical, and nothing where nothing was measured. Servers that find no room
    are counted in words.
    """
    if not servers:
        return "no server yet"
    ranked = sorted(servers, key=lambda name: (_badness(servers[name]), name))
    for rows in range(min(len(ranked), MOST_ROWS), 0, -1):
        markdown = _image({name: servers[name] for name in ranked[:rows]}, len(ranked) - rows, first, last)
        if len(markdown) <= INLINE_LIMIT:
            break
    return markdown


def _badness(states: Sequence[State]) -> tuple[int, int, int]:
    return (-states.count("critical"), -states.count("warning"), -states.count("silent"))


def _image(servers: Mapping[str, Sequence[State]], left_out: int, first: datetime, last: datetime) -> str:
    paths = dict.fromkeys(COLOURS, "")
    names = ""
    for row, (name, states) in enumerate(servers.items()):
        y = row * ROW + 8
        names += f"<tspan x='0' y='{y + 3}'>{text(name, NAME_LETTERS)}</tspan>"
        for state, begin, end in _runs(states):
            if state in paths:
                paths[state] += f"M{begin},{y}H{end}"
    drawn = "".join(f"<path d='{path}' stroke='{COLOURS[state]}'/>" for state, path in paths.items() if path)
    more = f", {left_out} more" if left_out else ""
    foot = len(servers) * ROW + 14
    when = f"<tspan x='{LEFT}' y='{foot}'>{first:%d %H:%M} – {last:%d %H:%M} UTC{more}</tspan>"
    return image(f"<g stroke-width='9'>{drawn}</g><text>{names}{when}</text>", height=foot + 4)


def _runs(states: Sequence[State]) -> list[tuple[State, int, int]]:
    """Stretches of one state, and the pixels where they begin and end."""
    runs = []
    done = 0
    for state, members in groupby(states):
        until = done + len(list(members))
        runs.append((state, LEFT + WIDTH * done // len(states), LEFT + WIDTH * until // len(states)))
        done = until
    return runs
