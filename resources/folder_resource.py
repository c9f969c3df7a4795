"""The vault in a folder for Dagster: apart from the vault, which commands use without waiting for Dagster."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from resources.folder import FolderVault


class FolderVaultResource(dg.ConfigurableResource[Any]):
    """The vault in a folder of this machine."""

    folder: str = Field(description="where the vault's files are")

    def vault(self) -> FolderVault:
        """The vault. Opens nothing yet."""
        return FolderVault(Path(self.folder))
