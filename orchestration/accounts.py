"""Whom the embedded servers run as. PostgreSQL refuses root, so root lends them an account without rights."""

import os
import pwd
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError
from orchestration.runs import Say

Account = tuple[int, int]

_UNPRIVILEGED: Final = ("postgres", "nobody")
_READ: Final = stat.S_IROTH
_SEARCH: Final = stat.S_IXOTH


def server_account(data: Sequence[Path]) -> Account | None:
    """User and group id for the servers; None: as we are. Data that exists already belongs to whom it belongs.

    Raises:
        PermanentError: we are root and there is nobody else.
    """
    if os.geteuid() != 0:
        return None
    for folder in data:
        with suppress(OSError):
            owner = folder.stat()
            if owner.st_uid != 0:
                return owner.st_uid, owner.st_gid
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise PermanentError(
        f"PostgreSQL refuses to run as root, and this machine has none of the accounts {', '.join(_UNPRIVILEGED)}. "
        "Make one (useradd --system postgres), or run as another user."
    )


def own_folder(folder: Path, account: Account | None, say: Say) -> None:
    """A folder that only the servers' account may enter.

    Raises:
        PermanentError: it belongs to somebody else already.
    """
    if not folder.parent.exists():
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o711)
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a folder where everybody may write, somebody else may have been there first.
    is_shared = folder.parent.parent.stat().st_mode & stat.S_ISVTX
    for place in (folder.parent, folder) if is_shared else (folder,):
        owner = place.lstat().st_uid
        if place.is_symlink() or owner not in {os.geteuid(), *(account or ())[:1]}:
            raise PermanentError(
                f"{place} belongs to another user (uid {owner}); nothing was changed. Run as that user, "
                "remove the folder, or set HOLDFAST_HOME to another place."
            )
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, *account)
        let_in(account, [folder], [], say)


def let_in(account: Account | None, folders: Iterable[Path], binaries: Iterable[Path], say: Say) -> None:
    """Let the account pass through the folders above, and run the binaries, where it cannot yet.

    Passing through a folder (its search bit) is neither listing nor reading it.
    """
    if account is None:
        return
    places = list(folders)
    opened = []
    for program in binaries:
        places.append(program.parent)
        if not program.stat().st_mode & _READ:
            # Installed under a strict umask. What a published package holds is no secret.
            opened += [str(part) for part in _parts(program) if _make_readable(part)]
    for folder in sorted({above for place in places for above in (place, *place.parents)}):
        found = folder.stat()
        needed = _search_bit(found, account)
        if not found.st_mode & needed:
            folder.chmod(stat.S_IMODE(found.st_mode) | needed)
            opened.append(str(folder))
    if opened:
        say(f"running as root: the servers run as {_name(account)}, which may now pass through {', '.join(opened)}")


def _parts(program: Path) -> list[Path]:
    """The installation a program belongs to, and the libraries that its wheel brought."""
    installation = program.parent.parent
    package = installation if (installation / "__init__.py").exists() else installation.parent
    return [part for part in (installation, package.with_name(f"{package.name}.libs")) if part.exists()]


def _make_readable(folder: Path) -> bool:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | _READ | (_SEARCH if mode & stat.S_IXUSR else 0))
    return True


def _search_bit(found: os.stat_result, account: Account) -> int:
    if found.st_uid == account[0]:
        return stat.S_IXUSR
    return stat.S_IXGRP if found.st_gid == account[1] else stat.S_IXOTH


def _name(account: Account) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(account[0]).pw_name
    return f"uid {account[0]}"
