"""What a worker is given, and what it says came of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from holdfast.media.items import MediaItem
from holdfast.media.vaults import Stored

Verdict = Literal["verified", "again", "failed", "gone", "released"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One copy that is ours to make until its lease ends.

    Attributes:
        vault: the copy's place: ``drive``, ``s3`` or ``folder``.
        token: fences every later word about this copy: a lease that was taken over has another one.
        attempts: that ended badly before this one.
        remote_id, name: of an earlier attempt; None where there was none.
        upload: where an earlier attempt left off (``Upload.state``), of the file that ``MediaItem.etag`` names.
        is_new: whether the remote id was drawn for this very attempt: nothing can be there under it.
    """

    item_id: int
    vault: str
    token: UUID
    attempts: int = 0
    remote_id: str | None = None
    name: str | None = None
    upload: bytes | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A verified copy of the same item in a vault: what to read when the link is dead."""

    vault: str
    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One item, every copy of it that is due, and the copies there are."""

    item: MediaItem
    claims: tuple[Claim, ...]
    elsewhere: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one claim.

    Attributes:
        verdict: ``verified``: a proven copy is there. ``again``: it did not work, another attempt may. ``failed``:
            no attempt will. ``gone``: the link is dead (the queue decides on expired or lost, and when to believe it).
            ``released``: nothing was decided, the run ended or the vault is closed.
        stored: with ``verified``: the copy.
        sha256, size_bytes, etag, content_type: of what was received, where a whole file was.
        sent_bytes: into the vault in this attempt.
        is_adopted: the file was in the vault already, nothing was sent.
        problem, remedy: what happened, with nothing secret in it, and what to do. Empty with ``verified``.
        after: with ``again``: not before then.
        counts: with ``again``: whether it counts as an attempt (a throttle does not).
        starts_anew: forget ``remote_id``, ``name`` and ``upload``: the next attempt begins from nothing.
    """

    claim: Claim
    verdict: Verdict
    stored: Stored | None = None
    sha256: bytes | None = None
    size_bytes: int | None = None
    etag: str = ""
    content_type: str = ""
    sent_bytes: int = 0
    is_adopted: bool = False
    problem: str = ""
    remedy: str = ""
    after: timedelta = timedelta(0)
    counts: bool = True
    starts_anew: bool = False
