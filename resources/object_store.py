"""A vault in an S3-compatible object store: Supabase Storage, or any other."""

import contextlib
import hashlib
import io
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast, overload

from holdfast.errors import AlreadyStoredError, ConflictError, DamagedCopyError, NotInVaultError
from holdfast.media.vaults import Buffer, Content, NewFile, Space, Stored
from holdfast.vaults import check_name, not_there
from resources.object_store_client import S3Access, S3Client
from resources.object_store_errors import PastTheEndError
from resources.object_store_files import OpenObject, digest_of, etag_of, metadata_of, stored_of
from resources.object_store_upload import MOST_PARTS, S3Upload

__all__ = ["S3Access", "S3Vault"]

_PART_BYTES: Final = 8 << 20


class S3Vault:
    """A ``holdfast.media.vaults.MediaVault`` and a ``holdfast.vaults.Vault`` in one bucket.

    What proves a copy: of a file in one call, its ETag, which is the MD5 of its bytes as the store has them. Of a file
    in parts, the ETag of every part (the MD5 of its bytes), and in the end the ETag of the whole, which is the MD5 of
    those MD5s: it equals ours only if the store joined the very parts that were sent. A file is read back once where
    that proves nothing: what an earlier process sent was not received by this one, and ETags of objects that are
    encrypted by KMS are no checksums. Supabase lists Content-MD5 and further checksums as not supported, so none is
    sent (docs/decisions/0023).
    """

    def __init__(self, access: S3Access, *, part_bytes: int = _PART_BYTES) -> None:
        """Name the bucket; opens nothing.

        Args:
            access: where it is, and as whom.
            part_bytes: of uploads; at least 5 MiB, which S3 demands of every part but the last.
        """
        self._client = S3Client(access)
        self._part_bytes = part_bytes

    @property
    def label(self) -> str:
        """``s3``."""
        return self._client.label

    @property
    def part_bytes(self) -> int:
        """8 MiB."""
        return self._part_bytes

    @property
    def most_at_once_bytes(self) -> int:
        """One part."""
        return self._part_bytes

    @property
    def largest_file_bytes(self) -> int | None:
        """10 000 parts. A plan may allow less (Supabase, free: 50 MB) and says so only when a file is sent."""
        return MOST_PARTS * self._part_bytes

    @property
    def draws_ids(self) -> bool:
        """No: an id is a name."""
        return False

    def reserve(self, names: Sequence[str]) -> list[str]:
        """The names themselves, which are keys that every S3 takes."""
        return [check_name(name) for name in names]

    @overload
    def put(self, name: str, content: bytes) -> None: ...

    @overload
    def put(self, name: NewFile, content: Sequence[Buffer], sha256: bytes) -> Stored: ...

    def put(
        self,
        name: str | NewFile,
        content: bytes | Sequence[Buffer],
        sha256: bytes = b"",  # noqa: ARG002
    ) -> Stored | None:
        """Store a document under its name, in place of the one before; or a small file, in place of none."""
        if isinstance(name, str):
            body = cast("bytes", content)
            self._store(check_name(name), body, ContentType="application/octet-stream")
            return None
        return self._put_file(name, b"".join(cast("Sequence[Buffer]", content)))

    def get(self, name: str) -> bytes:
        """Read a document."""
        try:
            with self._opened(check_name(name)) as answer:
                return cast("bytes", answer["Body"].read())
        except NotInVaultError:
            raise not_there(self._client.place, name, self.names(name.split("/")[0])) from None

    def names(self, prefix: str = "") -> list[str]:
        """Every object of the bucket."""
        return sorted(stored.name for stored in self.list(prefix))

    def remove(self, name: str) -> None:
        """Delete an object that has a name of ours."""
        self._client.call("delete_object", name, "it may still be there", Key=check_name(name))

    def upload(self, file: NewFile, state: bytes | None = None) -> S3Upload:
        """Begin a large file, or go on behind the parts that the store has."""
        if found := self._head(file.remote_id):
            raise AlreadyStoredError(
                f"{self._client.place}: {file.remote_id} is there already, {found['ContentLength']} bytes"
            )
        return S3Upload(self._client, file, self._part_bytes, state)

    def find(self, remote_id: str) -> Stored | None:
        """Ask for an object, by one call."""
        found = self._head(_key(remote_id))
        return stored_of(self._client, remote_id, found["ContentLength"], etag_of(found)) if found else None

    @contextlib.contextmanager
    def read(self, remote_id: str, *, offset: int = 0) -> Iterator[Content]:
        """Open an object."""
        with contextlib.ExitStack() as stack:
            body: Any = io.BytesIO()
            with contextlib.suppress(PastTheEndError):
                body = stack.enter_context(self._opened(_key(remote_id), offset))["Body"]
            yield OpenObject(self._client, remote_id, body)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Every object whose key begins with ``prefix``; placeholders of empty folders are none."""
        for found in self._client.pages("list_objects_v2", "Contents", prefix, Prefix=prefix):
            key = found["Key"]
            if not key.endswith("/") and not any(part.startswith(".") for part in key.split("/")):
                yield stored_of(self._client, key, found["Size"], etag_of(found))

    def note_sent_today(self, sent_bytes: int) -> None:
        """It has no daily limit."""

    def space(self) -> Space:
        """S3 says neither what is used nor what there is; the books know what we stored."""
        return Space()

    def probe(self) -> str:
        """Store a tiny object and remove it again."""
        key = f"holdfast-probe-{secrets.token_hex(8)}"
        self._store(key, b"holdfast", ContentType="text/plain")
        self.remove(key)
        return f"objects go into {self._client.place}"

    def signed_url(self, remote_id: str, seconds: int) -> str:
        """A link to an object that works without a login for so many seconds: hand it on, never log it."""
        return self._client.signed_url(_key(remote_id), seconds)

    def close(self) -> None:
        """Close every line."""
        self._client.close()

    def _put_file(self, file: NewFile, body: bytes) -> Stored:
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if found := self._head(file.remote_id):
            if self._md5_of(file.remote_id, found) != md5:
                raise ConflictError(
                    f"{self._client.place}: another object is there under {file.remote_id}; it stays as it is, and "
                    "nothing was stored. Look at it, and rename it to have this one stored"
                )
        else:
            self._store(file.remote_id, body, ContentType=file.content_type, Metadata=metadata_of(file))
        return stored_of(self._client, file.remote_id, len(body), md5)

    def _store(self, key: str, body: bytes, **more: Any) -> None:
        """Put one object and compare; what is not what was sent is withdrawn."""
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        answer = self._client.call("put_object", key, "nothing was stored", Key=key, Body=body, **more)
        if (found := self._md5_of(key, answer)) != md5:
            self.remove(key)
            raise DamagedCopyError(
                f"{self._client.place}: {key}: the store has other bytes than were sent (MD5 {found}, expected {md5}). "
                "It was withdrawn; another attempt sends it anew"
            )

    def _md5_of(self, key: str, answer: Any) -> str:
        """By its ETag, or read back where that is none."""
        etag = etag_of(answer)
        if etag and "-" not in etag:
            return etag
        return digest_of(self._client, key, hashlib.md5(usedforsecurity=False), "it is there, not compared yet").hex()

    def _head(self, key: str) -> Any:
        with contextlib.suppress(NotInVaultError):
            return self._client.call("head_object", key, "nothing was changed", Key=key)
        return None

    @contextlib.contextmanager
    def _opened(self, key: str, offset: int = 0) -> Iterator[Any]:
        more = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self._client.call("get_object", key, "nothing was read", Key=key, **more)
        with contextlib.closing(answer["Body"]):
            yield answer


def _key(remote_id: str) -> str:
    """The key as it is: files that other tools stored may have names that we do not give."""
    if not remote_id:
        raise NotInVaultError("s3: an empty remote id is no object's; nothing was asked")
    return remote_id
