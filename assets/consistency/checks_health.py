"""Checks of the stores' health: each is named as the sentence that holds when it passes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import dagster as dg

from holdfast.consistency.reports import CRITICAL_RATE, KPI_RATE, WARNING_RATE
from holdfast.health.advice import LOOK_MS, OPEN_FOR, WARNING_MS
from holdfast.health.rates import standing_rates, worst_rate
from holdfast.health.stores import PairHealth

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
Judged = tuple[bool, dg.AssetCheckSeverity, str, dict[str, Any]]

CHECKS: Final[Mapping[str, str]] = {
    "both_stores_answer": "Both stores take a connection and answer. One that does not is a warning, both an error.",
    "responses_are_quick_enough": "The median round trip takes at most 100 ms to the primary and 200 ms to the "
    "secondary; above 500 ms somebody has to see to it within the hour.",
    "no_breaker_has_been_open_for_5_minutes": "No store has been left alone for 5 minutes, by failures or by an "
    "operator.",
    "less_than_1_percent_of_rows_differ": "In no table does 1 % of the rows differ, by the comparisons of the newest "
    "24 hours. Above 5 % is an error; the goal is 0.01 %.",
    "every_declared_table_exists_in_both_stores": "Both stores have every table of the catalogue.",
}


def check_results(pair: PairHealth) -> Iterator[dg.AssetCheckResult]:
    """What each check comes to; without a secondary store they pass and say why."""
    for name in CHECKS:
        passed, severity, sentence, metadata = _JUDGES[name](pair)
        reason = "" if pair.is_paired else pair.mode_reason
        yield dg.AssetCheckResult(
            check_name=name,
            passed=passed or not pair.is_paired,
            severity=severity,
            description=f"Not judged: {reason}." if reason else sentence,
            metadata={"not_judged_because": reason, **metadata},
        )


def _both_answer(pair: PairHealth) -> Judged:
    away = [one for one in pair.stores if one.answer is None]
    sentence = "; ".join(f"{one.store}: {one.problem}" for one in away) or "Both stores answer."
    severity = _ERROR if len(away) == len(pair.stores) else _WARN
    return not away, severity, sentence, {"stores": len(pair.stores), "answering_stores": len(pair.stores) - len(away)}


def _quick_enough(pair: PairHealth) -> Judged:
    found_ms = {one.store: round(one.answer.p50_ms, 3) for one in pair.stores if one.answer}
    slow = {store: ms for store, ms in found_ms.items() if ms > LOOK_MS[store]}
    is_grave = any(ms > WARNING_MS for ms in slow.values())
    told = ", ".join(f"{store} {ms:g} ms (limit {LOOK_MS[store]:g} ms)" for store, ms in found_ms.items())
    urgency = "; above 500 ms: within the hour" if is_grave else ""
    metadata = {f"{store}_round_trip_ms": found_ms.get(store) for store in LOOK_MS}
    limits = {f"{store}_limit_ms": limit for store, limit in LOOK_MS.items()}
    return not slow, _WARN, f"{told or 'no store answers'}{urgency}.", {**metadata, **limits, "warning_ms": WARNING_MS}


def _no_breaker_open(pair: PairHealth) -> Judged:
    open_s = {
        one.store: (pair.probed_at - one.breaker.opened_at).total_seconds()
        for one in pair.stores
        if one.breaker.opened_at and one.breaker_state != "closed"
    }
    long = {store: seconds for store, seconds in open_s.items() if seconds >= OPEN_FOR.total_seconds()}
    told = ", ".join(f"the breaker of the {store} is open for {seconds:.0f} s" for store, seconds in open_s.items())
    metadata = {f"{store}_open_s": round(max(open_s.get(store, 0.0), 0.0), 1) for store in LOOK_MS}
    limit = {"limit_s": OPEN_FOR.total_seconds()}
    return not long, _ERROR, f"{told or 'No breaker is open'}.", {**metadata, **limit}


def _few_rows_differ(pair: PairHealth) -> Judged:
    standing = standing_rates(pair.rates or ())
    worst = worst_rate(pair.rates or ())
    rate = worst.rate if worst else 0.0
    sentence = "The reports cannot be read." if pair.rates is None else "No table was compared in 24 hours."
    if worst:
        met = "within" if rate < KPI_RATE else "beyond"
        sentence = f"Worst of {len(standing)} tables: {worst.table_name}, {rate:.4%}; {met} the goal of {KPI_RATE:.2%}."
    return (
        rate < WARNING_RATE,
        _ERROR if rate > CRITICAL_RATE else _WARN,
        sentence,
        {
            "compared_tables": len(standing),
            "mismatched_rows": sum(one.mismatches for one in standing.values()),
            "worst_table": worst.table_name if worst else "",
            "worst_rate_pct": round(100 * rate, 6),
            "goal_pct": 100 * KPI_RATE,
            "warning_pct": 100 * WARNING_RATE,
            "critical_pct": 100 * CRITICAL_RATE,
        },
    )


def _tables_exist(pair: PairHealth) -> Judged:
    missing = {one.store: list(one.answer.missing_tables) for one in pair.stores if one.answer}
    lacking = [f"the {store} lacks {', '.join(names)}" for store, names in missing.items() if names]
    sentence = "; ".join(lacking) or ("Both have every declared table." if missing else "No store answers.")
    metadata: dict[str, Any] = {f"{store}_missing_tables": len(missing.get(store, ())) for store in LOOK_MS}
    return not lacking, _WARN, sentence, metadata


_JUDGES: Final[Mapping[str, Callable[[PairHealth], Judged]]] = {
    "both_stores_answer": _both_answer,
    "responses_are_quick_enough": _quick_enough,
    "no_breaker_has_been_open_for_5_minutes": _no_breaker_open,
    "less_than_1_percent_of_rows_differ": _few_rows_differ,
    "every_declared_table_exists_in_both_stores": _tables_exist,
}
