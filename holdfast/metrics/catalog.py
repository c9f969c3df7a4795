"""What is measured: every metric, its unit and its resolution. Data only.

A value is stored as a whole number of quanta (its *code*), so that what is stored equals what was
collected, to the last digit, in every layer. The table ``holdfast.metric_catalog`` says the same to SQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CODE_LIMIT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is measured of a server.

    Attributes:
        name: column name; its ending is the unit.
        description: one sentence, shown in the UI and in the database.
        per_unit: quanta in one unit (100 means a resolution of 0.01); fractions are not allowed.
        units_per_quantum: units in one quantum (100 means a resolution of 100); one of the two is 1.
    """

    name: str
    description: str
    per_unit: int = 1
    units_per_quantum: int = 1

    def __post_init__(self) -> None:
        """Refuse a resolution that is not an exact decimal step."""
        if 1 not in (self.per_unit, self.units_per_quantum) or min(self.per_unit, self.units_per_quantum) < 1:
            raise ValueError(f"metric {self.name}: one of per_unit and units_per_quantum must be 1")

    def code(self, value: float) -> int:
        """The whole number of quanta nearest to ``value`` (in the metric's unit).

        Raises:
            ValueError: ``value`` is not finite, negative, or beyond 2**31 - 1 quanta.
        """
        if not 0 <= value < float("inf"):
            raise ValueError(f"{self.name}: {value!r} is not a finite number of 0 or more")
        code = round(value * self.per_unit / self.units_per_quantum)
        if code > CODE_LIMIT:
            raise ValueError(f"{self.name}: {value!r} is more than {self.value(CODE_LIMIT):g}, the largest stored")
        return code

    def value(self, code: int) -> float:
        """The value, in the metric's unit, that ``code`` quanta stand for."""
        return code * self.units_per_quantum / self.per_unit


METRICS: Final[tuple[Metric, ...]] = (
    Metric("cpu_pct", "Processor time not idle, in percent of all processors", per_unit=100),
    Metric("memory_pct", "Memory not available to new programs, in percent of all memory", per_unit=100),
    Metric("disk_pct", "Space used on the root file system, in percent", per_unit=100),
    Metric("network_in_bytes_s", "Bytes received per second, all real interfaces", units_per_quantum=10),
    Metric("network_out_bytes_s", "Bytes sent per second, all real interfaces", units_per_quantum=10),
    Metric("load_1m", "Processes running or waiting for a processor, 1 min average", per_unit=100),
    Metric("response_ms", "Mean time to answer a request, in milliseconds", per_unit=10),
    Metric("throughput_rps", "Requests answered per second", per_unit=100),
    Metric("error_pct", "Requests answered with a server error, in percent", per_unit=100),
    Metric("active_users", "Users or sessions active now"),
    Metric("db_connections", "Open database connections"),
    Metric("cache_hit_pct", "Cache lookups answered from the cache, in percent", per_unit=100),
)

METRIC_NAMES: Final[tuple[str, ...]] = tuple(metric.name for metric in METRICS)
BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}
