"""Whether what a vault gives back is the file that was stored."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.media.etags import EtagOfParts
from holdfast.media.vaults import Buffer

Verdict = Literal["whole", "damaged", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a file is known by: all that is given has to agree.

    Attributes:
        size_bytes: of all of it.
        sha256, md5: of all of it, where they are known.
        etag: of a file that went into S3 in parts, where it is known.
        part_bytes: how large these parts were.
    """

    size_bytes: int
    sha256: bytes | None = None
    md5: bytes | None = None
    etag: str = ""
    part_bytes: int = 0

    @property
    def is_checksum(self) -> bool:
        """Whether it proves more than the size."""
        return bool(self.sha256 or self.md5 or self._has_parts)

    def begin(self) -> "Comparison":
        """Compare bytes with it, as they come."""
        return Comparison(self)

    @property
    def _has_parts(self) -> bool:
        """Whether the ETag is of parts of this size: other tools cut files in their own way."""
        if "-" not in self.etag or not self.part_bytes:
            return False
        return self.etag.rpartition("-")[2] == str(max(-(-self.size_bytes // self.part_bytes), 1))


class Comparison:
    """Bytes that stream by, compared with a proof. Constant memory."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof
        self.size_bytes = 0
        self._sha256 = hashlib.sha256() if proof.sha256 else None
        self._md5 = hashlib.md5(usedforsecurity=False) if proof.md5 else None
        self._etag = EtagOfParts(proof.part_bytes) if proof._has_parts else None

    def feed(self, block: Buffer) -> None:
        """The next bytes."""
        self.size_bytes += len(block)
        for digest in (self._sha256, self._md5):
            if digest:
                digest.update(block)
        if self._etag:
            self._etag.feed(block)

    @property
    def is_too_long(self) -> bool:
        """Whether more came than there should be: nothing can make it right any more."""
        return self.size_bytes > self._proof.size_bytes

    def is_whole(self) -> bool:
        """Whether all that came is the file."""
        return not self.difference()

    def difference(self) -> str:
        """What is not as it should be, for people; empty where all is."""
        if self.size_bytes != self._proof.size_bytes:
            return f"{self.size_bytes} bytes, expected {self._proof.size_bytes}"
        found: Mapping[str, tuple[Any, Any]] = {
            "sha256": (self.sha256, self._proof.sha256),
            "MD5": (self._md5.digest() if self._md5 else None, self._proof.md5),
        }
        for name, (is_now, should_be) in found.items():
            if should_be and is_now != should_be:
                return f"{name} {is_now.hex()}, expected {should_be.hex()}"
        if self._etag and (etag := self._etag.finish()) != self._proof.etag:
            return f"ETag {etag}, expected {self._proof.etag}"
        return ""

    @property
    def sha256(self) -> bytes | None:
        """Of what came so far, where it is compared."""
        return self._sha256.digest() if self._sha256 else None
