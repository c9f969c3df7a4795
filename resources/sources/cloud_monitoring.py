"""Google Cloud Monitoring: every virtual machine of a project, by ``projects.timeSeries.list``.

Google's points are one minute apart and arrive minutes late: each metric is asked for from its own watermark, less
an overlap, and readings carry the instant Google gives them.
"""

import asyncio
import concurrent.futures
import logging
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import google.auth
import google.auth.credentials
import google.auth.exceptions
import google_auth_httplib2
import httplib2
from googleapiclient import discovery
from googleapiclient.errors import Error as GoogleError
from googleapiclient.errors import HttpError

from holdfast.errors import TargetError
from holdfast.metrics.catalog import BY_NAME
from holdfast.metrics.cycles import Collected, Reading
from resources.sources.marks import Marks
from resources.sources.surprises import Log, Surprises

PERIOD_S: Final = 60
# "After sampling, data is not visible for up to 240 seconds." Source: Google Cloud metrics, "compute".
OVERLAP_S: Final = 600
# What a collector fetches that does not know how far it was; and at most, however long it was away.
FIRST_WINDOW_S: Final = 3600
LONGEST_WINDOW_S: Final = 86_400
PAGE_POINTS: Final = 100_000
_SCOPES: Final = ("https://www.googleapis.com/auth/monitoring.read",)
_REMEDY: Final = "set GOOGLE_APPLICATION_CREDENTIALS or run `gcloud auth application-default login`"

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class GoogleMetric:
    """One metric type and what it is to Holdfast.

    Attributes:
        type: Google's name.
        metric: Holdfast's name.
        aligner: how points of a minute become one; ``ALIGN_RATE`` gives a value per second.
        factor: from Google's unit to Holdfast's.
        combine: several series of one machine (its disks, its kinds of traffic) become one value.
        only: a further filter on the series.
        is_optional: exists only where Google's Ops Agent runs.
    """

    type: str
    metric: str
    aligner: str = "ALIGN_MEAN"
    factor: float = 1.0
    combine: Callable[[float, float], float] = max
    only: str = ""
    is_optional: bool = False


_USED: Final = ' AND metric.labels.state = "used"'
GOOGLE_METRICS: Final = (
    GoogleMetric("compute.googleapis.com/instance/cpu/utilization", "cpu_pct", factor=100),
    GoogleMetric(
        "compute.googleapis.com/instance/network/received_bytes_count",
        "network_in_bytes_s",
        "ALIGN_RATE",
        combine=operator.add,
    ),
    GoogleMetric(
        "compute.googleapis.com/instance/network/sent_bytes_count",
        "network_out_bytes_s",
        "ALIGN_RATE",
        combine=operator.add,
    ),
    GoogleMetric("agent.googleapis.com/memory/percent_used", "memory_pct", only=_USED, is_optional=True),
    GoogleMetric("agent.googleapis.com/disk/percent_used", "disk_pct", only=_USED, is_optional=True),
    GoogleMetric("agent.googleapis.com/cpu/load_1m", "load_1m", is_optional=True),
)


@dataclass(frozen=True, slots=True)
class _Point:
    instance_id: str
    at_s: int
    value: float


class CloudMonitoringSource:
    """All machines of one project; one call per metric type and minute, whatever the number of machines.

    A pass returns the instants that are new or have changed, each with everything known of it.
    """

    def __init__(
        self,
        project_id: str,
        *,
        endpoint: str | None = None,
        credentials: google.auth.credentials.Credentials | None = None,
        timeout_s: float = 15.0,
        marks: Marks | None = None,
        log: Log | None = None,
    ) -> None:
        self._project_id = project_id
        self._endpoint = endpoint
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._notes = Surprises(log or logging.getLogger(__name__), "metrics")
        self._service: Any = None
        self._asking: asyncio.Future[dict[str, Sequence[_Point] | str]] | None = None
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "cloud-monitoring")
        self._asked_to_s: dict[str, int] = {}
        self._marks = marks or Marks(None)
        self._watermark_s = self._marks.load()
        self._names: dict[str, tuple[str, str]] = {}
        self._known: dict[Key, dict[str, int]] = {}

    @property
    def name(self) -> str:
        """What to call this source in messages."""
        return f"cloud-monitoring:{self._project_id}"

    async def read(self, at_s: int) -> Collected:
        """Ask for what is new since the last pass; a minute that was asked for is not asked for again."""
        if self._asking is None:
            self._marks.passed(self._watermark_s)
            loop = asyncio.get_running_loop()
            self._asking = loop.run_in_executor(self._thread, self._ask, at_s // PERIOD_S * PERIOD_S)
        # Google's client is synchronous and cannot be interrupted: its answer is awaited by the next pass.
        await asyncio.wait([self._asking], timeout=self._timeout_s)
        if not self._asking.done():
            return Collected((), {self.name: f"timed out after {self._timeout_s:g} s"})
        answers, self._asking = self._asking.result(), None
        changed = self._merged(answers)
        return Collected(
            [Reading(self._server(key[0]), key[1], dict(self._known[key])) for key in sorted(changed)],
            self._reasons(answers),
        )

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._service is not None and self._asking is None:
            self._service.close()
            self._service = None

    def _ask(self, end_s: int) -> dict[str, Sequence[_Point] | str]:
        """In the thread: metric type to its new points, or to the reason why there are none."""
        answers: dict[str, Sequence[_Point] | str] = {}
        for metric in GOOGLE_METRICS:
            if self._asked_to_s.get(metric.type, 0) >= end_s:
                continue
            try:
                answers[metric.type] = self._points(metric, end_s)
                self._asked_to_s[metric.type] = end_s
            except HttpError as error:
                status = int(error.resp.status)
                if status == 404 and metric.is_optional:
                    continue
                answers[metric.type] = _refusal(status, self._project_id)
                if status in (401, 403):
                    break
            except (google.auth.exceptions.GoogleAuthError, GoogleError, httplib2.HttpLib2Error) as error:
                answers[metric.type] = _in_words(error)
                break
            except OSError as error:
                answers[metric.type] = f"not reachable: {error.strerror or type(error).__name__}"
                break
            except (TargetError, KeyError, TypeError, ValueError, AttributeError) as error:
                answers[metric.type] = f"answered something that is not a list of time series ({type(error).__name__})"
        return answers

    def _points(self, metric: GoogleMetric, end_s: int) -> Sequence[_Point]:
        # Periods are counted back from the end: a whole minute keeps them the same from pass to pass.
        watermark_s = self._watermark_s.get(metric.type)
        start_s = end_s - FIRST_WINDOW_S if watermark_s is None else watermark_s - OVERLAP_S
        series = self._open().projects().timeSeries()
        request = series.list(
            name=f"projects/{self._project_id}",
            filter=f'metric.type = "{metric.type}" AND resource.type = "gce_instance"{metric.only}',
            interval_startTime=_instant(max(start_s, end_s - LONGEST_WINDOW_S)),
            interval_endTime=_instant(end_s),
            aggregation_alignmentPeriod=f"{PERIOD_S}s",
            aggregation_perSeriesAligner=metric.aligner,
            pageSize=PAGE_POINTS,
        )
        points: list[_Point] = []
        while request is not None:
            page = request.execute()
            if not isinstance(page, dict):
                raise TargetError("not JSON")
            for one in page.get("timeSeries", ()):
                points.extend(self._of_series(one))
            request = series.list_next(request, page)
        return points

    def _of_series(self, one: Mapping[str, Any]) -> list[_Point]:
        resource = one["resource"]["labels"]
        instance_id = str(resource["instance_id"])
        name = one.get("metric", {}).get("labels", {}).get("instance_name")
        if name:
            self._names[instance_id] = (str(name), str(resource.get("zone", "")))
        return [
            _Point(instance_id, _epoch_s(point["interval"]["endTime"]), _number(point["value"]))
            for point in one.get("points", ())
        ]

    def _merged(self, answers: Mapping[str, Sequence[_Point] | str]) -> set[Key]:
        """Take the points in; the instants that say something new. Forget what no window can reach again."""
        changed: set[Key] = set()
        notes: dict[str, str] = {}
        for metric in GOOGLE_METRICS:
            points = answers.get(metric.type, ())
            if isinstance(points, str):
                continue
            values: dict[Key, float] = {}
            for point in points:
                key = (point.instance_id, point.at_s)
                values[key] = metric.combine(values[key], point.value) if key in values else point.value
            for key, value in values.items():
                try:
                    code = BY_NAME[metric.metric].code(value * metric.factor)
                except ValueError as error:
                    notes[self._server(key[0])] = f"{error}; not measured"
                    continue
                self._watermark_s[metric.type] = max(self._watermark_s.get(metric.type, 0), key[1])
                if self._known.setdefault(key, {}).get(metric.metric) != code:
                    self._known[key][metric.metric] = code
                    changed.add(key)
        self._notes.are_now(notes)
        # A metric that ended (its agent was removed) holds its watermark: the longest window bounds what is kept.
        marks_s = self._watermark_s.values() or (0,)
        oldest_s = max(min(marks_s), max(marks_s) - LONGEST_WINDOW_S) - 2 * OVERLAP_S
        self._known = {key: codes for key, codes in self._known.items() if key[1] >= oldest_s or key in changed}
        return changed

    def _reasons(self, answers: Mapping[str, Sequence[_Point] | str]) -> dict[str, str]:
        reasons = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        if len(set(reasons.values())) == 1:
            return {self.name: next(iter(reasons.values()))}
        return {f"{self.name}:{metric}": reason for metric, reason in reasons.items()}

    def _server(self, instance_id: str) -> str:
        """The machine's name; with its zone where two have one name, as names are unique in a zone only."""
        name, zone = self._names.get(instance_id, (instance_id, ""))
        zones = {other_zone for other, other_zone in self._names.values() if other == name}
        return f"{name}.{zone}" if len(zones) > 1 else name

    def _open(self) -> Any:
        if self._service is None:
            http = httplib2.Http(timeout=self._timeout_s)
            is_plain = (self._endpoint or "").startswith("http://")
            if not is_plain:
                # A token that grants access never travels unencrypted.
                credentials = self._credentials or google.auth.default(scopes=_SCOPES)[0]
                scoped = google.auth.credentials.with_scopes_if_required(credentials, _SCOPES)  # type: ignore[no-untyped-call]
                http = google_auth_httplib2.AuthorizedHttp(scoped, http=http)
            options = {"api_endpoint": self._endpoint.rstrip("/") + "/"} if self._endpoint else None
            known = {"client_options": options, "static_discovery": True}
            self._service = discovery.build("monitoring", "v3", http=http, **known)
        return self._service


def _refusal(status: int, project_id: str) -> str:
    if status == 403:
        return f"refused (403): give the account the role roles/monitoring.viewer on {project_id}, or check its name"
    if status == 401:
        return f"the credentials are not accepted (401): {_REMEDY}"
    if status == 404:
        return f"not found (404): check that the project {project_id} exists"
    return f"answered {status}; the next cycle asks again from the same watermark"


def _in_words(error: Exception) -> str:
    if isinstance(error, google.auth.exceptions.DefaultCredentialsError):
        return f"no usable credentials: {_REMEDY}"
    if isinstance(error, google.auth.exceptions.RefreshError):
        return f"the credentials are not accepted: {_REMEDY}"
    return f"not reachable: {type(error).__name__}"


def _instant(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch_s(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


def _number(value: Mapping[str, Any]) -> float:
    return float(value["doubleValue"] if "doubleValue" in value else value["int64Value"])
