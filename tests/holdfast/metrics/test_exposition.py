import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.errors import TargetError
from holdfast.metrics.exposition import NOTES_LIMIT, Families, parse_page, series
from holdfast.metrics.node import FAMILIES
from tests.fakes.pages import node_page

TEXT = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"
SMALL = Families(gauges=("a_gauge", "a_gauge_two"), counters=("a_total",))


def parsed(text: str, kind: str = TEXT) -> dict[str, float]:
    return {sample.name: sample.value for sample in parse_page(text.encode(), kind, SMALL).samples}


def test_the_filtered_page_says_the_same_as_the_whole_page_parsed() -> None:
    page = node_page() + "# TYPE other counter\nother_total 5\nnode_load15 3\n"
    whole = {series(s): s.value for f in text_string_to_metric_families(page) for s in f.samples}
    kept = {series(s): s.value for s in parse_page(page.encode(), TEXT, FAMILIES).samples}
    assert len(kept) == 12
    assert kept == {key: value for key, value in whole.items() if key in kept}


def test_a_family_whose_name_merely_begins_like_a_wanted_one_is_left_out() -> None:
    assert parsed("a_gauge 1\na_gauge_two 2\na_gauge_three 3\na_gaug 4\nb_a_gauge 5\n") == {
        "a_gauge": 1,
        "a_gauge_two": 2,
    }


def test_labels_may_hold_braces_spaces_escapes_and_hashes() -> None:
    page = 'a_gauge{x="} # \\"2\\" \\\\",y="a,b=c"} 7 1395066363000\n'
    (sample,) = parse_page(page.encode(), TEXT, SMALL).samples
    assert (sample.labels, sample.value) == ({"x": '} # "2" \\', "y": "a,b=c"}, 7)


def test_an_openmetrics_page_with_exemplar_and_timestamp_is_read() -> None:
    assert parsed('# TYPE a counter\na_total 5 1520879607.7 # {t="x"} 1 2.5\n# EOF\n', OPEN) == {"a_total": 5}


def test_windows_line_ends_are_read() -> None:
    assert parsed("a_gauge 1\r\na_total 2\r\n") == {"a_gauge": 1, "a_total": 2}


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"<!DOCTYPE html><p>log in</p>", TEXT, "HTML"),
        (b"a_gauge 1\n", "text/html; charset=utf-8", r"HTML instead of metrics \(text/html\)"),
        (b"", TEXT, "empty"),
        (b"\n \n", TEXT, "empty"),
        (b"a_gauge 1\n\xff\xfe\n", TEXT, "not text"),
        (b"a_gauge 1\n\0\n", TEXT, "not text"),
        (b"a_gauge 1\na_tot", TEXT, "half a page"),
        (b"a_gauge 1\n", OPEN, "# EOF"),
        (b'{"status": "ok"}\n', "application/json", "no metrics"),
        (b"a_gauge one\nb 1\n", TEXT, "breaks the metrics format"),
        (b"a_gauge{x=1} 1\n", TEXT, "breaks the metrics format"),
        (b"a_gauge \n", TEXT, "no metrics|breaks the metrics format"),
        (b"a_gauge 1\n" * 20_001, TEXT, "20001 lines"),
        (b'a_gauge{x="' + b'\\"' * 4_000_000 + b'"} 1\n', TEXT, "line of 80000"),
        ((b'a_gauge{x="' + b"x" * 4000 + b'"} 1\n') * 1000, TEXT, "characters of wanted metrics"),
    ],
)
def test_what_is_no_page_of_metrics_is_refused_with_its_reason(body: bytes, kind: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        parse_page(body, kind, SMALL)


def test_of_a_series_that_comes_twice_the_first_is_kept_and_a_note_says_so() -> None:
    page = parse_page(b'a_gauge{x="1",y="2"} 1\na_gauge{y="2",x="1"} 9\n', TEXT, SMALL)
    assert [sample.value for sample in page.samples] == [1]
    assert page.notes == ("a_gauge{x=1,y=2} comes twice; the first is kept",)


def test_nan_infinity_and_negative_counters_are_not_measured_but_negative_gauges_are_values() -> None:
    page = parse_page(b"a_gauge NaN\na_gauge_two -1\na_total -5\n", TEXT, SMALL)
    assert [(sample.name, sample.value) for sample in page.samples] == [("a_gauge_two", -1)]
    assert len(page.notes) == 2
    assert not parse_page(b"a_gauge +Inf\n", TEXT, SMALL).samples


def test_many_notes_are_counted_rather_than_listed() -> None:
    page = parse_page("".join(f'a_total{{x="{i}"}} -1\n' for i in range(100)).encode(), TEXT, SMALL)
    assert len(page.notes) == NOTES_LIMIT + 1
    assert page.notes[-1] == "and 95 more like these"
