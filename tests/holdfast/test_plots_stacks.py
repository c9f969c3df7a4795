"""Bars split into shares: whatever is drawn, the UI shows it at once, and nothing that is there is left out."""

import re

from hypothesis import given
from hypothesis import strategies as st

from holdfast.plots import stack_chart
from holdfast.plots.picture import INLINE_LIMIT
from holdfast.plots.stacks import COLOURS, LEAST_WIDTH, LEFT, MOST_ROWS, WIDTH
from tests.holdfast.test_plots import drawn

PARTS = ("origin", "drive", "folder", "s3", "nobody")
amounts = st.dictionaries(st.sampled_from(PARTS), st.integers(0, 10**9), max_size=5)
rows = st.dictionaries(st.text(max_size=30), amounts, max_size=12)


def bars(chart: str) -> list[tuple[int, int, int, str]]:
    """Left edge, upper edge, width and colour of each piece, row by row."""
    found = [
        (int(x), int(y), int(width), path.attrib["fill"])
        for path in drawn(chart).iter("{http://www.w3.org/2000/svg}path")
        for x, y, width in re.findall(r"M(\d+),(\d+)h(\d+)v11h-\d+", path.attrib["d"])
    ]
    return sorted(found, key=lambda bar: (bar[1], bar[0]))


@given(rows)
def test_every_chart_is_shown_inline_and_its_bars_are_full(rows: dict[str, dict[str, int]]) -> None:
    chart = stack_chart(rows, PARTS)
    some = [row for row in rows.values() if sum(row.values())]
    if not some:
        assert chart == "nothing yet"
        return
    assert len(chart) <= INLINE_LIMIT
    by_row: dict[int, list[tuple[int, int, int, str]]] = {}
    for bar in bars(chart):
        by_row.setdefault(bar[1], []).append(bar)
    assert 1 <= len(by_row) <= min(len(some), MOST_ROWS)
    for row, pieces in zip(some, by_row.values(), strict=False):
        assert [colour for *_, colour in pieces] == [
            colour for part, colour in zip(PARTS, COLOURS, strict=True) if row.get(part)
        ]
        x = LEFT
        for left, _, width, _ in pieces:
            assert left == x
            assert width >= LEAST_WIDTH
            x += width
        assert x == LEFT + WIDTH


def test_a_share_is_as_wide_as_it_is_large() -> None:
    chart = stack_chart({"images": {"origin": 3, "drive": 1}}, PARTS)
    assert [(width, colour) for _, _, width, colour in bars(chart)] == [(218, COLOURS[0]), (72, COLOURS[1])]
    words = "".join(drawn(chart).itertext())
    assert words == "images4origin drive"
