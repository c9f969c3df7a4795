"""What a page's families mean in Holdfast's metrics: servers (node_exporter) first, then their applications.

Data on top, the few formulas below. Every source ends here, so that a metric means the same wherever it
comes from. Names are those of node_exporter 1.x, postgres_exporter, redis_exporter, mysqld_exporter, and the
HTTP metrics of Prometheus' client libraries, Micrometer and OpenTelemetry.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.samples import Sample

from holdfast.metrics.catalog import BY_NAME
from holdfast.metrics.exposition import Families, Series, series
from holdfast.metrics.rates import Increases, Look, Rates

CLOCK_TOLERANCE_S: Final = 60

# Interfaces whose bytes pass a real one as well, or never leave the machine.
VIRTUAL_INTERFACE: Final = re.compile(
    r"lo\d*$|veth|docker|br-|virbr|cni|flannel|cali|lxc|vnet|tap|ifb|dummy|kube-|bond\d|team\d|.*\.\d+$"
)
# File systems that are memory, an image that is always full, or another machine's disk.
VIRTUAL_FILE_SYSTEM: Final = re.compile(
    r"(?:tmpfs|devtmpfs|ramfs|rootfs|overlay|squashfs|iso9660|erofs|nfs.*|cifs|smb.*|fuse.*|autofs|proc|sysfs)$"
)
CPU: Final = "node_cpu_seconds_total"
IDLE_MODES: Final = frozenset({"idle", "iowait"})
RECEIVED, SENT = "node_network_receive_bytes_total", "node_network_transmit_bytes_total"
STATUS_LABELS: Final = ("code", "status", "status_code", "http_response_status_code")

# The first family of a row that a page has is summed over its series.
SUMS: Final[Mapping[str, Sequence[str]]] = {
    "load_1m": ("node_load1",),
    "active_users": ("active_users", "active_sessions"),
    "db_connections": (
        "pg_stat_activity_count",
        "pg_stat_database_numbackends",
        "mysql_global_status_threads_connected",
        "redis_connected_clients",
    ),
}
# What counts requests, and the (sum, count) of their durations in seconds; the first pair a page has is used.
REQUESTS: Final = ("http_requests_total",)
DURATIONS: Final = (
    ("http_request_duration_seconds_sum", "http_request_duration_seconds_count"),
    ("http_server_requests_seconds_sum", "http_server_requests_seconds_count"),
    ("http_server_request_duration_seconds_sum", "http_server_request_duration_seconds_count"),
)
# An OpenMetrics page adds "_total" to counters that lack it.
HITS_AND_MISSES: Final = (
    ("redis_keyspace_hits_total", "redis_keyspace_misses_total"),
    ("pg_stat_database_blks_hit", "pg_stat_database_blks_read"),
    ("pg_stat_database_blks_hit_total", "pg_stat_database_blks_read_total"),
)
# Where the counters of a family began. Absent: Postgres' statistics outlive its restart, and an exporter's own
# start says nothing about what it exports.
STARTS: Final[Mapping[str, str]] = {
    "node": "node_boot_time_seconds",
    "http": "process_start_time_seconds",
    "redis": "redis_start_time_seconds",
}
_MEMORY: Final = ("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes")
_DISK: Final = ("node_filesystem_size_bytes", "node_filesystem_free_bytes", "node_filesystem_avail_bytes")

FAMILIES: Final = Families(
    counters=(CPU, RECEIVED, SENT, *REQUESTS, *sum(DURATIONS, ()), *sum(HITS_AND_MISSES, ())),
    gauges=(*_MEMORY, *_DISK, "node_time_seconds", *STARTS.values(), *(n for row in SUMS.values() for n in row)),
)

_View = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a page means: metric name to whole number of quanta, and notes on what could not be measured."""

    codes: Mapping[str, int]
    notes: Sequence[str]


def measure(server_id: str, samples: Iterable[Sample], rates: Rates, *, now_s: float, clock_s: float) -> Measured:
    """Translate one server's samples; what is a rate needs an earlier call for the same server.

    Args:
        server_id: whose samples these are.
        samples: the wanted samples of its page, each series once.
        rates: remembers the server's counters between calls.
        now_s: the reader's clock in seconds since the epoch; only to judge the server's.
        clock_s: the reader's monotonic clock in seconds.
    """
    view: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        view[sample.name].append(sample)
    server_now_s = _single(view, "node_time_seconds")
    increases = rates.increases(server_id, _look(view, clock_s, now_s if server_now_s is None else server_now_s))
    notes: list[str] = []
    if server_now_s is not None and abs(server_now_s - now_s) > CLOCK_TOLERANCE_S:
        ahead = "ahead" if server_now_s > now_s else "behind"
        notes.append(f"its clock is more than {CLOCK_TOLERANCE_S} s {ahead}; Holdfast's clock is used")
    values = {"memory_pct": _memory_pct(view), "disk_pct": _disk_pct(view)}
    values |= {metric: _sum(view, names) for metric, names in SUMS.items()}
    if increases is not None:
        values |= _rated(increases)
    return Measured(_codes(values, notes), notes)


def _look(view: _View, clock_s: float, now_s: float) -> Look:
    counters = {series(sample): float(sample.value) for name in FAMILIES.counters for sample in view.get(name, ())}
    starts = {prefix: _single(view, name) for prefix, name in STARTS.items()}
    started_at_s = {
        name: start for name in FAMILIES.counters if (start := starts.get(name.partition("_")[0])) is not None
    }
    return Look(clock_s, counters, started_at_s, now_s)


def _codes(values: Mapping[str, float | None], notes: list[str]) -> dict[str, int]:
    codes = {}
    for name, value in values.items():
        if value is None:
            continue
        try:
            codes[name] = BY_NAME[name].code(value)
        except ValueError as error:
            notes.append(f"{error}; not measured")
    return codes


def _rated(increases: Increases) -> dict[str, float | None]:
    by_family: dict[str, dict[Series, float]] = defaultdict(dict)
    for key, increase in increases.by_series.items():
        by_family[key[0]][key] = increase
    elapsed_s = increases.elapsed_s
    return {
        "cpu_pct": _cpu_pct(by_family.get(CPU, {}), elapsed_s),
        "network_in_bytes_s": _network_bytes_s(by_family.get(RECEIVED, {}), elapsed_s),
        "network_out_bytes_s": _network_bytes_s(by_family.get(SENT, {}), elapsed_s),
        "cache_hit_pct": _cache_hit_pct(by_family),
        **_requests(by_family, elapsed_s),
    }


def _cpu_pct(seconds: Mapping[Series, float], elapsed_s: float) -> float | None:
    # Linux lets iowait and idle step back a little, which looks like a counter that started again; no processor
    # can have spent more seconds in one mode than have passed. Source: proc(5), "iowait".
    possible = {key: value for key, value in seconds.items() if value <= elapsed_s * 1.5 + 1}
    total_s = sum(possible.values())
    if total_s <= 0:
        return None
    idle_s = sum(value for key, value in possible.items() if dict(key[1]).get("mode") in IDLE_MODES)
    return 100 * max(0.0, total_s - idle_s) / total_s


def _network_bytes_s(received: Mapping[Series, float], elapsed_s: float) -> float | None:
    real = [v for key, v in received.items() if not VIRTUAL_INTERFACE.match(dict(key[1]).get("device", ""))]
    return sum(real) / elapsed_s if real else None


def _cache_hit_pct(by_family: Mapping[str, Mapping[Series, float]]) -> float | None:
    for hits, misses in HITS_AND_MISSES:
        if hits in by_family and misses in by_family:
            hit, missed = sum(by_family[hits].values()), sum(by_family[misses].values())
            return 100 * hit / (hit + missed) if hit + missed > 0 else None
    return None


def _requests(by_family: Mapping[str, Mapping[Series, float]], elapsed_s: float) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for total_s, count in DURATIONS:
        if total_s in by_family and count in by_family:
            answered = sum(by_family[count].values())
            found["response_ms"] = 1000 * sum(by_family[total_s].values()) / answered if answered > 0 else None
            break
    for family in (*REQUESTS, *(count for _, count in DURATIONS)):
        if family in by_family:
            found["throughput_rps"] = sum(by_family[family].values()) / elapsed_s
            found["error_pct"] = _error_pct(by_family[family])
            break
    return found


def _error_pct(requests: Mapping[Series, float]) -> float | None:
    """Share of answers with a status of 500 to 599 (or "5xx") among those that say their status."""
    by_status = [(_status(key), value) for key, value in requests.items()]
    answered = sum(value for status, value in by_status if status)
    failed = sum(value for status, value in by_status if status.startswith("5"))
    return 100 * failed / answered if answered > 0 else None


def _status(key: Series) -> str:
    labels = dict(key[1])
    return next((labels[name] for name in STATUS_LABELS if name in labels), "")


def _memory_pct(view: _View) -> float | None:
    available, total = (_single(view, name) for name in _MEMORY)
    return 100 * (1 - available / total) if available is not None and total else None


def _disk_pct(view: _View) -> float | None:
    """Used share of ``/`` as ``df`` counts it; where there is no ``/``, of the fullest real file system."""
    mounts: dict[str, dict[str, float]] = defaultdict(dict)
    for name in _DISK:
        for sample in view.get(name, ()):
            mount = sample.labels.get("mountpoint", "")
            if mount == "/" or not VIRTUAL_FILE_SYSTEM.match(sample.labels.get("fstype", "")):
                mounts[mount].setdefault(name, float(sample.value))
    if "/" in mounts:
        return _used_pct(mounts["/"])
    return max((pct for mount in mounts.values() if (pct := _used_pct(mount)) is not None), default=None)


def _used_pct(mount: Mapping[str, float]) -> float | None:
    size, free, available = (mount.get(name) for name in _DISK)
    if not size or available is None:
        return None
    # Blocks reserved for root are neither used nor available: df leaves them out of the whole.
    used = size - (available if free is None else free)
    return 100 * used / (used + available) if used + available > 0 else None


def _sum(view: _View, names: Sequence[str]) -> float | None:
    found = next((view[name] for name in names if name in view), None)
    return None if found is None else float(sum(sample.value for sample in found))


def _single(view: _View, name: str) -> float | None:
    found = view.get(name)
    return float(found[0].value) if found else None
