import asyncio
import logging
import shutil
import socket
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from holdfast.metrics.catalog import BY_NAME
from holdfast.metrics.cycles import Collected
from holdfast.metrics.targets import Target
from resources.sources.local import LocalSource
from resources.sources.prometheus import PrometheusSource
from tests.fakes.hostile_targets import HostileTargets, hostile_targets

EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")


@pytest.fixture
def server() -> Iterator[HostileTargets]:
    with hostile_targets() as targets:
        yield targets


def targets_of(server: HostileTargets, *paths: str) -> list[Target]:
    """One target per path; a path that comes again gets a query, as a page is a target once."""
    return [Target(f"{path}-{i}" if i else path, server.url(path)) for i, path in enumerate(paths)]


def read(source: PrometheusSource, passes: int = 1, pause_s: float = 0.0) -> list[Collected]:
    async def go() -> list[Collected]:
        found = []
        try:
            for at_s in range(passes):
                found.append(await source.read(at_s))
                await asyncio.sleep(pause_s)
        finally:
            await source.close()
            await source.close()
        return found

    return asyncio.run(go())


def reason(server: HostileTargets, path: str, *, limit_bytes: int = 8_000_000) -> str:
    """Why the path has no reading; a healthy server beside it always has one."""
    targets = [Target("bad", server.url(path)), Target("good", server.url("healthy"))]
    (found,) = read(PrometheusSource(targets, timeout_s=1.0, limit_bytes=limit_bytes))
    assert [reading.server_id for reading in found.readings] == ["good"]
    assert found.failed.keys() == {"bad"}
    return found.failed["bad"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hang", "timed out after 1 s"),
        ("drip", "timed out after 1 s"),
        ("html", "answered HTML instead of metrics (text/html)"),
        ("empty", "answered an empty page"),
        ("binary", "answered something that is not text (text/plain)"),
        ("json", "answered no metrics: no line of the page is one (application/json)"),
        ("no_end", "sent half a page: its last line has no end"),
        ("openmetrics_without_eof", "sent half a page: an OpenMetrics page must end with '# EOF'"),
        ("content_length_too_long", "sent half a page: the connection ended early"),
        ("chunked_cut", "sent half a page: the connection ended early"),
        ("huge", "page larger than 8000000 bytes"),
        ("endless", "page larger than 8000000 bytes"),
        ("bomb", "page larger than 8000000 bytes (after decompression)"),
        ("error", "answered 500 Internal Server Error"),
        ("reset", "connection failed: connection reset by peer"),
        ("not_http", "answered something that is not HTTP"),
        ("foreign", "its page has no metric that Holdfast knows"),
    ],
)
def test_each_misbehaviour_has_its_reason_and_the_healthy_server_its_reading(
    server: HostileTargets, path: str, said: str
) -> None:
    assert reason(server, path).startswith(said)


def test_a_redirect_to_another_host_is_not_followed_and_its_token_not_shown(server: HostileTargets) -> None:
    said = reason(server, "elsewhere")
    assert said == "redirects to another host (127.0.0.2:9); name that one as the target"


def test_a_redirect_on_the_same_host_is_followed(server: HostileTargets) -> None:
    (found,) = read(PrometheusSource(targets_of(server, "moved")))
    assert len(found.readings) == 1


def test_unreachable_servers_are_named_with_words_and_without_logins() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    targets = [
        Target("refused", f"http://me:hunter2@127.0.0.1:{port}/metrics"),
        Target("unknown", "http://me:hunter2@no-such-host.invalid:9100/metrics"),
    ]
    (found,) = read(PrometheusSource(targets))
    assert found.failed == {
        "refused": "connection failed: connection refused",
        "unknown": "its host name was not found",
    }


def test_a_hung_target_does_not_delay_the_others(server: HostileTargets) -> None:
    paths = ["hang"] * 120 + ["drip"] * 5 + ["healthy"] * 100
    began_s = time.monotonic()
    (found,) = read(PrometheusSource(targets_of(server, *paths), timeout_s=1.0))
    assert len(found.readings) == 100
    assert len(found.failed) == 125
    assert time.monotonic() - began_s < 2.5


def test_names_that_nobody_answers_for_do_not_delay_the_others(
    server: HostileTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = socket.getaddrinfo

    def ask_slowly(host: str, *rest: Any) -> Any:
        time.sleep(1.5 if host.startswith("silent") else 0)
        return ask("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", ask_slowly)
    targets = [Target(f"silent{i}", f"http://silent{i}:9100/metrics") for i in range(20)]
    targets += [Target(f"web{i}", f"http://web{i}:{server.port}/healthy") for i in range(50)]
    (found,) = read(PrometheusSource(targets, timeout_s=1.0))
    assert len(found.readings) == 50


def test_a_bomb_is_never_unpacked_beyond_the_limit(server: HostileTargets) -> None:
    tracemalloc.start()
    try:
        assert "after decompression" in reason(server, "bomb", limit_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_being_busy_ourselves_times_nobody_out(server: HostileTargets) -> None:
    source = PrometheusSource(targets_of(server, *["healthy"] * 50), timeout_s=0.5)

    async def go() -> Collected:
        async def work_hard() -> None:
            for _ in range(3):
                time.sleep(0.4)
                await asyncio.sleep(0)

        busy = asyncio.create_task(work_hard())
        found = await source.read(0)
        await busy
        await source.close()
        return found

    found = asyncio.run(go())
    assert not found.failed
    assert len(found.readings) == 50


def test_counters_become_rates_on_the_second_pass(server: HostileTargets) -> None:
    first, second = read(PrometheusSource(targets_of(server, "healthy")), passes=2, pause_s=0.2)
    assert "cpu_pct" not in first.readings[0].codes
    assert first.readings[0].codes.keys() == {"load_1m", "memory_pct", "disk_pct"}
    # Per request the server is one second busy and three idle, which is more than has passed: not believed.
    assert second.readings[0].codes["network_in_bytes_s"] > 0
    assert BY_NAME["memory_pct"].value(second.readings[0].codes["memory_pct"]) == 50
    assert second.readings[0].at_s == 1


def test_gzipped_pages_are_read(server: HostileTargets) -> None:
    (found,) = read(PrometheusSource(targets_of(server, "gzipped")))
    assert BY_NAME["load_1m"].value(found.readings[0].codes["load_1m"]) == 0.5


@pytest.mark.parametrize(
    ("path", "note"),
    [
        ("nan", "node_load1 is nan; not measured"),
        ("duplicate", "node_load1 comes twice; the first is kept"),
        ("negative", "is a counter and negative; not measured"),
        ("clock_off", "its clock is more than 60 s ahead; Holdfast's clock is used"),
    ],
)
def test_an_oddity_costs_itself_only_and_is_logged_once(
    server: HostileTargets, caplog: pytest.LogCaptureFixture, path: str, note: str
) -> None:
    with caplog.at_level(logging.INFO):
        found = read(PrometheusSource(targets_of(server, path)), passes=3)
    assert all("memory_pct" in one.readings[0].codes for one in found)
    assert all(("load_1m" in one.readings[0].codes) == (path != "nan") for one in found)
    said = [record.message for record in caplog.records if note in record.message]
    assert len(said) == 1
    assert said[0].startswith(f"metrics: {path}: ")


def test_connections_are_kept_between_cycles(server: HostileTargets) -> None:
    found = read(PrometheusSource(targets_of(server, *["healthy"] * 10)), passes=4)
    assert all(len(one.readings) == 10 for one in found)
    assert server.opened == 10


def test_a_kept_connection_that_broke_costs_no_cycle(server: HostileTargets) -> None:
    found = read(PrometheusSource(targets_of(server, *["closes_kept_connections"] * 5)), passes=4, pause_s=0.05)
    assert [len(one.readings) for one in found] == [5, 5, 5, 5]


def test_values_of_this_machine_are_plausible() -> None:
    async def go() -> Collected:
        source = LocalSource()
        await source.read(0)
        await asyncio.sleep(0.5)
        return await source.read(1)

    (reading,) = asyncio.run(go()).readings
    values = {name: BY_NAME[name].value(code) for name, code in reading.codes.items()}
    assert values.keys() == {
        "cpu_pct", "memory_pct", "disk_pct", "network_in_bytes_s", "network_out_bytes_s", "load_1m",
    }  # fmt: skip
    assert 0 <= values["cpu_pct"] <= 100
    assert 0 < values["memory_pct"] < 100


@pytest.mark.skipif(EXPORTER is None, reason="prometheus-node-exporter is not installed")
def test_a_real_node_exporter_and_this_machine_itself_agree() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    exporter = subprocess.Popen(
        [str(EXPORTER), f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        remote, local = asyncio.run(_both(port))
    finally:
        exporter.terminate()
        exporter.wait(5)
    assert remote.keys() == local.keys()
    for name in ("memory_pct", "disk_pct"):
        assert abs(remote[name] - local[name]) < 1
    assert abs(remote["cpu_pct"] - local["cpu_pct"]) < 25


async def _both(port: int) -> tuple[dict[str, float], dict[str, float]]:
    url = f"http://127.0.0.1:{port}/metrics"
    await _until_it_answers(url)
    sources = (PrometheusSource([Target("exporter", url)]), LocalSource())
    for at_s in range(2):
        found = [await source.read(at_s) for source in sources]
        await asyncio.sleep(1)
    await sources[0].close()
    remote, local = ({name: BY_NAME[name].value(code) for name, code in one.readings[0].codes.items()} for one in found)
    return remote, local


async def _until_it_answers(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
