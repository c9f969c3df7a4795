"""Objects of a bucket: what the store says of one, and its bytes."""

import hashlib
import re
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote

from holdfast.media.vaults import NewFile, Stored
from resources.object_store_client import S3Client
from resources.object_store_errors import failures, ours

_MD5: Final = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")
_BLOCK_BYTES: Final = 1 << 20
# Metadata of an object may have 2 KB in all, and only ASCII. Source: Amazon S3 user guide, "Object metadata".
_LONGEST_FACT: Final = 400


def metadata_of(file: NewFile) -> dict[str, str]:
    """What is told of a file beside it, percent-encoded as in a URL."""
    return {key: quote(value, safe=" /._-")[:_LONGEST_FACT] for key, value in file.facts}


def etag_of(answer: Any) -> str:
    """The ETag of an answer where it is a checksum: an MD5, or that of parts' MD5s with their number. Else empty.

    Of objects that are encrypted by KMS it only looks like one. Source: Amazon S3 user guide, "Checking object
    integrity".
    """
    plain = str(answer.get("ETag", "")).strip('"')
    return plain if _MD5.fullmatch(plain) and "kms" not in str(answer.get("ServerSideEncryption", "")) else ""


def stored_of(client: S3Client, key: str, size_bytes: int, etag: str) -> Stored:
    """What the store says of an object; the ETag of one that was sent in one call is its MD5."""
    return Stored(
        remote_id=key,
        name=key,
        size_bytes=size_bytes,
        md5=bytes.fromhex(etag) if etag and "-" not in etag else None,
        etag=etag,
        url=client.url(key),
    )


def digest_of(client: S3Client, key: str, digest: "hashlib._Hash", state: str) -> bytes:
    """Read an object back into a checksum."""
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    with closing(client.call("get_object", key, state, Key=key)["Body"]) as body:
        content = OpenObject(client, key, body)
        while count := content.readinto(buffer):
            digest.update(buffer[:count])
    return digest.digest()


class OpenObject:
    """The bytes of an object."""

    def __init__(self, client: S3Client, name: str, body: Any) -> None:
        self._client = client
        self._name = name
        self._body = body
        self._read_bytes = 0

    def readinto(self, buffer: memoryview) -> int:
        """Read on."""
        try:
            count = int(self._body.readinto(buffer))
        except failures() as error:
            raise ours(error, self._client.place, self._name, f"{self._read_bytes} bytes of it were read") from None
        self._read_bytes += count
        return count
