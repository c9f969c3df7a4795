"""Metrics pages in node_exporter's words."""

import time


def node_page(*, busy_s: float = 100.0, idle_s: float = 900.0, received: float = 1e6, clock_off_s: float = 0.0) -> str:
    """A small server's page; its counters and its clock are the caller's."""
    now_s = time.time() + clock_off_s
    return "\n".join(
        [
            "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.",
            "# TYPE node_cpu_seconds_total counter",
            f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle_s}',
            f'node_cpu_seconds_total{{cpu="0",mode="user"}} {busy_s}',
            "# TYPE node_load1 gauge",
            "node_load1 0.5",
            "node_memory_MemAvailable_bytes 4e+09",
            "node_memory_MemTotal_bytes 8e+09",
            'node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 1000',
            'node_filesystem_free_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 500',
            'node_filesystem_avail_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 300',
            f'node_network_receive_bytes_total{{device="eth0"}} {received}',
            f'node_network_transmit_bytes_total{{device="eth0"}} {received / 2}',
            f"node_boot_time_seconds {now_s - 86_400}",
            f"node_time_seconds {now_s}",
            "",
        ]
    )
