"""Writing down what came of claims."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from holdfast.media.items import CONFIRM_GONE
from holdfast.media.vaults import Stored
from holdfast.media.work import Result
from resources.postgres import Transaction

# More attempts than this that ended badly, and nobody tries any more.
MOST_ATTEMPTS: Final = 8


def settle(db: Transaction, results: Sequence[Result]) -> int:
    """Write down what came of claims; how many of them were still ours.

    Args:
        db: a transaction that has locked nothing of the books yet.
        results: the last word about a claim counts.

    Raises:
        ValueError: a verified result does not say what is stored.
    """
    last = list({(one.claim.item_id, one.claim.vault, one.claim.token): one for one in results}.values())
    db.rows("media_queue/lock_items", item_ids=[one.claim.item_id for one in last])
    told = {name: [get(one) for one in last] for name, get in _COLUMNS.items()}
    count = db.value("media_queue/settle", most_attempts=MOST_ATTEMPTS, confirm_s=CONFIRM_GONE.total_seconds(), **told)
    if verified := [(one.claim.vault, _stored(one).remote_id) for one in last if one.verdict == "verified"]:
        vaults, remote_ids = zip(*verified, strict=True)
        db.execute("media_queue/drop_adopted", vaults=list(vaults), remote_ids=list(remote_ids))
    return int(count)


def _stored(one: Result) -> Stored:
    if one.stored is None or (one.sha256 or one.stored.sha256) is None:
        raise ValueError(f"item {one.claim.item_id}: verified, but not told what is stored in {one.claim.vault}")
    return one.stored


def _of_stored(get: Callable[[Stored], Any]) -> Callable[[Result], Any]:
    return lambda one: get(_stored(one)) if one.verdict == "verified" else None


def _sha256(one: Result) -> bytes | None:
    return one.sha256 or (one.stored.sha256 if one.stored is not None else None)


def _size_bytes(one: Result) -> int | None:
    return one.size_bytes or (one.stored.size_bytes if one.stored is not None else None)


_COLUMNS: Final[Mapping[str, Callable[[Result], Any]]] = {
    "item_ids": lambda one: one.claim.item_id,
    "vaults": lambda one: one.claim.vault,
    "tokens": lambda one: one.claim.token,
    "verdicts": lambda one: one.verdict,
    "remote_ids": _of_stored(lambda stored: stored.remote_id),
    "names": _of_stored(lambda stored: stored.name),
    "urls": _of_stored(lambda stored: stored.url),
    "stored_bytes": _of_stored(lambda stored: stored.size_bytes),
    "sha256s": _sha256,
    "sizes": _size_bytes,
    "etags": lambda one: one.etag,
    "content_types": lambda one: one.content_type,
    "sent_bytes": lambda one: one.sent_bytes,
    "adopted": lambda one: one.is_adopted,
    "problems": lambda one: one.problem,
    "remedies": lambda one: one.remedy,
    "after_s": lambda one: one.after.total_seconds(),
    "count": lambda one: one.counts,
    "anew": lambda one: one.starts_anew,
}
