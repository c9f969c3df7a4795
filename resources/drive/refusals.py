"""What Drive's refusals mean: patience, another attempt, or that nothing goes in until something changes.

One table for all of them. Source: Drive guide, "Resolve errors" and "Usage limits"; rclone and the issues of a dozen
projects for the reasons that are not documented. Nothing that Google writes is repeated but the reason's name: its
messages hold ids, addresses and project numbers.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from holdfast.errors import ClosedBy, HoldfastError, PermanentError, ThrottledError, TransientError, VaultClosedError
from resources.drive.access import DriveAccess
from resources.drive.lines import Answer

# Reasons that mean "slow down", not "no": Drive answers them with 403 as well as 429.
THROTTLES: Final = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded"})
# What the cap of 750 GB a day answers: the reason of a throttle, told apart by its text alone. Source: rclone #1591,
# its flag --drive-stop-on-upload-limit compares the same text.
DAILY_CAP_TEXT: Final = "User rate limit exceeded."
MOST_BYTES_A_DAY: Final = 750_000_000_000
_NO_STORAGE_TEXT: Final = "Service Accounts do not have storage quota"
_REASON: Final = re.compile(r"[A-Za-z_]{1,60}")
_BACK_SOON: Final = timedelta(hours=1)

_NO_STORAGE: Final = (
    "service accounts own no storage since 2025, so nothing can be stored in a folder of somebody's My Drive. Set "
    "GOOGLE_DRIVE_FOLDER_ID to a folder in a shared drive that {who} is a Content manager of, or log in as a user: "
    "GOOGLE_DRIVE_REFRESH_TOKEN (OAuth) or GOOGLE_DRIVE_SUBJECT (domain-wide delegation); docs/drive.md has the steps"
)
_FULL: Final = "the storage is full. Make room, empty the bin (it counts), or buy more; then it goes on by itself"
_SCOPE: Final = (
    "the login may not use Drive: it was made without the scope https://www.googleapis.com/auth/drive. Log in again "
    "with it (docs/drive.md)"
)


@dataclass(frozen=True, slots=True)
class _Closes:
    """A reason that closes the vault: what closes it, what to do, and when it may be asked again."""

    by: ClosedBy
    text: str
    reopens_in: timedelta | None = None


_CLOSING: Final = {
    "storageQuotaExceeded": _Closes("quota", _FULL),
    "quotaExceeded": _Closes("quota", _FULL),
    "dailyLimitExceeded": _Closes(
        "daily_limit", "the project's calls for today are used up; it goes on tomorrow, or raise the quota", _BACK_SOON
    ),
    "teamDriveFileLimitExceeded": _Closes(
        "quota",
        "the shared drive holds as many items as it may (500,000, the bin included). Empty its bin, or set "
        "GOOGLE_DRIVE_FOLDER_ID to a folder in another shared drive",
    ),
    "numChildrenInNonRootLimitExceeded": _Closes(
        "quota",
        "a folder holds as many items as it may (500,000). Move some of them into another folder, or set "
        "GOOGLE_DRIVE_FOLDER_ID to another folder",
    ),
    "activeItemCreationLimitExceeded": _Closes(
        "quota", "the account owns as many items as it may (500 million). Log in as another account"
    ),
    "domainPolicy": _Closes(
        "rights", "the administrators of the domain do not allow apps to use Drive; ask them to allow this one"
    ),
    "insufficientFilePermissions": _Closes(
        "rights",
        "{who} may not do this in the folder. Share the folder with it as Editor, or make it a Content manager of the "
        "shared drive",
    ),
    "appNotAuthorizedToFile": _Closes(
        "rights",
        "the login may only use files that its own app made (scope drive.file), and the folder is not one of them. Log "
        "in again with the scope https://www.googleapis.com/auth/drive",
    ),
    "insufficientPermissions": _Closes("login", _SCOPE),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _Closes("login", _SCOPE),
    "accessNotConfigured": _Closes(
        "settings",
        "the Drive API is not enabled in the login's project. Enable it in the Google Cloud console, under APIs & "
        "Services > Library > Google Drive API, and wait a few minutes",
    ),
    "authError": _Closes("login", "Google refuses the login's tokens. Look at the login's settings (docs/drive.md)"),
}
# What is wrong with one file and says nothing of the others.
_OF_ONE_FILE: Final = frozenset({"cannotDownloadAbusiveFile", "fileNotDownloadable", "downloadQuotaExceeded"})
_SAME_AS: Final = {
    "insufficientParentPermissions": "insufficientFilePermissions",
    "teamDriveMembershipRequired": "insufficientFilePermissions",
    "forbidden": "insufficientFilePermissions",
    "SERVICE_DISABLED": "accessNotConfigured",
    "insufficientScopes": "insufficientPermissions",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal, read.

    Attributes:
        reason: Drive's name for it; empty where it gave none (a page instead of JSON).
        wait_s: how long it asks to be left alone, where it says so.
        is_daily_cap: worded as the cap on bytes per day.
        is_no_storage: worded as what service accounts without storage are told.
    """

    status: int
    reason: str
    wait_s: float | None
    is_daily_cap: bool
    is_no_storage: bool

    @property
    def is_throttle(self) -> bool:
        """Whether patience is all that it asks for."""
        return self.status == 429 or (self.status == 403 and self.reason in THROTTLES)


def read_refusal(answer: Answer) -> Refusal:
    """What an answer of 400 or more says."""
    reason, message = "", ""
    try:
        error = json.loads(answer.body)["error"]
        message = str(error.get("message", ""))
        named = [*(error.get("errors") or []), *(error.get("details") or [])]
        reason = next((str(one["reason"]) for one in named if one.get("reason")), str(error.get("status", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        # A page of the front door: 502, or an address that is nobody's.
        pass
    return Refusal(
        answer.status,
        reason if _REASON.fullmatch(reason) else "",
        _wait_s(answer.header("Retry-After")),
        message == DAILY_CAP_TEXT,
        message.startswith(_NO_STORAGE_TEXT),
    )


def judged(refusal: Refusal, access: DriveAccess, doing: str) -> HoldfastError:
    """The error of this project that a refusal is; ``doing`` is what was asked for, e.g. ``storing a/b/cat.mp4``."""
    said = f"{refusal.status} {refusal.reason}".strip()
    about = f"Google Drive, {doing}: "
    if refusal.is_throttle:
        return ThrottledError(f"{about}it asks for patience ({said}); nothing is wrong", wait_s=refusal.wait_s)
    if refusal.status >= 500 or refusal.status == 408:
        return TransientError(f"{about}it is in trouble ({said}); it is asked again later")
    if refusal.status == 401:
        return closed(_CLOSING["authError"], access, about, said)
    if refusal.is_no_storage:
        return closed(_Closes("settings", _NO_STORAGE), access, about, said)
    known = _CLOSING.get(_SAME_AS.get(refusal.reason, refusal.reason))
    if known:
        return closed(known, access, about, said)
    if refusal.reason in _OF_ONE_FILE:
        return PermanentError(
            f"{about}Drive does not hand out this file ({said}). Open it there in a browser: it says why"
        )
    if refusal.status == 403 and refusal.reason:
        what = "{who} is not allowed to. See docs/drive.md, and look the reason up in Drive's guide “Resolve errors”"
        return closed(_Closes("rights", what), access, about, said)
    if refusal.status == 403:
        return TransientError(f"{about}it was turned away by a page without a reason ({said}); it is asked again later")
    return PermanentError(f"{about}the request is refused ({said}); nothing was stored. This is a mistake in Holdfast")


def closed(what: _Closes, access: DriveAccess, about: str, said: str) -> VaultClosedError:
    """That the vault is closed, and the way out."""
    text = f"{about}{what.text.format(who=access.who)} ({said})"
    return VaultClosedError("drive", text, by=what.by, reopens_in=what.reopens_in)


def closed_for_today(about: str) -> VaultClosedError:
    """That the cap on bytes a day is reached."""
    return VaultClosedError(
        "drive",
        f"Google Drive, {about}: the account has stored the 750 GB that Google allows in 24 hours; it goes on by "
        "itself when the first of them are a day old",
        by="daily_limit",
        reopens_in=_BACK_SOON,
    )


def folder_not_found(access: DriveAccess) -> VaultClosedError:
    """That the configured folder is not there, or is not seen."""
    return VaultClosedError(
        "drive",
        f"Google Drive: the folder that GOOGLE_DRIVE_FOLDER_ID names is not there, or {access.who} may not see it; "
        "nothing was stored. See that the id is the last part of the folder's address in the browser, and share the "
        f"folder (or the shared drive) with {access.who}",
        by="settings",
    )


def _wait_s(said: str) -> float | None:
    """``Retry-After``, seconds or a date, as seconds from now."""
    if not said:
        return None
    if said.strip().isdigit():
        return float(said)
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
