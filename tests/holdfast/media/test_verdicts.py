"""What an error means for a copy."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import (
    ChangedError,
    ConflictError,
    DamagedCopyError,
    HoldfastError,
    ImplausibleFileError,
    LeaseLostError,
    OriginGoneError,
    PermanentError,
    RefusedAddressError,
    StoppedError,
    ThrottledError,
    TransientError,
    VaultClosedError,
)
from holdfast.media.items import MediaItem
from holdfast.media.patience import wait_before_next
from holdfast.media.verdicts import result_of
from holdfast.media.work import Claim
from tests.holdfast.media.test_naming import item

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = Claim(item_id=1, vault="drive", token=UUID(int=1))


def due(hours: float) -> MediaItem:
    return item(deadline_at=NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("error", "verdict", "counts", "anew"),
    [
        (OriginGoneError("x"), "gone", True, False),
        (RefusedAddressError("x"), "failed", True, False),
        (ConflictError("x"), "failed", True, False),
        (PermanentError("x"), "failed", True, False),
        (StoppedError("x"), "released", True, False),
        (VaultClosedError("drive", "x", by="quota"), "released", True, False),
        (ImplausibleFileError("x"), "again", True, True),
        (DamagedCopyError("x"), "again", True, True),
        (ChangedError("x"), "again", False, True),
        (TransientError("x"), "again", False, False),
        (ThrottledError("x", wait_s=9), "again", False, False),
    ],
)
def test_every_error_has_one_meaning(error: HoldfastError, verdict: str, counts: bool, anew: bool) -> None:
    result = result_of(error, due(100), CLAIM, NOW)
    assert result is not None
    assert (result.verdict, result.counts, result.starts_anew) == (verdict, counts, anew)
    assert result.remedy or result.verdict == "released"


def test_who_lost_a_lease_says_nothing() -> None:
    assert result_of(LeaseLostError("x"), due(1), CLAIM, NOW) is None


def test_an_outage_costs_no_attempt_until_the_deadline_is_a_week_past() -> None:
    told = [result_of(TransientError("x"), due(hours), CLAIM, NOW) for hours in (1, -1, -24 * 7 + 1, -24 * 7 - 1)]
    assert [one.counts for one in told if one] == [False, False, False, True]


@given(st.integers(0, 200), st.floats(-1000, 1000))
def test_a_wait_grows_to_an_hour_and_stays_short_in_the_rescue_window(attempts: int, hours: float) -> None:
    wait, later = (wait_before_next(due(hours), count, NOW) for count in (attempts, attempts + 1))
    assert timedelta(minutes=1) <= wait <= later <= timedelta(hours=1)
    if hours <= 24:
        assert wait <= timedelta(minutes=5)
    if attempts > 6 and hours > 24.1:
        assert wait == timedelta(hours=1)
