"""Silence: a server that is expected and says nothing, a metric that is gone, a fleet that nobody collects."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.anomalies.findings import CRITICAL, EVERY, WARNING, Finding
from holdfast.anomalies.grid import Grid
from holdfast.anomalies.rules import CRITICAL_RULE_SCORE, RULE_SCORE
from holdfast.anomalies.wording import lasting, words
from holdfast.baselines import SLOT_S

STALE: Final = "stale"
# Two slots: one may be lost to a reboot or a slow answer.
WARNING_SLOTS: Final = 2
CRITICAL_SLOTS: Final = 3
# A server nobody heard of for a week is gone, and its incident with it: declare it retired.
FORGET_S: Final = 7 * 86_400
# Servers that fall silent in the same slot, and half of all that were heard: one cause, and that is the collector.
FLEET_LEAST: Final = 3
FLEET_SHARE: Final = 0.5
# A metric that was there in 95 of 100 slots of at least two hours is reported always, not only now and then.
ALWAYS: Final = 0.95
ALWAYS_SLOTS: Final = 24

Heard = npt.NDArray[np.bool_]


def silences(grid: Grid, last_seen_s: Mapping[str, int]) -> Iterator[Finding]:
    """Every silent server, fleet and metric of the judged slots.

    Args:
        grid: the slots.
        last_seen_s: for every server that is expected to report, when it last did; a server that is not listed (it
            is retired) is never missed.
    """
    servers = sorted(last_seen_s)
    heard = _heard(grid, servers)
    last = _last_heard_s(grid, heard, [last_seen_s[server] for server in servers])
    for column in range(grid.columns - grid.first):
        yield from _silent_servers(grid, column, servers, heard, last[:, grid.first + column])
    yield from _vanished(grid, dict(zip(servers, heard, strict=True)))


def fleet_silence(at_s: int, last_s: int, servers: int, of_servers: int) -> Finding:
    """The fleet says nothing: whatever collects it is at fault.

    Args:
        at_s: the slot.
        last_s: end of the last slot that was heard.
        servers: how many are silent.
        of_servers: how many are expected.
    """
    return _finding(
        EVERY,
        EVERY,
        at_s,
        1 + (at_s - last_s) // SLOT_S,
        f"{servers} of {of_servers} servers silent for {lasting(at_s + SLOT_S - last_s)}, since {_clock(last_s)}: "
        "look at the collector and the network, not at the servers",
    )


def _heard(grid: Grid, servers: list[str]) -> Heard:
    """(servers, slots): whether any metric of the server is there."""
    rows = {server: number for number, server in enumerate(servers)}
    heard = np.zeros((len(servers), grid.columns), bool)
    for (server, _), values in zip(grid.keys, grid.values, strict=True):
        if server in rows:
            heard[rows[server]] |= np.isfinite(values)
    return heard


def _last_heard_s(grid: Grid, heard: Heard, last_seen_s: list[int]) -> npt.NDArray[np.int64]:
    """(servers, slots): start of the newest slot, up to each, in which the server was heard; 0: never."""
    starts = grid.from_s + np.arange(grid.columns) * SLOT_S
    # What was seen later than the grid begins is in the grid; only an older last word is news.
    before = np.array([seen // SLOT_S * SLOT_S if seen < grid.from_s else 0 for seen in last_seen_s])
    found = np.maximum.accumulate(np.where(heard, starts, 0), axis=1)
    return np.asarray(np.maximum(found, before.reshape(-1, 1)), np.int64)


def _silent_servers(
    grid: Grid, column: int, servers: list[str], heard: Heard, last_s: npt.NDArray[np.int64]
) -> Iterator[Finding]:
    at_s = grid.at_s(column)
    silent_s = at_s - last_s
    together: dict[int, list[int]] = defaultdict(list)
    for number in np.flatnonzero((last_s > 0) & (silent_s >= WARNING_SLOTS * SLOT_S) & (silent_s <= FORGET_S)).tolist():
        together[int(last_s[number])].append(number)
    for last, numbers in sorted(together.items()):
        of_servers = int(heard[:, (last - grid.from_s) // SLOT_S].sum()) if last >= grid.from_s else 0
        is_fleet = len(numbers) >= FLEET_LEAST and len(numbers) >= FLEET_SHARE * of_servers
        if is_fleet or not heard[:, grid.first + column].any():
            yield fleet_silence(at_s, last + SLOT_S, len(numbers), max(of_servers, len(numbers)))
            continue
        for number in numbers:
            lost_s = last + SLOT_S
            said = f"silent for {lasting(at_s + SLOT_S - lost_s)}: no metric since {_clock(lost_s)}"
            yield _finding(servers[number], EVERY, at_s, (at_s - last) // SLOT_S, f"{servers[number]} {said}")


def _vanished(grid: Grid, heard: Mapping[str, Heard]) -> Iterator[Finding]:
    """Metrics that are gone while their server goes on; a warning, as the server still answers."""
    windows = np.lib.stride_tricks.sliding_window_view(np.isnan(grid.values), CRITICAL_SLOTS, axis=1)
    lost = np.asarray(windows.all(axis=2))[:, grid.first - CRITICAL_SLOTS + 1 :]
    for row in np.flatnonzero(lost.any(axis=1)).tolist():
        server, metric = grid.keys[row]
        if server in heard:
            is_known = np.isfinite(grid.values[row])
            for column in np.flatnonzero(lost[row]).tolist():
                if gone_s := _gone_s(is_known, heard[server], grid.first + column):
                    said = f"{words(metric)} missing for {lasting(gone_s)} while {server} still reports"
                    yield grid.finding(row, column, rule=STALE, severity=WARNING, score=RULE_SCORE, sentence=said)


def _gone_s(is_known: Heard, heard: Heard, column: int) -> int:
    """For how long a metric that was always there is gone from a server that was heard all the time; 0: it is not."""
    known = np.flatnonzero(is_known[: column + 1])
    if not len(known) or not heard[column - CRITICAL_SLOTS + 1 : column + 1].all():
        return 0
    last = int(known[-1])
    expected = int(heard[: last + 1].sum())
    is_always = expected >= ALWAYS_SLOTS and len(known) >= ALWAYS * expected
    return (column - last) * SLOT_S if is_always else 0


def _finding(server_id: str, metric: str, at_s: int, slots: int, sentence: str) -> Finding:
    is_critical = slots >= CRITICAL_SLOTS
    return Finding(
        server_id=server_id,
        metric=metric,
        at_s=at_s,
        rule=STALE,
        severity=CRITICAL if is_critical else WARNING,
        score=CRITICAL_RULE_SCORE if is_critical else RULE_SCORE,
        observed=float("nan"),
        expected=float("nan"),
        expected_low=float("nan"),
        expected_high=float("nan"),
        sentence=sentence,
    )


def _clock(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
