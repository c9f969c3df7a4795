"""What an error means for a copy: tried again, given up, or left as it was."""

from datetime import datetime, timedelta
from typing import Final

from holdfast.errors import (
    ChangedError,
    ConflictError,
    DamagedCopyError,
    HoldfastError,
    ImplausibleFileError,
    LeaseLostError,
    OriginGoneError,
    RefusedAddressError,
    StoppedError,
    TransientError,
    VaultClosedError,
)
from holdfast.media.items import MediaItem
from holdfast.media.patience import counts_as_attempt, wait_before_next
from holdfast.media.work import Claim, Result

_LATER: Final = "Nothing to do: it is tried again by itself"
_RETRY: Final = "holdfast media retry"


def result_of(error: HoldfastError, item: MediaItem, claim: Claim, now: datetime, sent_bytes: int = 0) -> Result | None:
    """What the books are to say; None where they are somebody else's by now."""
    if isinstance(error, LeaseLostError):
        return None
    problem = str(error)
    if isinstance(error, StoppedError | VaultClosedError):
        told = problem if isinstance(error, VaultClosedError) else ""
        return Result(claim=claim, verdict="released", sent_bytes=sent_bytes, problem=told)
    if isinstance(error, OriginGoneError):
        remedy = "If the application can make the file again, let it; the row's new link is found by itself"
        return Result(claim=claim, verdict="gone", sent_bytes=sent_bytes, problem=problem, remedy=remedy)
    if isinstance(error, TransientError):
        return _again(error, item, claim, now, sent_bytes)
    remedy = f"When that is mended: {_RETRY} --id {item.item_id}"
    if isinstance(error, RefusedAddressError):
        remedy = f"If the host is right, add it to MEDIA_ALLOWED_HOSTS, then: {_RETRY} --id {item.item_id}"
    elif isinstance(error, ConflictError):
        remedy = f"Look at the file that is there, move it away if nobody needs it, then: {_RETRY} --id {item.item_id}"
    return Result(claim=claim, verdict="failed", sent_bytes=sent_bytes, problem=problem, remedy=remedy)


def _again(error: TransientError, item: MediaItem, claim: Claim, now: datetime, sent_bytes: int) -> Result:
    """What is wrong with the bytes costs an attempt; what is wrong with the way to them does not, for long."""
    is_about_bytes = isinstance(error, ImplausibleFileError | DamagedCopyError)
    return Result(
        claim=claim,
        verdict="again",
        sent_bytes=sent_bytes,
        problem=str(error),
        remedy="Open the link: see whether it still is the file" if is_about_bytes else _LATER,
        after=min(wait_before_next(item, claim.attempts, now), timedelta(hours=1)),
        counts=is_about_bytes or counts_as_attempt(item, now),
        starts_anew=is_about_bytes or isinstance(error, ChangedError),
    )
