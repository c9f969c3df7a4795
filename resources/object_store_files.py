"""Objects of a bucket: what the store says of one, and its bytes."""

import re
from typing import Any, Final

from holdfast.media.vaults import Stored
from resources.object_store_client import S3Client
from resources.object_store_errors import failures, ours

_MD5: Final = re.compile(r"[0-9a-f]{32}")


def stored_of(client: S3Client, key: str, size_bytes: int, etag: str) -> Stored:
    """What the store says of an object; the ETag of one that was sent in one call is its MD5."""
    plain = etag.strip('"')
    return Stored(
        remote_id=key,
        name=key,
        size_bytes=size_bytes,
        md5=bytes.fromhex(plain) if _MD5.fullmatch(plain) else None,
        url=client.url(key),
    )


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
