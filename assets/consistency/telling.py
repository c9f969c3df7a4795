"""What was found of a table, in a sentence. No Dagster: commands tell the same."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from resources.consistency import StoredReport

_RANK: Final[Mapping[str, int]] = {"critical": 0, "warning": 1, "ok": 2}
_SHOWN_COLUMNS: Final = 3
_REASON_LETTERS: Final = 300
_NOTE_LETTERS: Final = 160
_STATUS: Final[Mapping[str, str]] = {
    "missing_in_a": "the primary does not have it",
    "missing_in_b": "the secondary does not have it",
    "schema": "its columns do not fit together",
    "rls": "policies hide rows from this role",
    "not_comparable": "there is nothing to compare by",
    "incomplete": "the comparison broke off",
    "error": "the comparison failed",
}


def by_badness(reports: Sequence[StoredReport]) -> list[StoredReport]:
    """The worst first: by severity, by the share of mismatches, by name."""
    return sorted(reports, key=lambda one: (_RANK[one.severity], -(one.rate or 0.0), one.table_name))


def tell(report: StoredReport) -> str:
    """What goes on behind a table's name: ``differs in 12 of 4,000 rows (0.3 %): 5 only in the primary, 7 changed``."""
    if not report.is_compared:
        reason = report.reason or _STATUS.get(report.status, report.status)
        return f"was not compared ({report.status}): {_cut(reason, _REASON_LETTERS)}"
    rows = f"{report.union_rows:,} {'row' if report.union_rows == 1 else 'rows'}{_window(report)}"
    if not report.mismatch_count:
        return f"agrees in {rows}{_others(report)}"
    share = percent(report.rate or 0.0)
    return f"differs in {report.mismatch_count:,} of {rows} ({share}): {_kinds(report)}{_others(report)}"


def aside(report: StoredReport) -> str:
    """What else was noted of a table, shortened: columns left out, types that differ, an empty store."""
    return f" ({_cut('; '.join(report.notes), _NOTE_LETTERS)})" if report.notes else ""


def percent(rate: float) -> str:
    """A share as people read it; a small one is not rounded to nothing."""
    return f"{100 * rate:.3g} %"


def _window(report: StoredReport) -> str:
    if report.mode != "window" or report.since is None:
        return ""
    return f" of the last {(report.round_at - report.since) / timedelta(hours=1):g} h"


def _kinds(report: StoredReport) -> str:
    parts = []
    if report.only_in_a:
        parts.append(f"{report.only_in_a:,} only in the primary")
    if report.only_in_b:
        parts.append(f"{report.only_in_b:,} only in the secondary")
    if report.mismatched:
        parts.append(f"{report.mismatched:,} changed{_columns(report.by_column)}")
    return ", ".join(parts)


def _columns(by_column: Mapping[str, int]) -> str:
    ranked = sorted(by_column.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{name} {count:,}" for name, count in ranked[:_SHOWN_COLUMNS]]
    more = [f"{len(ranked) - _SHOWN_COLUMNS} more"] if len(ranked) > _SHOWN_COLUMNS else []
    return f" ({', '.join(named + more)})" if named else ""


def _others(report: StoredReport) -> str:
    parts = []
    if report.form_only:
        parts.append(f"{report.form_only:,} in form only")
    if report.in_flux:
        parts.append(f"{report.in_flux:,} still being written")
    return f"; {', '.join(parts)}" if parts else ""


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
