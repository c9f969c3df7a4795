"""From settings to the vaults of media and the way to origins, for everything that runs outside Dagster."""

import getpass
import socket
from collections.abc import Mapping

from pydantic import SecretStr

from holdfast.media.addresses import AllowedHosts
from holdfast.media.vaults import MediaVault
from orchestration.reaching import open_postgres
from orchestration.settings import Settings
from resources.drive.access import DriveAccess
from resources.media.vaults import VaultsAccess, open_vaults
from resources.object_store import S3Access
from resources.web.origin import Origin

_DRIVE = "google_drive_"
_S3 = "storage_s3_"


def drive_access(settings: Settings) -> DriveAccess:
    """How Drive is reached."""
    return DriveAccess(**_given(settings, _DRIVE))


def vaults_access(settings: Settings) -> VaultsAccess:
    """How each vault of these settings is reached."""
    return VaultsAccess(
        drive=drive_access(settings) if settings.has_drive else None,
        s3=S3Access(**_given(settings, _S3)) if settings.has_s3 else None,
        folder=settings.media_vault_folder,
        books=open_postgres(settings) if settings.database_url else None,
    )


def media_vaults(settings: Settings) -> Mapping[str, MediaVault]:
    """Every vault of media, by its label. Opens no line yet."""
    return open_vaults(vaults_access(settings))


def media_origin(settings: Settings) -> Origin:
    """The way to origins. Opens no line yet."""
    return Origin(AllowedHosts.parse(settings.media_allowed_hosts))


def vault_variables(settings: Settings) -> dict[str, str]:
    """The variables that are set and lead to Drive or S3, by the names that they have in ``MediaVaultsResource``."""
    return {
        ours + name.removeprefix(prefix): name.upper()
        for name in Settings.model_fields
        for prefix, ours in ((_DRIVE, "drive_"), (_S3, "s3_"))
        if name.startswith(prefix) and getattr(settings, name) is not None
    }


def who() -> str:
    """Who works at this terminal, for the books."""
    return f"{getpass.getuser()} on {socket.gethostname()}"


def _given(settings: Settings, prefix: str) -> dict[str, str]:
    values = {name: getattr(settings, name) for name in Settings.model_fields if name.startswith(prefix)}
    return {
        name.removeprefix(prefix): value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
        if value is not None
    }
