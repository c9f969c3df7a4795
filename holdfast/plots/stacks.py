"""What things are made of: a bar for each, split into shares."""

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.plots.picture import BLUE, GREEN, INLINE_LIMIT, ORANGE, VERMILION, image, text

COLOURS: Final = (BLUE, GREEN, "#c7a", ORANGE, VERMILION)
MOST_ROWS: Final = 6
NAME_LETTERS: Final = 10
ROW, LEFT, WIDTH = 16, 62, 290
# A share that is there is seen, however small it is.
LEAST_WIDTH: Final = 2


def stack_chart(rows: Mapping[str, Mapping[str, float]], parts: Sequence[str]) -> str:
    """A bar per row, as long as the others, split by its parts, with its total beside it, as a Markdown image.

    Args:
        rows: amounts by part, by name of the row; rows that find no room are left out.
        parts: up to five, from left to right; those that are nowhere are not named below.
    """
    shown = {name: {part: max(row.get(part, 0), 0) for part in parts} for name, row in rows.items()}
    shown = {name: row for name, row in shown.items() if sum(row.values()) > 0}
    if not shown:
        return "nothing yet"
    for most in range(min(len(shown), MOST_ROWS), 0, -1):
        markdown = _image({name: shown[name] for name in list(shown)[:most]}, parts)
        if len(markdown) <= INLINE_LIMIT:
            break
    return markdown


def _image(rows: Mapping[str, Mapping[str, float]], parts: Sequence[str]) -> str:
    pieces: dict[str, str] = dict.fromkeys(parts, "")
    words = []
    for number, (name, row) in enumerate(rows.items()):
        x, y = LEFT, number * ROW
        for part, width in _widths(row).items():
            if width:
                pieces[part] += f"M{x},{y + 2}h{width}v11h-{width}"
            x += width
        words.append(f"<text y='{y + 11}'>{text(name, NAME_LETTERS)}<tspan x='{x + 4}'>{_short(row)}</tspan></text>")
    colours = {part: colour for part, colour in zip(parts, COLOURS, strict=False) if pieces[part]}
    bars = "".join(f"<path d='{pieces[part]}' fill='{colour}'/>" for part, colour in colours.items())
    legend = " ".join(f"<tspan fill='{colour}'>{text(part, NAME_LETTERS)}</tspan>" for part, colour in colours.items())
    y = len(rows) * ROW + 12
    return image(f"{bars}{''.join(words)}<text x='{LEFT}' y='{y}'>{legend}</text>", height=y + 4)


def _short(row: Mapping[str, float]) -> str:
    return f"{sum(row.values()):,.0f}"


def _widths(row: Mapping[str, float]) -> dict[str, int]:
    """Whole pixels: at least two where there is something, and as many together in each row."""
    total = sum(row.values())
    widths = {part: max(round(WIDTH * amount / total), LEAST_WIDTH) if amount else 0 for part, amount in row.items()}
    largest = max(widths, key=lambda part: widths[part])
    widths[largest] += WIDTH - sum(widths.values())
    return widths
