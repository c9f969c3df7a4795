"""The vaults and the way to origins, for Dagster: apart from the clients, which commands use without Dagster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from holdfast.media.addresses import AllowedHosts
from holdfast.media.vaults import MediaVault
from resources.drive.access import DriveAccess
from resources.media.vaults import VaultsAccess, open_vaults
from resources.object_store import S3Access
from resources.postgres import Postgres
from resources.web.origin import Origin


class MediaVaultsResource(dg.ConfigurableResource[Any]):
    """Google Drive, an S3-compatible store, a folder: those of them that are configured."""

    drive_project_id: str = Field(default="", description="service account: project_id of its key")
    drive_private_key_id: str = Field(default="", description="service account: private_key_id of its key")
    drive_private_key: str = Field(default="", description="service account: private_key of its key")
    drive_client_email: str = Field(default="", description="service account: client_email of its key")
    drive_client_id: str = Field(default="", description="client_id of the service account or OAuth client")
    drive_folder_id: str = Field(default="", description="folder or shared drive that files go into")
    drive_subject: str = Field(default="", description="user to act as: domain-wide delegation")
    drive_refresh_token: str = Field(default="", description="a user's OAuth instead of a service account")
    drive_client_secret: str = Field(default="", description="secret of that OAuth client")
    drive_api_endpoint: str = Field(default="", description="another endpoint for Drive")
    drive_token_uri: str = Field(default="", description="another endpoint for its tokens")
    s3_endpoint: str = Field(default="", description="the S3-compatible store")
    s3_region: str = Field(default="", description="its region")
    s3_access_key_id: str = Field(default="", description="its access key")
    s3_secret_access_key: str = Field(default="", description="its secret key")
    s3_bucket: str = Field(default="", description="its bucket")
    folder: str = Field(default="", description="a folder as vault; empty: none")
    budget_gb: float = Field(default=0.0, ge=0, description="room in a vault that does not say it; 0: not known")
    dsn: str = Field(default="", description="libpq URL of the books: whether that folder was used; empty: not asked")

    @property
    def labels(self) -> tuple[str, ...]:
        """Which vaults there are, in the order in which copies are given out. Asks nothing."""
        return self._access().labels

    def open(self) -> Mapping[str, MediaVault]:
        """Every vault there is, by its label. Opens no line yet."""
        return open_vaults(self._access())

    def _access(self) -> VaultsAccess:
        drive = {name.removeprefix("drive_"): value for name, value in self if name.startswith("drive_")}
        s3 = {name.removeprefix("s3_"): value for name, value in self if name.startswith("s3_")}
        return VaultsAccess(
            drive=DriveAccess(**drive) if self.drive_private_key or self.drive_refresh_token else None,
            s3=S3Access(**s3) if self.s3_endpoint or self.s3_bucket else None,
            folder=Path(self.folder) if self.folder else None,
            books=Postgres(self.dsn) if self.dsn else None,
        )


class OriginResource(dg.ConfigurableResource[Any]):
    """The way to origins of media."""

    allowed_hosts: str = Field(default="fal.media", description="hosts media may be fetched from, with commas")

    def open(self) -> Origin:
        """The way there. Opens no line yet.

        Raises:
            SettingsError: a part of the list is no host.
        """
        return Origin(AllowedHosts.parse(self.allowed_hosts))
