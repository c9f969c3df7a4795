"""A finding: one judged slot that is out of the ordinary, with the rule that says so and a sentence with numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.anomalies.wording import DAY_S, share, shown, usual, words

Severity = Literal["warning", "critical"]
WARNING: Final[Severity] = "warning"
CRITICAL: Final[Severity] = "critical"
# Stands for all servers, or for all metrics of a server: silence has no value of its own.
EVERY: Final = "*"
# A finding of at least this score calls for attention alone; a weaker one only in company.
PAGES_ALONE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """One slot of one series that is out of the ordinary.

    Attributes:
        server_id: the server; ``*`` for the whole fleet.
        metric: the metric; ``*`` where the server says nothing at all.
        at_s: start of the slot, seconds since the epoch.
        rule: which rule found it, e.g. ``saturation``; ``statistics`` for the learned baseline.
        severity: warning or critical.
        score: 0 to 1; from 0.5 on it calls for attention alone.
        observed: the slot's value in the metric's unit; NaN where the finding is that there is none.
        expected: the usual value; NaN where none was learned.
        expected_low: lower end of the expected band.
        expected_high: upper end of the expected band.
        sentence: what an operator reads.
    """

    server_id: str
    metric: str
    at_s: int
    rule: str
    severity: Severity
    score: float
    observed: float
    expected: float
    expected_low: float
    expected_high: float
    sentence: str

    @property
    def series(self) -> tuple[str, str]:
        """Server and metric."""
        return self.server_id, self.metric

    @property
    def pages_alone(self) -> bool:
        """Whether it calls for attention without company."""
        return self.score >= PAGES_ALONE


# How long the value has been so, or how it came to it, where it is not the slot itself that is rare.
_SCALES: Final[Mapping[str, str]] = {
    "slot_1h": "for an hour now",
    "slot_6h": "for six hours now",
    "step": "all of a sudden",
}


def explain(
    metric: str,
    observed: float,
    band: tuple[float, float, float],
    *,
    rank: float,
    learned_s: float,
    scale: str = "slot",
) -> str:
    """One sentence: "CPU 87 %, usual at this time 31 ± 4, higher than 99.98 % of the last 28 days".

    Args:
        metric: the metric.
        observed: its value.
        band: the usual value at this time, the lower and the upper end of the expected band.
        rank: share of what was learned that is less unusual, 0 to 1; NaN: too little was learned to say.
        learned_s: how much was learned, seconds.
        scale: where it is unusual: as a value (``slot``), over hours, as a step, or in how it moves.
    """
    expected = band[0]
    like = abs(observed) if math.isnan(expected) else max(abs(observed), abs(expected))
    parts = [f"{words(metric)} {shown(metric, observed, like=like)}"]
    if not math.isnan(expected):
        parts.append(f"usual at this time {usual(metric, *band, like=like)}")
    if not math.isnan(rank):
        of_what = _of_what(rank, learned_s)
        if scale == "jolt":
            parts.append(f"moved more within 20 min than {of_what}")
        elif scale == "rough":
            parts.append(f"more restless in the last two hours than {of_what}")
        else:
            more = "lower" if observed < expected else "higher"
            parts.append(f"{_SCALES[scale]} {more} than {of_what}" if scale in _SCALES else f"{more} than {of_what}")
    return ", ".join(parts)


def _of_what(rank: float, learned_s: float) -> str:
    days = max(1, round(learned_s / DAY_S))
    last = "the last day" if days == 1 else f"the last {days} days"
    return f"ever in {last}" if rank >= 1 else f"{share(rank)} of {last}"
