import pytest
from prometheus_client.samples import Sample

from holdfast.metrics.catalog import BY_NAME
from holdfast.metrics.exposition import parse_page
from holdfast.metrics.node import FAMILIES, Measured, measure
from holdfast.metrics.rates import Rates


def samples(text: str) -> list[Sample]:
    return list(parse_page(text.encode(), "text/plain", FAMILIES).samples)


def after(first: str, second: str, *, seconds: float = 10.0) -> dict[str, float]:
    """The values of the second page, read ``seconds`` after the first."""
    rates = Rates()
    measure("a", samples(first), rates, now_s=1000, clock_s=0)
    return values(measure("a", samples(second), rates, now_s=1000 + seconds, clock_s=seconds))


def once(text: str) -> Measured:
    return measure("a", samples(text), Rates(), now_s=1000, clock_s=0)


def values(measured: Measured) -> dict[str, float]:
    return {name: BY_NAME[name].value(code) for name, code in measured.codes.items()}


def cpu(idle: float, iowait: float, user: float) -> str:
    modes = {"idle": idle, "iowait": iowait, "user": user}
    return "".join(f'node_cpu_seconds_total{{cpu="0",mode="{m}"}} {v}\n' for m, v in modes.items())


def test_waiting_for_the_disk_is_idle_time() -> None:
    assert after(cpu(100, 10, 50), cpu(104, 12, 54))["cpu_pct"] == 40


def test_iowait_that_steps_back_does_not_look_like_an_idle_life() -> None:
    assert after(cpu(1000, 500.10, 50), cpu(1005, 500.05, 55))["cpu_pct"] == 50


def test_memory_is_what_is_not_available() -> None:
    assert values(once("node_memory_MemAvailable_bytes 2\nnode_memory_MemTotal_bytes 8\n")) == {"memory_pct": 75}


def mount(point: str, fstype: str, size: int, free: int, avail: int) -> str:
    labels = f'{{device="d",fstype="{fstype}",mountpoint="{point}"}}'
    return "".join(
        f"node_filesystem_{what}_bytes{labels} {value}\n"
        for what, value in (("size", size), ("free", free), ("avail", avail))
    )


def test_disk_is_the_root_file_system_as_df_counts_it() -> None:
    page = mount("/data", "ext4", 100, 1, 1) + mount("/", "overlay", 1000, 500, 300)
    assert values(once(page)) == {"disk_pct": 62.5}


def test_without_a_root_the_fullest_real_file_system_counts() -> None:
    page = mount("/data", "ext4", 100, 60, 60) + mount("/more", "xfs", 100, 20, 20)
    full = mount("/snap/core", "squashfs", 100, 0, 0) + mount("/run", "tmpfs", 100, 5, 5)
    assert values(once(page + full)) == {"disk_pct": 80}


def test_bytes_of_virtual_interfaces_are_counted_once() -> None:
    def page(value: int) -> str:
        devices = ("eth0", "ens3", "lo", "veth1a", "docker0", "br-12", "virbr0", "cni0", "flannel.1", "bond0", "eth0.7")
        return "".join(f'node_network_receive_bytes_total{{device="{d}"}} {value}\n' for d in devices)

    assert after(page(0), page(10_000))["network_in_bytes_s"] == 2000


@pytest.mark.parametrize("label", ["code", "status", "status_code"])
def test_requests_become_throughput_errors_and_response_time(label: str) -> None:
    def page(good: int, bad: int, seconds: float) -> str:
        return (
            f'http_requests_total{{{label}="200"}} {good}\nhttp_requests_total{{{label}="503"}} {bad}\n'
            f"http_request_duration_seconds_sum {seconds}\nhttp_request_duration_seconds_count {good + bad}\n"
        )

    found = after(page(100, 0, 5), page(190, 10, 15))
    assert found == {"throughput_rps": 10, "error_pct": 10, "response_ms": 100}


def test_without_requests_there_is_a_rate_of_zero_but_no_share_and_no_mean() -> None:
    durations = "http_request_duration_seconds_sum 1\nhttp_request_duration_seconds_count 5\n"
    page = 'http_requests_total{code="200"} 5\n' + durations
    assert after(page, page) == {"throughput_rps": 0}


def test_requests_without_a_status_have_no_share_of_errors() -> None:
    assert after("http_requests_total 0\n", "http_requests_total 50\n") == {"throughput_rps": 5}


def test_databases_and_caches_are_understood() -> None:
    def page(hits: int, misses: int) -> str:
        return (
            'pg_stat_database_numbackends{datname="a"} 3\npg_stat_database_numbackends{datname="b"} 4\n'
            f'pg_stat_database_blks_hit{{datname="a"}} {hits}\npg_stat_database_blks_read{{datname="a"}} {misses}\n'
        )

    assert after(page(0, 0), page(90, 10)) == {"db_connections": 7, "cache_hit_pct": 90}
    redis = "redis_keyspace_hits_total {}\nredis_keyspace_misses_total {}\nredis_connected_clients 12\n"
    assert after(redis.format(0, 0), redis.format(1, 3)) == {"db_connections": 12, "cache_hit_pct": 25}


def test_a_value_that_cannot_be_stored_costs_itself_only_and_is_noted() -> None:
    measured = once("active_users -3\nnode_load1 1.5\n")
    assert values(measured) == {"load_1m": 1.5}
    assert measured.notes == ["active_users: -3.0 is not a finite number of 0 or more; not measured"]


def test_a_clock_ten_minutes_off_is_noted_and_changes_no_value() -> None:
    measured = once("node_time_seconds 1600\nnode_load1 1\n")
    assert values(measured) == {"load_1m": 1}
    assert measured.notes == ["its clock is more than 60 s ahead; Holdfast's clock is used"]


def test_a_reboot_between_two_pages_counts_from_zero() -> None:
    def page(boot: int, now: int, received: int) -> str:
        return (
            f"node_boot_time_seconds {boot}\nnode_time_seconds {now}\n"
            f'node_network_receive_bytes_total{{device="eth0"}} {received}\n'
        )

    assert after(page(0, 1000, 5000), page(1005, 1010, 7000))["network_in_bytes_s"] == 700
