"""Writing down what came of claims."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

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
    told = as_json({name: get(one) for name, get in _COLUMNS.items()} for one in last)
    count = db.value(
        "media_queue/settle", results=told, most_attempts=MOST_ATTEMPTS, confirm_s=CONFIRM_GONE.total_seconds()
    )
    db.execute("media_queue/drop_adopted", results=told)
    return int(count)


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows for ``json_to_recordset``: a hundred of them cost a tenth of what as many arrays would.

    What Postgres cannot store in a text is replaced: one odd message must not hold up the results of others.
    """
    return json.dumps([{name: _value(value) for name, value in row.items()} for row in rows])


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and not (value.isascii() and "\0" not in value):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return value


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
    "item_id": lambda one: one.claim.item_id,
    "vault": lambda one: one.claim.vault,
    "token": lambda one: one.claim.token,
    "verdict": lambda one: one.verdict,
    "remote_id": _of_stored(lambda stored: stored.remote_id),
    "name": _of_stored(lambda stored: stored.name),
    "url": _of_stored(lambda stored: stored.url),
    "stored_bytes": _of_stored(lambda stored: stored.size_bytes),
    "sha256": _sha256,
    "size_bytes": _size_bytes,
    "etag": lambda one: one.etag,
    "content_type": lambda one: one.content_type,
    "sent_bytes": lambda one: one.sent_bytes,
    "is_adopted": lambda one: one.is_adopted,
    "problem": lambda one: one.problem,
    "remedy": lambda one: one.remedy,
    "after_s": lambda one: one.after.total_seconds(),
    "counts": lambda one: one.counts,
    "starts_anew": lambda one: one.starts_anew,
}
