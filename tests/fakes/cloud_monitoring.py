"""The one call of Google's Cloud Monitoring REST API that Holdfast makes, over real HTTP.

Follows the discovery document of ``monitoring`` v3, ``projects.timeSeries.list``: points newest first, an interval that
is closed at its end, pages by token. Points become visible when the test adds them, as late as it likes.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CPU = "compute.googleapis.com/instance/cpu/utilization"
RECEIVED = "compute.googleapis.com/instance/network/received_bytes_count"
SENT = "compute.googleapis.com/instance/network/sent_bytes_count"
MEMORY = "agent.googleapis.com/memory/percent_used"


@dataclass(frozen=True)
class Point:
    """One point of one series; ``label`` tells series of one machine apart."""

    type: str
    instance: str
    at_s: int
    value: Any
    zone: str = "europe-west1-b"
    label: str = ""


@dataclass
class CloudMonitoring:
    """What the fake knows, how it behaves, and what it was asked."""

    url: str = ""
    points: list[Point] = field(default_factory=list)
    series_per_page: int = 100_000
    status: int = 200
    body: bytes | None = None
    delay_s: float = 0.0
    missing: frozenset[str] = frozenset()
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> tuple[int, bytes]:
        """Status and body for one call."""
        self.asked.append(query)
        time.sleep(self.delay_s)
        if self.body is not None:
            return self.status, self.body
        if self.status != 200:
            return self.status, _error(self.status)
        wanted = re.findall(r'metric\.type = "([^"]+)"', query["filter"])
        if len(wanted) != 1 or query["aggregation.alignmentPeriod"] != "60s" or int(query["pageSize"]) > 100_000:
            return 400, _error(400)
        if wanted[0] in self.missing:
            return 404, _error(404)
        series = list(
            self._series(wanted[0], _epoch_s(query["interval.startTime"]), _epoch_s(query["interval.endTime"]))
        )
        offset = int(query.get("pageToken", "0"))
        page: dict[str, Any] = {"timeSeries": series[offset : offset + self.series_per_page], "unit": "1"}
        if offset + self.series_per_page < len(series):
            page["nextPageToken"] = str(offset + self.series_per_page)
        return 200, json.dumps(page).encode()

    def _series(self, kind: str, start_s: int, end_s: int) -> Iterator[dict[str, Any]]:
        found = [p for p in self.points if p.type == kind and start_s < p.at_s <= end_s]
        for key in sorted({(p.instance, p.zone, p.label) for p in found}):
            points = [p for p in found if (p.instance, p.zone, p.label) == key]
            labels = {"loadbalanced": key[2]}
            if kind.startswith("compute."):
                labels["instance_name"] = key[0]
            yield {
                "metric": {"type": kind, "labels": labels},
                "resource": {
                    "type": "gce_instance",
                    "labels": {"project_id": "p", "instance_id": f"id-of-{key[0]}-{key[1]}", "zone": key[1]},
                },
                "points": [_point(p) for p in sorted(points, key=lambda p: -p.at_s)],
            }


def _point(point: Point) -> dict[str, Any]:
    instant = datetime.fromtimestamp(point.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The API writes 64-bit integers as strings.
    value = {"int64Value": str(point.value)} if isinstance(point.value, int) else {"doubleValue": point.value}
    return {"interval": {"startTime": instant, "endTime": instant}, "value": value}


def _epoch_s(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


def _error(status: int) -> bytes:
    return json.dumps({"error": {"code": status, "message": "refused", "status": "REFUSED"}}).encode()


@contextmanager
def cloud_monitoring() -> Iterator[CloudMonitoring]:
    """Serve on a free loopback port until the block ends."""
    fake = CloudMonitoring()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            is_list = re.fullmatch(r"/v3/projects/[^/]+/timeSeries", parts.path) is not None
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body = fake.answer(query) if is_list else (404, b"no such method")
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
