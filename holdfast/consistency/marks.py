"""Whether what an earlier exact check left can be built upon."""

from holdfast.consistency.reports import Mark, StoreMark
from holdfast.consistency.tables import LABELS, Side

# Transaction numbers are compared modulo 2^32: from half of that on, old looks new. With room for those that run.
_LONGEST_XIDS = 2**31 - 10_000_000


def unusable(mark: Mark, digest: str, now: dict[Side, StoreMark]) -> str | None:
    """Why a mark says nothing about the stores as they are now; None where it does."""
    if mark.digest != digest:
        return "what is compared has changed since (columns, types, key or declarations)"
    sides: tuple[tuple[Side, StoreMark], ...] = (("a", mark.a), ("b", mark.b))
    for side, then in sides:
        if reason := _moved(then, now[side]):
            return f"the {LABELS[side]} {reason}"
    return None


def _moved(then: StoreMark, now: StoreMark) -> str | None:
    if then.system != now.system:
        return "is another server, or was restored"
    if then.table_oid != now.table_oid:
        return "has made this table anew"
    if now.next_xid < then.next_xid:
        return "was set back to an earlier state"
    if now.next_xid - then.xmin > _LONGEST_XIDS:
        return "has run through more than two thousand million transactions"
    return None
