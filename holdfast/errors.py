"""Every error this project raises on purpose.

HoldfastError
├── TransientError          another attempt may succeed (the resource retries, or the next tick does)
│   ├── StatementTimeoutError  a statement took, or waited, longer than it may; the server is there
│   ├── BreakerOpenError    a store failed several times in a row and is left alone for a while
│   ├── ThrottledError      a service asks for patience: nothing is wrong, wait as long as it says
│   ├── UploadLostError     a vault knows nothing of a half-sent file any more: begin it anew
│   ├── DamagedCopyError    a vault holds other bytes than were sent; what it held is withdrawn
│   ├── ImplausibleFileError    what a link gave is not a whole file of its kind: an error page, cut off, empty
│   ├── ChangedError        behind the same link there is another file than a moment ago
│   ├── LeaseLostError      another worker has taken over what this one was doing
│   ├── StoppedError        a run ends before its work does: what it has stays, the next run goes on
│   └── VaultClosedError    nothing can be stored in a vault until something changes: quota, rights, login
└── PermanentError          another attempt cannot succeed (nobody retries)
    ├── SettingsError       a setting is misspelt or has a value that is not allowed
    ├── MalformedEntryError bytes that are not what their format says; the bytes are kept
    ├── TargetError         a server answered with something that is not its metrics
    ├── TemplatesError      a file of declared servers that says something that cannot be; the templates stay
    ├── ScenarioError       a failure scenario that says something that cannot be; nothing was played
    ├── VerificationError   what was written does not equal what was meant; nothing was committed
    ├── TooManyChangesError so many rows changed since a mark that a full comparison is cheaper
    ├── NotInVaultError     the vault holds nothing under this name
    ├── AlreadyStoredError  a vault holds a whole file under this id already
    ├── ConflictError       a vault holds another file under this id; it is left as it is
    ├── OriginGoneError     a link is dead: its server says that the file is not there (any more)
    ├── RefusedAddressError a link leads where media may not be fetched from; nothing was asked of it
    ├── PlanError           a repair plan or journal that is damaged, edited, of another version or for other databases
    ├── RepairTooLargeError a repair that looks like a mistake: it would write more than its limits; nothing was changed
    ├── DamagedBaselineError    bytes or a document of a learned baseline that are not whole
    └── BaselineVersionError    a learned baseline in the format of another version of Holdfast
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

ClosedBy = Literal["quota", "rights", "login", "settings", "daily_limit", "away"]


class HoldfastError(Exception):
    """Root of all errors that Holdfast raises on purpose."""


class TransientError(HoldfastError):
    """Another attempt may succeed."""


class StatementTimeoutError(TransientError):
    """A statement took, or waited for a lock, longer than it may; the server is there."""


class PermanentError(HoldfastError):
    """Another attempt cannot succeed."""


class BreakerOpenError(TransientError):
    """A store is left alone: nothing was asked of it.

    Attributes:
        store: its name.
        since: when it was opened, UTC.
        reason: what the last failure said; empty where there was none.
        next_probe_at: when one call may try again; None where an operator has to allow it.
    """

    def __init__(
        self, store: str, *, since: datetime, reason: str, next_probe_at: datetime | None, forced: str = ""
    ) -> None:
        self.store = store
        self.since = since
        self.reason = reason
        self.next_probe_at = next_probe_at
        why = f"{forced} (forced by an operator)" if forced else f"the last failure: {reason.rstrip('.') or 'unknown'}"
        then = f"It stays so until: holdfast breakers auto {store}"
        if next_probe_at:
            then = f"One call may try from {next_probe_at:%H:%M:%S} UTC on; or: holdfast breakers close {store}"
        at = f"{since:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(f"{store}: its breaker is open since {at}, so nothing was asked of it; {why}. {then}")


class ThrottledError(TransientError):
    """A service asks for patience.

    Attributes:
        wait_s: how long, in seconds, where it says so.
    """

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        self.wait_s = wait_s
        super().__init__(message)


class UploadLostError(TransientError):
    """A vault knows nothing of a half-sent file any more."""


class DamagedCopyError(TransientError):
    """A vault holds other bytes than were sent; what it held is withdrawn."""


class ImplausibleFileError(TransientError):
    """What a link gave is not a whole file of its kind."""


class ChangedError(TransientError):
    """Behind the same link there is another file than a moment ago."""


class LeaseLostError(TransientError):
    """Another worker has taken over what this one was doing: it says nothing more about it."""


class StoppedError(TransientError):
    """A run ends before its work does: what it has stays, the next run goes on."""


class VaultClosedError(TransientError):
    """Nothing can be stored in a vault until something changes.

    Attributes:
        vault: its name.
        by: what closes it.
        reopens_in: when it may be asked again; None: an operator has to do something first (every run looks again).
        needed_bytes: with ``quota``: how much is missing, where that is known.
    """

    def __init__(
        self,
        vault: str,
        message: str,
        *,
        by: ClosedBy,
        reopens_in: timedelta | None = None,
        needed_bytes: int | None = None,
    ) -> None:
        self.vault = vault
        self.by = by
        self.reopens_in = reopens_in
        self.needed_bytes = needed_bytes
        super().__init__(message)


class SettingsError(PermanentError):
    """A setting is misspelt or has a value that is not allowed."""


class MalformedEntryError(PermanentError):
    """Bytes are not what their format says they are."""


class TargetError(PermanentError):
    """A server answered with something that is not its metrics."""


class TemplatesError(PermanentError):
    """A file of declared servers says something that cannot be.

    Attributes:
        problems: one sentence for each mistake.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(
            f"{source}: {mistakes}; nothing was changed, the templates stay as they are. Correct the file:{lines}"
        )


class ScenarioError(PermanentError):
    """A failure scenario says something that cannot be.

    Attributes:
        problems: one sentence for each mistake.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"scenario {source}: {mistakes}; nothing was played. Correct it:{lines}")


class VerificationError(PermanentError):
    """What was written does not equal what was meant to be written."""


class NotInVaultError(PermanentError):
    """The vault holds nothing under this name."""


class AlreadyStoredError(PermanentError):
    """A vault holds a whole file under this id already: look at it with ``find``."""


class ConflictError(PermanentError):
    """A vault holds another file under this id; it is left as it is."""


class OriginGoneError(PermanentError):
    """A link is dead: its server says that the file is not there (any more)."""


class RefusedAddressError(PermanentError):
    """A link leads where media may not be fetched from; nothing was asked of it."""


class TooManyChangesError(PermanentError):
    """So many rows changed since the last exact check that comparing all of them is cheaper."""


class PlanError(PermanentError):
    """A repair plan or journal is damaged, was edited, is of another version, or was made for other databases."""


class RepairTooLargeError(PermanentError):
    """A repair would write more than its limits allow, or a store holds nothing: more likely a wrong connection."""


class DamagedBaselineError(PermanentError):
    """Bytes or a document of a learned baseline are not whole."""


class BaselineVersionError(PermanentError):
    """A learned baseline is in the format of another version of Holdfast."""
