"""A large file on its way into an object store, as a multipart upload: its parts are proven one by one."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from holdfast.errors import DamagedCopyError, NotInVaultError, UploadLostError
from holdfast.media.etags import whole_etag
from holdfast.media.vaults import Buffer, NewFile, Stored
from resources.object_store_client import S3Client
from resources.object_store_files import digest_of, etag_of, metadata_of, stored_of

# Source: Amazon S3 user guide, "Multipart upload limits".
MOST_PARTS: Final = 10_000
_FORM: Final = 1
_NOT_LOOKED_AT: Final = "all of it is there, not compared yet"


class S3Upload:
    """A ``holdfast.media.vaults.Upload`` by S3's multipart protocol. What was sent costs room until it is abandoned."""

    def __init__(self, client: S3Client, file: NewFile, part_bytes: int, state: bytes | None) -> None:
        """Begin, or ask the store which parts it has.

        Raises:
            UploadLostError: ``state`` cannot be read, or the store knows nothing of it.
        """
        self._client = client
        self._file = file
        self._key = file.remote_id
        self._part_bytes = part_bytes
        self._etags: list[str] = []
        self._offset = 0
        if state is None:
            self._upload_id = self._begin()
        else:
            self._upload_id = self._read(state)
            self._go_on()
        # What another process sent is proven by nothing that this one received.
        self._is_proven = not self._offset

    @property
    def offset(self) -> int:
        """How many bytes the parts have that the store has without a gap."""
        return self._offset

    @property
    def state(self) -> bytes:
        """The upload's id: worth nothing without the key of the bucket."""
        document = {"form": _FORM, "key": self._key, "upload_id": self._upload_id, "part_bytes": self._part_bytes}
        return json.dumps(document).encode()

    def send(self, part: Buffer, *, total_bytes: int | None) -> int:  # noqa: ARG002
        """Send one part and compare its ETag."""
        md5 = hashlib.md5(part, usedforsecurity=False).hexdigest()
        answer = self._call(
            "upload_part",
            f"the first {self._offset} bytes stay for another attempt",
            UploadId=self._upload_id,
            PartNumber=len(self._etags) + 1,
            Body=part if isinstance(part, bytes | bytearray) else bytes(part),
        )
        etag = etag_of(answer)
        if etag and etag != md5:
            raise DamagedCopyError(
                f"{self._client.place}: {self._key}: the store took other bytes than were sent from {self._offset} on "
                f"(MD5 {etag}, expected {md5}). The part counts as not sent"
            )
        self._etags.append(str(answer["ETag"]).strip('"'))
        self._is_proven = self._is_proven and etag == md5
        self._offset += len(part)
        return len(part)

    def finish(self, sha256: bytes) -> Stored:
        """Join the parts, and compare ETag and size of the whole; all of its bytes where the parts prove nothing."""
        if not self._etags:
            # S3 joins no fewer than one part.
            self.send(b"", total_bytes=0)
        joined = self._join()
        found = self._call("head_object", _NOT_LOOKED_AT)
        etag = etag_of(joined or found)
        if self._is_proven and (etag not in ("", whole_etag(self._etags)) or found["ContentLength"] != self._offset):
            self._withdraw(
                f"{etag}, {found['ContentLength']} bytes", f"{whole_etag(self._etags)}, {self._offset} bytes"
            )
        if not self._is_proven:
            read = digest_of(self._client, self._key, hashlib.sha256(), _NOT_LOOKED_AT)
            if read != sha256:
                self._withdraw(f"sha256 {read.hex()}", sha256.hex())
        return stored_of(self._client, self._key, self._offset, etag)

    def abandon(self) -> None:
        """Let the store forget the parts."""
        try:
            self._call("abort_multipart_upload", "its parts may still be there", UploadId=self._upload_id)
        except (UploadLostError, NotInVaultError):
            return

    def close(self) -> None:
        """Nothing is open between calls."""

    def _begin(self) -> str:
        answer = self._call(
            "create_multipart_upload",
            "nothing was stored",
            ContentType=self._file.content_type,
            Metadata=metadata_of(self._file),
        )
        return str(answer["UploadId"])

    def _read(self, state: bytes) -> str:
        try:
            known = json.loads(state)
            upload_id = str(known["upload_id"])
            is_ours = (known["form"], known["key"], known["part_bytes"]) == (_FORM, self._key, self._part_bytes)
        except (ValueError, TypeError, KeyError, UnicodeDecodeError):
            is_ours = False
        if not is_ours:
            raise UploadLostError(
                f"{self._client.place}: what is known of {self._key}, half sent, cannot be read. Another attempt "
                "begins anew"
            )
        return upload_id

    def _go_on(self) -> None:
        """Count the parts from the first on, as far as they are whole; a shorter one can only be the last."""
        parts = self._client.pages("list_parts", "Parts", self._key, Key=self._key, UploadId=self._upload_id)
        for number, part in enumerate(parts, 1):
            is_short = part["Size"] < self._part_bytes
            is_last = self._file.size_bytes in (None, self._offset + part["Size"])
            if part["PartNumber"] != number or part["Size"] > self._part_bytes or (is_short and not is_last):
                break
            self._etags.append(part["ETag"].strip('"'))
            self._offset += part["Size"]
            if is_short:
                break

    def _join(self) -> Any:
        """The store's answer; nothing where an earlier attempt had joined them and its answer was lost."""
        parts: Sequence[Any] = [{"PartNumber": n, "ETag": f'"{etag}"'} for n, etag in enumerate(self._etags, 1)]
        try:
            return self._call(
                "complete_multipart_upload",
                "all of it stays, half sent, for another attempt",
                UploadId=self._upload_id,
                MultipartUpload={"Parts": parts},
            )
        except UploadLostError:
            # The client asks again where an answer was lost: then the parts are joined already.
            try:
                return self._call("head_object", "nothing was changed")
            except NotInVaultError:
                pass
            raise

    def _withdraw(self, found: str, expected: str) -> None:
        self._call("delete_object", "it may still be there")
        raise DamagedCopyError(
            f"{self._client.place}: {self._key}: the store joined something else than was sent ({found}; expected "
            f"{expected}). It was withdrawn; another attempt begins anew"
        )

    def _call(self, operation: str, state: str, **more: Any) -> Any:
        return self._client.call(operation, self._key, state, Key=self._key, **more)
