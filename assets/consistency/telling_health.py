"""What the health of two stores looks like in the UI."""

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from assets.baselines.telling import paragraphs
from holdfast.health.advice import Advice, severity
from holdfast.health.stores import (
    PairHealth,
    StoreHealth,
    availability_words,
    breaker_words,
    connections_words,
    replication_words,
    server_words,
    size_words,
)
from resources.health.history import Recorded


def states(pair: PairHealth) -> str:
    """Which store answers, and why the others do not."""
    return ", ".join(
        f"{one.store} {'answers' if one.answer else f'does not answer ({one.problem})'}" for one in pair.stores
    )


def told(pair: PairHealth, advice: Sequence[Advice], recorded: Recorded | None) -> dict[str, Any]:
    """Metadata of a materialization; nothing was recorded while the primary was away."""
    lines = [f"**{one.level}** {one}" for one in advice]
    numbers: dict[str, Any] = {}
    for name in ("primary", "secondary"):
        numbers |= _numbers(name, pair.store(name))
    return {
        "what": paragraphs(lines, nothing="Nothing to do.", rest="holdfast health"),
        "stores": dg.MetadataValue.table(_records(pair), _SHOWN),
        "mode": pair.mode,
        "mode_reason": pair.mode_reason,
        "severity": severity(advice),
        "recommendations": len(advice),
        "critical_recommendations": sum(one.level == "critical" for one in advice),
        **numbers,
        "written_rows": recorded.rows if recorded else 0,
        "late_rows": recorded.late_rows if recorded else 0,
        "forgotten_rows": recorded.forgotten_rows if recorded else 0,
    }


def _numbers(name: str, one: StoreHealth | None) -> dict[str, Any]:
    """The same keys for every store in every state; null where nothing was measured."""
    answer = one.answer if one else None
    counts = one.availability if one else None
    return {
        f"{name}_latency_p50_ms": answer and round(answer.p50_ms, 3),
        f"{name}_latency_p95_ms": answer and round(answer.p95_ms, 3),
        f"{name}_connect_ms": answer and round(answer.connect_ms, 3),
        f"{name}_availability_24_h_pct": counts and _pct(counts.day),
        f"{name}_availability_7_d_pct": counts and _pct(counts.week),
        f"{name}_size_bytes": answer and answer.size_bytes,
    }


_SHOWN: Final = dg.TableSchema(
    [
        dg.TableColumn("what", "string", "What is told of each store"),
        dg.TableColumn("primary", "string", "The store of DATABASE_URL"),
        dg.TableColumn("secondary", "string", "The store of SUPABASE_DB_URL"),
    ]
)


def _pct(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _records(pair: PairHealth) -> list[dg.TableRecord]:
    """A line per fact, the stores side by side."""
    found = {name: _facts(pair.store(name)) for name in ("primary", "secondary")}
    return [dg.TableRecord({"what": what} | {name: facts[what] for name, facts in found.items()}) for what in _FACTS]


_FACTS: Final = (
    "answers",
    "round trip",
    "p95 of five",
    "connecting",
    "availability",
    "connections",
    "size",
    "breaker",
    "replication",
    "server",
)


def _facts(one: StoreHealth | None) -> dict[str, str]:
    said = dict.fromkeys(_FACTS, "")
    if one is None:
        return said | {"answers": "not configured"}
    said |= {"answers": one.problem, "availability": availability_words(one), "breaker": breaker_words(one)}
    if answer := one.answer:
        said |= {
            "answers": "yes",
            "round trip": f"{answer.p50_ms:.3g} ms",
            "p95 of five": f"{answer.p95_ms:.3g} ms",
            "connecting": f"{answer.connect_ms:.3g} ms",
            "connections": connections_words(answer),
            "size": size_words(one),
            "replication": replication_words(answer),
            "server": server_words(answer),
        }
    return said
