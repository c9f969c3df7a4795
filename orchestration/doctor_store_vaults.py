"""``holdfast doctor`` on an S3-compatible store and on the media folder: whether a tiny file can be stored there."""

import time
from collections.abc import Callable
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.media.vaults import MediaVault
from orchestration.doctor_rows import Row
from orchestration.settings import Settings
from orchestration.wiring_media import vaults_access
from resources.folder import FolderVault
from resources.object_store import S3Vault

_GB: Final = 1_000_000_000


def s3_row(settings: Settings) -> Row:
    """Store a tiny object in the bucket and remove it again."""
    access = vaults_access(settings).s3
    if access is None:
        return Row(dependency="S3 vault", configured="off", ok=None)
    return _probed("S3 vault", "STORAGE_S3_BUCKET", lambda: S3Vault(access))


def media_folder_row(settings: Settings) -> Row:
    """Store a tiny file in the folder and remove it again; a folder that was not used yet is left alone."""
    folder = settings.media_vault_folder
    if folder is None:
        return Row(dependency="media folder", configured="off", ok=None)
    if settings.media_folder is None and not folder.exists():
        return Row(dependency="media folder", configured="embedded", ok=None, reachable="not used yet")
    configured = "HOLDFAST_MEDIA_FOLDER" if settings.media_folder else "embedded"
    return _probed("media folder", configured, lambda: FolderVault(folder))


def _probed(name: str, configured: str, opened: Callable[[], MediaVault]) -> Row:
    vault = opened()
    try:
        began_s = time.perf_counter()
        vault.probe()
        latency_ms = (time.perf_counter() - began_s) * 1000
        space = vault.space()
    except HoldfastError as error:
        # A message says what was found, and behind it what to do.
        problem = "nothing can be stored"
        return Row(dependency=name, configured=configured, ok=False, reachable="no", problem=problem, remedy=str(error))
    finally:
        vault.close()
    free = space.free_bytes
    return Row(
        dependency=name,
        configured=configured,
        ok=True,
        reachable="yes",
        latency_ms=round(latency_ms, 1),
        quota=None if free is None else f"{free / _GB:.0f} of {(space.limit_bytes or 0) / _GB:.0f} GB free",
    )
