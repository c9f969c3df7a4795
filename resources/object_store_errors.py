"""What an S3-compatible store means by its errors, and what to do about each.

Sources: Amazon S3 API reference, "Error responses"; Supabase, "Storage error codes"; the codes of MinIO and R2.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from holdfast.errors import (
    ClosedBy,
    DamagedCopyError,
    HoldfastError,
    NotInVaultError,
    PermanentError,
    ThrottledError,
    TransientError,
    UploadLostError,
    VaultClosedError,
)

LABEL: Final = "s3"

_KEYS: Final = (
    "Check STORAGE_S3_ACCESS_KEY_ID and STORAGE_S3_SECRET_ACCESS_KEY; Supabase makes keys under Storage, Settings, S3 "
    "access keys"
)
_RIGHTS: Final = "Let this key read, write and delete objects of the bucket, and list it"
_QUOTA: Final = "Make room in the bucket or take a larger plan; what is there stays"
_CLOSING: Final[Mapping[str, tuple[ClosedBy, str]]] = {
    "InvalidAccessKeyId": ("login", _KEYS),
    "SignatureDoesNotMatch": ("login", f"{_KEYS}; and that STORAGE_S3_REGION is the store's"),
    "AuthorizationHeaderMalformed": ("login", "Check STORAGE_S3_REGION: it is not the store's"),
    "ExpiredToken": ("login", _KEYS),
    "InvalidToken": ("login", _KEYS),
    "InvalidJWT": ("login", _KEYS),
    "Unauthorized": ("login", _KEYS),
    "401": ("login", _KEYS),
    "RequestTimeTooSkewed": ("login", "Set this machine's clock: it differs from the store's by more than 15 minutes"),
    "AccessDenied": ("rights", _RIGHTS),
    "AllAccessDisabled": ("rights", _RIGHTS),
    "AccountProblem": ("rights", "The account is suspended: ask its provider"),
    "403": ("rights", f"{_RIGHTS}. {_KEYS}"),
    "NoSuchBucket": ("settings", "Make the bucket, or set STORAGE_S3_BUCKET to one that is there"),
    "InvalidBucketName": ("settings", "Correct STORAGE_S3_BUCKET"),
    "PermanentRedirect": ("settings", "Set STORAGE_S3_ENDPOINT and STORAGE_S3_REGION to those of the bucket"),
    "TenantNotFound": ("settings", "Correct STORAGE_S3_ENDPOINT: there is no such project"),
    "QuotaExceeded": ("quota", _QUOTA),
    "XMinioStorageFull": ("quota", _QUOTA),
    "XMinioAdminBucketQuotaExceeded": ("quota", _QUOTA),
    "InsufficientStorage": ("quota", _QUOTA),
    "507": ("quota", _QUOTA),
}
_MISSING: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_PATIENCE: Final = frozenset(
    {"SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "TooManyRequests", "Throttling", "429", "503"}
    | {"RequestLimitExceeded", "ThrottlingException", "BandwidthLimitExceeded", "DatabaseTimeout"}
)
_OTHER_BYTES: Final = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"})
_TOO_LARGE: Final = frozenset({"EntityTooLarge", "MaxMessageLengthExceeded", "413"})
_PLAN: Final = (
    "It is larger than the store's plan allows (Supabase: 50 MB on the free plan, more on a paid one by Storage, "
    "Settings, Upload file size limit). Raise the limit, or declare another vault for its class in assets/catalog.py"
)
_LEAST_BROKEN: Final = 500
_PASSING: Final = frozenset({"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "408", "409"})
_LOOK_AGAIN: Final = timedelta(minutes=15)


class PastTheEndError(PermanentError):
    """Bytes were asked for behind the last one there is."""


def failures() -> tuple[type[Exception], ...]:
    """What boto3 raises of its own. Imports it, so it is asked for where something has been raised."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    return (BotoCoreError, ClientError, HTTPError, OSError)


def ours(error: Exception, place: str, name: str, state: str) -> HoldfastError:
    """An error of boto3 as ours.

    Args:
        error: one of ``failures``; its text may quote a signed URL, so only codes and the store's words are told.
        place: the bucket, for people.
        name: of the object.
        state: what is left as it was, or half done.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    if isinstance(error, ClientError):
        return _answered(error.response, place, name, state)
    if isinstance(error, ParamValidationError):
        return PermanentError(f"{place}: {name}: the call is not what S3 knows; {state}. {error}")
    return TransientError(
        f"{place} is away or the line broke ({type(error).__name__}); {name}: {state}. Another attempt may succeed; "
        "holdfast doctor tells what is wrong"
    )


def _answered(response: Any, place: str, name: str, state: str) -> HoldfastError:
    said = response.get("Error", {})
    code, words = str(said.get("Code", "")), str(said.get("Message", "")).strip().rstrip(".")[:200]
    answer = response.get("ResponseMetadata", {})
    status = int(answer.get("HTTPStatusCode") or 0)
    where = f"{place}: {name}: {code} {words}".strip()
    for one in (code, str(status)):
        if found := _closed(one, f"{where}; {state}") or _known(one, f"{where}; {state}", answer):
            return found
    if status >= _LEAST_BROKEN or code in _PASSING:
        return TransientError(f"{where}; {state}. Another attempt may succeed")
    return PermanentError(f"{where}; {state}. The store will not take this call however often it is made")


def _closed(code: str, where: str) -> HoldfastError | None:
    if code not in _CLOSING:
        return None
    by, remedy = _CLOSING[code]
    again = _LOOK_AGAIN if by == "quota" else None
    return VaultClosedError(LABEL, f"{where}. {remedy}", by=by, reopens_in=again)


def _known(code: str, where: str, answer: Any) -> HoldfastError | None:
    if code == "NoSuchUpload":
        return UploadLostError(f"{where}. The store knows nothing of this upload any more; another attempt begins anew")
    if code in _MISSING:
        return NotInVaultError(f"{where}. There is no such object")
    if code in _PATIENCE:
        asked = str(answer.get("HTTPHeaders", {}).get("retry-after", ""))
        wait_s = float(asked) if asked.isdigit() else None
        return ThrottledError(f"{where}. The store asks for patience", wait_s=wait_s)
    if code in _OTHER_BYTES:
        return DamagedCopyError(f"{where}. The store received other bytes than were sent, and keeps none of them")
    if code == "InvalidRange":
        return PastTheEndError(f"{where}. It has no bytes from there on")
    return PermanentError(f"{where}. {_PLAN}") if code in _TOO_LARGE else None
