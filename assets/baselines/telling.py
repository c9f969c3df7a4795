"""Sentences in the UI: as many as it shows without a click."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import dagster as dg

from holdfast.plots.picture import INLINE_LIMIT

# Leaves a line for what finds no room.
ROOM: Final = INLINE_LIMIT - 60


def paragraphs(lines: Sequence[str], *, nothing: str, rest: str) -> dg.MarkdownMetadataValue:
    """Lines as Markdown paragraphs: as many as fit, and at least one.

    Args:
        lines: in the order in which they matter.
        nothing: what is said where there are none.
        rest: where those are that find no room.
    """
    sizes = accumulate(len(line) + 2 for line in lines)
    shown = [line for line, size in zip(lines, sizes, strict=True) if size <= ROOM] or [x[:ROOM] for x in lines[:1]]
    left = len(lines) - len(shown)
    more = [f"… and {left} more: {rest}"] if left else []
    return dg.MetadataValue.md("\n\n".join([*shown, *more]) or nothing)
