"""What S3 says of a file that was sent in parts: the MD5 of the parts' MD5s, with their number behind a dash."""

import hashlib
from collections.abc import Sequence


def whole_etag(etags: Sequence[str]) -> str:
    """The ETag of a whole that was joined from parts of these ETags; empty where one of them is no MD5."""
    try:
        joined = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False)
    except ValueError:
        return ""
    return f"{joined.hexdigest()}-{len(etags)}"


class EtagOfParts:
    """The ETag of a file as it streams by, cut into parts of one size."""

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self._etags: list[str] = []
        self._part = hashlib.md5(usedforsecurity=False)
        self._left_bytes = part_bytes

    def feed(self, block: bytes | bytearray | memoryview) -> None:
        """The next bytes, cut anywhere."""
        rest = memoryview(block)
        while rest:
            now = rest[: self._left_bytes]
            self._part.update(now)
            self._left_bytes -= len(now)
            rest = rest[len(now) :]
            if not self._left_bytes:
                self._close()

    def finish(self) -> str:
        """The ETag of all that was fed."""
        if self._left_bytes < self._part_bytes or not self._etags:
            self._close()
        return whole_etag(self._etags)

    def _close(self) -> None:
        self._etags.append(self._part.hexdigest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._left_bytes = self._part_bytes
