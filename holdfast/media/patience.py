"""When an item is tried again, and what counts as an attempt."""

from datetime import datetime, timedelta
from typing import Final

from holdfast.media.items import MediaItem

_FIRST: Final = timedelta(minutes=1)
_MOST: Final = timedelta(hours=1)
# In the rescue window nothing waits longer than this.
_MOST_URGENT: Final = timedelta(minutes=5)
# A link may answer again long after its deadline (it is a floor, not a date), but not for ever.
_HOPE: Final = timedelta(days=7)


def wait_before_next(item: MediaItem, attempts: int, now: datetime) -> timedelta:
    """How long to leave an item alone after a bad attempt: a minute, doubled each time, at most an hour.

    Args:
        item: in the rescue window it waits at most five minutes.
        attempts: that ended badly before this one.
        now: of the bad attempt.
    """
    most = _MOST_URGENT if item.is_urgent(now) else _MOST
    return min(_FIRST * (1 << min(attempts, 10)), most)


def counts_as_attempt(item: MediaItem, now: datetime) -> bool:
    """Whether a link that cannot be reached costs an attempt: only when it is long past its deadline.

    Until then an outage of the origin, however long, makes no item fail.
    """
    return now > item.deadline_at + _HOPE
