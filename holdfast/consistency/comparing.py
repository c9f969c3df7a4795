"""From what was found to the report of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from holdfast.consistency.detailing import Details, detail, kinds_beyond, rows_of_kind, samples
from holdfast.consistency.finding import Pairs
from holdfast.consistency.pairing import Pairing
from holdfast.consistency.rechecking import Settled
from holdfast.consistency.reports import KINDS, Difference, Found, Kind, Mode, TableReport
from holdfast.consistency.sides import Both
from holdfast.consistency.tables import LABELS, Key, Side

# A store that holds none of so many rows is more likely the wrong database than an empty table.
EMPTY_SIDE_ROWS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that was found of one table.

    Attributes:
        rows: rows compared in A and in B.
        differences: of all kinds, each kind in the order of its keys.
        counts: exact, by kind.
    """

    rows: tuple[int, int]
    differences: Sequence[Difference] = ()
    counts: Mapping[Kind, int] = field(default_factory=dict)
    by_column: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[Kind, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    unchecked_count: int = 0


def conclude(
    both: Both,
    pairing: Pairing,
    pairs: Pairs,
    settled: Settled,
    rows: tuple[int, int],
    *,
    sample: int,
    known_open: frozenset[Key] | None,
) -> Outcome:
    """Tell what every difference is, with samples; asks both stores at the moment of the last look."""
    details = detail(both, pairing, settled.confirmed | pairs.formed, known_open)
    for difference in rows_of_kind(settled.in_flux, "in_flux"):
        details.add(difference)
    counts: dict[Kind, int] = {kind: len(details.of(kind)) for kind in KINDS}
    counts["form_only"] += pairs.form_count - len(pairs.formed)
    beyond = kinds_beyond(pairs.unkept)
    for kind, count in beyond.items():
        counts[kind] += count
    return Outcome(
        rows=rows,
        differences=[one for kind in KINDS for one in details.of(kind)],
        counts=counts,
        by_column=dict(sorted(details.by_column.items())),
        samples={kind: _samples(both, pairing, details, kind, sample) for kind in KINDS},
        unchecked_count=sum(beyond.values()),
    )


def _samples(both: Both, pairing: Pairing, details: Details, kind: Kind, most: int) -> Sequence[Mapping[str, Any]]:
    return samples(both, pairing, details.of(kind), most)


def report_of(table: str, mode: Mode, pairing: Pairing, outcome: Outcome, *, max_keys: int) -> TableReport:
    """The report of what was found."""
    notes = [*pairing.notes, *_empty_side(outcome.rows, mode)]
    if outcome.unchecked_count:
        notes.append(
            f"{outcome.unchecked_count} further differences are counted from one look and not listed; "
            f"{max_keys} are looked at again"
        )
    found = {kind: _found(kind, outcome, max_keys) for kind in KINDS}
    report = TableReport(
        table=table,
        mode=mode,
        status="ok",
        rows_a=outcome.rows[0],
        rows_b=outcome.rows[1],
        found=found,
        by_column=outcome.by_column,
        notes=tuple(notes),
    )
    return replace(report, status="differs") if report.mismatch_count else report


def _found(kind: Kind, outcome: Outcome, max_keys: int) -> Found:
    keys = [one.key for one in outcome.differences if one.kind == kind][:max_keys]
    count = outcome.counts.get(kind, 0)
    return Found(
        count=count, keys=tuple(keys), sample=tuple(outcome.samples.get(kind, ())), is_truncated=count > len(keys)
    )


def _empty_side(rows: tuple[int, int], mode: Mode) -> list[str]:
    if mode == "window":
        return []
    sides: tuple[tuple[Side, int, int], ...] = (("a", rows[0], rows[1]), ("b", rows[1], rows[0]))
    return [
        f"the {LABELS[side]} is empty and the other store is not: that looks like the wrong database; "
        "a repair is refused unless it is allowed (--allow-empty)"
        for side, own, other in sides
        if own == 0 and other >= EMPTY_SIDE_ROWS
    ]
