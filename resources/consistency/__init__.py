"""Consistency in the primary: reports, findings and marks as stored, and rounds that go on where they were cut off.

The comparing itself is ``resources.tables``.
"""

from resources.consistency.store import (
    ExactCheck,
    OpenFinding,
    Saving,
    StoredReport,
    exact_checks,
    newest_reports,
    open_findings,
    rates,
    read_mark,
    save,
    standing_reports,
)

__all__ = [
    "ExactCheck",
    "OpenFinding",
    "Saving",
    "StoredReport",
    "exact_checks",
    "newest_reports",
    "open_findings",
    "rates",
    "read_mark",
    "save",
    "standing_reports",
]
