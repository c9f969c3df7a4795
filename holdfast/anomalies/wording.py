"""Values in words: a metric's name and unit as people say them, numbers with the digits that matter."""

from collections.abc import Mapping
from typing import Final

# As people say it; a metric that is not listed is called by its name without its unit.
_WORDS: Final[Mapping[str, str]] = {
    "cpu_pct": "CPU",
    "cache_hit_pct": "cache hits",
    "db_connections": "connections",
    "error_pct": "errors",
    "load_1m": "load",
    "response_ms": "response time",
    "throughput_rps": "throughput",
    "*": "every metric",
}
# What the ending of a metric's name says of its unit.
_UNITS: Final[Mapping[str, str]] = {"_pct": " %", "_ms": " ms", "_bytes_s": " B/s", "_bytes": " B", "_rps": " rps"}
_PREFIXES: Final = ((1e9, " GB"), (1e6, " MB"), (1e3, " kB"))
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


def words(metric: str) -> str:
    """What people call a metric: ``network_in_bytes_s`` is "network in"."""
    ending = next((one for one in (*_UNITS, "_1m") if metric.endswith(one)), "")
    return _WORDS.get(metric) or metric.removesuffix(ending).replace("_", " ")


def shown(metric: str, value: float, *, like: float | None = None, is_bare: bool = False) -> str:
    """A value with its unit.

    Args:
        metric: its ending is the unit.
        value: in that unit.
        like: a value whose scale is used instead (kB, MB), so that two values can be compared.
        is_bare: leave the unit away.
    """
    unit = next((text for ending, text in _UNITS.items() if metric.endswith(ending)), "")
    divisor = 1.0
    if unit.startswith(" B"):
        scale = abs(value if like is None else like)
        divisor, prefix = next(((limit, text) for limit, text in _PREFIXES if scale >= limit), (1.0, " B"))
        unit = prefix + unit[2:]
    return _digits(value / divisor) + ("" if is_bare else unit)


def _digits(value: float) -> str:
    """At most one decimal from 10 on, none from 100 on, else three digits; no zeros at the end."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def lasting(seconds: float) -> str:
    """A length of time in its two largest units: "5 h 20 min", "2 d 3 h", "10 min"."""
    minutes = int(seconds // MINUTE_S)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min"


def usual(metric: str, expected: float, low: float, high: float, *, like: float) -> str:
    """The expected band: "31 ± 4" where it is even around its middle, else "31 (30 to 40)"."""
    middle, below, above = (
        shown(metric, v, like=like, is_bare=True) for v in (expected, expected - low, high - expected)
    )
    if below == above:
        return middle if below == "0" else f"{middle} ± {above}"
    ends = (shown(metric, v, like=like, is_bare=True) for v in (low, high))
    return f"{middle} ({' to '.join(ends)})"


def share(rank: float) -> str:
    """A share below 1 in percent, cut rather than rounded, so that it never claims more than was seen."""
    return f"{min(int(rank * 10_000 + 1e-6), 9_999) / 100:g} %"
