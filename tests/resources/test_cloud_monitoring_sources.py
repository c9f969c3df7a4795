import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.metrics.catalog import BY_NAME
from holdfast.metrics.cycles import Collected
from resources.sources.cloud_monitoring import FIRST_WINDOW_S, OVERLAP_S, CloudMonitoringSource
from resources.sources.marks import Marks
from tests.fakes.cloud_monitoring import CPU, MEMORY, RECEIVED, SENT, CloudMonitoring, Point, cloud_monitoring

NOW_S = 1_800_000_000 // 60 * 60


@pytest.fixture
def google_api() -> Iterator[CloudMonitoring]:
    with cloud_monitoring() as fake:
        yield fake


def source_of(fake: CloudMonitoring, timeout_s: float = 10.0) -> CloudMonitoringSource:
    return CloudMonitoringSource("shop", endpoint=fake.url, timeout_s=timeout_s)


def read(source: CloudMonitoringSource, *instants_s: int) -> list[Collected]:
    async def go() -> list[Collected]:
        found = [await source.read(at_s) for at_s in instants_s]
        await source.close()
        await source.close()
        return found

    return asyncio.run(go())


def seen(collected: Collected) -> dict[tuple[str, int], dict[str, float]]:
    """(server, minutes before now) to values."""
    return {
        (r.server_id, (r.at_s - NOW_S) // 60): {n: BY_NAME[n].value(c) for n, c in r.codes.items()}
        for r in collected.readings
    }


def test_every_metric_of_a_machine_and_minute_is_one_reading_at_googles_instant(google_api: CloudMonitoring) -> None:
    at_s = NOW_S - 240
    google_api.points = [
        Point(CPU, "web1", at_s, 0.25),
        Point(RECEIVED, "web1", at_s, 1000.0, label="true"),
        Point(RECEIVED, "web1", at_s, 500.0, label="false"),
        Point(SENT, "web1", at_s, 300),
        Point(MEMORY, "web1", at_s, 40.5),
        Point(CPU, "web2", at_s, 1.0),
    ]
    (found,) = read(source_of(google_api), NOW_S + 17)
    assert not found.failed
    assert seen(found) == {
        ("web1", -4): {"cpu_pct": 25, "network_in_bytes_s": 1500, "network_out_bytes_s": 300, "memory_pct": 40.5},
        ("web2", -4): {"cpu_pct": 100},
    }


def away_for(fake: CloudMonitoring, marks: Path, hours: int) -> list[Collected]:
    """A collector makes three passes, is away, and makes one more with what it left on disk."""
    fake.points = [Point(CPU, "web1", NOW_S + minute * 60, 0.5) for minute in range(-10, hours * 60)]
    first = CloudMonitoringSource("shop", endpoint=fake.url, marks=Marks(marks))
    read(first, NOW_S, NOW_S + 60, NOW_S + 120)
    return read(CloudMonitoringSource("shop", endpoint=fake.url, marks=Marks(marks)), NOW_S + hours * 3600)


def test_a_collector_that_was_away_goes_on_where_it_was(google_api: CloudMonitoring, tmp_path: Path) -> None:
    (found,) = away_for(google_api, tmp_path / "new" / "marks.json", hours=5)
    assert {minutes for _, minutes in seen(found)} >= set(range(2, 5 * 60))


def test_marks_that_cannot_be_read_are_named_and_cost_no_pass(
    google_api: CloudMonitoring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marks = tmp_path / "marks.json"
    marks.write_text('{"half a fi')
    google_api.points = [Point(CPU, "web1", NOW_S - 60, 0.5)]
    (found,) = read(CloudMonitoringSource("shop", endpoint=google_api.url, marks=Marks(marks)), NOW_S)
    assert len(found.readings) == 1
    assert "marks.json cannot be read" in caplog.text


def test_all_pages_are_read(google_api: CloudMonitoring) -> None:
    google_api.series_per_page = 3
    google_api.points = [Point(CPU, f"web{i}", NOW_S - 60, i / 100) for i in range(10)]
    (found,) = read(source_of(google_api), NOW_S)
    assert len(found.readings) == 10
    assert [query.get("pageToken") for query in google_api.asked if CPU in query["filter"]] == [None, "3", "6", "9"]


def passes(fake: CloudMonitoring, arrivals: Sequence[tuple[int, list[Point]]]) -> list[Collected]:
    """Read at each instant, after the points that arrived by then were added."""

    async def go() -> list[Collected]:
        source, found = source_of(fake), []
        for at_s, points in arrivals:
            fake.points += points
            found.append(await source.read(at_s))
        await source.close()
        return found

    return asyncio.run(go())


def test_late_points_are_found_and_nothing_is_said_twice(google_api: CloudMonitoring) -> None:
    early, late = Point(CPU, "web1", NOW_S - 60, 0.5), Point(CPU, "web2", NOW_S - 300, 0.25)
    first, same, second, third = passes(
        google_api, [(NOW_S, [early]), (NOW_S + 30, []), (NOW_S + 60, [late]), (NOW_S + 120, [])]
    )
    assert seen(first) == {("web1", -1): {"cpu_pct": 50}}
    assert seen(second) == {("web2", -5): {"cpu_pct": 25}}
    assert not same.readings
    assert not third.readings


def test_a_late_metric_brings_the_whole_instant_again(google_api: CloudMonitoring) -> None:
    at_s = NOW_S - 120
    _, second = passes(google_api, [(NOW_S, [Point(CPU, "a", at_s, 0.5)]), (NOW_S + 60, [Point(SENT, "a", at_s, 700)])])
    assert seen(second) == {("a", -2): {"cpu_pct": 50, "network_out_bytes_s": 700}}


def test_a_minute_is_asked_for_once_and_from_the_watermark(google_api: CloudMonitoring) -> None:
    google_api.points = [Point(CPU, "a", NOW_S - 180, 0.5)]
    read(source_of(google_api), NOW_S, NOW_S + 30, NOW_S + 60)
    asked = [query for query in google_api.asked if CPU in query["filter"]]
    assert len(asked) == 2
    starts = [query["interval.startTime"] for query in asked]
    assert starts == [_text(NOW_S - FIRST_WINDOW_S), _text(NOW_S - 180 - OVERLAP_S)]
    assert asked[0]["interval.endTime"] == _text(NOW_S)


def _text(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_after_an_outage_the_window_reaches_back_to_the_last_point(google_api: CloudMonitoring) -> None:
    async def go() -> Collected:
        source = source_of(google_api)
        google_api.points = [Point(CPU, "a", NOW_S - 60, 0.5)]
        await source.read(NOW_S)
        google_api.status = 503
        down = await source.read(NOW_S + 3600)
        assert down.failed == {
            "cloud-monitoring:shop": "answered 503; the next cycle asks again from the same watermark"
        }
        google_api.status = 200
        google_api.points += [Point(CPU, "a", NOW_S + 60 * minute, 0.5) for minute in range(120)]
        found = await source.read(NOW_S + 7200)
        await source.close()
        return found

    assert len(asyncio.run(go()).readings) == 120


def test_machines_of_one_name_in_two_zones_are_two_servers(google_api: CloudMonitoring) -> None:
    google_api.points = [Point(CPU, "web", NOW_S - 60, 0.1, zone=zone) for zone in ("a", "b")]
    (found,) = read(source_of(google_api), NOW_S)
    assert {reading.server_id for reading in found.readings} == {"web.a", "web.b"}


def test_a_project_without_the_agent_has_what_google_itself_measures(google_api: CloudMonitoring) -> None:
    google_api.missing = frozenset({MEMORY})
    google_api.points = [Point(CPU, "a", NOW_S - 60, 0.1)]
    (found,) = read(source_of(google_api), NOW_S)
    assert seen(found) == {("a", -1): {"cpu_pct": 10}}
    assert not found.failed


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, None, "refused (403): give the account the role roles/monitoring.viewer on shop, or check its name"),
        (401, None, "the credentials are not accepted (401)"),
        (429, None, "answered 429"),
        (500, b"<html>oops</html>", "answered 500"),
        (200, b"<html>log in</html>", "answered something that is not a list of time series"),
        (200, b'{"timeSeries": 7}', "answered something that is not a list of time series"),
        (200, b'{"timeSeries": [{"resource": {}}]}', "answered something that is not a list of time series"),
        (200, b"\xff\xfe\x00", "answered something that is not a list of time series"),
    ],
)
def test_a_refusal_or_garbage_is_a_reason_in_words(
    google_api: CloudMonitoring, status: int, body: bytes | None, said: str
) -> None:
    google_api.status, google_api.body = status, body
    (found,) = read(source_of(google_api), NOW_S)
    assert not found.readings
    assert list(found.failed) == ["cloud-monitoring:shop"]
    assert found.failed["cloud-monitoring:shop"].startswith(said)


def test_a_slow_answer_is_a_timeout_now_and_data_later(google_api: CloudMonitoring) -> None:
    async def go() -> tuple[Collected, Collected]:
        source = source_of(google_api, timeout_s=0.4)
        google_api.points, google_api.delay_s = [Point(CPU, "a", NOW_S - 60, 0.1)], 0.1
        slow = await source.read(NOW_S)
        await asyncio.sleep(0.6)
        later = await source.read(NOW_S)
        await source.close()
        return slow, later

    slow, later = asyncio.run(go())
    assert slow.failed == {"cloud-monitoring:shop": "timed out after 0.4 s"}
    assert seen(later) == {("a", -1): {"cpu_pct": 10}}


def test_nobody_at_the_endpoint_is_a_reason() -> None:
    (found,) = read(CloudMonitoringSource("shop", endpoint="http://127.0.0.1:9"), NOW_S)
    assert found.failed["cloud-monitoring:shop"].startswith("not reachable")


def test_missing_credentials_are_a_reason_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    (found,) = read(CloudMonitoringSource("shop"), NOW_S)
    assert found.failed == {
        "cloud-monitoring:shop": "no usable credentials: set GOOGLE_APPLICATION_CREDENTIALS "
        "or run `gcloud auth application-default login`"
    }


def test_a_value_that_cannot_be_stored_costs_itself_only(google_api: CloudMonitoring) -> None:
    google_api.points = [Point(CPU, "a", NOW_S - 60, "NaN"), Point(SENT, "a", NOW_S - 60, 100)]
    (found,) = read(source_of(google_api), NOW_S)
    assert seen(found) == {("a", -1): {"network_out_bytes_s": 100}}
