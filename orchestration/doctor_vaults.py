"""``holdfast doctor`` on Google Drive: whether a tiny file can be stored there, and how full it is."""

import time
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.media.vaults import Space
from orchestration.doctor_rows import Row
from orchestration.settings import Settings
from orchestration.wiring_media import vaults_access
from resources.drive.vault import DriveVault

_NAME: Final = "Google Drive"
_GB: Final = 1_000_000_000
_TIMEOUT_S: Final = 15.0


def drive_row(settings: Settings) -> Row:
    """Store a tiny file in Drive and remove it again."""
    access = vaults_access(settings).drive
    if access is None:
        return Row(dependency=_NAME, configured="off", ok=None)
    configured = "GOOGLE_DRIVE_REFRESH_TOKEN" if settings.google_drive_refresh_token else "GOOGLE_DRIVE_PRIVATE_KEY"
    vault = DriveVault(access, timeout_s=_TIMEOUT_S)
    try:
        began_s = time.perf_counter()
        vault.probe()
        latency_ms = (time.perf_counter() - began_s) * 1000
        space = vault.space()
    except HoldfastError as error:
        # A message says what was found, and behind it what to do.
        return Row(
            dependency=_NAME,
            configured=configured,
            ok=False,
            reachable="no",
            problem="nothing can be stored",
            remedy=str(error),
        )
    finally:
        vault.close()
    return Row(
        dependency=_NAME,
        configured=configured,
        ok=True,
        reachable="yes",
        latency_ms=round(latency_ms, 1),
        quota=_quota(space),
    )


def _quota(space: Space) -> str | None:
    # A shared drive does not tell.
    if space.used_bytes is None:
        return None
    used = f"{space.used_bytes / _GB:.1f}"
    return f"{used} GB used" if space.limit_bytes is None else f"{used} of {space.limit_bytes / _GB:.0f} GB"
