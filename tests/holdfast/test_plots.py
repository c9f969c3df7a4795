"""Charts: whatever is drawn, the UI shows it at once, and it is a picture."""

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from holdfast.plots import Banded, Points, State, band_chart, day_chart, line_chart
from holdfast.plots.lines import COLOURS
from holdfast.plots.picture import BOTTOM, INLINE_LIMIT, LEFT, RIGHT, TOP

START = datetime(2026, 11, 20, tzinfo=UTC)
PREFIX, SUFFIX = "![plot](data:image/svg+xml,", ")"

instants = st.integers(0, 10**6).map(lambda s: START + timedelta(seconds=s))
points = st.lists(st.tuples(instants, st.none() | st.floats()), max_size=200)
charts = st.dictionaries(st.text(max_size=60), points, max_size=5)


def drawn(chart: str) -> ElementTree.Element:
    assert len(chart) <= INLINE_LIMIT
    assert chart.startswith(PREFIX)
    assert chart.endswith(SUFFIX)
    address = chart[len(PREFIX) : -len(SUFFIX)]
    # What would end the address, or the Markdown around it.
    assert not set(address) & set('()<>" \n')
    return ElementTree.fromstring(unquote(address, errors="strict"))


def paths(root: ElementTree.Element) -> list[str]:
    return [element.attrib["d"] for element in root.iter("{http://www.w3.org/2000/svg}path")][1:]


@given(charts, st.text(max_size=10))
def test_any_chart_fits_and_is_a_picture_or_says_that_there_is_no_data(series: dict[str, Points], unit: str) -> None:
    chart = line_chart(series, unit=unit)
    if chart != "no data yet":
        root = drawn(chart)
        assert len(paths(root)) == min(len(series), len(COLOURS))


@given(st.lists(st.tuples(instants, st.floats(0, 1e9)), min_size=1, max_size=200))
def test_every_point_lies_inside_the_frame(found: Points) -> None:
    (path,) = paths(drawn(line_chart({"cpu": found}, unit="%")))
    for pair in path.replace("h1", "").replace("M", " ").replace("L", " ").split():
        x, y = map(int, pair.split(","))
        assert LEFT <= x <= RIGHT
        assert TOP <= y <= BOTTOM


def test_a_gap_in_the_data_is_a_gap_in_the_picture() -> None:
    values = [1.0, 2.0, None, 2.0, 1.0]
    found = [(START + timedelta(minutes=10 * number), value) for number, value in enumerate(values)]
    (path,) = paths(drawn(line_chart({"cpu": found}, unit="%")))
    assert path.count("M") == 2
    assert path.count("L") == 2


def test_a_day_of_three_series_keeps_its_names_and_enough_points() -> None:
    found = [(START + timedelta(minutes=number), 10.0 + number % 90) for number in range(1440)]
    root = drawn(line_chart({"mean": found, "highest": found, "lowest": found}, unit="%"))
    assert [path.count("L") >= 12 for path in paths(root)] == [True] * 3
    assert "".join(root.itertext()).endswith("mean highest lowest")


def test_nothing_measured_is_said_in_words() -> None:
    assert line_chart({}, unit="%") == "no data yet"
    assert line_chart({"cpu": [(START, None), (START, float("nan"))]}, unit="%") == "no data yet"


def test_names_are_text_and_never_markup() -> None:
    root = drawn(line_chart({"<script>&": [(START, 1.0)]}, unit="<b>"))
    assert "<script>&" in "".join(root.itertext())
    assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_long_names_give_way_to_the_points() -> None:
    found = [(START + timedelta(minutes=number), 1e12 * (number % 90)) for number in range(1440)]
    root = drawn(line_chart({letter * 60: found for letter in "🐘é&"}, unit="🐘" * 20))
    assert [path.count("L") >= 11 for path in paths(root)] == [True] * 3


numbers = st.none() | st.floats()
banded = st.builds(Banded, instants, numbers, numbers, numbers)


@given(st.lists(banded, max_size=300), instants, st.none() | instants, st.text(max_size=12))
def test_any_band_fits_and_is_a_picture_or_says_that_there_is_no_data(
    found: list[Banded], began: datetime, ended: datetime | None, name: str
) -> None:
    chart = band_chart(found, name=name, began=began, ended=ended)
    if chart != "no data":
        assert len(paths(drawn(chart))) == 3


def day_of_band(spike: range) -> list[Banded]:
    return [
        Banded(START + timedelta(minutes=5 * slot), 90.0 if slot in spike else 30.0 + slot % 3, 25.0, 35.0)
        for slot in range(288)
    ]


def test_a_spike_of_one_slot_in_a_day_is_still_seen() -> None:
    _, line, marks = paths(drawn(band_chart(day_of_band(range(100, 101)), name="cpu", began=START, ended=None)))
    assert f",{TOP}" in line
    assert marks == f"M{LEFT},{TOP}V{BOTTOM}"


def test_an_incident_that_is_over_has_two_marks_where_it_began_and_ended() -> None:
    began, ended = START + timedelta(hours=6), START + timedelta(hours=12)
    _, _, marks = paths(drawn(band_chart(day_of_band(range(72, 144)), name="cpu", began=began, ended=ended)))
    first, second = (int(mark.split(",")[0]) for mark in marks.split("M")[1:])
    assert first - LEFT == (RIGHT - LEFT) * 6 * 12 // 287
    assert abs(second - LEFT - (RIGHT - LEFT) / 2) < 2


def test_a_leak_high_above_zero_is_not_a_flat_line() -> None:
    leak = [Banded(START + timedelta(minutes=5 * n), 80 + n / 10, 79.0, 81.0) for n in range(100)]
    _, line, _ = paths(drawn(band_chart(leak, name="cpu", began=START, ended=None)))
    heights = [int(pair.split(",")[1]) for pair in line.replace("h1", "").replace("M", "").split("L")]
    assert heights[0] - heights[-1] > (BOTTOM - TOP) / 2


states = st.lists(st.sampled_from(["silent", "quiet", "warning", "critical"]), min_size=48, max_size=48)


@given(st.dictionaries(st.text(max_size=30), states, max_size=40))
def test_any_day_fits_and_is_a_picture_or_says_that_there_is_no_server(servers: dict[str, list[State]]) -> None:
    chart = day_chart(servers, START, START + timedelta(days=1))
    if servers:
        drawn(chart)
    else:
        assert chart == "no server yet"


def test_the_worst_server_is_on_top_and_those_without_room_are_counted() -> None:
    servers: dict[str, list[State]] = {f"web{number}": ["quiet"] * 48 for number in range(30)}
    servers["db1"] = ["quiet"] * 20 + ["critical"] * 28
    words = "".join(drawn(day_chart(servers, START, START + timedelta(days=1))).itertext())
    assert words.startswith("db1")
    assert words.endswith("20 more")
