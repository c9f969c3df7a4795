"""Shares over time: whatever is drawn, the UI shows it at once, and small and large shares are both seen."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.plots import Points, share_chart
from holdfast.plots.picture import BOTTOM, LEFT, RIGHT, TOP
from holdfast.plots.shares import COLOURS
from tests.holdfast.test_plots import drawn, paths

NOW = datetime(2026, 11, 20, 9, 25, tzinfo=UTC)
LINES = {"5 %": 0.05, "1 %": 0.01, ".01 %": 0.0001}

instants = st.integers(0, 10**6).map(lambda s: NOW - timedelta(seconds=s))
points = st.lists(st.tuples(instants, st.none() | st.floats(-1, 2)), max_size=200)


def hourly(*values: float | None) -> Points:
    return [(NOW - timedelta(hours=len(values) - number), value) for number, value in enumerate(values)]


def pixels(path: str) -> list[tuple[int, int]]:
    """Where the pen goes."""
    found, x, y = [], 0, 0
    for step in path.replace("M", " M").replace("h", " h").replace("v", " v").split():
        if step[0] == "M":
            x, y = map(int, step[1:].split(","))
        elif step[0] == "h":
            x += int(step[1:])
        else:
            y += int(step[1:])
        found.append((x, y))
    return found


def lines_of(chart: str) -> list[list[tuple[int, int]]]:
    """The series, without the thresholds."""
    return [pixels(path) for path in paths(drawn(chart))[1:]]


@given(st.dictionaries(st.text(max_size=60), points, max_size=9))
def test_any_chart_fits_and_stays_inside_its_frame(series: dict[str, Points]) -> None:
    chart = share_chart(series, lines=LINES)
    if chart == "no data yet":
        return
    for path in lines_of(chart):
        assert all(LEFT <= x <= RIGHT + 2 and TOP <= y <= BOTTOM for x, y in path)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=2000), min_size=1, max_size=12))
def test_noise_leaves_at_least_the_worst_line(noise: list[list[float]]) -> None:
    series = {f"table_{number}": hourly(*values) for number, values in enumerate(noise)}
    chart = share_chart(series, lines=LINES)
    if any(max(values) > 0 for values in noise):
        assert 1 <= len(lines_of(chart)) <= len(COLOURS)


def test_one_row_in_ten_thousand_and_half_of_a_table_are_told_apart() -> None:
    chart = share_chart({"few": hourly(0.0001), "many": hourly(0.5), "none": hourly(0.0)}, lines=LINES)
    many, few = lines_of(chart)
    assert few[0][1] < BOTTOM - 10
    assert many[0][1] < few[0][1] - 40
    assert "".join(drawn(chart).itertext()).endswith("many few none at 0")


def test_a_line_stands_on_its_threshold() -> None:
    (found,) = lines_of(share_chart({"Story": hourly(0.01, 0.01)}, lines={"1 %": 0.01}))
    assert f"M{LEFT},{found[0][1]}H{RIGHT}" in paths(drawn(share_chart({"Story": hourly(0.01)}, lines=LINES)))[0]


def test_a_share_holds_until_a_report_says_another() -> None:
    (found,) = lines_of(share_chart({"Story": hourly(0, 0, 0.1, 0.1)}, lines={}))
    assert found[0][1] == BOTTOM
    assert found[-1][0] == RIGHT
    assert len({y for _, y in found}) == 2


def test_what_was_not_compared_is_a_gap() -> None:
    (path,) = paths(drawn(share_chart({"Story": hourly(0.1, None, 0.1, 0.1)}, lines={})))[1:]
    assert path.count("M") == 2


def test_what_finds_no_room_is_counted() -> None:
    series = {f"table{number}": hourly(0.1) for number in range(9)} | {"good": hourly(0)}
    assert "more, good at 0" in "".join(drawn(share_chart(series, lines=LINES)).itertext())


def test_nothing_compared_is_said_in_words() -> None:
    assert share_chart({}, lines=LINES) == "no data yet"
    assert share_chart({"Story": hourly(None)}, lines=LINES) == "no data yet"


def test_a_name_is_text() -> None:
    assert "<b>&" in "".join(drawn(share_chart({"<b>&": hourly(0.5)}, lines=LINES)).itertext())
