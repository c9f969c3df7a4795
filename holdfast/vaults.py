"""Where copies are kept outside the stores: the protocol of a vault."""

import re
from collections.abc import Iterable
from typing import Final, Protocol

from holdfast.errors import NotInVaultError, PermanentError

# Parts of letters, digits, dot, dash, underscore, blank, plus and at sign; no part begins with a dot or a blank.
_NAME: Final = re.compile(r"[A-Za-z0-9_@+-][A-Za-z0-9._@+ -]*(/[A-Za-z0-9_@+-][A-Za-z0-9._@+ -]*)*")
LONGEST_NAME: Final = 200


class Vault(Protocol):
    """Named contents, whole or not there. Implemented by ``resources.folder.FolderVault`` and other vaults of media.

    A name is parts with slashes between (``baselines/2026-11-20.json.gz``); ``check_name`` says which are allowed.
    Every method raises ``TransientError`` where the vault is away or full, and ``PermanentError`` where it refuses.
    """

    def put(self, name: str, content: bytes) -> None:
        """Store ``content`` under ``name``: a second put of a name replaces the first, all or nothing of it."""

    def get(self, name: str) -> bytes:
        """The content under ``name``.

        Raises:
            NotInVaultError: there is none.
        """

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin with ``prefix``, sorted."""

    def remove(self, name: str) -> None:
        """Forget a name; nothing happens where there is none."""


def check_name(name: str) -> str:
    """The name, if a vault may hold it: it stays inside every vault, whatever that is made of.

    Raises:
        PermanentError: it may not.
    """
    if (
        len(name) > LONGEST_NAME
        or not _NAME.fullmatch(name)
        or any(part.endswith((" ", ".")) for part in name.split("/"))
    ):
        raise PermanentError(
            f"vault: {name[:LONGEST_NAME]!r} is no name for the vault; nothing was changed. Expected parts of letters, "
            f"digits and ._@+- with slashes between, none beginning with a dot, at most {LONGEST_NAME} characters"
        )
    return name


def not_there(where: str, name: str, names: Iterable[str]) -> NotInVaultError:
    """The vault lacks a name; what it has of that kind is told.

    Args:
        where: the vault, as an operator knows it.
        name: what was asked for.
        names: that it has.
    """
    near = [other for other in names if other.split("/")[0] == name.split("/")[0]]
    there = f"it has {', '.join(near[-3:])}" if near else "it has nothing of this kind"
    return NotInVaultError(f"vault {where}: there is no {name}; {there}. Nothing was changed")
