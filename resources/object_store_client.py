"""How we speak to an S3-compatible store: one client for all threads, opened with the first call."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from holdfast.errors import VaultClosedError
from resources.object_store_errors import LABEL, failures, ours

_CONNECT_TIMEOUT_S: Final = 10
# A part of 8 MiB may take this long to be answered for; also the longest silence while reading.
_READ_TIMEOUT_S: Final = 60
_ATTEMPTS: Final = 3
_LINES: Final = 32
_SUPABASE: Final = "/storage/v1/s3"


# Sessions are for one thread at a time, their clients for all.
_OPENING: Final = threading.Lock()


@cache
def _session() -> Any:
    """What S3's calls are, read once for every client."""
    # A third of a second, which commands that ask for no object should not wait.
    import boto3

    return boto3.session.Session()


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """One bucket of an S3-compatible store, and as whom.

    Attributes:
        endpoint: e.g. ``https://<project>.storage.supabase.co/storage/v1/s3``. Empty: Amazon's, by the region.
        region: empty: ``us-east-1``, which stores without regions expect.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    bucket: str = ""


class S3Client:
    """Calls of one bucket, with errors of ours. Safe for several threads."""

    def __init__(self, access: S3Access) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._opened: Any = None

    @property
    def label(self) -> str:
        """``s3``."""
        return LABEL

    @property
    def place(self) -> str:
        """The bucket, for people."""
        host = urlsplit(self._access.endpoint).netloc.rpartition("@")[2] or "amazonaws.com"
        return f"s3 bucket {self._access.bucket} at {host}"

    def call(self, operation: str, name: str, state: str, **arguments: Any) -> Any:
        """One call about one object.

        Args:
            operation: as boto3 names it.
            name: of the object, for errors.
            state: what is left where it fails.
            arguments: of the operation; the bucket is added.
        """
        client = self._client()
        try:
            return getattr(client, operation)(Bucket=self._access.bucket, **arguments)
        except failures() as error:
            raise ours(error, self.place, name, state) from None

    def pages(self, operation: str, key: str, name: str, **arguments: Any) -> Iterator[Any]:
        """The entries of every page of a listing, under ``key`` in each answer."""
        client = self._client()
        try:
            for page in client.get_paginator(operation).paginate(Bucket=self._access.bucket, **arguments):
                yield from page.get(key, ())
        except failures() as error:
            raise ours(error, self.place, name, "not all of it was listed") from None

    def url(self, key: str) -> str:
        """Where an object is, without a signature: readable there only where its bucket is public.

        Supabase answers the form of S3 to signed requests only, so its own form is given.
        """
        base, bucket = self._access.endpoint.rstrip("/"), self._access.bucket
        if base.endswith(_SUPABASE):
            base = f"{base.removesuffix('/s3')}/object/public"
        if not base:
            base = f"https://s3.{self._region}.amazonaws.com"
        return f"{base}/{quote(bucket)}/{quote(key)}"

    def signed_url(self, key: str, seconds: int) -> str:
        """A link that works without a login, for a while. Asks nobody."""
        parameters = {"Bucket": self._access.bucket, "Key": key}
        return str(self._client().generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))

    def close(self) -> None:
        """Close every line; the next call opens new ones."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def _region(self) -> str:
        return self._access.region or "us-east-1"

    def _client(self) -> Any:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        self._demand_settings()
        from botocore.config import Config

        is_private = self._access.endpoint.startswith("https") or not self._access.endpoint
        config = Config(
            signature_version="s3v4",
            # Supabase and other stores know neither the new checksum headers nor trailers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # On a private line the MD5 of the answer proves the content; without one, signing it does as well.
            s3={"addressing_style": "path", "payload_signing_enabled": not is_private},
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            max_pool_connections=_LINES,
            user_agent_extra="holdfast",
        )
        try:
            with _OPENING:
                return _session().client(
                    "s3",
                    endpoint_url=self._access.endpoint or None,
                    region_name=self._region,
                    aws_access_key_id=self._access.access_key_id,
                    aws_secret_access_key=self._access.secret_access_key,
                    config=config,
                )
        except ValueError as error:
            raise VaultClosedError(
                LABEL,
                f"s3: STORAGE_S3_ENDPOINT is no address of a store ({error}); nothing was asked. Expected e.g. "
                "https://<project>.storage.supabase.co/storage/v1/s3",
                by="settings",
            ) from None

    def _demand_settings(self) -> None:
        wanted = {
            "STORAGE_S3_BUCKET": self._access.bucket,
            "STORAGE_S3_ACCESS_KEY_ID": self._access.access_key_id,
            "STORAGE_S3_SECRET_ACCESS_KEY": self._access.secret_access_key,
        }
        if missing := [name for name, value in wanted.items() if not value]:
            raise VaultClosedError(
                LABEL,
                f"s3: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; nothing was asked. The "
                "store needs a bucket and an access key; Supabase makes keys under Storage, Settings, S3 access keys",
                by="settings",
            )
