"""What every chart shares: its frame, its colours, text inside of it, and how it becomes Markdown."""

from datetime import datetime
from html import escape
from typing import Final
from urllib.parse import quote

INLINE_LIMIT: Final = 999
# The difference of two values must be a number as well.
LARGEST: Final = 1e300
# Okabe and Ito, "Color Universal Design": told apart by colour-blind eyes as well.
BLUE, VERMILION, GREEN, ORANGE = "#07b", "#d50", "#096", "#e90"
LEFT, RIGHT, TOP, BOTTOM = 36, 400, 8, 88
FRAME: Final = f"<path d='M{LEFT},{TOP}V{BOTTOM}H{RIGHT}' stroke='#999' fill='none'/>"
# What may stand in an address inside Markdown as it is.
_SAFE: Final = "'/:;,=-.$!*+~@&?"


def image(parts: str, *, height: int = 104) -> str:
    """The Markdown of a picture with these parts."""
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='410' height='{height}' font-size='10'>{parts}</svg>"
    return f"![plot](data:image/svg+xml,{quote(svg, safe=_SAFE)})"


def text(words: str, letters: int) -> str:
    """At most so many letters of it, as text inside of XML."""
    return escape("".join(letter for letter in words if letter.isprintable())[:letters])


def finite(value: float | None) -> float | None:
    """The value, or None for what cannot be drawn."""
    return value if value is not None and abs(value) < LARGEST else None


def short(value: float) -> str:
    """A number for an axis."""
    return f"{value:.0f}" if 100 <= abs(value) < 1_000_000 else f"{value:.3g}"


def across(at: datetime, first: datetime, last: datetime) -> float:
    """Where an instant lies between the first and the last: 0 to 1."""
    return (at - first).total_seconds() / ((last - first).total_seconds() or 1.0)


def x_of(share: float) -> int:
    """The pixel of a share of the width."""
    return LEFT + round(share * (RIGHT - LEFT))


def y_of(share: float) -> int:
    """The pixel of a share of the height, from below."""
    return BOTTOM - round(min(max(share, 0.0), 1.0) * (BOTTOM - TOP))
