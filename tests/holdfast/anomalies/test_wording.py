"""What an operator reads."""

import math

import pytest

from holdfast.anomalies.findings import explain
from holdfast.anomalies.wording import lasting, share, shown, usual, words
from holdfast.metrics.catalog import METRIC_NAMES

DAYS_28 = 28 * 86_400


def test_the_sentence_of_the_readme() -> None:
    said = explain("cpu_pct", 87.0, (31.0, 27.0, 35.0), rank=0.99987, learned_s=DAYS_28)
    assert said == "CPU 87 %, usual at this time 31 ± 4, higher than 99.98 % of the last 28 days"


def test_bytes_are_scaled_once_for_all_numbers_of_a_sentence() -> None:
    said = explain("network_out_bytes_s", 812e3, (7.5e6, 7.3e6, 7.7e6), rank=1.0, learned_s=86_400)
    assert said == "network out 0.81 MB/s, usual at this time 7.5 ± 0.2, lower than ever in the last day"


def test_without_a_baseline_there_is_only_the_value() -> None:
    nan = math.nan
    assert explain("response_ms", 350.4, (nan, nan, nan), rank=nan, learned_s=0) == "response time 350 ms"


def test_an_uneven_band_is_told_by_its_ends() -> None:
    assert usual("error_pct", 0.5, 0.0, 2.5, like=9.0) == "0.5 (0 to 2.5)"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("cpu_pct", 99.984, "100 %"),
        ("cpu_pct", 12.34, "12.3 %"),
        ("error_pct", 0.126, "0.13 %"),
        ("network_in_bytes_s", 1_340_000, "1.34 MB/s"),
        ("network_in_bytes_s", 70, "70 B/s"),
        ("throughput_rps", 0, "0 rps"),
        ("load_1m", 3.0, "3"),
        ("active_users", 1204, "1204"),
    ],
)
def test_values_have_the_digits_that_matter(metric: str, value: float, text: str) -> None:
    assert shown(metric, value) == text


def test_every_metric_has_a_name_without_its_unit() -> None:
    said = [words(metric) for metric in METRIC_NAMES]
    assert len(set(said)) == len(said)
    assert not [word for word in said if "_" in word or word.endswith(("pct", "bytes"))]


def test_lengths_of_time() -> None:
    assert [lasting(s) for s in (600, 7200, 19_200, 187_200, 172_800)] == [
        "10 min",
        "2 h",
        "5 h 20 min",
        "2 d 4 h",
        "2 d",
    ]


def test_a_share_never_claims_more_than_was_seen() -> None:
    assert [share(rank) for rank in (0.9998, 0.99999999, 0.5)] == ["99.98 %", "99.99 %", "50 %"]


def test_a_scale_that_is_not_the_value_itself_is_named() -> None:
    def said(scale: str) -> str:
        band = (31.0, 27.0, 35.0)
        return explain("cpu_pct", 87.0, band, rank=0.99987, learned_s=DAYS_28, scale=scale).split(", ")[-1]

    assert said("slot_6h") == "for six hours now higher than 99.98 % of the last 28 days"
    assert said("step") == "all of a sudden higher than 99.98 % of the last 28 days"
    assert said("jolt") == "moved more within 20 min than 99.98 % of the last 28 days"
    assert said("rough") == "more restless in the last two hours than 99.98 % of the last 28 days"
